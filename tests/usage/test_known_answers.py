"""Answers that others published or that a published formula gives; see data/SOURCE.md."""

import csv
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from schemas import Kind
from stores import Store
from tests.usage.given import HOUR_NS, MUCH_LATER_NS, at, estate, put
from usage import Queries, air
from usage.counters import Cause, CounterRules
from usage.totals import growth

DATA = Path(__file__).parent / "data"
CALIT2 = estate(timezone="America/Los_Angeles")


def vectors(name: str) -> list[Any]:
    found = json.loads((DATA / name).read_text())["vectors"]
    return [pytest.param(vector, id=vector["id"]) for vector in found]


AIR: dict[str, tuple[Callable[..., float], str]] = {
    "mould_rh_crit": (air.critical_humidity_pct, "rh_crit_pct"),
    "sea_level_pressure": (air.sea_level_pressure_hpa, "sea_level_pressure_hpa"),
}


# The vectors of formulas that no figure uses stay in the file, which is as its source has it.
@pytest.mark.parametrize("vector", [v for v in vectors("derived_measures.json") if v.values[0]["function"] in AIR])
def test_room_air(vector: Any) -> None:
    formula, unit = AIR[vector["function"]]
    assert formula(**vector["input"]) == pytest.approx(vector["expected"][unit], abs=vector["tolerance"])


@pytest.mark.parametrize("vector", [v for v in vectors("counters.json") if "states" in v.values[0]])
def test_counters(vector: Any) -> None:
    rules = CounterRules(bits=vector.get("width_bits"), step_max=vector.get("max_step", 2000), every_ns=HOUR_NS)
    states = vector["states"]
    found = growth([i * HOUR_NS for i in range(len(states))], states, rules)
    grown = [step.growth for step in found.steps]
    expected = vector["expected"]
    if "deltas" in expected:
        assert grown == expected["deltas"]
        resets = [c.time_ns // HOUR_NS for c in found.corrections if c.cause is Cause.RESET]
        assert resets == expected["resets_at"]
    else:
        assert [sum(grown[:i]) for i in range(len(states))] == expected["cumulative_growth"]


@pytest.mark.parametrize("vector", [v for v in vectors("counters.json") if "samples" in v.values[0]])
def test_a_gap_is_split_over_the_days(vector: Any, store: Store) -> None:
    put(store, Kind.FOOTFALL, [(at(time), {"entries_total": total}) for time, total in vector["samples"]])
    first, last = date(2024, 6, 1), date(2024, 6, 2)
    found = Queries(store, estate(timezone=vector["tz"]), now_ns=MUCH_LATER_NS).daily(first, last)
    told = ", ".join(f"{day.date} {day.figures['entries']}" for day in found)
    assert f"proportional: {told}" in vector["expected"]["options"]


def half_hours() -> list[tuple[str, int | None, int | None]]:
    with (DATA / "calit2_clock_change.csv").open() as table:
        return [
            (row["local_time_start"], _count(row["in_count"]), _count(row["out_count"]))
            for row in csv.DictReader(table)
        ]


def _count(cell: str) -> int | None:
    return int(cell) if cell else None


def test_a_real_door_over_a_clock_change_has_the_sums_of_its_own_file(store: Store) -> None:
    expected: dict[str, tuple[int, int]] = {}
    for time, entries, exits in half_hours():
        sums = expected.get(time[:10], (0, 0))
        expected[time[:10]] = sums[0] + (entries or 0), sums[1] + (exits or 0)
        counted = {"entries": entries, "exits": exits}
        fields = {name: count for name, count in counted.items() if count is not None}
        put(store, Kind.FOOTFALL, [(at(time, "America/Los_Angeles"), fields)], hub="calit2", sensor="door")
    days = [date.fromisoformat(day) for day in expected]
    queries = Queries(store, CALIT2, now_ns=MUCH_LATER_NS)
    found = list(queries.daily(days[0], days[-1]))
    assert {d.date.isoformat(): (d.figures["entries"], d.figures["exits"]) for d in found} == expected
    hours = list(queries.hourly(days[0], days[-1]))
    assert len(hours) == 7 * 24 + 1
    assert sum(int(hour.figures["entries"] or 0) for hour in hours) == sum(entries for entries, _ in expected.values())
    drift = [entries - exits for entries, exits in expected.values()]
    assert [day.figures["occupancy_drift"] for day in found] == drift
