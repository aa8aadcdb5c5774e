"""Sequences of readings as devices in the field send them, with the right figures of each local day (Europe/London)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Fields = Mapping[str, int | float | str | None]
Message = tuple[str, Fields | list[Fields]]
"""When it is sent, as RFC 3339, and what: the fields of that time, or an array of items with times of their own."""

ALWAYS_OPEN = {"mon-sun": "00:00-24:00"}
WEEKDAYS = {"mon-fri": "09:00-17:00"}


@dataclass(frozen=True)
class FieldSequence:
    """The messages of a sensor, and of others beside it, and what each day must show; None must be empty."""

    id: str
    messages: Sequence[Message]
    expect: Mapping[str, Mapping[str, float | None]]
    kind: str = "footfall"
    sensor: Mapping[str, Any] = field(default_factory=dict)
    opening: Mapping[str, str] = field(default_factory=lambda: ALWAYS_OPEN)
    others: Sequence[tuple[Mapping[str, Any], Sequence[Message]]] = ()


def totals(start: str, *values: int, every_min: int = 10, name: str = "entries_total") -> list[Message]:
    """Running totals from a time on, so many minutes apart."""
    first = datetime.fromisoformat(start).replace(tzinfo=UTC)
    times = (first + timedelta(minutes=every_min * i) for i in range(len(values)))
    return [(time.isoformat(), {name: value}) for time, value in zip(times, values, strict=True)]


def entries(**by_day: int | None) -> dict[str, dict[str, float | None]]:
    """The entries of days of November 2026: `d04=60`."""
    return {f"2026-11-{day[1:]}": {"entries": count} for day, count in by_day.items()}


def exits(**by_day: int | None) -> dict[str, dict[str, float | None]]:
    """The exits of days of November 2026."""
    return {day: {"exits": count["entries"]} for day, count in entries(**by_day).items()}


DAY = "2026-11-04T"

GIVEN = [
    FieldSequence(
        "zero-at-dusk",
        [
            *totals(DAY + "08:00", *range(20_000, 20_061)),
            *totals(DAY + "18:10", 0),
            *totals("2026-11-05T08:00", *range(20_061, 20_122)),
        ],
        entries(d04=60, d05=61),
        sensor={"counter_bits": 16},
    ),
    FieldSequence("two-zeros", totals(DAY + "09:00", 1500, 0, 0, 1502, 1503), entries(d04=3)),
    FieldSequence("sentinel-total-twice", totals(DAY + "09:00", 500, 65_535, 65_535, 501), entries(d04=1)),
    FieldSequence(
        "step-back-over-night",
        [
            *totals(DAY + "08:00", 0),
            *totals(DAY + "20:00", 100),
            *totals("2026-11-05T07:00", 98, 110, every_min=60),
        ],
        entries(d04=100, d05=12),
    ),
    FieldSequence(
        "sentinel-interval",
        [
            *((f"2026-11-04T09:{minute:02}:00Z", {"entries": 3, "exits": 3}) for minute in range(0, 60, 10)),
            ("2026-11-04T10:00:00Z", {"entries": 65_535, "exits": 65_535}),
        ],
        {"2026-11-04": {"entries": 18, "exits": 18}},
    ),
    FieldSequence(
        "resets-daily",
        [*totals(DAY + "08:00", 0), *totals(DAY + "12:00", 95), *totals("2026-11-05T12:00", 120)],
        entries(d04=95, d05=120),
        sensor={"resets": "daily"},
    ),
    FieldSequence(
        "swap-over-days",
        [*totals("2026-11-03T11:50", 998, 1000), *totals("2026-11-06T12:00", 90_000_000, 90_000_002)],
        entries(d03=2, d04=None, d05=None, d06=2),
        sensor={"counter_bits": 32},
    ),
    FieldSequence(
        "gap-over-a-closed-weekend",
        [
            *totals("2026-11-05T17:00", 0),
            *totals("2026-11-06T09:00", 0),
            *totals("2026-11-06T12:00", 130),
            *totals("2026-11-09T12:00", 430),
            *totals("2026-11-09T17:00", 530),
        ],
        entries(d06=318, d07=0, d08=0, d09=212),
        sensor={"counter_bits": 32},
        opening=WEEKDAYS,
    ),
]
"""Met in the field; the last one shares 300 people of a gap by opening minutes, 5 h on Friday and 3 h on Monday."""

MESSAGES = [
    FieldSequence(
        "sentinel-clients",
        totals(DAY + "09:00", 20, 20, 20, 20, 20, 20, 65_535, name="clients"),
        {"2026-11-04": {"wifi_peak_clients": 20, "wifi_mean_clients": 20.0}},
        kind="wifi",
    ),
    FieldSequence(
        "same-time-in-one-message",
        [
            (
                DAY + "10:01:00Z",
                [
                    {"time": DAY + "10:00:00Z", "entries": 1},
                    {"time": DAY + "10:00:00Z", "entries": 1},
                    {"time": DAY + "10:01:00Z", "entries": 1},
                ],
            )
        ],
        entries(d04=3),
    ),
    FieldSequence(
        "null-beside-value",
        [(DAY + "10:00:00Z", {"entries": 3, "exits": None})],
        {"2026-11-04": {"entries": 3, "exits": None}},
    ),
    FieldSequence(
        "one-bad-of-three",
        [
            (
                DAY + "10:20:00Z",
                [
                    {"time": DAY + "10:00:00Z", "value": 20.0},
                    {"time": DAY + "10:10:00Z", "value": None},
                    {"time": DAY + "10:20:00Z", "value": 22.0},
                ],
            )
        ],
        {"2026-11-04": {"temperature_min_c": 20.0, "temperature_max_c": 22.0}},
        kind="temperature",
    ),
]

TOTALS = [
    FieldSequence("many-zeros", totals(DAY + "09:00", 1500, *[0] * 50, 1530), entries(d04=30)),
    FieldSequence(
        "zeros-all-night",
        [*totals(DAY + "16:00", 4200, *[0] * 90), *totals("2026-11-05T10:00", 4260, 4261)],
        entries(d04=30, d05=31),
        opening={"mon-sun": "08:00-18:00"},
    ),
    FieldSequence("zeros-then-reset", totals(DAY + "09:00", 1500, 0, 0, 0, 3, 5), entries(d04=5)),
    FieldSequence("zero-not-settled-yet", totals(DAY + "09:00", 1500, 1501, 0), entries(d04=1)),
    FieldSequence("sentinel-first", totals(DAY + "09:00", 65_535, 500, 501), entries(d04=1)),
    FieldSequence("sentinel-last", totals(DAY + "09:00", 500, 501, 65_535), entries(d04=1)),
    FieldSequence("sentinel-that-is-real", totals(DAY + "09:00", 65_530, 65_535, 65_537, 65_538), entries(d04=8)),
    FieldSequence("sentinel-and-zero-mixed", totals(DAY + "09:00", 700, 65_535, 0, 65_535, 0, 702), entries(d04=2)),
    FieldSequence("32-bit-sentinel", totals(DAY + "09:00", 700, 2**32 - 1, 2**32 - 1, 701), entries(d04=1)),
    FieldSequence("reset", totals(DAY + "09:00", 1200, 1210, 4, 9), entries(d04=19)),
    FieldSequence("reset-to-zero", totals(DAY + "09:00", 1000, 1010, 0, 5), entries(d04=15)),
    FieldSequence(
        "rollover", totals(DAY + "09:00", 65_530, 65_534, 3, 8), entries(d04=14), sensor={"counter_bits": 16}
    ),
    FieldSequence(
        "rollover-over-zeros", totals(DAY + "09:00", 65_530, 0, 0, 20), entries(d04=26), sensor={"counter_bits": 16}
    ),
    FieldSequence("jitter", totals(DAY + "09:00", 100, 99, 100, 99, 101, 100, 102), entries(d04=2)),
    FieldSequence("jitter-for-an-hour", totals(DAY + "09:00", 100, 98, 98, 98, 99, 99, 99, 101), entries(d04=1)),
    FieldSequence(
        "a-counter-goes-on-a-little-lower",
        totals(DAY + "09:00", 1000, 1003, 940, *range(945, 1006, 5)),
        entries(d04=3 + 65),
    ),
    FieldSequence(
        "a-counter-a-little-lower-for-days",
        [
            *totals("2026-11-03T15:00", 5000, 5004, 4800, *[4800] * 15, every_min=60),
            *totals("2026-11-04T09:00", 4800, 4805, 4829, *[4829] * 21, every_min=60),
            *totals("2026-11-05T09:00", 4830, 4836, every_min=60),
        ],
        entries(d03=4, d04=29, d05=7),
        sensor={"every": "60m"},
    ),
    FieldSequence(
        "two-more-below-the-mark-at-night",
        [
            *totals(DAY + "15:00", 5000, 5004, 4990, 4991, *[4992] * 22, every_min=60),
            *totals("2026-11-05T17:00", 4995, 4997, every_min=60),
        ],
        entries(d04=6, d05=5),
        sensor={"every": "60m"},
    ),
    FieldSequence("one-wild-reading", totals(DAY + "09:00", 500, 90_000, 501), entries(d04=1)),
    FieldSequence("two-wild-readings", totals(DAY + "09:00", 500, 90_000, 4_000_000, 501), entries(d04=1)),
    FieldSequence("another-device", totals(DAY + "09:00", 500, 90_000, 90_002, 90_003), entries(d04=3)),
    FieldSequence("another-device-below", totals(DAY + "09:00", 50_000, 9_000, 9_003), entries(d04=3)),
    FieldSequence(
        "step-over-the-limit-of-the-file",
        totals(DAY + "09:00", 500, 950, 951),
        entries(d04=1),
        sensor={"max_step": 400},
    ),
    FieldSequence(
        "a-gap-allows-ten-times-the-limit",
        [*totals(DAY + "09:00", 0), *totals(DAY + "15:00", 4000, 4001)],
        entries(d04=4001),
        sensor={"max_step": 400},
    ),
    FieldSequence(
        "a-gap-allows-no-more",
        [*totals(DAY + "09:00", 0), *totals(DAY + "15:00", 4001, 4002)],
        entries(d04=1),
        sensor={"max_step": 400},
    ),
    FieldSequence(
        "reset-over-days",
        [*totals("2026-11-03T11:50", 998, 1000), *totals("2026-11-06T12:00", 7, 9)],
        entries(d03=2, d04=None, d05=None, d06=9),
        sensor={"counter_bits": 32},
    ),
    FieldSequence(
        "step-back-over-days",
        [*totals("2026-11-03T11:50", 998, 1000), *totals("2026-11-06T12:00", 990, 993)],
        entries(d03=2, d04=None, d05=None, d06=3),
    ),
    FieldSequence(
        "silent-for-more-than-a-month",
        [*totals("2026-11-01T11:50", 998, 1000), *totals("2026-12-04T12:00", 1500, 1503)],
        {
            "2026-11-01": {"entries": 2},
            "2026-11-02": {"entries": None},
            "2026-11-20": {"entries": None},
            "2026-12-03": {"entries": None},
            "2026-12-04": {"entries": 3},
        },
    ),
    FieldSequence(
        "zeros-for-more-than-a-month",
        [
            *totals("2026-11-01T11:50", 998, 1000),
            *totals("2026-11-01T12:10", *[0] * 66, every_min=720),
            *totals("2026-12-04T12:10", 1500, 1503),
        ],
        {"2026-11-01": {"entries": 2}, "2026-12-04": {"entries": 3}},
    ),
    FieldSequence(
        "resets-daily-late",
        [
            *totals(DAY + "23:30", 90, 92, 93),
            *totals("2026-11-05T00:00", 94, 95, 0, 1),
        ],
        entries(d04=94, d05=2),
        sensor={"resets": "daily"},
    ),
    FieldSequence(
        "resets-daily-over-days",
        [*totals(DAY + "12:00", 50), *totals("2026-11-07T12:00", 30)],
        entries(d04=50, d05=None, d06=None, d07=30),
        sensor={"resets": "daily"},
    ),
    FieldSequence(
        "intervals-until-noon-and-totals-after",
        [
            *totals(DAY + "09:00", 5, 6, 7, name="entries"),
            *totals(DAY + "12:00", 8000, 8003, 8010),
        ],
        entries(d04=28),
    ),
    FieldSequence(
        "totals-until-noon-and-intervals-after",
        [
            *totals(DAY + "09:00", 8000, 8003, 8010),
            *totals(DAY + "12:00", 5, 6, 7, name="entries"),
        ],
        entries(d04=28),
    ),
    FieldSequence(
        "both-in-every-reading",
        [
            (DAY + "09:00:00Z", {"entries": 3, "entries_total": 500}),
            (DAY + "09:10:00Z", {"entries": 7, "entries_total": 507}),
            (DAY + "09:20:00Z", {"entries": 2, "entries_total": 509}),
        ],
        entries(d04=9),
    ),
    FieldSequence(
        "stamped-at-the-end",
        [
            (DAY + "23:50:00Z", {"entries": 3}),
            ("2026-11-05T00:00:00Z", {"entries": 4}),
            ("2026-11-05T00:10:00Z", {"entries": 5}),
        ],
        entries(d04=7, d05=5),
        sensor={"stamp": "end"},
    ),
    FieldSequence(
        "stamped-at-the-start",
        [
            (DAY + "23:50:00Z", {"entries": 3}),
            ("2026-11-05T00:00:00Z", {"entries": 4}),
        ],
        entries(d04=3, d05=4),
    ),
    FieldSequence(
        "gap-over-a-night",
        [*totals(DAY + "16:00", 100), *totals("2026-11-05T11:00", 148)],
        entries(d04=16, d05=32),
        opening=WEEKDAYS,
    ),
    FieldSequence(
        "gap-without-opening-time",
        [*totals("2026-11-07T22:00", 100), *totals("2026-11-08T02:00", 140)],
        entries(d07=20, d08=20),
        opening=WEEKDAYS,
    ),
    FieldSequence(
        "quiet-weekend-of-a-counter-that-sends-on",
        [*totals("2026-11-06T16:50", 100, 103), *totals("2026-11-06T18:00", *[103] * 60, every_min=60)],
        entries(d06=3, d07=0, d08=0),
        opening=WEEKDAYS,
    ),
]
