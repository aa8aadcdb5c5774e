"""Hard field sequences: several troubles at once, each day's figures decided by the rules before they were run."""

from schemas.measures import PeopleState
from tests.usage.sequences import DAY, WEEKDAYS, FieldSequence, Message, entries, totals


def counts(start: str, *values: int, every_min: int = 10) -> list[Message]:
    """Interval counts from a time on, so many minutes apart."""
    return totals(start, *values, every_min=every_min, name="entries")


FIFTH = "2026-11-05T"

HARD = [
    # ------------------------------------------------------------------------------------------ swaps and resets
    FieldSequence(
        "two-swaps-on-one-day",
        totals(DAY + "09:00", 500, 503, 70_000, 70_004, 900_000, 900_005),
        entries(d04=3 + 4 + 5),
        sensor={"counter_bits": 32},
    ),
    FieldSequence(
        "a-swap-and-back",  # the other device was there for two readings, which carry on from each other
        totals(DAY + "09:00", 500, 503, 70_000, 70_004, 510, 512),
        entries(d04=3 + 4 + 510 + 2),
        sensor={"counter_bits": 32},
    ),
    FieldSequence(
        "a-swap-in-a-silence-over-a-night",
        [*totals(DAY + "16:00", 500, 520), *totals(FIFTH + "10:00", 70_000, 70_007)],
        entries(d04=20, d05=7),
        opening=WEEKDAYS,
        sensor={"counter_bits": 32},
    ),
    FieldSequence(
        "a-reset-in-a-silence-over-a-night",  # 12 came since it began again, and last; what came before nobody knows
        [*totals(DAY + "16:00", 5000, 5020), *totals(FIFTH + "10:00", 12, 15)],
        entries(d04=20, d05=15),
        opening=WEEKDAYS,
        sensor={"counter_bits": 32},
    ),
    FieldSequence(
        "a-reset-after-a-sentinel",
        totals(DAY + "09:00", 5000, 5004, 65_535, 2, 6),
        entries(d04=4 + 2 + 4),
        sensor={"counter_bits": 32},
    ),
    FieldSequence(
        "a-reset-and-a-glitch-of-the-old-height",
        totals(DAY + "09:00", 5000, 5004, 1, 3, 5005, 6, 7),
        entries(d04=4 + 1 + 2 + 3 + 1),
        sensor={"counter_bits": 32, "max_step": 400},
    ),
    FieldSequence(
        "a-swap-with-a-sentinel-after-its-first-reading",
        totals(DAY + "09:00", 500, 503, 70_000, 65_535, 70_004, 70_006),
        entries(d04=3 + 4 + 2),
        sensor={"counter_bits": 32},
    ),
    FieldSequence(
        "a-swap-with-zeros-after-its-first-reading",
        totals(DAY + "09:00", 500, 503, 70_000, 0, 0, 70_004, 70_006),
        entries(d04=3 + 4 + 2),
        sensor={"counter_bits": 32},
    ),
    FieldSequence(
        "two-resets-in-an-hour",
        totals(DAY + "09:00", 800, 805, 0, 0, 4, 0, 3, 5),
        entries(d04=5 + 4 + 3 + 2),
        sensor={"counter_bits": 32},
    ),
    # --------------------------------------------------------------------------------------- sentinels at the edges
    FieldSequence(
        "a-sentinel-at-midnight",
        [*totals(DAY + "23:40", 900, 903), *totals(FIFTH + "00:00", 65_535, 903, 905)],
        entries(d04=3, d05=2),
    ),
    FieldSequence(
        "sentinels-on-both-sides-of-a-gap",
        [*totals(DAY + "12:00", 900, 65_535), *totals(DAY + "16:00", 65_535, 948)],
        entries(d04=48),
    ),
    FieldSequence(
        "a-day-of-sentinels-alone-shares-out",  # 24 h of opening time between the two totals, half on each day
        [
            *totals(DAY + "12:00", 900),
            *totals(DAY + "13:00", *[65_535] * 23, every_min=60),
            *totals(FIFTH + "12:00", 1044),
        ],
        entries(d04=72, d05=72),
    ),
    FieldSequence(
        "a-sentinel-where-the-counter-is-about-to-be",
        totals(DAY + "09:00", 32_760, 32_767, 32_767, 32_770),
        entries(d04=10),
        sensor={"counter_bits": 32},
    ),
    FieldSequence(
        "an-interval-count-without-a-value-beside-a-total",
        [
            (DAY + "09:00:00Z", {"entries": 3, "entries_total": 500}),
            (DAY + "09:10:00Z", {"entries": 65_535, "entries_total": 507}),
            (DAY + "09:20:00Z", {"entries": 2, "entries_total": 509}),
        ],
        entries(d04=9),  # the reading is suspect as a whole, the totals around it tell
    ),
    # ----------------------------------------------------------------------------------------------- clock changes
    FieldSequence(
        "totals-over-the-hour-that-spring-skips",
        [("2026-03-28T22:00:00Z", {"entries_total": 100}), ("2026-03-29T23:00:00Z", {"entries_total": 125})],
        # Two hours of the 28th and the 23 of the 29th.
        {"2026-03-28": {"entries": 2}, "2026-03-29": {"entries": 23}},
    ),
    FieldSequence(
        "a-daily-reset-on-the-day-of-25-hours",
        [
            ("2026-10-24T22:40:00Z", {"entries_total": 50}),
            ("2026-10-24T23:10:00Z", {"entries_total": 1}),
            ("2026-10-25T23:50:00Z", {"entries_total": 80}),
            ("2026-10-26T00:10:00Z", {"entries_total": 2}),
        ],
        {"2026-10-24": {"entries": 50}, "2026-10-25": {"entries": 80}, "2026-10-26": {"entries": 2}},
        sensor={"resets": "daily", "every": "30m"},
    ),
    FieldSequence(
        "intervals-in-the-hour-that-comes-twice",
        [
            ("2026-10-25T01:30:00+01:00", {"entries": 3}),
            ("2026-10-25T01:30:00+00:00", {"entries": 4}),
        ],
        {"2026-10-25": {"entries": 7}},
    ),
    FieldSequence(
        "a-count-that-ends-at-the-midnight-of-summer-time",
        [("2026-07-01T22:50:00Z", {"entries": 2}), ("2026-07-01T23:00:00Z", {"entries": 5})],
        {"2026-07-01": {"entries": 7}, "2026-07-02": {"entries": None}},
        sensor={"stamp": "end"},
    ),
    # ----------------------------------------------------------------------------------- duplicates and late messages
    FieldSequence(
        "the-same-totals-twice-and-backwards",
        [
            *totals(DAY + "09:00", 500, 503, 507),
            *reversed(totals(DAY + "09:00", 500, 503, 507)),
            *totals(DAY + "09:30", 510),
        ],
        entries(d04=10),
    ),
    FieldSequence(
        "a-swap-that-comes-out-of-order",
        [
            *totals(DAY + "09:00", 500),
            *totals(DAY + "09:30", 70_004),
            *totals(DAY + "09:10", 503),
            *totals(DAY + "09:20", 70_000),
        ],
        entries(d04=3 + 4),
        sensor={"counter_bits": 32},
    ),
    FieldSequence(
        "a-late-total-that-makes-a-jump-two-steps",  # 500 to 1200 is too much for ten minutes, not in two steps
        [*totals(DAY + "09:00", 500), *totals(DAY + "09:20", 1200, 1201), *totals(DAY + "09:10", 850)],
        entries(d04=701),
        sensor={"max_step": 400},
    ),
    FieldSequence(
        "yesterday-comes-late-over-midnight",
        [*totals(DAY + "22:00", 100), *totals(FIFTH + "02:00", 148, 149), *totals(FIFTH + "00:00", 140)],
        entries(d04=40, d05=9),
    ),
    FieldSequence(
        "days-late-all-in-one-message-and-backwards",
        [
            *totals("2026-11-07T09:00", 190),
            (
                "2026-11-07T09:00:00Z",
                [
                    {"time": f"2026-11-0{day}T{hour:02}:00:00Z", "entries_total": total}
                    for day, hour, total in ((6, 20, 180), (5, 20, 150), (4, 20, 120), (4, 8, 100))
                ],
            ),
        ],
        entries(d04=20, d05=30, d06=30, d07=10),
        opening={"mon-sun": "08:00-18:00"},
    ),
    FieldSequence(
        "a-correction-that-takes-people-away",
        [*counts(DAY + "09:00", 300, 4), *counts(DAY + "09:00", 3)],
        entries(d04=7),
    ),
    # --------------------------------------------------------------------------------------- jitter, rollover, top
    FieldSequence(
        "jitter-on-the-way-through-the-top",
        totals(DAY + "09:00", 65_533, 65_532, 65_534, 1, 0, 2, 3),
        entries(d04=1 + 3 + 2),
        sensor={"counter_bits": 16},
    ),
    FieldSequence(
        "jitter-over-midnight",
        [*totals(DAY + "23:30", 900, 903, 902), *totals(FIFTH + "00:00", 903, 902, 904)],
        entries(d04=3, d05=1),
    ),
    FieldSequence(
        "two-rollovers-a-day-apart",
        [*totals(DAY + "09:00", 65_530, 4), *totals(FIFTH + "09:00", 65_531, 5)],
        # One reading alone between two that carry on from each other is a glitch: the 4 might as well be one.
        entries(d04=1, d05=10),
        sensor={"counter_bits": 16},
    ),
    FieldSequence(
        "a-rollover-before-a-month-of-silence",
        [*totals("2026-11-01T12:00", 65_530, 4), *totals("2026-12-04T12:20", 60, 61)],
        {"2026-11-01": {"entries": 10}, "2026-11-02": {"entries": None}, "2026-12-04": {"entries": 1}},
        sensor={"counter_bits": 16},
    ),
    FieldSequence(
        "a-rollover-of-24-bits-that-nobody-declared",
        totals(DAY + "09:00", 2**24 - 6, 2**24 - 2, 3, 5),
        entries(d04=4 + 5 + 2),
    ),
    # --------------------------------------------------------------------------------- midnight restarts with silence
    FieldSequence(
        "resets-daily-and-two-midnights-without-a-reading",
        [*totals("2026-11-03T20:00", 70), *totals("2026-11-05T20:00", 55), *totals("2026-11-06T00:00", 58)],
        entries(d03=70, d04=None, d05=58),
        sensor={"resets": "daily"},
    ),
    FieldSequence(
        "resets-daily-with-a-reboot-at-noon",
        totals(DAY + "11:30", 60, 64, 0, 3, 8),
        entries(d04=64 + 8),
        sensor={"resets": "daily"},
    ),
    FieldSequence(
        "resets-daily-and-a-zero-in-the-evening",
        [*totals(DAY + "18:00", 90, 0, 0, 92), *totals(FIFTH + "06:00", 0, 4)],
        entries(d04=92, d05=4),
        sensor={"resets": "daily"},
    ),
    FieldSequence(
        "resets-daily-and-a-sentinel-after-midnight",
        [*totals(DAY + "23:40", 90, 93), *totals(FIFTH + "00:10", 65_535, 2, 5)],
        entries(d04=93, d05=5),
        sensor={"resets": "daily"},
    ),
    FieldSequence(
        "a-silence-in-a-night-that-is-open",  # four hours of it on the 4th, one on the 5th
        [*totals(DAY + "20:00", 100), *totals(FIFTH + "01:00", 150, 151)],
        entries(d04=40, d05=11),
        opening={"mon-sun": "00:00-02:00, 18:00-24:00"},
    ),
    FieldSequence(
        "intervals-over-midnight-while-the-total-is-silent",
        [
            *totals(DAY + "23:30", 900, 902),
            *counts(DAY + "23:50", 4),
            *counts(FIFTH + "00:00", 5),
            *totals(FIFTH + "00:10", 912, 913),
        ],
        # The total tells of all ten, and a gap of half an hour is shared out evenly, whatever the intervals say.
        entries(d04=2 + 7, d05=3 + 1),
    ),
]
"""Totals and interval counts, one door."""

