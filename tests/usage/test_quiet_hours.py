"""A door that reports on change says nothing while nobody comes: hours that it covers are 0, not empty."""

from datetime import date
from typing import Any

import pytest

from schemas import Kind
from schemas.localtime import Span
from stores import Store
from tests.usage.given import DAY_NS, HOUR_NS, at, estate, hub, put
from usage import Queries, RollupWriter
from usage.jobs import Jobs
from usage.rows import DAILY_DOOR, HOURLY, read_parts, read_rows

DAY = date(2026, 10, 20)
MIDNIGHT_NS = at("2026-10-20T00:00", "Europe/London")
OPENS, CLOSES = 9, 17
EVENTS_H = (7.5, 8.6, 9.1, 9.9, 10.8, 13.2, 15.9, 16.7)
"""At most an hour apart but for 10.8 to 13.2 and 13.2 to 15.9."""


def known(**door: Any) -> Any:
    return estate(hub(opening={"mon-sun": "09:00-17:00"}, sensors=[{"id": "door", "kinds": ["footfall"], **door}]))


def hours(store: Store, figure: str = "entries") -> list[object]:
    rows = read_rows(store, HOURLY, "armley", Span(MIDNIGHT_NS, MIDNIGHT_NS + DAY_NS))
    return [rows[MIDNIGHT_NS + hour * HOUR_NS][figure] for hour in range(OPENS, CLOSES)]


@pytest.mark.parametrize(
    "door, expected",
    [
        ({"every": "change", "heartbeat": "3h"}, [2, 1, 0, 0, 1, 0, 1, 1]),
        ({"every": "change", "heartbeat": "1h"}, [2, 1, None, None, 1, None, 1, 1]),
        ({"every": "change"}, [2, 1, 0, 0, 1, 0, 1, 1]),
        ({"every": "10m"}, [2, 1, None, None, 1, None, 1, 1]),
    ],
    ids=["within its heartbeat", "without one", "for four hours", "not on change"],
)
def test_covered_hours_without_a_message_are_zero_live_and_recomputed(
    any_store: Store, door: dict[str, Any], expected: list[object]
) -> None:
    within = known(**door)
    jobs = Jobs(lambda: any_store, lambda: within, lambda: 0)
    for hour in EVENTS_H:
        time_ns = MIDNIGHT_NS + int(hour * HOUR_NS)
        put(any_store, Kind.FOOTFALL, [(time_ns, {"entries": 1})], sensor="door")
        jobs.roll_up_unfinished(time_ns)
    jobs.roll_up_unfinished(MIDNIGHT_NS + 17 * HOUR_NS)
    assert hours(any_store) == expected
    assert hours(any_store, "exits") == [None] * 8  # it counts one way
    writer = RollupWriter(any_store, within, "armley", now_ns=MIDNIGHT_NS + 3 * DAY_NS)
    assert list(writer.recompute([DAY]))
    assert hours(any_store) == expected
    asked = Queries(any_store, within, now_ns=MIDNIGHT_NS + 3 * DAY_NS).hourly(DAY, DAY)
    assert [hour.figures["entries"] for hour in asked][OPENS:CLOSES] == expected


def test_a_day_of_nobody_within_a_heartbeat_is_zero_at_hub_and_door(store: Store) -> None:
    within = known(every="change", heartbeat="24h")
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS - HOUR_NS, {"entries": 0, "exits": 1})], sensor="door")
    (rollup, _) = next(RollupWriter(store, within, "armley", now_ns=MIDNIGHT_NS + 3 * DAY_NS).recompute([DAY]))
    names = ("entries", "exits", "entries_open", "peak_occupancy", "footfall_completeness")
    assert [rollup.figures[name] for name in names] == [0, 0, 0, 0, 1.0]
    (door,) = read_parts(store, DAILY_DOOR, rollup.day.span, "armley")[MIDNIGHT_NS].values()
    assert door == {"entries": 0, "exits": 0, "footfall_completeness": 1.0}


def test_an_hour_that_turns_out_to_be_unknown_loses_its_figure(any_store: Store) -> None:
    within = known(every="10m", counter_bits=16)
    through = [(65, 65_530), (66, 65_531), (67, 3)]  # as if it had come through its top
    another = [(73, 30_000), (74, 30_001)]
    for totals, now_h, expected in ((through, 12, 8), (another, 13, None)):
        put(
            any_store,
            Kind.FOOTFALL,
            [(MIDNIGHT_NS + n * HOUR_NS // 6, {"entries_total": total}) for n, total in totals],
            sensor="door",
        )
        Jobs(lambda: any_store, lambda: within, lambda: 0).roll_up_unfinished(MIDNIGHT_NS + now_h * HOUR_NS)
        assert read_rows(any_store, HOURLY, "armley", Span(0, 2**62))[MIDNIGHT_NS + 11 * HOUR_NS]["entries"] == expected
