"""The measure catalogue: what each figure and reading is called, its unit, how days add up to periods, its limits.

The roll-ups, the periods, the board, Grafana, the alerts and docs/usage.md read it here; no limit or label stands
anywhere else. To add a figure, add a Measure; `schemas.measurements` takes its type from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import partial
from types import MappingProxyType
from typing import Final, NamedTuple

from schemas import units
from schemas.limits import CIBSE, CIBSE_SUMMER, FROST, HEAT_C, MOULD, MOULD_ALERT, VENTILATION, WORKROOM
from schemas.texts import N_

STORED_DECIMALS: Final = 3
"""How many decimals of a figure are stored; people are shown fewer."""


class Covers(StrEnum):
    """Which part of a day a figure is of."""

    OPENING_HOURS = "opening hours"
    CLOSED_HOURS = "closed hours"
    DAY = "the whole day"


class Aggregation(StrEnum):
    """How the days of a week or month become its figure."""

    SUM = "sum"
    MEAN = "mean"
    MEAN_BY_OPENING = "mean, days weighted by their opening minutes"
    MIN = "lowest day"
    MAX = "highest day"
    NONE = "none"


class Judge(StrEnum):
    """Whose readings tell how complete a figure is."""

    FOOTFALL = "footfall"
    WIFI = "wifi"
    ENVIRONMENT = "environment"


class PeopleState(IntEnum):
    """What a day's count of people is worth. Stored as its number, given as its name in small letters."""

    NONE = 0
    PARTIAL = 1
    COUNTED = 2
    CLOSED = 3


class Tone(StrEnum):
    """How good or bad a band is, whatever its colour on a page."""

    GOOD = "good"
    WARN = "warn"
    POOR = "poor"
    ALARM = "alarm"
    COLD = "cold"


class Band(NamedTuple):
    """What values from `start` on mean (None: the lowest band), up to the start of the next band."""

    start: float | None
    meaning: str
    tone: Tone
    source: str = ""


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of the roll-ups, or one field of the readings."""

    name: str
    label: str
    meaning: str = ""
    number: type[int | float] = float
    """The type of the stored value; `bool` for yes and no."""
    unit: units.Unit = units.NO_UNIT
    decimals: int = 0
    """How many decimals people are shown."""
    covers: Covers = Covers.DAY
    over_days: Aggregation = Aggregation.NONE
    judged_by: Judge | None = None
    bands: tuple[Band, ...] = ()
    words: tuple[str, ...] = ()
    """What the values 0, 1, 2... are called, where they are states."""
    stored_decimals: int = STORED_DECIMALS

    def named(self, value: float | None) -> float | str | None:
        """The value as people and programs are given it."""
        return self.words[int(value)] if self.words and value is not None else value

    def band(self, value: float | None) -> Band | None:
        """The band that a value is in; None without a value or bands."""
        if value is None:
            return None
        return next((band for band in reversed(self.bands) if band.start is None or value >= band.start), None)

    def stored(self, value: float) -> int | float | bool:
        """The value as it is stored: of the field's type, floats rounded."""
        return round(value, self.stored_decimals) if self.number is float else self.number(value)

    def stored_each(self, values: Iterable[float | None]) -> list[int | float | bool | None]:
        """Values as they are stored, where there are any."""
        number, decimals = self.number, self.stored_decimals
        if number is float:
            return [None if value is None else round(value, decimals) for value in values]
        return [None if value is None else number(value) for value in values]


# ---------------------------------------------------------------------------------------------------------- the limits

CO2_FAIR_PPM, CO2_POOR_PPM = 800, 1500
POOR_AIR_MINUTES = 20
WORKROOM_MIN_C, COMFORT_MAX_C = 16, 25
FROST_C = 5
"""Below this an empty building is at risk: the usual setting of a frost thermostat (heathack.org)."""
COMFORT_MIN_PCT, COMFORT_MAX_PCT = 40, 70
MOULD_GROWS, MOULD_ALARM = 1, 2.5
"""Of the mould index, 0 to 6: from 1 on there is growth under the microscope, from 3 on to the bare eye."""
COMPLETE_MIN, MOSTLY_COMPLETE_MIN = 0.9, 0.7
COUNTED_MIN = 0.95
"""From this share of the day's usual people on, a day's people are counted, and not in part."""
SHARED_MAX = 0.05
"""Of a counted day's people at most this share was shared out over a midnight."""
BATTERY_LOW_PCT, BATTERY_GOOD_PCT = 15, 30

