"""The data contract: which kinds of reading there are, their fields, units and limits.

A value outside `low..high` is refused (`out_of_range`); one outside `plausible_low..plausible_high` is stored with
`suspect=true`. The limits are those of common building sensors; see docs/formats.md.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

INT64_MAX = 2**63 - 1
STANDARD_INTERVAL_S = 600
"""What is plausible for a count of one interval is said for one so long, and scales with it."""


class Kind(StrEnum):
    """What a sensor measures; the InfluxDB measurement has the same name."""

    TEMPERATURE = "temperature"
    HUMIDITY = "humidity"
    PRESSURE = "pressure"
    CO2 = "co2"
    FOOTFALL = "footfall"
    WIFI = "wifi"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind: its number type, its unit and its limits, both inclusive."""

    name: str
    number: type[int | float]
    unit: str
    low: float = -sys.float_info.max
    high: float = sys.float_info.max
    plausible_low: float = -math.inf
    plausible_high: float = math.inf
    per_interval: bool = False
    """A count of one interval: its plausible limit is for ten minutes and scales with the sensor's interval."""
    no_values: frozenset[int] = frozenset()
    """What devices send where they have no value: stored with `suspect=true`."""
    stored_high: float = math.inf
    """What is above, and not refused, is stored as this."""

    def plausible_up_to(self, every_s: int | None, max_step: int | None) -> float:
        """The most that is plausible from a sensor that reports so often and counts at most so many in between."""
        if not self.per_interval:
            return self.plausible_high
        return max_step or self.plausible_high * (every_s or STANDARD_INTERVAL_S) / STANDARD_INTERVAL_S


@dataclass(frozen=True, slots=True)
class KindSpec:
    """The fields of one kind. A kind with one field may be sent as a bare number or as `value`."""

    kind: Kind
    fields: tuple[Field, ...]

    @property
    def single(self) -> Field | None:
        """The field that `value` stands for, or None where the kind has several."""
        return self.fields[0] if len(self.fields) == 1 else None


NO_VALUES = frozenset({32_767, 65_535, 2**32 - 1})
"""What devices send for a count that they do not have; of a total, real where the readings around it agree."""


def _count(name: str, unit: str, plausible_high: float = math.inf, *, per_interval: bool = False) -> Field:
    # A total of that height may be true: those around it tell.
    no_values = frozenset() if name.endswith("_total") else NO_VALUES
    return Field(
        name, int, unit, 0, INT64_MAX, plausible_high=plausible_high, per_interval=per_interval, no_values=no_values
    )


def _measure(
    name: str, unit: str, refused: tuple[float, float], suspect: tuple[float, float], *, stored_high: float = math.inf
) -> Field:
    return Field(name, float, unit, *refused, *suspect, stored_high=stored_high)


_SPECS = (
    KindSpec(Kind.TEMPERATURE, (_measure("temperature_c", "Cel", (-40, 85), (-20, 50)),)),
    KindSpec(Kind.HUMIDITY, (_measure("relative_humidity_pct", "%RH", (0, 105), (5, 100), stored_high=100.0),)),
    KindSpec(Kind.PRESSURE, (_measure("pressure_hpa", "hPa", (500, 1200), (870, 1085)),)),
    KindSpec(Kind.CO2, (_measure("co2_ppm", "ppm", (0, 40000), (380, 10000)),)),
    KindSpec(
        Kind.FOOTFALL,
        (
            _count("entries", "people", 2000, per_interval=True),
            _count("exits", "people", 2000, per_interval=True),
            _count("entries_total", "people"),
            _count("exits_total", "people"),
            _count("people", "people"),
        ),
    ),
    KindSpec(
        Kind.WIFI,
        (
            _count("clients", "clients", 5000),
            _count("devices", "devices", 5000),
            _count("rx_bytes_total", "bytes"),
            _count("tx_bytes_total", "bytes"),
        ),
    ),
    KindSpec(
        Kind.DEVICE,
        (
            Field("battery_pct", float, "%", plausible_low=0, plausible_high=100),
            Field("battery_v", float, "V"),
            Field("rssi_dbm", float, "dBm"),
            Field("snr_db", float, "dB"),
            Field("frame_count", int, "frames", low=0, high=INT64_MAX),
            Field("spreading_factor", int, "SF", low=5, high=12),
        ),
    ),
)

KINDS: Mapping[Kind, KindSpec] = MappingProxyType({spec.kind: spec for spec in _SPECS})

FIELD_KINDS: Mapping[str, Kind] = MappingProxyType({field.name: spec.kind for spec in _SPECS for field in spec.fields})
"""Which kind a field is of: no two kinds share a name."""

FIELDS: Mapping[str, Field] = MappingProxyType({field.name: field for spec in _SPECS for field in spec.fields})

RAW_FIELDS = {spec.single.name: f"raw_{spec.single.name}" for spec in _SPECS if spec.single}
"""The field that keeps what the device sent, beside one that `calibration:` corrected."""
