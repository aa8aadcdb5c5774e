"""A year of somebody's own estate before it is lived: its doors, as people use them, and what goes wrong with counters.

Only people are rehearsed, so only the door counters are there; each speaks natively at its interval, with the totals
that the estate file says it has. What a counter misses while it works is no part of it: a hand count tells that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from schemas import HubpulseError
from simulators.scenarios import simulation
from simulators.simulation import SimulatedEstate, Simulation

FAULTS = (
    "rollover",
    "counter-reset-reboot",
    "gaps",
    "radio-loss",
    "dead-sensor",
    "outage",
    "late",
    "out-of-order",
    "duplicates",
)
"""What goes wrong with door counters and on their way, each as often as `simulate list` says."""
_OF_ESTATE = ("name", "timezone", "holidays")
_OF_HUB = ("id", "name", "timezone", "opening", "closures")
_OF_DOOR = ("id", "zone", "counter_bits", "max_step")
_EVERY = "10m"

Truth = Callable[[str, date, date], int]
"""How many people a hub's counters would have counted from a first to a last day, had nothing gone wrong."""


def rehearsal(
    document: Mapping[str, Any], *, last: date, days: int, seed: int, faults: Sequence[str] = FAULTS
) -> tuple[Simulation, Truth]:
    """The simulation of an estate file's content, and the truth about it. Raises HubpulseError."""
    hubs = [_doors_alone(hub, last - timedelta(days=days)) for hub in document.get("hubs") or []]
    with_doors = [hub for hub in hubs if hub["sensors"]]
    if not with_doors:
        raise HubpulseError("the estate file names no door counter: add sensors with kinds [footfall] to rehearse")
    doors = {name: document[name] for name in _OF_ESTATE if name in document} | {"hubs": with_doors}
    run = simulation(doors, scenario="normal", last=last, days=days, seed=seed, faults=tuple(faults))
    run.fault_plan()
    people = {hub.hub.id: hub.people for hub in SimulatedEstate(run.estate, seed=seed).hubs}

    def counted(hub: str, first: date, last: date) -> int:
        before, after = (people[hub].totals_until(day) for day in (first, last + timedelta(days=1)))
        return sum(late.entries - early.entries for early, late in zip(before.by_door, after.by_door, strict=True))

    return run, counted


def _doors_alone(hub: Mapping[str, Any], since: date) -> dict[str, Any]:
    doors = [
        {name: sensor[name] for name in _OF_DOOR if name in sensor} | {"kinds": ["footfall"], "every": _every(sensor)}
        for sensor in hub.get("sensors") or []
        if "footfall" in (sensor.get("kinds") or []) and not _is_retired(sensor, since)
    ]
    return {name: hub[name] for name in _OF_HUB if name in hub} | {"sensors": doors}


def _every(sensor: Mapping[str, Any]) -> str:
    """How often a door reports; one that does on change only is rehearsed with ten minutes."""
    every = str(sensor.get("every") or _EVERY)
    return _EVERY if every == "change" else every


def _is_retired(sensor: Mapping[str, Any], since: date) -> bool:
    until = sensor.get("until")
    return until is not None and date.fromisoformat(str(until)) < since