_AIR = (
    Band(None, N_("well ventilated"), Tone.GOOD),
    Band(CO2_FAIR_PPM, N_("fair air"), Tone.WARN, VENTILATION),
    Band(CO2_POOR_PPM, N_("poor air"), Tone.ALARM, VENTILATION),
)
_WARMTH = (
    Band(None, N_("cold"), Tone.COLD),
    Band(WORKROOM_MIN_C, N_("comfortable"), Tone.GOOD, WORKROOM),
    Band(COMFORT_MAX_C, N_("warm"), Tone.WARN, CIBSE_SUMMER),
)
_HUMIDITY = (
    Band(None, N_("dry"), Tone.WARN),
    Band(COMFORT_MIN_PCT, N_("comfortable"), Tone.GOOD, CIBSE),
    Band(COMFORT_MAX_PCT, N_("humid"), Tone.WARN, CIBSE),
)
_BANDS_OF_POOR_AIR_MINUTES = (Band(None, "", Tone.GOOD), Band(POOR_AIR_MINUTES, N_("poor air"), Tone.ALARM))
_BANDS_OF_DAMP_MINUTES = (Band(None, "", Tone.GOOD), Band(1, N_("damp"), Tone.WARN, MOULD))
_BANDS_OF_FROST_MINUTES = (Band(None, "", Tone.GOOD), Band(1, N_("frost"), Tone.COLD, FROST))
_BANDS_OF_MOULD = (
    Band(None, "", Tone.GOOD),
    Band(MOULD_GROWS, N_("mould likely to begin"), Tone.WARN, MOULD),
    Band(MOULD_ALARM, N_("mould likely"), Tone.ALARM, MOULD_ALERT),
)
_BANDS_OF_COMPLETENESS = (
    Band(None, N_("mostly missing"), Tone.ALARM),
    Band(MOSTLY_COMPLETE_MIN, N_("incomplete"), Tone.POOR),
    Band(COMPLETE_MIN, N_("complete"), Tone.GOOD),
)
_BANDS_OF_DOORS = (
    Band(None, N_("mostly missing"), Tone.ALARM),
    Band(MOSTLY_COMPLETE_MIN, N_("counted in part"), Tone.POOR),
    Band(COUNTED_MIN, N_("counted"), Tone.GOOD),
)
_BANDS_OF_BATTERY = (
    Band(None, N_("flat"), Tone.ALARM),
    Band(BATTERY_LOW_PCT, N_("low"), Tone.WARN),
    Band(BATTERY_GOOD_PCT, N_("good"), Tone.GOOD),
)

# ------------------------------------------------------------------------------------------------------- the catalogue

_OVER = "while at least one sensor was strictly over the limit"
_DAMP = "while at least one humidity sensor found the air damp enough for mould"
_AT_SEA_LEVEL = "at sea level where the hub's `altitude_m` is known, else at the station"
_DOORS_COVER = "share of the usual people whose time the doors' readings cover"
_WIFI_COVERS = "share of the opening time that access points cover"
_ROOMS_COVER = "share of the opening time that sensors cover, by zone and kind"
_BY_TIME = "weighted by time, all zones alike"
_OPEN, _CLOSED = Covers.OPENING_HOURS, Covers.CLOSED_HOURS
_SUM, _MIN, _MAX, _WEIGHTED = Aggregation.SUM, Aggregation.MIN, Aggregation.MAX, Aggregation.MEAN_BY_OPENING
_people = partial(Measure, number=int, unit=units.PEOPLE, judged_by=Judge.FOOTFALL)
_wifi = partial(Measure, judged_by=Judge.WIFI)
_room = partial(Measure, judged_by=Judge.ENVIRONMENT)
_temperature = partial(_room, unit=units.CELSIUS, decimals=1, bands=_WARMTH)
_humidity = partial(_room, unit=units.PERCENT, bands=_HUMIDITY)
_pressure = partial(_room, unit=units.HECTOPASCAL)
_co2 = partial(_room, unit=units.PPM, bands=_AIR)
_minutes = partial(_room, unit=units.MINUTES, over_days=_SUM)
_share = partial(Measure, unit=units.SHARE, covers=_OPEN, over_days=_WEIGHTED)

