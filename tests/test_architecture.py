"""The worked examples of docs/architecture.md do what the page says."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jinja2 import ChoiceLoader, DictLoader

from dashboards.web import pages
from dashboards.web.board import create_board
from ingest.decoder import Decoder
from mqtt.messages import Message
from schemas import Estate
from sensors.estate_file import parse_estate
from sensors.registry import Registry
from stores.sqlite_store import SqliteStore
from tests.dashboards.here import browser_of
from tests.real_parts import REPOSITORY
from tests.sensors.plugin import install

PAGE = (REPOSITORY / "docs/architecture.md").read_text(encoding="utf-8")
EXAMPLE_LINES_MAX = 15
NOW_NS = 1_795_000_000 * 10**9
DAY_WITH_FROST = """
from datetime import date
from pathlib import Path

from schemas import Estate
from schemas.localtime import NS_A_MINUTE, day_span
from stores.sqlite_store import SqliteStore
from usage import Queries, RollupWriter

day, estate, store = date(2026, 10, 20), Estate(), SqliteStore(Path("store.db"))
span = day_span(day, estate.zone_of("armley"))
readings = [f"{3.5 if m < 120 else 20.5} {span.start_ns + m * NS_A_MINUTE}" for m in range(24 * 60)]
store.prepare()
store.write("\\n".join(f"temperature,hub=armley,sensor=air-1 temperature_c={each}" for each in readings).encode())
queries = Queries(store, estate, now_ns=span.stop_ns)
computed = next(queries.daily(day, day)).figures["frost_minutes"]
list(RollupWriter(store, estate, "armley", now_ns=span.stop_ns).recompute([day]))
stored = next(store.read("usage_daily", start_ns=span.start_ns, stop_ns=span.stop_ns))
print(computed, *stored.columns["frost_minutes"])
"""
"""What is told of a day with two hours of 3.5 degrees, and what is stored of it."""


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


def test_the_page_names_every_folder_of_a_room() -> None:
    rooms = ("dashboards", "ingest", "mqtt", "sensors", "simulators", "stores", "usage")
    folders = {path.parent for room in rooms for path in (REPOSITORY / room).glob("*/__init__.py")}

    assert [name for folder in folders if f"`{(name := str(folder.relative_to(REPOSITORY)))}/`" not in PAGE] == []


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


def test_the_figure_is_computed_and_stored(tmp_path: Path) -> None:
    for room in ("schemas", "usage"):
        shutil.copytree(REPOSITORY / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    edits = re.findall(r"# (\S+), (above|below) `(.+)`\n\+ (.+)", examples("A new figure")["diff"])
    for name, side, anchor, line in edits:
        lines = (tmp_path / name).read_text("utf-8").splitlines()
        [at] = [number for number, known in enumerate(lines) if anchor in known]
        indent = " " * (len(lines[at]) - len(lines[at].lstrip()))
        lines.insert(at + (side == "below"), indent + line)
        (tmp_path / name).write_text("\n".join(lines), "utf-8")
    asked = subprocess.run(
        [sys.executable, "-c", DAY_WITH_FROST], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert len(edits) == 3
    assert (asked.stdout, asked.stderr) == ("120.0 120.0\n", "")


def test_the_page_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = examples("A new page")
    shipped = pages._ENVIRONMENT.loader
    assert shipped is not None
    monkeypatch.setattr(pages._ENVIRONMENT, "loader", ChoiceLoader([DictLoader({"start.html": code["html"]}), shipped]))

    names: dict[str, Any] = {}
    exec(code["python"], names)  # noqa: S102 - our own page
    monkeypatch.setattr(
        "dashboards.web.board.add_estate_page", lambda app, source, *_: names["add_start_page"](app, source)
    )
    board = create_board(open_store=lambda: SqliteStore(tmp_path / "store.db"), estate=lambda: Estate(name="Leeds"))

    answer = browser_of(board).get("/start")

    assert answer.status_code == 200
    assert "<p>0 hubs</p>" in answer.text


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
