"""Doors that nobody meant: one that the estate file does not name makes another door of a hub, for two weeks.

As long as it is expected, a day on which it sends nothing is counted in part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from schemas import Estate, Kind
from schemas.localtime import local_day, rfc3339
from schemas.texts import _, day_and_month
from usage.coverage import DIED_NS
from usage.plan import HubPlan
from usage.queries import SensorState
from usage.sensor_limit import is_named


@dataclass(frozen=True, slots=True)
class StrayDoor:
    """A door beside those that the estate file names at a hub. Days are the hub's local days."""

    hub: str
    door: str
    last_seen_ns: int
    last: date
    """The day of its last reading."""
    until: date
    """Until this day it is expected to send, unless the estate file says otherwise."""
    line: str
    """What names it among the hub's sensors in the estate file."""

    def sentence(self, today: date) -> str:
        """`door-9 counts as a door of its own ..., and is expected until 12 November`."""
        words = _("{door} counts as another door, is not in the estate file, and is expected until {day}")
        return words.format(door=self.door, day=day_and_month(self.until, today))

    @property
    def advice(self) -> str:
        """What to write, and where."""
        ended = self.line.replace("}", f", until: {self.last}}}")
        words = _("in the estate file, add to the sensors of {hub}: {line}; if it is no door: {ended}")
        return words.format(hub=self.hub, line=self.line, ended=ended)

    def row(self) -> dict[str, str]:
        """For programs."""
        days = {"last_seen": rfc3339(self.last_seen_ns), "until": self.until.isoformat()}
        return {"hub": self.hub, "door": self.door, **days, "line": self.line}


def stray_doors(
    sensors: Mapping[str, Sequence[SensorState]], estate: Estate, now_ns: int, hub: str | None = None
) -> Iterator[StrayDoor]:
    """The stray doors of the hubs of which the estate file names a door; elsewhere every door is meant."""
    for name, states in sensors.items():
        plan = HubPlan.of(estate, name)
        doors = [state for state in states if Kind.FOOTFALL in state.kinds and hub in (None, name)]
        others = [state for state in doors if not is_named(plan, state.sensor)]
        if len(others) == len(doors):
            continue
        for state in others:
            seen_ns = state.last_seen_ns
            if seen_ns is not None and now_ns - seen_ns <= DIED_NS:
                zone = estate.zone_of(name)
                last, until = local_day(seen_ns, zone), local_day(seen_ns + DIED_NS, zone)
                yield StrayDoor(name, state.sensor, seen_ns, last, until, state.estate_line)
