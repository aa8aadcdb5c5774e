"""A later message that gives other values for a time: the last one counts, and it is counted and told."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.inspection import app
from cli.usage_views import why_as_json, why_as_text
from ingest.buffer import Buffer
from schemas import Estate
from schemas.measurements import OVERWRITTEN
from stores import Keep, Outcome
from stores.sqlite_store import SqliteStore
from tests.ingest.given import DOOR, NOW_NS, make_decoder, message
from tests.ingest.writing import drained, running
from usage import Queries

DAY = date(2026, 5, 12)
LONDON = Estate(timezone="Europe/London", open=True)

Walk = Callable[..., None]


@pytest.fixture
def walk(buffer: Buffer, tmp_path: Path) -> Walk:
    """Send readings of one time from the decoder to the store, each after the one before is stored."""

    def send(*readings: dict[str, int], store: type[SqliteStore] = SqliteStore) -> None:
        with running(tmp_path, store(tmp_path / "store.db")) as _:  # type: ignore[arg-type] # a real store
            for fields in readings:
                body = {"time": "2026-05-12T10:00:00Z", **fields}
                buffer.commit(make_decoder().decode([message(DOOR, json.dumps(body))]))
                drained(buffer)

    return send


def queries(folder: Path) -> Queries:
    return Queries(SqliteStore(folder / "store.db"), LONDON, now_ns=NOW_NS)


def figures(folder: Path) -> dict[str, Any]:
    (day,) = queries(folder).daily(DAY, DAY, hub="armley")
    return day.figures


def test_the_last_value_counts_and_the_ledger_notes_it(buffer: Buffer, walk: Walk, tmp_path: Path) -> None:
    walk({"entries": 3, "exits": 1}, {"entries": 5, "exits": 1}, {"entries": 5, "exits": 1})
    assert (figures(tmp_path)["entries"], figures(tmp_path)["exits"]) == (5, 1)
    found = buffer.ledger.read()
    assert found.notes == {"overwritten": 1}
    assert (found.readings_accepted, found.readings_stored, found.balanced) == (3, 3, True)


def test_why_tells_what_was_replaced(walk: Walk, tmp_path: Path) -> None:
    walk({"entries": 3, "exits": 1}, {"entries": 5, "exits": 1})
    found = queries(tmp_path).why("armley", DAY)
    assert found is not None
    (line,) = (line for line in why_as_text(found) if "overwritten" in line)
    assert "1 value overwritten by a later message (11:00:00 entries 3 -> 5)" in line
    (sensor,) = why_as_json(found)["sensors"]
    told = {"field": "entries", "time": "2026-05-12T11:00:00+01:00", "before": 3.0, "after": 5.0}
    assert sensor["overwritten"] == [told]


def test_the_ledger_command_tells_it(walk: Walk, tmp_path: Path) -> None:
    walk({"entries": 3}, {"entries": 5}, {"entries": 4})
    shown = CliRunner().invoke(app, ["ledger", "--data", str(tmp_path)])
    assert "2 readings were given other values by a later message" in shown.stdout
    as_json = CliRunner().invoke(app, ["ledger", "--data", str(tmp_path), "--json"])
    assert json.loads(as_json.stdout)["notes"] == {"overwritten": 2}


def test_a_sentinel_that_is_corrected_is_suspect_no_more(walk: Walk, tmp_path: Path) -> None:
    walk({"entries": 65_535, "exits": 65_535})
    assert figures(tmp_path)["entries"] is None
    walk({"entries": 5, "exits": 1})
    assert (figures(tmp_path)["entries"], figures(tmp_path)["exits"]) == (5, 1)


def test_a_sentinel_of_which_only_the_neighbour_is_corrected_stays_suspect(walk: Walk, tmp_path: Path) -> None:
    walk({"entries": 65_535, "exits": 3}, {"exits": 4})
    assert figures(tmp_path)["entries"] is None


def test_a_good_value_that_a_sentinel_replaces_is_suspect(walk: Walk, tmp_path: Path) -> None:
    walk({"entries": 3, "exits": 1}, {"entries": 65_535, "exits": 1})
    assert figures(tmp_path)["entries"] is None


class BusyForCorrections(SqliteStore):
    """Takes everything at once but corrections, which it takes when they are brought again."""

    refused = 0

    def write(self, lines: bytes) -> Outcome:
        if lines.startswith(OVERWRITTEN.encode()) and self.refused < 2:
            type(self).refused += 1
            return Keep("busy", retry_after_s=0)
        return super().write(lines)


def test_a_store_that_is_busy_in_between_is_told_once_all_the_same(
    buffer: Buffer, walk: Walk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.ingest.writing.Pauses.__call__", lambda _self, _seconds: None)
    walk({"entries": 3}, {"entries": 5}, store=BusyForCorrections)
    assert BusyForCorrections.refused == 2
    assert buffer.ledger.read().notes == {"overwritten": 1}
    (run,) = SqliteStore(tmp_path / "store.db").read(OVERWRITTEN, start_ns=0, stop_ns=2**62)
    assert (run.columns["before"], run.columns["after"]) == ((3.0,), (5.0,))
    assert run.tags == {"field": "entries", "hub": "armley", "kind": "footfall", "sensor": "door-1"}
