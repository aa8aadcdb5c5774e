"""No place prints a sum over days that nobody counted without saying so: every page, table and panel is walked.

Every day that was counted has PEOPLE visitors, so that a multiple of it is a sum; on each day some hub was not counted,
and no hub was counted on all days, so that there is no sum that lacks nothing.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from cli.app import COMMANDS, FrontDoor
from dashboards.api import PREFIX
from dashboards.grafana import DASHBOARDS, render
from dashboards.web.board import create_board
from schemas import Estate
from schemas.localtime import midnight_ns, to_ns
from schemas.settings import InfluxSettings
from stores.influx_store import InfluxStore
from stores.lines import encode
from stores.protocol import Accepted, Store
from tests.cli.command import CommandLine
from tests.dashboards.conftest import LONDON, NOW, TODAY, day_line, fresh_readings, hub
from tests.dashboards.drawn import charts_of
from tests.dashboards.grafana_queries import questions
from tests.dashboards.here import browser_of
from tests.dashboards.test_pages import text_of
from tests.servers import Influxd

pytestmark = pytest.mark.needs("influxd")

PEOPLE = 1009
HUBS = ("armley", "beeston", "otley")
DAYS = 75
DATABASE = "marked_sums"
ESTATE = {
    "timezone": "Europe/London",
    "hubs": [
        hub(
            name,
            name.title(),
            opening={"mon-sun": "09:00-17:00"},
            targets={"entries_month": 30_000},
            visits=[{"rule": "staff", "entries_day": 12}],
        )
        for name in HUBS
    ],
}
MARK = re.compile(r"missing|incomplete|no data|not counted|estimated|days miss", re.IGNORECASE)
RANGE = ("--from", f"{TODAY - timedelta(days=40)}", "--to", f"{TODAY - timedelta(days=1)}")
COMMANDS_OF_FIGURES: dict[str, list[tuple[str, ...]]] = {
    "usage export": [
        ("--format", form, "--per", per, *RANGE) for form in ("csv", "json") for per in ("week", "month", "quarter")
    ],
    "usage why": [("--hub", "armley", "--date", f"{TODAY - timedelta(days=3)}")],
    "usage changes": [RANGE],
    "usage compare": [("--period", "2026-10"), ("--period", "2026-10", "--json")],
    "usage targets": [("--period", "2026-10"), ("--period", "2026-10", "--json")],
    "usage visits": [("--period", "2026-10"), ("--period", "2026-10", "--json")],
    "report": [("--period", "2026-10", "--format", "csv")],
    "publish": [("--period", "2026-10"), ("--period", "2026-10", "--json")],
}
"""What prints people of a past day or period, with the words that make it do so."""
OTHER_COMMANDS = {
    *("up", "demo", "ingest", "jobs", "board", "doctor", "ledger", "explain", "estate check", "estate schema", "init"),
    *("quarantine list", "quarantine show", "quarantine redrive", "quarantine purge", "backup", "restore", "record"),
    *("dashboards render", "dashboards check", "dashboards push", "simulate verify", "replay"),
    *("sensors pending", "sensors adopt", "sensors import", "sensors forget", "simulate list", "simulate estate"),
    *("sensors list", "sensors new"),
    *(
        "usage recompute",
        "usage note",
        "usage notes",
        "usage attention",
        "usage health",
        "usage witnesses",
        "verify",
        "audit start",
        "audit count",
        "audit finish",
        "audit list",
    ),
    "open-data",  # writes files, whose every row says how it came about
    *("edits", "shares add", "shares list", "shares revoke"),
    "rehearse",  # of people who are made up, beside the truth
    *(f"alerts {name}" for name in ("list", "ack", "snooze", "resolve", "rules", "test")),
    *("users add", "users list", "users remove", "users token"),
}
REPORTS = {"/reports", "/reports/file", "/reports/made/{name}"}
"""Their figures are those of `hubpulse report`."""
PAGES = (
    "/",
    "/?period=2026-10",
    "/?period=2026-W47",
    "/sensors",
    "/quality",
    "/quality?period=2026-10",
    "/health",
    *(f"/hubs/{name}" for name in HUBS),
)
FILES = {
    *("/sensors/file", "/estate.csv", "/estate.xlsx", "/health.csv"),
    *("/hubs/{hub_id}/charts/{chart_file}", "/charts/entries.{form}"),
}
ALERTS = {"/alerts", "/alerts/{alert_id}"}
OTHER_ROUTES = REPORTS | ALERTS | {"/static/{name}", "/healthz", "/readyz", "/login", "/logout"}
API_OF_SUMS = {f"{PREFIX}/usage/periods": "per=month"}
OTHER_API = {
    f"{PREFIX}/{name}"
    for name in (
        "hubs",
        "sensors",
        "usage/daily",
        "usage/hourly",
        "readings",
        "ledger",
        "changes",
        "quarantine",
        "alerts",
    )
}


def is_counted(number: int, back: int) -> bool:
    """Each hub misses every third day."""
    return back % len(HUBS) != number


def lines() -> Iterator[str]:
    """The days: counted, wholly missed or missed in part, with an estimate of every other missed day."""
    for number, name in enumerate(HUBS):
        if is_counted(number, 0):
            yield from fresh_readings(name)
        for back in range(DAYS):
            day = TODAY - timedelta(days=back)
            start_ns = midnight_ns(day, LONDON)
            in_part = back % 2 == 0
            if is_counted(number, back):
                yield day_line(name, day, PEOPLE)
            elif in_part:
                yield day_line(name, day, PEOPLE, people_state=1, footfall_completeness=0.5)
            else:
                yield day_line(name, day, None, exits=None, footfall_completeness=0.0)
            if not is_counted(number, back) and back % 4 > 1:
                fields = {"entries_estimate": 7, "entries_low": 7, "entries_high": 9, "method": 3}
                yield encode("usage_estimates", {"hub": name}, fields, start_ns)
            if is_counted(number, back) or in_part:
                row = {"entries": PEOPLE, "exits": PEOPLE, "open_minutes": 60.0}
                yield encode("usage_hourly", {"hub": name}, row, start_ns + 10 * 3600 * 10**9)


def open_store(influxd: Influxd) -> Store:
    return InfluxStore(InfluxSettings(url=influxd.url, bucket=DATABASE), retention_days=None)


@pytest.fixture(scope="module")
def stored(_shared_influxd: Influxd | None) -> Iterator[Influxd]:
    assert _shared_influxd is not None
    store = open_store(_shared_influxd)
    store.prepare()
    assert store.write("\n".join(lines()).encode()) == Accepted()
    store.close()
    yield _shared_influxd
    _shared_influxd.query(f'DROP DATABASE "{DATABASE}"')


def sums_in(text: str) -> list[int]:
    """The numbers of a text that are sums of people over several hubs or days."""
    plain = re.sub(r"(?<=\d)[\u202f_, ](?=\d{3}\b)", "", text)
    found = [int(number) for number in re.findall(r"(?<![\d.:-])\d+(?![\d:-])", plain)]
    return [number for number in found if PEOPLE < number < PEOPLE * 1000 and number % PEOPLE == 0]


def unmarked(units: Sequence[str]) -> list[str]:
    return [unit for unit in units if sums_in(unit) and not MARK.search(unit)]


def is_marked(row: dict[str, Any]) -> bool:
    """Whether a row of a program's output says that something is missing in it."""
    return any(value not in ("", "0", 0, None) for name, value in row.items() if MARK.search(name.replace("_", " ")))


