"""The estate file's content: hubs, their sensors, opening hours, closures and the sources of messages.

Every error names what is wrong and what to write instead; `sensors.estate_file` adds file and line. The attributes'
descriptions are the estate file's reference: they are shown by editors that use docs/estate.schema.json.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import cached_property, partial
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    StrictBool,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from schemas.devices import NO_CALIBRATION, Calibrations, DeviceId, ModelName
from schemas.durations import DURATION_PATTERN, DURATION_S_MAX, DurationS, duration_s
from schemas.errors import choices, shown
from schemas.ids import Id
from schemas.kinds import INT64_MAX, Kind
from schemas.notices import AlertsInFile
from schemas.opening import ClosureInFile, OpeningInFile, TermInFile
from schemas.problems import nearest
from schemas.repeats import refuse, repeats
from schemas.report_plans import ReportPlan
from schemas.sources import Source, TopicFilter
from schemas.time_zones import TimeZone
from schemas.visits import VisitRule

CounterBits = Literal[8, 16, 24, 32, 48, 64]


OUTDOOR = "outdoor"
"""The zone of sensors that measure the weather, not the building."""


class _EstatePart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


ON_CHANGE_S = 0
"""The interval of a sensor that reports only when something changes."""


def _every_s(value: object) -> object:
    return ON_CHANGE_S if value == "change" else duration_s(value)


EveryS = Annotated[
    int,
    Field(ge=ON_CHANGE_S, le=DURATION_S_MAX),
    BeforeValidator(_every_s, json_schema_input_type=Annotated[str, Field(pattern=f"^(?:change|{DURATION_PATTERN})$")]),
]


def _number(value: object) -> object:
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,4}", value) else value


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


Name = Annotated[str, Field(max_length=200), AfterValidator(_on_one_line)]


class Sensor(_EstatePart):
    """A sensor of a hub. Only its id must be there."""

    id: Id
    """The sensor's id, as the last level of its topic has it."""

    kinds: tuple[Kind, ...] = ()
    """What it measures."""

    zone: Id | None = None
    """The part of the building that it watches, such as entrance or cafe; `outdoor`: the weather outside, which is part
    of no figure of the building and tells what is too hot inside, also in hubs without a sensor outdoors."""

    every_s: EveryS | None = Field(default=None, alias="every", examples=["5m", "30s", "1h", "change"])
    """How often it reports, or `change`: only when something changes. Coverage and "silent" follow from it."""

    heartbeat_s: DurationS | None = Field(default=None, alias="heartbeat", examples=["60m"])
    """How often one that reports on change says that it is alive, at least."""

    closures: tuple[ClosureInFile, ...] = Field(default=(), examples=[["2026-12-25..2027-01-01"]])
    """Days on which nothing is expected of it, such as a door that is locked."""

    until: date | None = Field(default=None, examples=["2026-12-31"])
    """Its last day: nothing is expected of it afterwards."""

    replaces: Id | None = None
    """The sensor in whose place it is: nothing is expected of that one from this one's first reading on."""

    counter_bits: Annotated[CounterBits | None, BeforeValidator(_number, json_schema_input_type=CounterBits)] = Field(
        default=None, examples=[16]
    )
    """The width of its running totals: they roll over after 2^bits."""

    max_step: int | None = Field(default=None, ge=1, le=INT64_MAX, examples=[500])
    """The largest growth of a running total between two reports that is still believed."""

    resets: Literal["never", "daily"] = "never"
    """Whether its running totals start from 0 at each local midnight."""

    stamp: Literal["start", "end"] = "start"
    """Which end of its interval the time of an interval count is."""

    device: DeviceId | None = Field(default=None, examples=["24e124710c401234"])
    """The EUI of a LoRaWAN device, the 16 hex digits on its label; of any other the name that its messages have."""

    model: ModelName | None = Field(default=None, examples=["milesight/am307"])
    """The maker and model of a LoRaWAN device, which say how its frames are decoded."""

    source: TopicFilter | None = Field(default=None, examples=["v3/+/devices/+/up"])
    """The topic of the source that its messages come by, where more than one could carry them."""

    swapped: bool = False
    """Whether its entries are exits, and its exits entries: a counter that was mounted the other way round."""

    corrected: bool = False
    """Whether its people are also given corrected (`entries_corrected`), while a count by hand has told its error."""

    calibration: Calibrations = Field(default=NO_CALIBRATION, examples=[{"temperature_c": {"offset": -0.4}}])
    """What corrects its values, by field."""

    @property
    def on_change(self) -> bool:
        """Whether it reports only when something changes."""
        return self.every_s == ON_CHANGE_S

    def is_closed(self, day: date) -> bool:
        """Whether nothing is expected of it on a day, such as a door that is locked."""
        return any(closure.first <= day <= closure.last for closure in self.closures)


