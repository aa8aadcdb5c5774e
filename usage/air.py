"""The physics of room air: damp and pressure.

Temperatures in degrees Celsius, relative humidity in percent, pressure in hPa, altitude in metres.
"""

from __future__ import annotations

STANDARD_TEMPERATURE_C = 15.0
CRITICAL_HUMIDITY_MIN_PCT = 79.9
"""Below this the air is never damp, whatever its temperature."""


def critical_humidity_pct(temperature_c: float) -> float:
    """The relative humidity from which mould can grow (Hukka and Viitanen, 1999); an indicator for room air."""
    t = temperature_c
    return -0.00267 * t**3 + 0.160 * t**2 - 3.13 * t + 100 if t <= 20 else 80.0  # noqa: PLR2004 - the source's constants


def is_damp(temperature_c: float, relative_humidity_pct: float) -> bool:
    """Whether the air is humid enough for mould."""
    return relative_humidity_pct >= critical_humidity_pct(temperature_c)


def sea_level_pressure_hpa(pressure_hpa: float, altitude_m: float, temperature_c: float) -> float:
    """Station pressure reduced to sea level, with the standard lapse rate of 6.5 K a kilometre."""
    lapse_c = 0.0065 * altitude_m
    return float(pressure_hpa * (1 - lapse_c / (temperature_c + lapse_c + 273.15)) ** -5.257)
