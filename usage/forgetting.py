"""Forget sensors that somebody made up: their points go, and the days that they touched are computed again.

store -> what a hub's sensors of some names have -> marks -> delete -> marks again, for whoever computed in between
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from schemas import KINDS, Estate, HubpulseError
from schemas.localtime import Span
from stores import Store
from stores.influxql import TIME_MAX_NS, TIME_MIN_NS
from stores.lines import encode
from usage.calendar import HubCalendar
from usage.plan import HubPlan
from usage.queries.sensors import SENSOR_STATUS, read_last_seen
from usage.rows import DAILY_DOOR, MARKS, write
from usage.sensor_limit import is_named

_LISTS = (SENSOR_STATUS, DAILY_DOOR)
"""Where a sensor is named that has no readings any more."""
_MARKS_AT_ONCE = 1000
_NONE = Span(0, 0)


@dataclass(slots=True)
class Found:
    """The sensors of a hub that some names stand for. `midnights_ns` are those of the local days of their readings."""

    hub: str
    readings: dict[str, int] = field(default_factory=dict)
    """How many readings each has."""
    named: set[str] = field(default_factory=set)
    """Those that the estate file names: they are not forgotten."""
    midnights_ns: set[int] = field(default_factory=set)


def find_sensors(
    store: Store, estate: Estate, patterns: Sequence[str], *, hub: str | None, now_ns: int
) -> Iterator[Found]:
    """What the sensors have whose ids match a pattern (`*` and `?` as in a shell), by hub. Raises StoreError."""
    in_estate = {known.id for known in estate.hubs}
    hubs = [hub] if hub is not None else sorted(in_estate | read_last_seen(store, now_ns).keys())

    def matches(sensor: str) -> bool:
        return any(fnmatchcase(sensor, pattern) for pattern in patterns)

    for each in hubs:
        found = _find(store, _Search(estate, each, matches))
        if found.readings or found.named:
            yield found


def forget_sensors(
    store: Store, found: Found, *, clock_ns: Callable[[], int], goes_on: Callable[[], bool] = lambda: True
) -> None:
    """Delete every point of the sensors found, and mark their days. Raises HubpulseError."""
    _mark(store, found, clock_ns())
    if not store.forget(found.hub, found.readings.keys(), goes_on=goes_on):
        raise HubpulseError("the store deletes no points: sensors can't be forgotten there")
    _mark(store, found, clock_ns())


class _Search:
    """Looks for the sensors of a hub."""

    def __init__(self, estate: Estate, hub: str, matches: Callable[[str], bool]) -> None:
        self.found = Found(hub)
        self._plan, self._calendar = HubPlan.of(estate, hub), HubCalendar(estate, hub)
        self._matches = matches
        self._known: dict[str, bool] = {}
        self._day = _NONE

    def is_asked_for(self, sensor: str) -> bool:
        """Whether a sensor is one to forget; those of the estate file are noted."""
        if sensor not in self._known:
            is_match = self._matches(sensor)
            is_ours = is_match and is_named(self._plan, sensor)
            if is_ours:
                self.found.named.add(sensor)
            self._known[sensor] = is_match and not is_ours
        return self._known[sensor]

    def count(self, sensor: str, times_ns: Sequence[int]) -> None:
        """Take readings into account, and their days."""
        self.found.readings[sensor] = self.found.readings.get(sensor, 0) + len(times_ns)
        for time_ns in times_ns:
            if not self._day.start_ns <= time_ns < self._day.stop_ns:
                self._day = self._calendar.day(self._calendar.date_of(time_ns)).span
                self.found.midnights_ns.add(self._day.start_ns)


def _find(store: Store, search: _Search) -> Found:
    where = {"hub": search.found.hub}
    for kind in KINDS:
        for chunk in store.read(kind, start_ns=TIME_MIN_NS, stop_ns=TIME_MAX_NS, where=where):
            if search.is_asked_for(chunk.tags["sensor"]):
                search.count(chunk.tags["sensor"], chunk.times_ns)
    for measurement in _LISTS:
        for chunk in store.latest(measurement, before_ns=TIME_MAX_NS, where=where):
            if search.is_asked_for(chunk.tags["sensor"]):
                search.count(chunk.tags["sensor"], ())
    return search.found


def _mark(store: Store, found: Found, now_ns: int) -> None:
    lines = [encode(MARKS, {"hub": found.hub}, {"marked_ns": now_ns}, each) for each in sorted(found.midnights_ns)]
    for start in range(0, len(lines), _MARKS_AT_ONCE):
        write(store, lines[start : start + _MARKS_AT_ONCE])
