"""The demo as a newcomer sees it: one command, a browser, 22 hubs; Ctrl-C ends it."""

import csv
import io
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from schemas.measures import CO2_POOR_PPM
from simulators.demo_faults import STALE_AIR
from tests.browser import Chromium, Page
from tests.cli.command import CommandLine, Running
from tests.dashboards.drawn import charts_of
from tests.e2e.test_stopping import assert_clean_end
from tests.real_parts import REPOSITORY
from tests.servers import free_port
from tests.waiting import wait_until

pytestmark = [pytest.mark.needs("mosquitto", "chromium"), pytest.mark.timeout(300)]

ESTATE = REPOSITORY / "simulators" / "estates" / "leeds.yaml"
DAYS = 3
LOAD_WITHIN_S = 120.0
AGREE_WITHIN_S = 120.0


@dataclass(frozen=True)
class Demo:
    command: CommandLine
    running: Running
    url: str
    ports: tuple[int, int]
    first: date
    """The first day of its history."""

    def again(self) -> Running:
        """The same demo a second time."""
        return self.command.start("demo", *arguments(*self.ports))

    def ledger(self) -> Any:
        return self.command.run("ledger", "--data", "simulated", "--json").json

    def refused(self) -> Any:
        return self.command.run("quarantine", "list", "--data", "simulated", "--json").json["counts"]

    def export(self, first: date, last: date) -> list[dict[str, str]]:
        answer = self.command.run(
            *("usage", "export", "--data", "simulated", "--estate", ESTATE),
            *("--from", first.isoformat(), "--to", last.isoformat()),
        )
        assert answer.exit_code == 0, answer.err
        return list(csv.DictReader(io.StringIO(answer.out)))


def arguments(port: int, mqtt_port: int) -> tuple[str, ...]:
    return ("--days", str(DAYS), "--port", str(port), "--mqtt-port", str(mqtt_port), "--data", "simulated")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    port, mqtt_port = free_port(), free_port()
    command = CommandLine(tmp_path)
    first = today() - timedelta(days=DAYS)
    with command.start("demo", *arguments(port, mqtt_port)) as running:
        running.wait_for("Ctrl-C stops everything", LOAD_WITHIN_S)
        yield Demo(command, running, f"http://127.0.0.1:{port}", (port, mqtt_port), first)


def today() -> date:
    return datetime.now(ZoneInfo("Europe/London")).date()


