"""What the estate file says of a hub's sensors: how often they report, and how their counters count."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from schemas import Estate, Kind, Sensor
from schemas.estate import Limits
from schemas.localtime import NS_A_SECOND, NS_AN_HOUR
from schemas.measures import CO2_POOR_PPM, WORKROOM_MIN_C
from usage.counters import PLAUSIBLE_PEOPLE, PLAUSIBLE_PEOPLE_NS, CounterRules

EVERY_DEFAULT_NS = 600 * NS_A_SECOND
"""The interval of a sensor that neither the estate file names nor three readings show."""
ON_CHANGE_NS = 4 * NS_AN_HOUR
"""How long a sensor that reports on change, without a heartbeat, may have nothing to say."""
_LINE = re.compile(r"-line\d+$")
EXPECTED_KINDS = frozenset(Kind) - {Kind.DEVICE}
"""The kinds whose readings completeness expects; the health of the sensor itself comes at any time."""


@dataclass(frozen=True, slots=True)
class HubPlan:
    """A hub's sensors as the estate file has them."""

    sensors: Mapping[str, Sensor]
    altitude_m: float | None
    co2_limit_ppm: float = CO2_POOR_PPM
    cold_limit_c: float = WORKROOM_MIN_C
    replacements: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By sensor: those that were put in its place."""

    @classmethod
    def of(cls, estate: Estate, hub: str) -> HubPlan:
        """The plan of a hub; empty for one that the estate does not name."""
        known = estate.hub(hub)
        if known is None:
            return cls({}, None)
        own = known.limits or Limits()
        replacements: dict[str, list[str]] = {}
        for sensor in known.sensors:
            if sensor.replaces is not None:
                replacements.setdefault(sensor.replaces, []).append(sensor.id)
        return cls(
            {sensor.id: sensor for sensor in known.sensors},
            known.altitude_m,
            CO2_POOR_PPM if own.co2_ppm is None else own.co2_ppm,
            WORKROOM_MIN_C if own.temperature_min_c is None else own.temperature_min_c,
            replacements,
        )

    def sensor(self, sensor: str) -> Sensor | None:
        """What the file says of a sensor; a counter's further lines are the sensor that they belong to."""
        return self.sensors.get(sensor) or self.sensors.get(_LINE.sub("", sensor))

    def zone_of(self, sensor: str) -> str | None:
        """The zone that a sensor is in now."""
        known = self.sensor(sensor)
        return known.zone if known else None

    def every_ns(self, sensor: str) -> int | None:
        """How often a sensor should report, where the file says it."""
        known = self.sensor(sensor)
        every_s = None if known is None else known.heartbeat_s if known.on_change else known.every_s
        return every_s * NS_A_SECOND if every_s else None

    def shows_interval(self, sensor: str) -> bool:
        """Whether a sensor's readings alone tell how often it reports."""
        known = self.sensor(sensor)
        return known is None or (known.every_s is None and known.heartbeat_s is None)

    def patience_ns(self, sensor: str) -> int:
        """How long after a reading nothing is missing, where readings themselves do not show it."""
        known = self.sensor(sensor)
        return self.every_ns(sensor) or (ON_CHANGE_NS if known and known.on_change else EVERY_DEFAULT_NS)

    def is_retired(self, sensor: str, day: date, seen: Collection[str]) -> bool:
        """Whether a sensor is no more: after its last day, or replaced by one of those that were `seen`."""
        known = self.sensor(sensor)
        if known is None:
            return False
        is_over = known.until is not None and day > known.until
        return is_over or any(other in seen for other in self.replacements.get(known.id, ()))

    def is_closed(self, sensor: str, day: date) -> bool:
        """Whether nothing is expected of a sensor on a day."""
        known = self.sensor(sensor)
        return known is not None and known.is_closed(day)

    def people_rules(self, sensor: str) -> CounterRules:
        """How its totals of people count: by the estate file alone, so that no day judges them differently."""
        known = self.sensor(sensor)
        every_ns = self.patience_ns(sensor)
        if known is None:
            return CounterRules()
        step_max = known.max_step or max(1, PLAUSIBLE_PEOPLE * every_ns // PLAUSIBLE_PEOPLE_NS)
        return CounterRules(
            known.counter_bits,
            step_max,
            every_ns,
            resets_daily=known.resets == "daily",
            is_standard=known.max_step is None,
        )

    def byte_rules(self, sensor: str) -> CounterRules:
        """How its totals of bytes count: no growth is too large."""
        known = self.sensor(sensor)
        bits = known.counter_bits if known else None
        return CounterRules(bits, step_max=None, every_ns=self.patience_ns(sensor))

    def stamps_end(self, sensor: str) -> bool:
        """Whether a sensor stamps a count with the end of its interval."""
        known = self.sensor(sensor)
        return known is not None and known.stamp == "end"
