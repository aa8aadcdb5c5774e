"""What is kept beside the figures: changes, and corrections to counters."""

from datetime import date

import pytest

from schemas import Estate, Kind
from schemas.localtime import Span
from schemas.measurements import LATER_FIGURES
from schemas.measures import PeopleState
from stores import Store
from stores.lines import encode
from tests.usage.given import DAY_NS, HOUR_NS, MINUTE_NS, at, estate, hub, put, put_lines, run_jobs
from usage import Queries, RollupWriter
from usage.counters import Cause
from usage.jobs import Jobs
from usage.journal import read_corrections
from usage.rows import DAILY, read_marks, read_rows

DAY = date(2026, 10, 20)
MIDNIGHT_NS = at("2026-10-20T00:00", "Europe/London")
NOON_NS = MIDNIGHT_NS + 12 * HOUR_NS
AFTER_NS = MIDNIGHT_NS + 2 * DAY_NS
EVER = Span(0, 2**62)
KNOWN = estate(
    hub(sensors=[{"id": "door", "kinds": ["footfall"], "every": "10m", "counter_bits": 16, "max_step": 500}])
)


def recompute(store: Store, *days: date, now_ns: int = AFTER_NS, known: Estate = KNOWN) -> None:
    for _ in RollupWriter(store, known, "armley", now_ns=now_ns).recompute(days or [DAY]):
        pass


def totals(store: Store, *values: int, start_ns: int = NOON_NS) -> None:
    readings = [(start_ns + i * 10 * MINUTE_NS, {"entries_total": total}) for i, total in enumerate(values)]
    put(store, Kind.FOOTFALL, readings, sensor="door")


def corrected(store: Store) -> list[tuple[Cause, int, bool]]:
    kept = read_corrections(store, EVER, "armley").values()
    return sorted((each.correction.cause, each.correction.counted, each.withdrawn) for each in kept)


def told(store: Store, now_ns: int = AFTER_NS) -> list[tuple[str, str, float | None, float | None, int]]:
    found = Queries(store, KNOWN, now_ns=now_ns).changes(date(2026, 10, 1), date(2026, 10, 31))
    return [(day.isoformat(), c.figure, c.before, c.after, c.revision) for day, c in found]


def test_what_changed_after_a_day_had_ended_is_kept_in_the_store(store: Store) -> None:
    totals(store, 100, 118)
    recompute(store)
    assert told(store) == []
    totals(store, 131, start_ns=NOON_NS + 20 * MINUTE_NS)
    recompute(store)
    assert ("2026-10-20", "entries", 18.0, 31.0, 2) in told(store)


def test_figures_where_there_were_none_are_a_change(store: Store) -> None:
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS - DAY_NS, {"entries": 1})], sensor="door")
    recompute(store)
    totals(store, 100, 118)
    recompute(store)
    assert ("2026-10-20", "entries", None, 18.0, 2) in told(store)


def test_a_figure_that_was_none_yet_when_a_day_was_stored_has_not_changed(store: Store) -> None:
    totals(store, 100, 118)
    later: frozenset[str] = frozenset().union(*LATER_FIGURES)
    recompute(store)
    (row,) = read_rows(store, DAILY, "armley", EVER).values()
    of_older = {name: value for name, value in row.items() if value is not None and name not in later}
    store.delete(DAILY, start_ns=MIDNIGHT_NS, stop_ns=MIDNIGHT_NS + 1, where={"hub": "armley"})
    put_lines(store, [encode(DAILY, {"hub": "armley"}, of_older, MIDNIGHT_NS)])
    recompute(store)
    (row,) = read_rows(store, DAILY, "armley", EVER).values()
    assert (row["entries_open"], row["revision"]) == (18, 1)
    assert told(store) == []
    totals(store, 131, start_ns=NOON_NS + 20 * MINUTE_NS)
    recompute(store)
    assert ("2026-10-20", "entries_open", 18.0, 31.0, 2) in told(store)


