"""Hours by columns come to what they come to one by one, on days of clock changes, too."""

import random
from zoneinfo import ZoneInfo

import pytest

from schemas.measures import COUNTED_MIN
from tests.usage.given import HOUR_NS, at
from usage.calendar import hour_of_week
from usage.queries.hour_tally import HourTally, hours_of_week


@pytest.mark.parametrize("zone", ["Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])
def test_hours_are_tallied_as_one_by_one(zone: str) -> None:
    randomly, start_ns, local = random.Random(13), at("2025-11-21T00:00", zone), ZoneInfo(zone)
    times_ns = [start_ns + hour * HOUR_NS for hour in range(366 * 24) if randomly.random() < 0.9]
    entries = [randomly.choice((None, 0, randomly.randint(0, 90))) for _ in times_ns]
    minutes = [randomly.choice((None, 0.0, 25.0, 60.0)) for _ in times_ns]
    covered = [randomly.choice((None, 0.0, COUNTED_MIN, 1.0)) for _ in times_ns]
    tally = HourTally()
    for first in range(0, len(times_ns), 5000):
        part = slice(first, first + 5000)
        tally.add(hours_of_week(times_ns[part], local), entries[part], minutes[part], covered[part])

    expected: dict[int, list[int]] = {}
    for time_ns, people, opens, share in zip(times_ns, entries, minutes, covered, strict=True):
        parts = expected.setdefault(hour_of_week(time_ns, local), [0] * 6)
        lacks = people is None or (bool(opens) and share is not None and share < COUNTED_MIN)
        kind = 0 if opens else 3
        parts[kind + 2 if lacks else kind] += 1
        parts[kind + 1] += 0 if lacks or people is None else people
    assert dict(tally.parts()) == expected
    assert len(expected) == 7 * 24
