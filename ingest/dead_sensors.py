"""Humidity of a sensor that is dead: many then send 100 % beside a temperature that nobody can measure (BME280)."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.placed import Placed
from schemas.kinds import Kind
from schemas.readings import Rejection

_SATURATED_PCT = 100


def is_of_dead_sensor(humidity: Placed, readings: Sequence[Placed | Rejection]) -> bool:
    """Whether a humidity is full, and its sensor's temperature at the same instant of the message is refused."""
    if len(readings) == 1 or max(humidity[2].values()) < _SATURATED_PCT:
        return False
    return any(
        series.kind is Kind.TEMPERATURE
        and series.sensor == humidity[0].sensor
        and time_ns == humidity[1]
        and series.refuses(fields)
        for series, time_ns, fields in (reading for reading in readings if isinstance(reading, tuple))
    )
