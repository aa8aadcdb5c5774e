"""Humidity of a sensor that is dead: many then send 100 % beside a temperature that nobody can measure (BME280)."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.encode import SeriesEncoder
from schemas.kinds import Kind
from schemas.readings import Rejection
from sensors.formats import Fields
from sensors.times import SinceReceipt

Instant = int | SinceReceipt | None
_SATURATED_PCT = 100


def dead_sensors(
    readings: Sequence[tuple[SeriesEncoder, Instant, Fields] | Rejection],
) -> set[tuple[tuple[str, str], Instant]]:
    """The sensors of one message, and their times, whose humidity is full and whose temperature is refused."""
    humid = {
        (series.sensor, time_ns)
        for series, time_ns, fields in (reading for reading in readings if isinstance(reading, tuple))
        if series.kind is Kind.HUMIDITY and max(fields.values()) >= _SATURATED_PCT
    }
    if not humid:
        return humid
    refused = {
        (series.sensor, time_ns)
        for series, time_ns, fields in (reading for reading in readings if isinstance(reading, tuple))
        if series.kind is Kind.TEMPERATURE and series.refuses(fields)
    }
    return humid & refused