_DAILY = (
    _people("entries", N_("People entering"), "people counted in", over_days=_SUM),
    _people("exits", N_("People leaving"), "people counted out", over_days=_SUM),
    _people("entries_open", N_("Entering while open"), "people counted in while open", covers=_OPEN, over_days=_SUM),
    _people(
        "entries_shared",
        N_("Shared out"),
        "of the people counted in, those shared out over a midnight: a total told of them only after a gap",
        over_days=_SUM,
    ),
    _people(
        "peak_occupancy",
        N_("Most at once"),
        "most people inside at once: entries less exits since midnight, the day's drift spread over its exits, never "
        "below 0",
        over_days=_MAX,
    ),
    _people(
        "occupancy_drift",
        N_("Occupancy drift"),
        "entries less exits at the day's end: how far the counters are apart, may be negative",
        over_days=_SUM,
    ),
    _wifi(
        "wifi_peak_clients",
        N_("Wi-Fi peak"),
        "most clients at once, all access points together",
        number=int,
        unit=units.CLIENTS,
        over_days=_MAX,
    ),
    _wifi(
        "wifi_mean_clients",
        N_("Wi-Fi mean"),
        "clients on average, all access points together",
        unit=units.CLIENTS,
        covers=_OPEN,
        over_days=_WEIGHTED,
    ),
    _wifi(
        "wifi_devices",
        N_("Wi-Fi devices"),
        "most devices in one interval, the sum of what each access point saw: one that two of them saw counts twice; "
        "how many different ones came over the day cannot be known",
        number=int,
        unit=units.DEVICES,
        over_days=_MAX,
    ),
    _wifi("wifi_bytes", N_("Wi-Fi traffic"), "received and sent", number=int, unit=units.BYTES, over_days=_SUM),
    _temperature("temperature_mean_c", N_("Temperature"), _BY_TIME, covers=_OPEN, over_days=_WEIGHTED),
    _temperature(
        "temperature_coldest_zone_c",
        N_("Temperature, coldest zone"),
        "the lowest of the zones' own means: a cold room is not averaged away",
        covers=_OPEN,
        over_days=_MIN,
    ),
    _temperature("temperature_min_c", N_("Temperature, lowest"), "of all readings", over_days=_MIN),
    _temperature("temperature_max_c", N_("Temperature, highest"), "of all readings", over_days=_MAX),
    _humidity("relative_humidity_mean_pct", N_("Humidity"), _BY_TIME, covers=_OPEN, over_days=_WEIGHTED),
    _pressure("pressure_mean_hpa", N_("Pressure"), _AT_SEA_LEVEL, covers=_OPEN, over_days=_WEIGHTED),
    _co2("co2_mean_ppm", N_("CO₂ mean"), _BY_TIME, covers=_OPEN, over_days=_WEIGHTED),
    _co2("co2_max_ppm", N_("CO₂ highest"), "of all readings", over_days=_MAX),
    _minutes(f"co2_minutes_over_{CO2_FAIR_PPM}", N_("CO₂ over 800\u00a0ppm"), _OVER, covers=_OPEN),
    _minutes(
        f"co2_minutes_over_{CO2_POOR_PPM}",
        N_("CO₂ over 1\u202f500\u00a0ppm"),
        _OVER,
        covers=_OPEN,
        bands=_BANDS_OF_POOR_AIR_MINUTES,
    ),
    _minutes(
        "co2_minutes_over_limit",
        N_("CO₂ over the limit"),
        f"{_OVER}: the hub's own (`limits: {{co2_ppm: ...}}`), else {CO2_POOR_PPM} ppm",
        covers=_OPEN,
    ),
    Measure(
        "person_hours_over_limit",
        N_("Person-hours over the limit"),
        "hours that people in the building spent while CO₂ was over that limit anywhere: where fresh air helps most",
        unit=units.PERSON_HOURS,
        decimals=1,
        covers=_OPEN,
        over_days=_SUM,
        judged_by=Judge.FOOTFALL,
    ),
    _minutes(
        "cold_minutes",
        N_("Cold"),
        f"while a thermometer was below the limit: the hub's own (`temperature_min_c`), else {WORKROOM_MIN_C} °C",
        covers=_OPEN,
    ),
    _minutes("heat_minutes", N_("Hot"), f"while at least one thermometer was over {HEAT_C} °C", covers=_OPEN),
    _minutes("damp_minutes", N_("Damp"), _DAMP, covers=_OPEN, bands=_BANDS_OF_DAMP_MINUTES),
    _minutes("damp_minutes_closed", N_("Damp while closed"), _DAMP, covers=_CLOSED, bands=_BANDS_OF_DAMP_MINUTES),
    _minutes(
        "frost_minutes_closed",
        N_("Under 5\u00a0°C while closed"),
        f"while at least one thermometer was under {FROST_C} °C: pipes may freeze",
        covers=_CLOSED,
        bands=_BANDS_OF_FROST_MINUTES,
    ),
    Measure(
        "open_minutes",
        N_("Open"),
        "how long the hub was to be open: opening hours less closures and bank holidays",
        unit=units.MINUTES,
        over_days=_SUM,
    ),
    Measure(
        "completeness",
        N_("Completeness"),
        "readings received of those expected, rounded down",
        unit=units.SHARE,
        over_days=Aggregation.MEAN,
        bands=_BANDS_OF_COMPLETENESS,
    ),
    _share("footfall_completeness", N_("Doors covered"), _DOORS_COVER, bands=_BANDS_OF_DOORS),
    _share("wifi_completeness", N_("Wi-Fi covered"), _WIFI_COVERS, bands=_BANDS_OF_COMPLETENESS),
    _share("environment_completeness", N_("Rooms covered"), _ROOMS_COVER, bands=_BANDS_OF_COMPLETENESS),
    _share(
        "transfer_share",
        N_("By another door?"),
        "share of the usual people whose door was not heard while another one was: they may have used that one",
    ),
    Measure(
        "final",
        N_("Final"),
        "two days after its end, when late readings are rare, unless a silent total may yet tell of it",
        number=bool,
        over_days=_MIN,
    ),
    Measure(
        "revision",
        N_("Revision"),
        "0 until two hours after the day's end, then 1, and one more for each change",
        number=int,
        over_days=_MAX,
    ),
    Measure(
        "people_state",
        N_("People"),
        f"`counted` where the doors cover {COUNTED_MIN:.0%} of the day or more and at most {SHARED_MAX:.0%} "
        "was shared out over a midnight; `partial`; `none` where no opening time is covered; `closed`",
        number=int,
        words=(N_("none"), N_("partial"), N_("counted"), N_("closed")),
    ),
)

