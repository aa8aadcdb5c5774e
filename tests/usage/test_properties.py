"""What never changes a figure: the order of arrival, the batches that readings came in, and repeats."""

import random
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from schemas import Kind
from schemas.localtime import Span
from stores.sqlite_store import SqliteStore
from tests.usage.given import DAY_NS, HOUR_NS, MUCH_LATER_NS, at, estate, figures_of, hub, lines, put_lines
from usage import RollupWriter
from usage.counters import CounterRules
from usage.rollup import Figures
from usage.rows import DAILY, HOURLY, read_rows
from usage.totals import growth

DAY = "2026-10-25"  # 25 hours
DAY_DATE = date.fromisoformat(DAY)
EVER = Span(0, 2**62)
START_NS = at("2026-10-24T23:00")
KNOWN = estate(
    hub(
        altitude_m=60,
        opening={"mon-sun": "00:30-17:00"},
        sensors=[{"id": "a", "every": "30m", "counter_bits": 16, "max_step": 500}],
    )
)

_times = st.integers(START_NS - 6 * HOUR_NS, START_NS + DAY_NS + 6 * HOUR_NS)
_fields = st.one_of(
    st.fixed_dictionaries({"entries": st.integers(0, 50), "exits": st.integers(0, 50)}).map(
        lambda fields: (Kind.FOOTFALL, fields)
    ),
    st.fixed_dictionaries({"entries_total": st.integers(0, 65_535), "exits_total": st.integers(0, 65_535)}).map(
        lambda fields: (Kind.FOOTFALL, fields)
    ),
    st.fixed_dictionaries({"clients": st.integers(0, 80)}).map(lambda fields: (Kind.WIFI, fields)),
    st.fixed_dictionaries({"co2_ppm": st.floats(400, 2500)}).map(lambda fields: (Kind.CO2, fields)),
    st.fixed_dictionaries({"temperature_c": st.floats(0, 30)}).map(lambda fields: (Kind.TEMPERATURE, fields)),
    st.fixed_dictionaries({"relative_humidity_pct": st.floats(20, 100)}).map(lambda fields: (Kind.HUMIDITY, fields)),
    st.fixed_dictionaries({"pressure_hpa": st.floats(950, 1050)}).map(lambda fields: (Kind.PRESSURE, fields)),
)
_readings = st.lists(
    st.tuples(_times, _fields, st.sampled_from(["a", "b"]), st.sampled_from([None, "hall"])),
    max_size=40,
    # A repeat overwrites itself, so a series and time has one content.
    unique_by=lambda reading: (reading[0], reading[1][0], reading[2]),
)


def figures_after(batches: list[list[str]]) -> Figures:
    with TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "store.db")
        for batch in batches:
            put_lines(store, batch)
        found = figures_of(store, KNOWN, DAY)
        store.close()
        return found


@given(readings=_readings.filter(bool), chance=st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_order_of_arrival_batches_and_repeats_never_change_a_figure(
    readings: list[tuple[int, tuple[Kind, dict[str, float]], str, str | None]], chance: random.Random
) -> None:
    batch = [
        line
        for time_ns, (kind, fields), sensor, zone in readings
        for line in lines(kind, [(time_ns, fields)], sensor=sensor, zone=zone)
    ]
    shuffled = batch + chance.choices(batch, k=len(batch))
    chance.shuffle(shuffled)
    cuts = sorted(chance.choices(range(len(shuffled) + 1), k=3))
    pieces = [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(shuffled)], strict=True) if a < b]
    assert figures_after(pieces) == figures_after([batch])


@given(_readings.filter(bool))
# A hub's first day is that of its first reading, even one that no figure comes of.
@example([(START_NS, (Kind.FOOTFALL, {"entries_total": 0, "exits_total": 0}), "a", None)])
@settings(max_examples=25, deadline=None)
def test_recomputing_twice_is_recomputing_once_and_what_is_kept_is_what_is_computed(
    readings: list[tuple[int, tuple[Kind, dict[str, float]], str, str | None]],
) -> None:
    with TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "store.db")
        for time_ns, (kind, fields), sensor, zone in readings:
            put_lines(store, lines(kind, [(time_ns, fields)], sensor=sensor, zone=zone))
        computed = figures_of(store, KNOWN, DAY)
        kept = []
        for _ in range(2):
            writer = RollupWriter(store, KNOWN, "armley", now_ns=MUCH_LATER_NS)
            changes = [changed for _, changed in writer.recompute([DAY_DATE])]
            rows = (read_rows(store, name, "armley", EVER) for name in (DAILY, HOURLY))
            kept.append((changes, *rows))
        store.close()
    # A hub that nobody had heard of until the day has no row of it.
    daily = {START_NS: computed} if min(time_ns for time_ns, *_ in readings) < START_NS + 25 * HOUR_NS else {}
    assert kept[0] == kept[1] == ([[]], daily, kept[0][2])


@given(st.lists(st.integers(0, 300), min_size=2, max_size=30), st.integers(0, 65_535))
def test_a_counter_that_rolls_over_counts_everyone(steps: list[int], start: int) -> None:
    totals = [start]
    for step in steps:
        totals.append((totals[-1] + step) % 65_536)
    assume(totals[-1] != 0)  # else what the fall was is known with the next people only
    rules = CounterRules(bits=16, step_max=300, every_ns=HOUR_NS)
    found = growth([i * HOUR_NS for i in range(len(totals))], totals, rules)
    assert sum(step.growth for step in found.steps) == sum(steps)


@given(st.lists(st.integers(0, 2**40), max_size=20), st.sampled_from([None, 16, 32]))
def test_no_totals_whatever_count_backwards_or_lose_their_place(totals: list[int], bits: int | None) -> None:
    found = growth([i * HOUR_NS for i in range(len(totals))], totals, CounterRules(bits=bits))
    assert all(step.growth >= 0 for step in found.steps)
    assert all(a.stop_ns == b.start_ns for a, b in zip(found.steps, found.steps[1:], strict=False))


@given(st.dates(date(2024, 1, 1), date(2026, 12, 31)), st.integers(0, 25), st.integers(1, 60), st.integers(0, 500))
@settings(max_examples=30, deadline=None)
def test_neighbouring_days_share_a_counter_without_losing_anyone(
    day: date, start_hour: int, gap_hours: int, count: int
) -> None:
    start_ns = at(f"{day.isoformat()}T00:00", "Europe/London") + start_hour * HOUR_NS
    readings = [(start_ns, {"entries_total": 1000}), (start_ns + gap_hours * HOUR_NS, {"entries_total": 1000 + count})]
    with TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "store.db")
        put_lines(store, lines(Kind.FOOTFALL, readings))
        days = [date.fromordinal(day.toordinal() + step).isoformat() for step in range(-1, 5)]
        counted = [figures_of(store, estate(), text)["entries"] or 0 for text in days]
        store.close()
    assert sum(counted) == count