TWO_HOURS = {"mon-sun": "09:00-11:00"}
THIRD = "2026-11-03T"
SIDE = {"id": "s2", "kinds": ["footfall"], "every": "20m"}


def whole(day: str) -> list[Message]:
    """Two people in each twenty minutes of two hours of opening."""
    return counts(day + "09:00", *[2] * 6, every_min=20)


def totals_around_a_gap(first: int) -> list[Message]:
    """Six people an hour, two hours of which one is silent."""
    before = totals(DAY + "09:00", first, first + 2, every_min=20)
    return [*before, *totals(DAY + "10:20", first + 8, first + 10, first + 12, every_min=20)]


def judged(
    people: int, completeness: float = 1.0, transfer: float = 0.0, state: PeopleState = PeopleState.COUNTED
) -> dict[str, float | None]:
    return {
        "entries": people,
        "people_state": state,
        "footfall_completeness": completeness,
        "transfer_share": transfer,
    }


DOORS = [
    FieldSequence(
        "one-of-two-doors-is-dead",
        [*whole(THIRD), *whole(DAY)],
        {"2026-11-03": judged(24), "2026-11-04": judged(12, 0.5, 0.5, PeopleState.PARTIAL)},
        opening=TWO_HOURS,
        sensor={"every": "20m"},
        others=[(SIDE, whole(THIRD))],
    ),
    FieldSequence(
        "a-door-that-was-retired",
        [*whole(THIRD), *whole(DAY)],
        {"2026-11-03": judged(24), "2026-11-04": judged(12)},
        opening=TWO_HOURS,
        sensor={"every": "20m"},
        others=[(SIDE | {"until": "2026-11-03"}, whole(THIRD))],
    ),
    FieldSequence(
        "a-door-that-was-replaced-in-the-night",
        [*whole(THIRD)],
        {"2026-11-03": judged(12), "2026-11-04": judged(12)},
        opening=TWO_HOURS,
        sensor={"every": "20m"},
        others=[(SIDE | {"replaces": "s1"}, whole(DAY))],
    ),
    FieldSequence(
        "a-door-that-was-replaced-at-ten",
        [*whole(THIRD), *whole(DAY)[:3]],
        {"2026-11-03": judged(12), "2026-11-04": judged(12), "2026-11-05": judged(12)},
        opening=TWO_HOURS,
        sensor={"every": "20m"},
        others=[(SIDE | {"replaces": "s1"}, [*whole(DAY)[3:], *whole(FIFTH)])],
    ),
    FieldSequence(
        "two-doors-silent-in-the-same-hour-whose-totals-tell",
        totals_around_a_gap(100),
        {"2026-11-04": judged(24)},
        opening=TWO_HOURS,
        sensor={"every": "20m"},
        others=[(SIDE, totals_around_a_gap(0))],
    ),
    FieldSequence(
        "a-second-door-that-came-later",
        [*whole(DAY), *whole(FIFTH)],
        {"2026-11-04": judged(12), "2026-11-05": judged(24)},
        opening=TWO_HOURS,
        sensor={"every": "20m"},
        others=[(SIDE, whole(FIFTH))],
    ),
    FieldSequence(
        "another-device-at-one-of-two-doors",
        totals(DAY + "09:00", *range(100, 113, 2), every_min=20),
        # For one of the six parts of the day nobody knows who came by the other door.
        {"2026-11-04": judged(12 + 10, 0.916, 0.083, PeopleState.PARTIAL)},
        opening=TWO_HOURS,
        sensor={"every": "20m"},
        others=[(SIDE, totals(DAY + "09:00", 500, 502, 504, 70_000, 70_002, 70_004, 70_006, every_min=20))],
    ),
]
"""Several doors."""
