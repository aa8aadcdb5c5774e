"""Which series the readings of a device belong to, looked up once for each of its kinds and lines."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.encode import HubDays, SeriesEncoder
from ingest.new_sensors import NewSensors
from schemas.kinds import Kind
from schemas.readings import Reason, Rejection
from schemas.sources import Source
from sensors.registry import Registry

SERIES_MAX = 100_000
"""Series, and names of devices, that are remembered; then all are forgotten, and looked up anew."""


class SeriesIndex:
    """The series of an estate's devices."""

    def __init__(self, registry: Registry, new_sensors: NewSensors, now_ns: int) -> None:
        self._registry = registry
        self._new_sensors = new_sensors
        self._now_ns = now_ns
        self._series: dict[tuple[str, Kind, int, str], SeriesEncoder] = {}
        self._devices: dict[tuple[Sequence[str], str], str] = {}
        self._days: dict[str, HubDays] = {}
        self.today_ns = 0
        """From here on it is today at every hub."""

    def __len__(self) -> int:
        return len(self._series) + len(self._devices)

    def refresh(self, now_ns: int) -> None:
        """Take `now_ns` for now."""
        self._now_ns = now_ns
        for days in self._days.values():
            days.refresh(now_ns)
            self.today_ns = max(self.today_ns, days.today_ns)

    def device_of(self, names: tuple[str, ...], source: Source) -> str | Rejection:
        """The first of a device's names that a sensor has, or why messages of this source are not taken for it."""
        known = self._devices.get((names, source.topic))
        if known is not None:
            return known
        found = self._registry.find_any(names, source)
        if not isinstance(found, Rejection):
            self._devices[names, source.topic] = found
        return found

    def series_of(self, device: str, kind: Kind, line: int, source: Source) -> SeriesEncoder | Rejection:
        """The series of a device's kind and line, or why there is none."""
        key = device, kind, line, source.topic
        known = self._series.get(key)
        if known is not None:
            return known
        place = self._registry.locate(device, kind, line, source)
        if isinstance(place, Rejection):
            return place
        if not place.is_named and not self._new_sensors.admits(place.hub, place.sensor, self._now_ns):
            most = self._new_sensors.count_max
            problem = f"hub {place.hub} has {most} sensors that are not in the estate file: add this one, then redrive"
            return Rejection(Reason.UNKNOWN_SENSOR, problem)
        if place.hub not in self._days:
            self._days[place.hub] = days = HubDays(place.hub, place.zone_info, self._now_ns)
            self.today_ns = max(self.today_ns, days.today_ns)
        self._series[key] = series = SeriesEncoder(place, self._days[place.hub])
        return series