# ------------------------------------------------------------------------------------------------------------ the board


def units_of(html: str) -> list[str]:
    """A page as a person takes it in: line by line, tile by tile, and each bar of a chart with its words."""
    units = ["\n".join(words) for chart in charts_of(html).values() for words in chart.slots]
    for pattern in (r"<tr\b.*?</tr>", r'<div class="fact\b.*?</div>', r"<li\b.*?</li>", r"<svg\b.*?</svg>"):
        units += [text_of(unit.group()) + unit.group() for unit in re.finditer(pattern, html, re.DOTALL)]
        html = re.sub(pattern, "", html, flags=re.DOTALL)
    return [*units, *(text_of(part) for part in re.split(r"</?(?:p|h\d|section|caption|summary)\b", html))]


def test_no_page_prints_a_sum_over_missing_days_unmarked(stored: Influxd) -> None:
    known = Estate.model_validate(ESTATE)
    board = create_board(open_store=lambda: open_store(stored), estate=lambda: known, clock_ns=lambda: to_ns(NOW))
    routes = {route.path for route in board.routes if isinstance(route, APIRoute)}
    known_routes = (
        OTHER_ROUTES
        | FILES
        | {"/", "/sensors", "/quality", "/health", "/hubs/{hub_id}"}
        | API_OF_SUMS.keys()
        | OTHER_API
    )
    assert routes == known_routes, "a new page: walk it here"
    browser = browser_of(board)
    seen = 0
    for path in PAGES:
        units = units_of(browser.get(path).text)
        assert unmarked(units) == [], path
        seen += sum(bool(sums_in(unit)) for unit in units)
    lines = browser.get("/estate.csv?period=2026-10").content.decode().split("\r\n\r\n")[1]
    in_file = list(csv.DictReader(io.StringIO(lines)))
    assert len(in_file) == len(HUBS) + 1
    assert [row for row in in_file if not is_marked(row)] == []
    for path, query in API_OF_SUMS.items():
        rows = browser.get(f"{path}?from={RANGE[1]}&to={RANGE[3]}&{query}").json()["rows"]
        assert rows
        assert [row for row in rows if not is_marked(row)] == []
    assert seen > len(PAGES), "no sum was seen: the test looks at the wrong places"