class BoardReader(HTMLParser):
    """What the board says of each hub's day, and of each day of the estate."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.hubs: dict[str, dict[str, str]] = {}
        self.days: dict[str, str] = {}
        self._hub: dict[str, str] | None = None
        self._cell = self._day = ""
        self.feed(page.dom)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "tr":
            self._hub = None
            if "data-hub" in given:
                self._hub = self.hubs[given["data-hub"]] = {"today": given.get("data-today", "")}
        elif tag == "td":
            self._cell = given.get("data-label", "")
        elif tag == "time" and self._hub is None and len(given.get("datetime", "")) == len("2026-01-05"):
            self._day = given["datetime"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr":
            self._day = ""

    def handle_data(self, data: str) -> None:
        text = "".join(data.split())
        if self._hub is not None and self._cell and text:
            self._hub[self._cell] = self._hub.get(self._cell, "") + text
        elif self._day and (text.isdecimal() or text == "closed"):
            self.days.setdefault(self._day, text)


def test_the_demo_shows_22_hubs_with_the_figures_of_the_export(demo: Demo, chromium: Chromium) -> None:
    pages: list[Page] = []
    before = demo.export(demo.first, today())

    def page_agrees() -> bool:
        """The estate lives on, and the page follows: it comes to show what there was before, never more than is now."""
        pages.append(chromium.visit(demo.url))
        return differences(BoardReader(pages[-1]), before, demo.export(demo.first, today()), today()) == []

    wait_until(page_agrees, AGREE_WITHIN_S, "the page to show what the export prints")
    board = pages[-1]
    days = BoardReader(board).days
    assert len(BoardReader(board).hubs) == 22
    bars = len(charts_of(board.dom)["entries"].at("bar"))
    # A day that nobody came on has no bar, such as a bank holiday, or today until the first visitor.
    assert bars == sum(shown not in ("0", "closed") for shown in days.values())
    # A day more where midnight came while the history was loaded.
    since_first = range((date.fromisoformat(max(days)) - demo.first).days + 1)
    assert sorted(days) == [(demo.first + timedelta(days=day)).isoformat() for day in since_first]
    assert len(days) >= DAYS + 1
    for page in (board, chromium.visit(f"{demo.url}/hubs/armley")):
        assert page.console == ()
        assert len(charts_of(page.dom)) == page.dom.count('id="plot-') > 0

    parts = demo.running.children
    demo.running.signal(signal.SIGINT, group=True)
    assert_clean_end(demo.running, parts, *demo.ports)


def test_the_demo_shows_what_asks_for_attention_and_loads_its_history_once(demo: Demo) -> None:
    page = unescape(re.sub(r"<[^>]*>", " ", requests.get(demo.url, timeout=30).text))
    notices = re.sub(r"\s+", " ", page)
    assert "Kirkstall Hub door-1 (entrance) last seen" in notices
    # It fell silent before the history of three days.
    assert "Bramley Digital Hub air-library (library) never seen" in notices
    stale = requests.get(f"{demo.url}/api/v1/usage/daily?hub={STALE_AIR[0]}", timeout=30).json()
    # Asked for as poor air while the hub is open; at night nobody is there to open windows.
    assert max(row["co2_max_ppm"] or 0 for row in stale["rows"]) > CO2_POOR_PPM
    assert demo.running.out.index(demo.url) < demo.running.out.index("live from now on")
    assert "history through the broker" not in demo.running.err  # bars are for people; a file gets none
    assert demo.refused() == {"unknown_hub": 2, "bad_payload": 1, "out_of_range": 1}
    loaded = demo.ledger()["messages_received"]
    demo.running.signal(signal.SIGINT, group=True)
    assert demo.running.wait().exit_code == 0

    with demo.again() as second:
        second.wait_for("Ctrl-C stops everything", LOAD_WITHIN_S)
        assert "The history is here already" in second.out
        assert demo.ledger()["messages_received"] < loaded * 1.5
        assert demo.refused() == {"unknown_hub": 2, "bad_payload": 1, "out_of_range": 1}
        second.signal(signal.SIGINT, group=True)
        assert second.wait().exit_code == 0


def differences(
    board: BoardReader, before: list[dict[str, str]], after: list[dict[str, str]], today: date
) -> list[str]:
    """Where the page says something else than the export: of past days, and of today less than before, or more."""
    todays = {row["hub"]: row for row in after if row["date"] == today.isoformat()}
    if set(todays) != set(board.hubs):
        return [f"hubs {sorted(board.hubs)} instead of {sorted(todays)}"]
    earlier = {row["hub"]: row for row in before if row["date"] == today.isoformat()}
    wrong = [
        f"{hub} {name}: {shown!r} instead of {least!r} to {most!r}"
        for hub, row in todays.items()
        for name, shown, field in (
            ("today", board.hubs[hub]["today"], "entries"),
            ("Wi-Fi peak", peak(board.hubs[hub]["Wi-Fi clients"]), "wifi_peak_clients"),
        )
        # An unknown count is none on the page, and an empty cell in the export.
        if not (least := int(earlier.get(hub, row)[field] or -1)) <= int(shown or -1) <= (most := int(row[field] or -1))
    ]
    total = sum(int(hub["today"] or 0) for hub in board.hubs.values())
    if int(board.days.get(today.isoformat(), "0").replace("closed", "0")) != total:
        wrong.append(f"today: {board.days[today.isoformat()]} instead of {total}")
    past = {row["date"] for row in after} - {today.isoformat()}
    return wrong + [
        f"{day}: {board.days.get(day)} instead of {shown}"
        for day in sorted(past)
        if board.days.get(day) != (shown := estate_day([row for row in after if row["date"] == day]))
    ]


def estate_day(rows: list[dict[str, str]]) -> str:
    """What the board should say of a date: the sum, or that every hub was closed and nobody came."""
    total = sum(int(row["entries"] or 0) for row in rows)
    return "closed" if not total and {row["people_state"] for row in rows} == {"closed"} else str(total)


def peak(cell: str) -> str:
    return cell.partition("peak")[2]
