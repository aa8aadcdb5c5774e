"""`hubpulse usage` as people and programs call it."""

import csv
import io
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.usage import app
from schemas import Kind
from schemas.measurements import USAGE_FIELDS
from stores import Store
from stores.sqlite_store import SqliteStore
from tests.usage.given import HOUR_NS, at, put
from usage.calendar import Span
from usage.rows import DAILY, read_rows

ESTATE = """
timezone: Europe/London
hubs:
  - {id: armley, opening: {mon-fri: "09:00-17:00"}}
  - {id: beeston}
"""
DAY = "2026-10-20"
MIDNIGHT_NS = at(f"{DAY}T00:00", "Europe/London")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "estate.yaml").write_text(ESTATE)
    return tmp_path / "data"


@pytest.fixture
def store(data: Path) -> Iterator[Store]:
    store = SqliteStore(data / "store.db")
    store.prepare()
    readings = [(MIDNIGHT_NS + 12 * HOUR_NS, {"entries": 3, "exits": 1})]
    put(store, Kind.FOOTFALL, readings)
    put(store, Kind.CO2, [(MIDNIGHT_NS + 12 * HOUR_NS, {"co2_ppm": 612.5})])
    yield store
    store.close()


def call(*words: str, data: Path) -> Result:
    return CliRunner().invoke(app, [*words, "--data", str(data)], catch_exceptions=False)


@pytest.mark.usefixtures("store")
def test_csv_has_a_row_per_hub_and_day_with_the_contracts_columns(data: Path) -> None:
    result = call("export", "--from", "2026-10-19", "--to", DAY, "--format", "csv", data=data)
    header, *rows = csv.reader(io.StringIO(result.stdout))
    assert header == ["hub", "date", *USAGE_FIELDS]
    assert [row[:4] for row in rows] == [
        ["armley", "2026-10-19", "", ""],
        ["armley", "2026-10-20", "3", "1"],
        ["beeston", "2026-10-19", "", ""],
        ["beeston", "2026-10-20", "", ""],
    ]
    found = dict(zip(header, rows[1], strict=True))
    assert (found["co2_max_ppm"], found["open_minutes"], found["final"], found["revision"]) == (
        "612.5",
        "480.0",
        "true" if time.time_ns() > MIDNIGHT_NS + 72 * HOUR_NS else "false",
        "1",
    )


@pytest.mark.usefixtures("store")
def test_json_has_the_same_with_nulls(data: Path) -> None:
    result = call("export", "--from", DAY, "--to", DAY, "--format", "json", data=data)
    armley, beeston = json.loads(result.stdout)
    assert (armley["hub"], armley["date"], armley["entries"]) == ("armley", "2026-10-20", 3)
    assert (beeston["entries"], beeston["co2_max_ppm"]) == (None, None)


@pytest.mark.usefixtures("store")
def test_one_hub_by_the_hour(data: Path) -> None:
    words = ["export", "--from", DAY, "--to", DAY, "--hub", "armley", "--hourly"]
    rows = list(csv.DictReader(io.StringIO(call(*words, data=data).stdout)))
    assert len(rows) == 24
    assert (rows[12]["time"], rows[12]["entries"], rows[11]["entries"]) == ("2026-10-20T12:00:00+01:00", "3", "")


@pytest.mark.usefixtures("store")
def test_no_days_are_an_empty_array(data: Path) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=2)
    result = call("export", "--from", f"{tomorrow}", "--to", f"{tomorrow}", "--format", "json", data=data)
    assert json.loads(result.stdout) == []


@pytest.mark.parametrize(
    "words, complaint",
    [
        (["--from", "12.05.2026", "--to", DAY], "--from '12.05.2026' is not a date: write it as 2026-10-31"),
        (["--from", DAY, "--to", "2026-02-30"], "--to '2026-02-30' is not a date: write it as 2026-10-31"),
        (["--from", DAY, "--to", "2026-10-19"], "--to 2026-10-19 is before --from 2026-10-20: swap the two"),
        (
            ["--from", DAY, "--to", DAY, "--hub", "leeds"],
            "no hub 'leeds' in the estate file or the store; choose from: armley, beeston",
        ),
    ],
)
@pytest.mark.parametrize("command", ["export", "recompute"])
@pytest.mark.usefixtures("store")
def test_wrong_usage_is_one_line_with_the_cure(data: Path, command: str, words: list[str], complaint: str) -> None:
    result = call(command, *words, data=data)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"error: {complaint}\n")


def test_recompute_stores_the_rollups_and_says_what_changed(store: Store, data: Path) -> None:
    words = ["recompute", "--from", "2026-10-19", "--to", DAY]
    assert call(*words, data=data).stdout.strip() == "4 days of 2 hubs recomputed, 0 of them changed"
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS + 13 * HOUR_NS, {"entries": 4})])
    assert call(*words, data=data).stdout.strip() == "4 days of 2 hubs recomputed, 1 of them changed"
    row = read_rows(store, DAILY, "armley", Span(0, 2**62))[MIDNIGHT_NS]
    assert (row["entries"], row["revision"]) == (7, 2)