def test_a_figure_that_nobody_knows_any_more_is_empty_in_the_store_and_a_change(store: Store) -> None:
    totals(store, 100, 118)
    recompute(store)
    put(store, Kind.FOOTFALL, [(NOON_NS + 10 * MINUTE_NS, {"suspect": True})], sensor="door")
    recompute(store)
    (found,) = Queries(store, KNOWN, now_ns=AFTER_NS).stored_daily(DAY, DAY)
    assert (found.figures["entries"], found.figures["people_state"]) == (None, PeopleState.NONE)
    assert ("2026-10-20", "entries", 18.0, None, 2) in told(store)
    before = told(store)
    recompute(store)
    assert told(store) == before


def test_a_day_whose_row_is_deleted_is_due_until_it_is_written_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    totals(store, 100, 118)
    recompute(store)
    put(store, Kind.FOOTFALL, [(NOON_NS + 10 * MINUTE_NS, {"suspect": True})], sensor="door")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("usage.rollup_writer.write", killed)
        with pytest.raises(KeyboardInterrupt):
            recompute(store)
    assert read_rows(store, DAILY, "armley", EVER) == {}
    assert read_marks(store, EVER)["armley"][MIDNIGHT_NS].is_pending
    run_jobs(Jobs(lambda: store, lambda: KNOWN, lambda: AFTER_NS), AFTER_NS + DAY_NS)
    (row,) = [row for time_ns, row in read_rows(store, DAILY, "armley", EVER).items() if time_ns == MIDNIGHT_NS]
    assert row["people_state"] == PeopleState.NONE


def test_a_day_that_still_ran_when_it_was_computed_has_not_changed(store: Store) -> None:
    totals(store, 100, 118)
    recompute(store, now_ns=NOON_NS + HOUR_NS)
    totals(store, 131, start_ns=NOON_NS + 20 * MINUTE_NS)
    recompute(store)
    assert told(store) == []


def test_recomputing_again_adds_no_change_and_no_revision(store: Store) -> None:
    totals(store, 100, 118)
    recompute(store)
    totals(store, 131, start_ns=NOON_NS + 20 * MINUTE_NS)
    recompute(store)
    before = told(store)
    recompute(store)
    assert told(store) == before


def test_corrections_are_kept_under_the_counter_that_they_were_made_to(store: Store) -> None:
    totals(store, 65_530, 4, 9, 2, 3)
    recompute(store)
    assert corrected(store) == [(Cause.RESET, 2, False), (Cause.ROLLOVER, 10, False)]
    (first, _) = sorted(read_corrections(store, EVER, "armley").values(), key=lambda each: each.correction.time_ns)
    assert (first.sensor, first.counter, first.correction.before, first.correction.after) == (
        "door",
        "entries_total",
        65_530,
        4,
    )


def test_a_correction_that_late_data_proves_wrong_is_withdrawn(store: Store) -> None:
    totals(store, 1200, 0)
    recompute(store)
    assert corrected(store) == [(Cause.UNSETTLED, 0, False)]
    totals(store, 1203, start_ns=NOON_NS + 20 * MINUTE_NS)
    recompute(store)
    assert corrected(store) == [(Cause.GLITCH, 0, False), (Cause.UNSETTLED, 0, True)]


def test_a_gap_across_midnight_is_flagged_once_on_the_day_that_it_ended(store: Store) -> None:
    totals(store, 100, start_ns=MIDNIGHT_NS - 20 * MINUTE_NS)
    totals(store, 140, start_ns=MIDNIGHT_NS + 20 * MINUTE_NS)
    recompute(store, date(2026, 10, 19), DAY)
    assert corrected(store) == [(Cause.SPLIT, 40, False)]


def test_a_quiet_night_is_no_gap(store: Store) -> None:
    totals(store, 100, start_ns=MIDNIGHT_NS - 20 * MINUTE_NS)
    totals(store, 100, 104, start_ns=MIDNIGHT_NS + 20 * MINUTE_NS)
    recompute(store)
    assert corrected(store) == []


def test_days_whose_readings_have_expired_are_left_as_they_are(store: Store) -> None:
    totals(store, 100, 118)
    recompute(store)
    store.expire(MIDNIGHT_NS + DAY_NS)
    later_ns = MIDNIGHT_NS + 31 * DAY_NS
    writer = RollupWriter(store, KNOWN, "armley", now_ns=later_ns, retention_days=30)
    assert list(writer.recompute([DAY])) == []
    assert told(store, later_ns) == []
