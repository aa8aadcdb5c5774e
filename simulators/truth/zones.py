"""The air of zones: each zone weighs the same at each moment, and in it each sensor."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import fmean

from schemas import Hub, Kind
from schemas.localtime import Span
from simulators.truth.air import StepSignal

AIR_KINDS = {Kind.TEMPERATURE, Kind.HUMIDITY, Kind.PRESSURE, Kind.CO2}
Zones = Mapping[str, Sequence[StepSignal]]


def by_zone(signals: Iterable[StepSignal]) -> dict[str, list[StepSignal]]:
    """The signals of each zone; a sensor without one is a zone of its own."""
    zones: dict[str, list[StepSignal]] = {}
    for signal in signals:
        zones.setdefault(signal.sensor.zone or signal.sensor.id, []).append(signal)
    return zones


def mean(zones: Zones, spans: Iterable[Span]) -> float | None:
    """The mean over the time for which any sensor holds: moment by moment that of the zones, each that of its own."""
    areas, whole = [], 0
    for span in spans:
        edges = {time_ns for signals in zones.values() for signal in signals for time_ns in signal.edges(span)}
        for start, stop in pairwise(sorted(edges)):
            values = [value for signals in zones.values() if (value := _now(signals, start)) is not None]
            if values:
                areas.append(fmean(values) * (stop - start))
                whole += stop - start
    return math.fsum(areas) / whole if whole else None


def _now(signals: Iterable[StepSignal], time_ns: int) -> float | None:
    values = [value for signal in signals if (value := signal.at(time_ns)) is not None]
    return fmean(values) if values else None


def coldest(zones: Zones, spans: Sequence[Span]) -> float | None:
    """The lowest of the zones' means."""
    return min(_means(zones, spans), default=None)


def heard_of(hub: Hub) -> list[str]:
    """The zones of a hub in which anything about the air is measured."""
    of_air = [sensor for sensor in hub.sensors if AIR_KINDS & set(sensor.kinds)]
    return sorted({sensor.zone or sensor.id for sensor in of_air})


def _means(zones: Zones, spans: Sequence[Span]) -> list[float]:
    return [value for zone, signals in zones.items() if (value := mean({zone: signals}, spans)) is not None]
