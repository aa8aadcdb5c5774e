"""More field sequences: other fields and ways of writing, what comes late or twice, and what was counted wrong once."""

from tests.usage.sequences import DAY, WEEKDAYS, FieldSequence, entries, exits, totals

OTHERS = [
    FieldSequence("zeros-of-the-other-way", totals(DAY + "09:00", 900, 0, 0, 905, name="exits_total"), exits(d04=5)),
    FieldSequence(
        "bytes-over-a-zero",
        totals(DAY + "09:00", 10**9, 0, 10**9 + 500, 10**9 + 700, name="rx_bytes_total"),
        {"2026-11-04": {"wifi_bytes": 700}},
        kind="wifi",
    ),
    FieldSequence(
        "clients-below-zero-and-beyond",
        totals(DAY + "09:00", 12, -1, 32_767, 5001, 14, name="clients"),
        {"2026-11-04": {"wifi_peak_clients": 14}},
        kind="wifi",
    ),
    FieldSequence(
        "devices-without-a-value",
        totals(DAY + "09:00", 7, 65_535, 9, name="devices"),
        {"2026-11-04": {"wifi_devices": 9}},
        kind="wifi",
    ),
    FieldSequence(
        "thermometer-without-a-value",
        totals(DAY + "09:00", 21, 85, -127, 22, name="temperature_c"),
        {"2026-11-04": {"temperature_min_c": 21.0, "temperature_max_c": 22.0}},
        kind="temperature",
    ),
    FieldSequence(
        "co2-while-it-starts",
        totals(DAY + "09:00", 0, 0, 640, 655, name="co2_ppm"),
        {"2026-11-04": {"co2_max_ppm": 655.0, "co2_mean_ppm": 650.0}},
        kind="co2",
    ),
    FieldSequence(
        "saturated-air",
        totals(DAY + "09:00", 104, 104, name="relative_humidity_pct"),
        {"2026-11-04": {"relative_humidity_mean_pct": 100.0}},
        kind="humidity",
    ),
    FieldSequence(
        "numbers-as-text",
        [(DAY + "09:00:00Z", {"entries_total": "1500"}), (DAY + "09:10:00Z", {"entries_total": "1503.0"})],
        entries(d04=3),
    ),
    FieldSequence(
        "the-same-message-twice",
        [(DAY + "09:00:00Z", {"entries": 3}), (DAY + "09:00:00Z", {"entries": 3})],
        entries(d04=3),
    ),
    FieldSequence(
        "a-correction-of-what-was-sent",
        [(DAY + "09:00:00Z", {"entries": 3}), (DAY + "09:00:00Z", {"entries": 5})],
        entries(d04=5),
    ),
    FieldSequence(
        "intervals-beside-a-swap",
        [
            (DAY + "09:00:00Z", {"entries": 3, "entries_total": 500}),
            (DAY + "09:10:00Z", {"entries": 7, "entries_total": 507}),
            (DAY + "09:20:00Z", {"entries": 4, "entries_total": 90_000_000}),
            (DAY + "09:30:00Z", {"entries": 2, "entries_total": 90_000_002}),
        ],
        entries(d04=7 + 4 + 2),
        sensor={"counter_bits": 32},
    ),
    FieldSequence(
        "intervals-beside-a-total-of-zero",
        [(f"{DAY}09:{minute:02}:00Z", {"entries": 3, "entries_total": 0}) for minute in (0, 10, 20)],
        entries(d04=9),
    ),
    FieldSequence(
        "intervals-beside-a-total-that-begins",
        [
            (DAY + "09:00:00Z", {"entries": 0, "entries_total": 0}),
            (DAY + "09:10:00Z", {"entries": 5, "entries_total": 5}),
            (DAY + "09:20:00Z", {"entries": 2, "entries_total": 7}),
        ],
        entries(d04=7),
    ),
    FieldSequence(
        "the-first-count-ends-at-midnight",
        [("2026-11-05T00:00:00Z", {"entries": 4}), ("2026-11-05T00:10:00Z", {"entries": 5})],
        entries(d03=None, d04=4, d05=5),
        sensor={"stamp": "end"},
    ),
    FieldSequence(
        "the-first-count-begins-at-midnight",
        [("2026-11-05T00:00:00Z", {"entries": 4})],
        entries(d04=None, d05=4),
    ),
    FieldSequence(
        "out-of-order",
        [
            *totals(DAY + "09:00", 500),
            *totals(DAY + "09:20", 507),
            *totals(DAY + "09:10", 503),
            *totals(DAY + "09:30", 509),
        ],
        entries(d04=9),
    ),
    FieldSequence(
        "a-zero-that-comes-late",
        [*totals(DAY + "09:00", 500), *totals(DAY + "09:20", 507, 509), *totals(DAY + "09:10", 0)],
        entries(d04=9),
    ),
    FieldSequence(
        "over-the-hour-that-comes-twice",
        [("2026-10-24T22:00:00Z", {"entries_total": 100}), ("2026-10-26T00:00:00Z", {"entries_total": 126})],
        {"2026-10-24": {"entries": 1}, "2026-10-25": {"entries": 25}},
    ),
    FieldSequence(
        "an-event-counter",
        [(f"2026-11-04T09:{minute:02}:30Z", {"entries": 1}) for minute in (1, 1, 2, 30, 59)],
        entries(d04=4),
        sensor={"every": "change", "heartbeat": "60m"},
    ),
    FieldSequence(
        "a-night-of-sentinels", totals(DAY + "09:00", 50_000, *[65_535] * 12, 50_003, 50_006), entries(d04=6)
    ),
    FieldSequence("a-run-of-32767", totals(DAY + "09:00", 25_000, *[32_767] * 5, 25_003, 25_006), entries(d04=6)),
    FieldSequence(
        "sentinels-and-zeros-in-turn", totals(DAY + "09:00", 50_000, *[65_535, 0] * 8, 50_003, 50_006), entries(d04=6)
    ),
    FieldSequence("a-sentinel-just-above", totals(DAY + "09:00", 64_000, 65_535, 64_003, 64_006), entries(d04=6)),
    FieldSequence(
        "a-sentinel-over-a-weekend",
        [
            *totals("2026-11-06T09:00", 50_000, 50_003),
            *totals("2026-11-09T09:00", 65_535, 50_003, 50_006),
        ],
        entries(d06=3, d09=3),
        opening=WEEKDAYS,
    ),
    FieldSequence("zeros-of-a-small-counter", totals(DAY + "09:00", 5, 0, 6, 7), entries(d04=2)),
    FieldSequence("zeros-of-a-new-counter", totals(DAY + "09:00", 0, 1, 2, 0, 3, 5, 0, 0, 8, 12), entries(d04=12)),
    FieldSequence(
        "totals-that-never-have-a-value",
        [(DAY + f"09:{i}0:00Z", {"entries": n, "entries_total": 65_535}) for i, n in enumerate((3, 7, 2))],
        entries(d04=12),
    ),
    FieldSequence(
        "intervals-while-the-total-was-reset",
        [
            *totals(DAY + "09:00", 1000, 1003),
            *totals(DAY + "09:20", *[5] * 12, name="entries"),
            *totals(DAY + "11:20", 65, 66),
        ],
        entries(d04=69),
    ),
    FieldSequence(
        "resets-daily-twice-late",
        [*totals(DAY + "23:35", 90, 92, 94), *totals("2026-11-05T00:05", 95, 96, 0, 1)],
        entries(d04=95, d05=2),
        sensor={"resets": "daily"},
    ),
    FieldSequence(
        "resets-daily-and-late-with-nothing-after",
        [*totals(DAY + "23:50", 94), *totals("2026-11-05T00:05", 97), *totals("2026-11-05T03:00", 130, 131)],
        entries(d04=94, d05=131),
        sensor={"resets": "daily"},
    ),
    FieldSequence(
        "restarts-each-midnight-and-is-dead-for-days",
        [
            *(
                reading
                for day, last in (("02", 80), ("03", 70), ("04", 90), ("05", 60))
                for reading in totals(f"2026-11-{day}T00:30", 0, 1, last // 2, last, last, every_min=330)
            ),
            *totals("2026-11-09T15:00", 75, 77, every_min=330),
        ],
        # By 15:00 on the 9th 75 people had come since midnight, of whom more than 15 may have come on no day before.
        entries(d02=80, d03=70, d04=90, d05=60, d06=None, d08=None, d09=77),
        sensor={"every": "330m", "counter_bits": 32},
    ),
    FieldSequence(
        "restarts-each-midnight-and-another-device-after-a-day-of-zeros",
        [
            *(
                reading
                for day, last in (("02", 80), ("03", 70), ("04", 90), ("05", 60))
                for reading in totals(f"2026-11-{day}T00:30", 0, 1, last // 2, last, last, every_min=330)
            ),
            *totals("2026-11-06T00:30", 0, 0, 0, 15_000, 15_000, every_min=330),
            *totals("2026-11-07T00:30", 0, 30, every_min=330),
        ],
        # Whoever came on the 6th came between the last 0 and the other device, which nobody knows of.
        entries(d02=80, d03=70, d04=90, d05=60, d06=0, d07=30),
        sensor={"every": "330m", "counter_bits": 32, "max_step": 2000},
    ),
    FieldSequence(
        "restarts-each-midnight-and-has-as-many-after-a-morning-of-zeros",
        [
            *(
                reading
                for day, last in (("02", 80), ("03", 70), ("04", 90), ("05", 20))
                for reading in totals(f"2026-11-{day}T00:30", 0, 1, last // 2, last, last, every_min=330)
            ),
            *totals("2026-11-06T00:30", 0, 0, 45, 60, 60, every_min=330),
        ],
        entries(d02=80, d03=70, d04=90, d05=20, d06=60),
        sensor={"every": "330m", "counter_bits": 32},
    ),
    FieldSequence(
        "zeros-after-a-reset-and-then-another-device",
        totals(DAY + "09:00", 45_700, 45_712, *[0] * 40, 15_000, 15_004),
        entries(d04=16),
        sensor={"max_step": 2000, "counter_bits": 16},
    ),
    FieldSequence(
        "grows-on-over-days-of-silence",
        [
            *totals("2026-11-02T00:30", *range(0, 60, 5), every_min=330),
            *totals("2026-11-07T00:30", 175, 177, every_min=330),
        ],
        entries(d05=49, d06=48),
        sensor={"every": "330m", "counter_bits": 32},
    ),
    FieldSequence(
        "two-people-at-midnight",
        [
            ("2026-11-05T00:00:00Z", [{"time": "2026-11-05T00:00:00Z", "entries": n} for n in (3, 4)]),
            ("2026-11-05T12:00:00Z", {"entries": 1}),
        ],
        entries(d05=1),
        sensor={"stamp": "end"},
    ),
    FieldSequence(
        "late-data-that-takes-what-was-shared",
        [
            *totals("2026-11-01T12:00", 100),
            *totals("2026-11-05T12:00", 500, 500),
            *totals("2026-11-01T13:00", 500),
        ],
        entries(d01=400, d02=0, d03=0, d04=0, d05=0),
    ),
]
"""Other fields, other ways of writing, and what comes late or twice."""
