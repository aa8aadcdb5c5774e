"""The worked examples of docs/architecture.md do what the page says."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, DictLoader

import schemas.measures
from dashboards.access.gate import visitor_of
from dashboards.web import pages
from dashboards.web.board import create_board
from dashboards.web.snapshot import SnapshotSource
from ingest.decoder import Decoder
from mqtt.messages import Message
from schemas import Estate
from schemas.measures import Aggregation, Measure
from sensors.estate_file import parse_estate
from sensors.registry import Registry
from stores.sqlite_store import SqliteStore
from tests.dashboards.here import browser_of
from tests.real_parts import REPOSITORY
from tests.sensors.plugin import install

PAGE = (REPOSITORY / "docs/architecture.md").read_text(encoding="utf-8")
EXAMPLE_LINES_MAX = 15
NOW_NS = 1_795_000_000 * 10**9


def examples(topic: str) -> dict[str, str]:
    """The code of a bold topic by its language."""
    section = PAGE.split(f"**{topic}**", 1)[1].split("\n**", 1)[0]
    return dict(re.findall(r"```(\w+)\n(.*?)```", section, flags=re.DOTALL))


@pytest.mark.parametrize("topic", ["A new format", "A new figure", "A new page", "A new store"])
def test_each_example_is_short(topic: str) -> None:
    found = examples(topic)

    assert found
    assert all(len(code.splitlines()) < EXAMPLE_LINES_MAX for code in found.values())


def test_every_file_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`((?:\w+/)+(?:\w+\.\w+)?)`", PAGE))

    assert named
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


def test_the_format_decodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = examples("A new format")
    entries = tomllib.loads(code["toml"])["project"]["entry-points"]["hubpulse.formats"]
    lines = [f"{name} = {value}" for name, value in entries.items()]
    install(tmp_path, monkeypatch, code["python"], "\n".join(["[hubpulse.formats]", *lines]))
    decoder = Decoder(Registry(parse_estate(code["yaml"])), clock_ns=lambda: NOW_NS)
    batch = decoder.decode(
        [
            Message(b"acme/1", b'{"event": "up", "device": "acme-17", "ppm": 640}'),
            Message(b"acme/1", b'{"event": "join"}'),
            Message(b"acme/1", b"hello"),
        ]
    )

    assert batch.lines == [f"co2,hub=armley,sensor=air-1 co2_ppm=640.0 {NOW_NS}"]
    assert batch.no_reading == ["a device joins"]
    assert ["acme-air" in refused.rejections[0].detail for refused in batch.refused] == [True]


def test_the_figure_is_an_entry_of_the_catalogue() -> None:
    measure = eval(examples("A new figure")["python"], vars(schemas.measures))  # noqa: S307 - our own page

    assert isinstance(measure, Measure)
    assert (measure.name, measure.over_days) == ("cold_minutes", Aggregation.SUM)
    assert '"damp_minutes"' in (REPOSITORY / "usage/zones.py").read_text(encoding="utf-8")


def test_the_page_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = examples("A new page")
    shipped = pages._ENVIRONMENT.loader
    assert shipped is not None
    monkeypatch.setattr(pages._ENVIRONMENT, "loader", ChoiceLoader([DictLoader({"start.html": code["html"]}), shipped]))

    names: dict[str, Any] = {"pages": pages, "visitor_of": visitor_of, "HTMLResponse": HTMLResponse}
    names |= {"FastAPI": FastAPI, "Request": Request, "SnapshotSource": SnapshotSource}
    exec(code["python"], names)  # noqa: S102 - our own page
    monkeypatch.setattr(
        "dashboards.web.board.add_estate_page", lambda app, source, _periods: names["add_start_page"](app, source)
    )
    board = create_board(open_store=lambda: SqliteStore(tmp_path / "store.db"), estate=lambda: Estate(name="Leeds"))

    answer = browser_of(board).get("/start")

    assert answer.status_code == 200
    assert "0 hubs report here." in answer.text


def test_the_store_writes_its_copy_and_reads_as_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(examples("A new store")["python"], names)  # noqa: S102 - our own page
    store = names["CopiedStore"](tmp_path / "store.db")
    store.prepare()
    line = f"co2,hub=armley,sensor=air-1 co2_ppm=640.0 {NOW_NS}".encode()
    store.write(line)
    [chunk] = store.read("co2", start_ns=NOW_NS, stop_ns=NOW_NS + 1)
    store.close()

    assert chunk.columns["co2_ppm"] == (640.0,)
    assert (tmp_path / "copy.lp").read_bytes() == line + b"\n"