# -------------------------------------------------------------------------------------------------- the command line


def all_commands() -> set[str]:
    found = set()
    for name in COMMANDS:
        parts = getattr(FrontDoor().commands[name], "commands", {})
        found |= {f"{name} {part}" for part in parts} or {name}
    return found


def test_every_command_is_known_to_print_figures_or_not() -> None:
    assert all_commands() == COMMANDS_OF_FIGURES.keys() | OTHER_COMMANDS, "a new command: does it print people?"


@pytest.mark.parametrize(
    "command", [(name, *words) for name, ways in COMMANDS_OF_FIGURES.items() for words in ways], ids=" ".join
)
def test_no_command_prints_a_sum_over_missing_days_unmarked(
    stored: Influxd, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "estate.yaml").write_text(json.dumps(ESTATE))
    line = CommandLine(
        tmp_path, HUBPULSE_STORE="influxdb", HUBPULSE_INFLUX__URL=stored.url, HUBPULSE_INFLUX__BUCKET=DATABASE
    )
    answer = line.run(*command[0].split(), *command[1:], "--estate", "estate.yaml")
    assert answer.exit_code == 0, answer.err
    shown = answer.out
    if shown.startswith(("[", "{")):
        rows = list(rows_in(json.loads(shown)))
    elif "csv" in command:
        rows = list(csv.DictReader(io.StringIO(shown)))
    else:
        assert unmarked(shown.splitlines()) == []
        return
    with_sums = [row for row in rows if sums_in(" ".join(map(str, row.values())))]
    assert with_sums
    assert [row for row in with_sums if not is_marked(row)] == []


def rows_in(document: Any) -> Iterator[dict[str, Any]]:
    """The objects of a document that hold figures, without what they hold themselves."""
    if isinstance(document, list):
        for item in document:
            yield from rows_in(item)
    elif isinstance(document, dict):
        yield {name: value for name, value in document.items() if not isinstance(value, (list, dict))}
        for value in document.values():
            yield from rows_in(value)


# ----------------------------------------------------------------------------------------------------------- Grafana


@pytest.mark.parametrize("name", DASHBOARDS)
def test_no_panel_prints_a_sum_over_missing_days_unmarked(stored: Influxd, name: str) -> None:
    content = json.loads(render()[f"{name}.json"])
    panels: dict[str, list[dict[str, Any]]] = {}
    for asked in questions(content, NOW.astimezone(LONDON), hub="armley" if name == "hub" else ".*"):
        panels.setdefault(asked.place, []).extend(stored.query(asked.text, database=DATABASE))
    for title, rows in panels.items():
        marked = {group_of(row) for row in rows if is_marked(row)}
        sums = [row for row in rows if any(sums_in(str(value)) for key, value in row.items() if key != "time")]
        assert [row for row in sums if group_of(row) not in marked] == [], title
    for panel in content["panels"]:
        assert '"sum"' not in json.dumps(panel.get("transformations", [])), panel["title"]


def group_of(row: dict[str, Any]) -> tuple[Any, ...]:
    """What a row of a panel stands for: its hub, its time."""
    return tuple(row.get(name) for name in ("time", "hub"))
