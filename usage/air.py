"""The physics of room air: damp and pressure.

Temperatures in degrees Celsius, relative humidity in percent, pressure in hPa, altitude in metres. Saturation vapour
pressure is that of Alduchov and Eskridge (1996), over water.
"""

from __future__ import annotations

import math

_A, _B, _E0_HPA = 17.625, 243.04, 6.1094
STANDARD_TEMPERATURE_C = 15.0


def vapour_pressure_hpa(temperature_c: float, relative_humidity_pct: float) -> float:
    """The partial pressure of the water vapour in the air."""
    saturation = _E0_HPA * math.exp(_A * temperature_c / (_B + temperature_c))
    return relative_humidity_pct / 100 * saturation


def dew_point_c(temperature_c: float, relative_humidity_pct: float) -> float | None:
    """The temperature at which the air's vapour condenses; None for air without any."""
    if relative_humidity_pct <= 0:
        return None
    g = math.log(relative_humidity_pct / 100) + _A * temperature_c / (_B + temperature_c)
    return _B * g / (_A - g)


def absolute_humidity_g_m3(temperature_c: float, relative_humidity_pct: float) -> float:
    """Grams of water in a cubic metre of air."""
    return 216.679 * vapour_pressure_hpa(temperature_c, relative_humidity_pct) / (273.15 + temperature_c)


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
