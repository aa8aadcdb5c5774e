"""Named kinds of run: which days, which crowds, which faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from schemas import Estate, HubpulseError
from schemas.localtime import NS_AN_HOUR, day_span
from sensors.estate_file import load_estate
from simulators.faults import describe
from simulators.people import OPENED
from simulators.simulation import LEEDS, Days, Simulation

HUBS_MAX = 1000
_AROUND_A_CHANGE_DAYS = 3
_BUSY_TIMES = 4.0
_BEYOND_DISTINCTION = ("counter-reset-midnight", "swapped-device", "wrong-zone")
"""Faults that look like something else where other faults strike too."""
_SAID_BY_GAPS = ("radio-loss",)
"""Faults that another one does already, of which they would hide what the truth notes."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of run. `spans` picks the days from the zone, the last day and the number of days asked for."""

    summary: str
    faults: tuple[str, ...] = ()
    spans: Callable[[ZoneInfo, date, int], tuple[Days, ...]] = lambda _zone, last, days: (_until(last, days),)
    busy: bool = False


def _until(last: date, days: int) -> Days:
    return last - timedelta(days=days - 1), last


def _around_changes(zone: ZoneInfo, last: date, _days: int) -> tuple[Days, ...]:
    """Some days around each of the last two clock changes before `last`."""
    days = (last - timedelta(days=back) for back in range(3, 800))
    changes = [day for day in days if day_span(day, zone).length_ns != 24 * NS_AN_HOUR]
    if not changes:
        raise HubpulseError(f"the clocks of {zone.key} don't change: give an estate file of a zone where they do")
    around = timedelta(days=_AROUND_A_CHANGE_DAYS)
    return tuple((day - around, day + around) for day in sorted(changes[:2]))


SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        "normal": Scenario("an ordinary run of days; nothing goes wrong"),
        "outage": Scenario("hubs are cut off for hours to days and send their history late", ("outage", "late")),
        "chaos": Scenario(
            "nearly everything that goes wrong in the field, at once",
            tuple(name for name in describe() if name not in (*_BEYOND_DISTINCTION, *_SAID_BY_GAPS)),
        ),
        "clock-change": Scenario("a week around each of the last two clock changes", spans=_around_changes),
        "busy-day": Scenario("an ordinary run of days, and on the last open one four times the people", busy=True),
    }
)


def simulation(
    document: Mapping[str, Any],
    *,
    scenario: str,
    last: date,
    days: int,
    seed: int,
    faults: tuple[str, ...] = (),
    live: bool = False,
) -> Simulation:
    """The run that a scenario asks for, with further faults. `last` is its last day, unless it goes on `live`.

    Raises HubpulseError.
    """
    if scenario not in SCENARIOS:
        raise HubpulseError(f"no scenario is called {scenario!r}: choose from {', '.join(SCENARIOS)}")
    asked = SCENARIOS[scenario]
    estate = Estate.model_validate(document)
    spans = asked.spans(ZoneInfo(estate.timezone), last, days)
    if spans[0][0] < OPENED:
        raise HubpulseError(f"the simulated estate opened on {OPENED}: simulate days from then on, not {spans[0][0]}")
    if live:
        if spans[-1][1] != last:
            raise HubpulseError(f"scenario {scenario!r} has days of its own: it can't go on live")
        spans = (*spans[:-1], (spans[-1][0], None))
    return Simulation(
        document,
        spans,
        seed,
        scenario=scenario,
        faults=(*asked.faults, *faults),
        crowds={_busy_day(last): _BUSY_TIMES} if asked.busy else {},
    )


def _busy_day(last: date) -> date:
    """The last Wednesday of the run: most hubs are open on it."""
    return last - timedelta(days=(last.weekday() - 2) % 7)


def estate_document(path: Path | None, *, hubs: int | None = None) -> dict[str, Any]:
    """The content of an estate file, of the model estate where there is none, with so many hubs.

    More hubs than the file has are copies of them, named `armley-2` and so on. Raises HubpulseError.
    """
    load_estate(path or LEEDS)
    document: dict[str, Any] = yaml.safe_load((path or LEEDS).read_text(encoding="utf-8"))
    known = document.get("hubs") or []
    if not known:
        raise HubpulseError(f"{path} names no hubs: add some, or leave --estate out for the model estate")
    if hubs is not None:
        if not 1 <= hubs <= HUBS_MAX:
            raise HubpulseError(f"--hubs {hubs} is not between 1 and {HUBS_MAX}")
        document["hubs"] = [_copy(known[at % len(known)], at // len(known)) for at in range(hubs)]
    return document


def _copy(hub: dict[str, Any], number: int) -> dict[str, Any]:
    if number == 0:
        return hub
    name = hub.get("name") or hub["id"]
    sensors = [{key: value for key, value in s.items() if key != "device"} for s in hub.get("sensors", [])]
    return hub | {"id": f"{hub['id']}-{number + 1}", "name": f"{name} {number + 1}", "sensors": sensors}
