"""The estate file's content: hubs, their sensors, opening hours, closures and the sources of messages.

Every error message names what is wrong and what to write instead; `sensors.estate_file` adds file and line.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.ids import Id
from schemas.kinds import Kind

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60

FormatName = Literal[
    "native",
    "tts",
    "chirpstack",
    "senml",
    "tasmota",
    "zigbee2mqtt",
    "shelly",
    "collectd",
    "homeassistant",
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone: write an IANA name such as Europe/London") from error
    return name


TimeZone = Annotated[str, AfterValidator(_zone)]

_DURATION = re.compile(r"([1-9]\d*)\s*([smhd])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _duration_s(value: object) -> object:
    if isinstance(value, str):
        match = _DURATION.fullmatch(value)
        if match is None:
            raise ValueError(f"{value!r} is not a duration: write for example 30s, 5m, 1h or 1d")
        return int(match[1]) * _UNIT_S[match[2]]
    raise ValueError(f"{value!r} has no unit: write for example 30s, 5m, 1h or 1d")


DurationS = Annotated[
    int,
    Field(ge=1, le=366 * 86400),
    BeforeValidator(_duration_s, json_schema_input_type=Annotated[str, Field(pattern=_DURATION.pattern)]),
]

_TIMES = re.compile(r"(\d{1,2}):([0-5]\d)\s*-\s*(\d{1,2}):([0-5]\d)")


def parse_days(text: str) -> tuple[int, ...]:
    """Weekdays (Monday is 0) of `mon`, `mon-fri` or a range that wraps, `sat-mon`."""
    first, _, last = text.strip().lower().partition("-")
    if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
        raise ValueError(f"{text!r} is not a day or a range of days: write for example mon, mon-fri or sat-mon")
    start = WEEKDAYS.index(first)
    span = (WEEKDAYS.index(last or first) - start) % 7
    return tuple((start + step) % 7 for step in range(span + 1))


def parse_times(text: str) -> tuple[tuple[int, int], ...]:
    """Opening times in minutes of the day, from `09:00-17:00`, several joined by commas, or `closed`."""
    if text.strip().lower() == "closed":
        return ()
    spans = sorted(_parse_span(part.strip()) for part in text.split(","))
    if any(later[0] < earlier[1] for earlier, later in itertools.pairwise(spans)):
        raise ValueError(f"{text!r} overlaps itself: write each opening time once")
    return tuple(spans)


def _parse_span(text: str) -> tuple[int, int]:
    match = _TIMES.fullmatch(text)
    if match is None:
        raise ValueError(f'{text!r} is not an opening time: write for example "09:00-17:00"')
    hour, minute, end_hour, end_minute = map(int, match.groups())
    start, end = hour * 60 + minute, end_hour * 60 + end_minute
    if end > MINUTES_A_DAY:
        raise ValueError(f"{text!r} is not a time of day: the day ends at 24:00")
    if start >= end:
        raise ValueError(
            f'{text!r} ends before it starts: write the evening as "...-24:00" and the rest under the next day'
        )
    return start, end


class Opening(_Part):
    """Opening times per weekday (Monday first), each a tuple of (start, end) in minutes of the local day."""

    week: tuple[tuple[tuple[int, int], ...], ...] = Field(min_length=7, max_length=7)

    @classmethod
    def from_file(cls, value: object) -> Opening:
        """Build it from the file's mapping of days to times; a day left out is closed."""
        if not isinstance(value, dict):
            raise ValueError('opening is not a mapping: write for example {mon-fri: "09:00-17:00"}')  # noqa: TRY004 - pydantic reports ValueError
        week: list[tuple[tuple[int, int], ...] | None] = [None] * 7
        for days, times in value.items():
            for day in parse_days(str(days)):
                if week[day] is not None:
                    raise ValueError(f"{WEEKDAYS[day]} has opening times twice: keep one of them")
                week[day] = parse_times(str(times))
        return cls(week=tuple(times or () for times in week))


def _opening(value: object) -> object:
    return value if isinstance(value, Opening) else Opening.from_file(value)


class Closure(_Part):
    """Days, first to last inclusive, on which a hub is closed."""

    first: date
    last: date

    def days(self) -> Iterator[date]:
        """Every day of the closure."""
        for step in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=step)


