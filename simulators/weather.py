"""The weather over the city: a course that depends on the seed and the instant alone.

Season and time of day carry it, fronts of a few days and gusts of hours add to that. The figures are those of
northern England: 4 C in January and 16 C in July on average, 1013 hPa +- 12 at sea level.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

from schemas.localtime import NS_A_SECOND
from simulators.seeded import smooth_noise

OUTDOOR_CO2_PPM = 420.0

_DAY_S = 86400
_YEAR_S = 365.2425 * _DAY_S
_COLDEST_S = 20 * _DAY_S
_WARMEST_HOUR_S = 15 * 3600


class Weather(NamedTuple):
    """Outdoor temperature, vapour (g/m3), pressure at sea level and sunlight (0..1) at one instant."""

    temperature_c: float
    vapour_g_m3: float
    sea_level_hpa: float
    sun: float


def saturation_g_m3(temperature_c: float) -> float:
    """Water vapour that air of this temperature can hold, g/m3 (Magnus form, Alduchov and Eskridge 1996)."""
    pressure_hpa = 6.1094 * math.exp(17.625 * temperature_c / (243.04 + temperature_c))
    return 216.679 * pressure_hpa / (273.15 + temperature_c)


def station_pressure_hpa(sea_level_hpa: float, altitude_m: float, temperature_c: float) -> float:
    """Pressure at an altitude: the inverse of the international reduction to sea level."""
    kelvin = temperature_c + 0.0065 * altitude_m + 273.15
    return sea_level_hpa * math.pow(1 - 0.0065 * altitude_m / kelvin, 5.257)


def weather_at(seed: int, time_ns: int) -> Weather:
    """The weather at one instant."""
    time_s = time_ns / NS_A_SECOND
    season = math.cos(2 * math.pi * (time_s - _COLDEST_S) / _YEAR_S)
    hour = math.cos(2 * math.pi * (time_s - _WARMEST_HOUR_S) / _DAY_S)
    temperature_c = (
        10.0
        - 6.0 * season
        + (2.8 - 1.2 * season) * hour
        + 2.6 * smooth_noise(seed, "front", time_ns, 60)
        + 0.7 * smooth_noise(seed, "cloud", time_ns, 7)
    )
    humidity = min(max(0.80 + 0.05 * season - 0.09 * hour + 0.07 * smooth_noise(seed, "damp", time_ns, 17), 0.3), 0.99)
    return Weather(
        temperature_c,
        humidity * saturation_g_m3(temperature_c),
        1013.0 + 11.0 * smooth_noise(seed, "depression", time_ns, 70) + 2.5 * smooth_noise(seed, "trough", time_ns, 19),
        max(0.0, (hour + 0.2 - 0.5 * season) / 1.7),
    )


@lru_cache(maxsize=16)
def weather_of(seed: int, start_ns: int, step_ns: int, steps: int) -> tuple[Weather, ...]:
    """The weather at start, start + step, ...: shared by all hubs of a time zone."""
    return tuple(weather_at(seed, start_ns + step * step_ns) for step in range(steps))
