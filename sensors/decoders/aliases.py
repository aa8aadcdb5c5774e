"""What a network server, or a vendor's codec, calls a value, and which field it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.kinds import Kind
from schemas.readings import Rejection
from sensors.formats import Item

_ALIASES: Mapping[str, tuple[Kind, str]] = {
    "temperature": (Kind.TEMPERATURE, "temperature_c"),
    "humidity": (Kind.HUMIDITY, "relative_humidity_pct"),
    "co2": (Kind.CO2, "co2_ppm"),
    "pressure": (Kind.PRESSURE, "pressure_hpa"),
}


def read_object(values: Mapping[str, Any]) -> Sequence[Item | Rejection]:
    """The items that an object's known names stand for, without times; what is not known is left out."""
    return [
        Item(*_ALIASES[name][:1], 1, None, {_ALIASES[name][1]: value})
        for name, value in values.items()
        if name in _ALIASES and isinstance(value, int | float) and not isinstance(value, bool)
    ]
