"""Figures corrected by what an audit found, beside the figures as they were counted and never in their place.

A door is corrected where the estate file says so (`corrected: true`), from the day of its latest audit with a verdict,
until that audit's last day, while the estate file names the same device. A hub is corrected by what its doors are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from schemas import Estate
from usage.audits.equivalence import Verdict
from usage.audits.records import Audit, device_of
from usage.plan import HubPlan
from usage.queries import DoorFigures

CORRECTED = ("entries_corrected", "entries_corrected_low", "entries_corrected_high", "audit")
"""The columns of an export; bounds are those of nine in ten cases."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """A door's or hub's people as an audit corrects them; `counted` is what the counters counted."""

    counted: int
    people: int
    low: int
    high: int
    audits: tuple[str, ...]

    def columns(self) -> dict[str, int | str]:
        """By the names of an export's columns."""
        return dict(zip(CORRECTED, (self.people, self.low, self.high, "+".join(self.audits)), strict=True))


class Corrections:
    """The factors that hold at each door, by day."""

    def __init__(self, estate: Estate, audits: Iterable[Audit]) -> None:
        self._estate = estate
        self.are_asked_for = any(sensor.corrected for hub in estate.hubs for sensor in hub.sensors)
        """Whether the estate file asks for corrected figures of any door."""
        self._audits: dict[tuple[str, str], list[Audit]] = {}
        for audit in audits:
            if self._is_asked_for(audit.hub, audit.sensor) and _is_judged(audit):
                self._audits.setdefault((audit.hub, audit.sensor), []).append(audit)

    def of_door(self, door: DoorFigures) -> Corrected | None:
        """A door's people on a day, corrected; None where no factor holds, or nothing was counted."""
        entries = door.figures["entries"]
        audit = self._holding(door.hub, door.door, door.date)
        if audit is None or audit.result is None or entries is None:
            return None
        people, low, high = (round(entries * factor) for factor in audit.result["entries"]["factor"])
        return Corrected(int(entries), people, low, high, (audit.id,))

    def of_sum(self, entries: int | None, doors: Iterable[DoorFigures]) -> Corrected | None:
        """A hub's people, on a day or over days, with its doors of those days corrected that are to be.

        None where one of them is not corrected on one of the days, so that a sum is corrected wholly or not at all.
        """
        asked = [
            door for door in doors if self._is_asked_for(door.hub, door.door) and door.figures["entries"] is not None
        ]
        found = [each for door in asked if (each := self.of_door(door))]
        if entries is None or not found or len(found) < len(asked):
            return None
        rest = entries - sum(each.counted for each in found)
        audits = dict.fromkeys(audit for each in found for audit in each.audits)
        # One audit is off the same way on all its days, so that bounds add up.
        return Corrected(
            entries,
            rest + sum(each.people for each in found),
            rest + sum(each.low for each in found),
            rest + sum(each.high for each in found),
            tuple(audits),
        )

    def _holding(self, hub: str, door: str, day: date) -> Audit | None:
        """The latest audit whose factor holds on a day."""
        device = device_of(HubPlan.of(self._estate, hub).sensor(door))
        held = [a for a in self._audits.get((hub, door), ()) if self._first_day(a) <= day <= _last_day(a)]
        return held[-1] if held and held[-1].device == device else None

    def _is_asked_for(self, hub: str, door: str) -> bool:
        sensor = HubPlan.of(self._estate, hub).sensor(door)
        return sensor is not None and sensor.corrected

    def _first_day(self, audit: Audit) -> date:
        start = datetime.fromisoformat((audit.result or {})["counted"][0][0])
        return start.astimezone(self._estate.zone_of(audit.hub)).date()


def errors_by_hub(estate: Estate, audits: Iterable[Audit], day: date) -> dict[str, float]:
    """What each hub's count may be off by, as a share: the most of its doors, by their latest audits that hold."""
    latest = {(audit.hub, audit.sensor): audit for audit in audits if _is_judged(audit) and day <= _last_day(audit)}
    errors: dict[str, float] = {}
    for (hub, door), audit in latest.items():
        if audit.device == device_of(HubPlan.of(estate, hub).sensor(door)):
            factor, low, high = (audit.result or {})["entries"]["factor"]
            errors[hub] = max(errors.get(hub, 0.0), high / factor - 1, 1 - low / factor)
    return errors


def _is_judged(audit: Audit) -> bool:
    result = audit.result
    return bool(result and result["verdict"] != Verdict.NOT_ENOUGH and result["entries"]["factor"])


def _last_day(audit: Audit) -> date:
    return date.fromisoformat((audit.result or {})["valid_until"])