def _closure(value: object) -> object:
    if isinstance(value, Closure):
        return value
    first, _, last = str(value).partition("..")
    try:
        closure = Closure(first=date.fromisoformat(first.strip()), last=date.fromisoformat((last or first).strip()))
    except ValueError as error:
        raise ValueError(f'{value!r} is not a closure: write "2026-12-25" or "2026-12-25..2027-01-01"') from error
    if closure.last < closure.first:
        raise ValueError(f"{value!r} ends before it starts: write the earlier day first")
    return closure


_TEXT: dict[str, Any] = {"json_schema_input_type": str}


class Sensor(_Part):
    """A sensor of a hub. `device` and `model` name a LoRaWAN device and its decoder."""

    id: Id
    kinds: tuple[Kind, ...] = ()
    zone: Id | None = None
    every_s: DurationS | None = Field(default=None, alias="every", description="how often it reports, such as 5m")
    counter_bits: Literal[8, 16, 24, 32, 48, 64] | None = None
    max_step: int | None = Field(default=None, ge=1, description="largest growth of a total between two readings")
    device: str | None = Field(
        default=None, pattern=r"^[0-9a-fA-F]{16}$", description="the device's EUI, 16 hex digits"
    )
    model: str | None = Field(default=None, pattern=r"^[a-z0-9-]+/[a-z0-9-]+$", description="such as milesight/am307")


class Hub(_Part):
    """A building. Without `opening` it counts as open all day."""

    id: Id
    name: str = ""
    altitude_m: float | None = Field(default=None, ge=-500, le=9000)
    timezone: TimeZone | None = None
    opening: Annotated[Opening | None, BeforeValidator(_opening, json_schema_input_type=dict[str, str])] = None
    closures: tuple[Annotated[Closure, BeforeValidator(_closure, **_TEXT)], ...] = ()
    sensors: tuple[Sensor, ...] = ()

    @model_validator(mode="after")
    def _sensors_once(self) -> Hub:
        _refuse_twice([sensor.id for sensor in self.sensors], f"sensor of hub {self.id!r}")
        return self


class Holidays(_Part):
    """Which bank holidays close the hubs, as the `holidays` library names countries and subdivisions."""

    country: str
    subdivision: str | None = None

    @model_validator(mode="after")
    def _known(self) -> Holidays:
        known = holidays.list_supported_countries()
        if self.country not in known:
            raise ValueError(f"{self.country!r} is not a country code: write for example GB")
        if self.subdivision is not None and self.subdivision not in known[self.country]:
            choices = ", ".join(known[self.country]) or "none"
            raise ValueError(f"{self.subdivision!r} is not a part of {self.country}: choose from {choices}")
        return self


def _topic_filter(text: str) -> str:
    levels = text.split("/")
    if (
        not text
        or "\0" in text
        or any(
            ("#" in level and (level != "#" or index != len(levels) - 1)) or ("+" in level and level != "+")
            for index, level in enumerate(levels)
        )
    ):
        raise ValueError(f'{text!r} is not a topic filter: + stands for one level, # for the rest, as in "hubs/#"')
    return text


class Source(_Part):
    """A topic filter and the format of the messages under it."""

    topic: Annotated[str, AfterValidator(_topic_filter)]
    format: FormatName = "native"


def _refuse_twice(names: list[str], what: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what} {twice[0]!r} is there twice: give each its own id")


class Estate(_Part):
    """The whole estate file."""

    name: str = ""
    timezone: TimeZone = "UTC"
    holidays: Holidays | None = None
    sources: tuple[Source, ...] = (Source(topic="hubs/#"),)
    hubs: tuple[Hub, ...] = ()
    open: bool = Field(default=False, exclude=True, description="accept every hub id: no estate file is in force")

    @model_validator(mode="after")
    def _names_once(self) -> Estate:
        _refuse_twice([hub.id for hub in self.hubs], "hub")
        _refuse_twice([s.device.lower() for hub in self.hubs for s in hub.sensors if s.device], "device")
        _refuse_twice([source.topic for source in self.sources], "source")
        return self

    def zone_of(self, hub: str) -> ZoneInfo:
        """The time zone of a hub's local day; the estate's for a hub that the file does not name."""
        return ZoneInfo(next((h.timezone for h in self.hubs if h.id == hub and h.timezone), self.timezone))
