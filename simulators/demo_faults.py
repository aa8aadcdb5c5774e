"""What is wrong at the demo's estate, so that a newcomer sees what asks for attention, and what is refused.

The same sensors at every start: a door counter and an air sensor that fell silent, a flat battery, stale air.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas import Kind
from schemas.localtime import NS_AN_HOUR
from simulators.messages import TimedMessage
from simulators.transmissions import Disturb, Transmission

SILENT_FOR_H: Mapping[tuple[str, str], int] = {("kirkstall", "door-1"): 30, ("bramley", "air-library"): 96}
"""Sensors that send nothing any more, by hub and id, and since how many hours."""
FLAT_BATTERY, FLAT_PCT = ("garforth", "air-library"), 6.0
STALE_AIR, STALE_PPM = ("holbeck", "air-library"), 1200.0
"""An air sensor in a room without ventilation: so much above what it would be."""

REFUSED: Sequence[tuple[str, bytes]] = (
    ("hubs/armly/footfall/door-1", b'{"entries": 3, "exits": 2}'),
    ("hubs/leeds-dock/temperature/air-1", b'{"value": 20.5}'),
    ("hubs/otley/temperature/air-hall", b"online"),
    ("hubs/otley/humidity/air-hall", b'{"value": 655.35}'),
)
"""A misspelt hub, a hub that the estate file does not name, no reading, no humidity."""


def demo_faults(now_ns: int) -> Disturb:
    """What becomes of a series' transmissions; a silent sensor fell silent before `now_ns`."""

    def disturb(transmissions: list[Transmission]) -> list[Transmission]:
        first = transmissions[0]
        sensor = first.hub, first.sensor.id
        if sensor in SILENT_FOR_H:
            last_ns = now_ns - SILENT_FOR_H[sensor] * NS_AN_HOUR
            return [t for t in transmissions if t.sent_ns < last_ns]
        if sensor == FLAT_BATTERY and first.kind is Kind.DEVICE:
            return [t.with_fields(battery_pct=FLAT_PCT) for t in transmissions]
        if sensor == STALE_AIR and first.kind is Kind.CO2:
            return [t.with_fields(co2_ppm=t.observation.fields["co2_ppm"] + STALE_PPM) for t in transmissions]
        return transmissions

    return disturb


def refused_messages(now_ns: int) -> list[TimedMessage]:
    """Messages that the quarantine keeps, each for another reason to look at."""
    return [TimedMessage(now_ns, topic, payload) for topic, payload in REFUSED]