_MOULD_INDEX = _room(
    "mould_index",
    N_("Mould index"),
    "0 to 6 at the day's end, of what the air would let grow on bare pine: an indicator, as the air is not the wall",
    decimals=1,
    over_days=_MAX,
    bands=_BANDS_OF_MOULD,
    stored_decimals=6,
)

_LIVE = (
    _people("people", N_("People in view")),
    _wifi("clients", N_("Wi-Fi clients"), number=int, unit=units.CLIENTS),
    _wifi("devices", N_("Wi-Fi devices"), number=int, unit=units.DEVICES),
    _temperature("temperature_c", N_("Temperature")),
    _humidity("relative_humidity_pct", N_("Humidity")),
    _pressure("pressure_hpa", N_("Pressure")),
    _co2("co2_ppm", N_("CO₂")),
    Measure("battery_pct", N_("Battery"), unit=units.PERCENT, bands=_BANDS_OF_BATTERY),
)

USAGE_MEASURES: Mapping[str, Measure] = MappingProxyType({measure.name: measure for measure in _DAILY})
"""The figures of `usage_daily` and `usage_hourly`, in the order in which they are exported."""

ZONE_MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        measure.name: measure
        for measure in (*_DAILY, _MOULD_INDEX)
        if measure.name == f"{Judge.ENVIRONMENT}_completeness"
        or (measure.judged_by is Judge.ENVIRONMENT and measure.name != "temperature_coldest_zone_c")
    }
)
"""The figures of `usage_daily_zone`, in the order in which they are exported."""

MEASURES: Mapping[str, Measure] = MappingProxyType({m.name: m for m in (*_DAILY, _MOULD_INDEX, *_LIVE)})
"""Every figure of the roll-ups and every reading that people see, by its field's name."""


_IN_WORDS = tuple(measure for measure in _DAILY if measure.words)


def named(figures: Mapping[str, float | None]) -> dict[str, float | str | None]:
    """Figures as they are exported: states by their words."""
    return {
        **figures,
        **{measure.name: measure.named(figures[measure.name]) for measure in _IN_WORDS if measure.name in figures},
    }