class Targets(_EstatePart):
    """What was promised of a hub."""

    entries_month: int = Field(gt=0, le=100_000_000, examples=[2500])
    """People counted in, each month."""


class Limits(_EstatePart):
    """A hub's own limits of healthy air, in place of the usual ones. Past days go by them once they are recomputed."""

    co2_ppm: float | None = Field(default=None, ge=400, le=10_000, allow_inf_nan=False, examples=[1200])
    """CO2 while open: at most this."""

    temperature_min_c: float | None = Field(default=None, ge=0, le=30, allow_inf_nan=False, examples=[18])
    """Temperature while open: at least this."""


class Hub(_EstatePart):
    """A building. Only its id must be there."""

    id: Id
    """The hub's id, as the second level of its topics has it."""

    name: Name = Field(default="", examples=["Armley Community Hub"])
    """What people call it."""

    altitude_m: float | None = Field(default=None, ge=-500, le=9000, allow_inf_nan=False, examples=[60])
    """Metres above sea level: air pressure is reduced to sea level where it is known."""

    area_m2: float | None = Field(default=None, gt=0, le=1_000_000, allow_inf_nan=False, examples=[420])
    """Its floor that is open to people, in square metres: for people per square metre."""

    timezone: TimeZone | None = Field(default=None, examples=["Europe/London"])
    """The time zone of its local days, where it differs from the estate's."""

    opening: OpeningInFile | None = None
    """Opening times by day or range of days; days left out are closed. Without it, the hub counts as open all day."""

    closures: tuple[ClosureInFile, ...] = Field(default=(), examples=[["2026-12-25..2027-01-01"]])
    """Days on which it is closed whatever its opening times say."""

    targets: Targets | None = None
    """What was promised of it: `hubpulse usage targets` says whether it is on course."""

    limits: Limits | None = None
    """Its own limits of healthy air: of its cases of cold and CO2."""

    visits: tuple[VisitRule, ...] = Field(default=(), examples=[[{"rule": "staff", "entries_day": 12}]])
    """What is left out of its entries on the way to visits, step by step."""

    sensors: tuple[Sensor, ...] = ()
    """Its sensors. One that is not named here is accepted on a native topic, and listed as new."""

    @model_validator(mode="wrap")
    @classmethod
    def _while_few_are_wrong(cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        return handler(value) if info.context is None else info.context.of(partial(handler, value))

    @model_validator(mode="after")
    def _sensors_once(self) -> Hub:
        ids = ((sensor.id, ("sensors", index, "id")) for index, sensor in enumerate(self.sensors))
        refuse(repeats(ids, "sensor {name} is there twice in this hub: give each sensor its own id"))
        return self


def _known_holidays() -> dict[str, list[str]]:
    """The parts of each country that has holidays in the library."""
    import holidays  # noqa: PLC0415 - slow to import, and many an estate has none

    return holidays.list_supported_countries()


class Holidays(_EstatePart):
    """Which bank holidays close the hubs, by the codes of the `holidays` library."""

    country: str = Field(json_schema_extra={"pattern": "^[A-Z]{2,3}$"}, examples=["GB"])
    """The country's ISO code."""

    subdivision: str | None = Field(default=None, examples=["ENG"])
    """The part of the country that has holidays of its own."""

    @field_validator("country")
    @classmethod
    def _country_known(cls, country: str) -> str:
        if country not in (known := _known_holidays()):
            near = country.upper() if country.upper() in known else "an ISO code such as GB"
            raise ValueError(f"{shown(country)} is not a country code with known holidays: write {near}")
        return country

    @field_validator("subdivision")
    @classmethod
    def _subdivision_known(cls, subdivision: str | None, info: ValidationInfo) -> str | None:
        country = info.data.get("country")
        if country is None or subdivision is None:
            return subdivision
        if subdivision not in (known := _known_holidays()[country]):
            near = nearest(subdivision, known)
            hint = f"did you mean {near}?" if near else f"write one of {choices(known)}" if known else "leave it out"
            raise ValueError(f"{shown(subdivision)} is not a part of {country} with holidays of its own: {hint}")
        return subdivision


def _some(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    if not sources:
        raise ValueError("no topic to listen to: name one, or leave the line out to listen to hubs/#")
    return sources


class Estate(_EstatePart):
    """The whole estate file."""

    name: Name = Field(default="", examples=["Leeds digital health hubs"])
    """What the estate is called, on pages and reports."""

    timezone: TimeZone = Field(default="UTC", examples=["Europe/London"])
    """The time zone of the hubs' local days, as the IANA names it."""

    holidays: Holidays | None = None
    """Bank holidays, on which every hub is closed."""

    terms: tuple[TermInFile, ...] = Field(default=(), examples=[["2026-09-01..2026-10-23", "2026-11-02..2026-12-18"]])
    """When schools are in session, half terms apart: days of term are compared with days of term alone."""

    sources: Annotated[tuple[Source, ...], AfterValidator(_some)] = Field(
        default=(Source(topic="hubs/#"),), json_schema_extra={"minItems": 1}
    )
    """The topics to listen to, and the format of the messages under each."""

    hubs: tuple[Hub, ...] = ()
    """The buildings. Messages of any other hub are kept in the quarantine as `unknown_hub`."""

    reports: tuple[ReportPlan, ...] = Field(default=(), max_length=20)
    """Reports that are made by themselves, once a period is over and its figures are final."""

    alerts: AlertsInFile = AlertsInFile()
    """Who is told of alerts, and when not."""

    open: SkipJsonSchema[StrictBool] = Field(default=False, exclude=True)
    """Whether every hub id is accepted, for want of an estate file. No file may say so: its values are text."""

    @model_validator(mode="after")
    def _names_once(self) -> Estate:
        hubs = ((hub.id, ("hubs", index, "id")) for index, hub in enumerate(self.hubs))
        devices = (
            (sensor.device, ("hubs", hub_index, "sensors", index, "device"))
            for hub_index, hub in enumerate(self.hubs)
            for index, sensor in enumerate(hub.sensors)
            if sensor.device is not None
        )
        filters = {source.topic for source in self.sources}
        for hub in self.hubs:
            for sensor in hub.sensors:
                if sensor.source is not None and sensor.source not in filters:
                    problem = (
                        f"sensor {sensor.id} of hub {hub.id}: source {shown(sensor.source)} is not one of `sources`"
                    )
                    raise ValueError(f"{problem}: write the topic of one of them, or leave it out")
        named = sorted(hub.id for hub in self.hubs)
        for plan in self.reports:
            if plan.hub is not None and plan.hub not in named:
                raise ValueError(f"reports: there is no hub {plan.hub} in this file: write one of {choices(named)}")
        topics = ((source.topic, ("sources", index, "topic")) for index, source in enumerate(self.sources))
        refuse(
            repeats(hubs, "hub {name} is there twice: give each hub its own id")
            + repeats(devices, "device {name} is there twice: a device is one sensor of one hub")
            + repeats(topics, "topic {name} is there twice: keep one of them")
        )
        return self

    def zone_of(self, hub: str) -> ZoneInfo:
        """The time zone of a hub's local day; the estate's for a hub that the file does not name."""
        return self._zones.get(hub) or ZoneInfo(self.timezone)

    def hub(self, hub: str) -> Hub | None:
        """What the file says of a hub; None for one that it does not name."""
        return self._by_id.get(hub)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy that has looked up nothing yet: its hubs may be others."""
        copied = super().model_copy(update=update, deep=deep)
        for looked_up in ("_zones", "_by_id"):
            copied.__dict__.pop(looked_up, None)
        return copied

    @cached_property
    def _zones(self) -> dict[str, ZoneInfo]:
        return {hub.id: ZoneInfo(hub.timezone) for hub in self.hubs if hub.timezone}

    @cached_property
    def _by_id(self) -> dict[str, Hub]:
        return {hub.id: hub for hub in self.hubs}
