"""The tables: which columns each has, and its rows. Of each there is a description, made of the same catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any, NamedTuple

from pydantic import BaseModel, Field, create_model

from dashboards.api.answers import Row
from schemas import KINDS, Kind
from schemas.localtime import rfc3339
from schemas.measurements import MEASUREMENTS, FieldType
from schemas.measures import MEASURES, USAGE_MEASURES, Measure, named
from stores.protocol import SeriesChunk
from usage.estimates import ESTIMATED
from usage.journal import Change
from usage.notes import Note
from usage.queries import DayFigures, HourFigures, HubState, IngestState, PeriodFigures, SensorState, Waiting

_TYPES: Mapping[FieldType, type] = {FieldType.INTEGER: int, FieldType.FLOAT: float, FieldType.BOOLEAN: bool}


class Table(NamedTuple):
    """A table of the API: what a row is, column by column."""

    name: str
    says: str
    columns: Mapping[str, tuple[Any, Any]]
    """The type of each column, and its description as pydantic has it."""

    @property
    def names(self) -> list[str]:
        return list(self.columns)

    def page(self) -> type[BaseModel]:
        """The description of an answer."""
        row: type[BaseModel] = create_model(self.name, **dict[str, Any](self.columns))
        return create_model(
            f"{self.name}Page",
            rows=(list[row], ...),
            next=(str | None, Field(None, description="Where the rows after these are.")),
        )


def column(kind: Any, says: str) -> tuple[Any, Any]:
    """A column of a table: the type of its values, and what they are."""
    return kind, Field(description=says)


def _figure(measure: Measure) -> tuple[Any, Any]:
    """A figure; null: no sensor reported a value, which is not zero."""
    unit = f" ({measure.unit.name})" if measure.unit.name else ""
    return column(
        (str if measure.words else measure.number) | None, f"{measure.label}{unit}: {measure.meaning}".rstrip(": ")
    )


_FIGURES = {name: _figure(measure) for name, measure in USAGE_MEASURES.items()}
_HUB = column(str, "The hub's id.")
_COUNT = int | None

DAILY = Table("Day", "The figures of each hub and local day, as jobs last rolled them up.", {
    "hub": _HUB, "date": column(date, "The local day."), **_FIGURES,
    "notes": column(str | None, "What people noted of the day, joined by semicolons; null where nobody did."),
})  # fmt: skip
HOURLY = Table("Hour", "The figures of each hub and clock hour, as jobs last rolled them up.", {
    "hub": _HUB, "time": column(str, "The hour's start, in the hub's own zone (RFC 3339)."), **_FIGURES,
})  # fmt: skip
PERIODS = Table("Period", "Weeks, months, quarters, halves or years, with an estimate of people whom nobody counted.", {
    "hub": _HUB,
    "period": column(str, "2026-W43 (ISO 8601), 2026-10, 2026-Q4, 2026-H2 or 2026."),
    "days": column(int, "How many days of it were asked for."),
    "days_counted": column(int, "Days on which all people were counted."),
    "days_missing": column(int, "Days on which not all of them were counted, or none."),
    **_FIGURES,
    "entries_estimated": column(_COUNT, "People added for what is missing; null where that can't be told."),
    "entries_low": column(_COUNT, "In nine of ten cases at least so many, counted and estimated together."),
    "entries_high": column(_COUNT, "In nine of ten cases at most so many."),
    "method": column(str, "How what is missing was estimated."),
})  # fmt: skip
HUBS = Table("Hub", "Each hub now.", {
    "hub": _HUB,
    "name": column(str, "What people call it."),
    "time": column(str, "Its local time now (RFC 3339)."),
    "is_open": column(bool, "Whether it is open."),
    "last_seen": column(str | None, "When any of its sensors last sent a reading (RFC 3339)."),
    "sensors": column(int, "How many sensors it has."),
    "sensors_silent": column(int, "How many of them are silent."),
})  # fmt: skip
_NOW = ("temperature_c", "relative_humidity_pct", "pressure_hpa", "co2_ppm", "clients")
SENSORS = Table("Sensor", "Each sensor now.", {
    "hub": _HUB,
    "sensor": column(str, "The sensor's id."),
    "zone": column(str | None, "The room it is in."),
    "kinds": column(str, "What it measures, joined by spaces."),
    "last_seen": column(str | None, "When it last sent a reading (RFC 3339)."),
    "every_s": column(int | None, "How often it sends, by the estate file, in seconds."),
    "silent": column(bool, "Whether it has missed three readings."),
    "battery_pct": column(float | None, "Its battery, in per cent."),
    **{
        name: column(float | None, f"Its latest value: {MEASURES[name].label}, {MEASURES[name].unit.name}.")
        for name in _NOW
    },
})  # fmt: skip
_RAW_FIELDS = {name: kind for each in KINDS for name, kind in MEASUREMENTS[each].fields.items()}
READINGS = Table("Reading", "Readings as they are stored, the fields of their kind; others are null.", {
    "hub": _HUB,
    "sensor": column(str, "The sensor's id."),
    "zone": column(str | None, "The room it was in."),
    "kind": column(Kind, "The kind of reading."),
    "time": column(str, "When it was taken (RFC 3339, UTC)."),
    **{
        name: column(_TYPES[kind] | None, "A field of the readings: docs/formats.md.")
        for name, kind in _RAW_FIELDS.items()
    },
})  # fmt: skip
LEDGER = Table("Ledger", "What each ingest received, and what became of it, since its buffer was made.", {
    "ingest": column(str, "The ingest's name."),
    "reported": column(str, "When it said so (RFC 3339)."),
    "messages_received": column(int, "Messages that the broker delivered."),
    "messages_accepted": column(int, "Of them, those of which readings were taken."),
    "messages_refused": column(int, "Of them, those of which nothing was taken, less those that were redriven."),
    "messages_no_reading": column(int, "Of them, those that carry no reading by their nature."),
    "messages_redelivered": column(int, "Of them, those that were taken before: the broker had not got the answer."),
    "messages_thinned": column(int, "Of them, live gauges of a hub beyond its rate, which were dropped."),
    "messages_waiting": column(int, "Of them, those of a hub beyond its rate that are still to be decoded."),
    "readings_accepted": column(int, "Readings that were taken."),
    "readings_refused": column(int, "Single readings that were refused out of messages that were otherwise taken."),
    "readings_stored": column(int, "Of those accepted, those that the store has."),
    "readings_store_rejected": column(int, "Of those accepted, those that the store refused."),
    "readings_pending": column(int, "Of those accepted, those that wait for the store."),
    "balanced": column(bool, "Whether everything received is accounted for: both sums, of messages and of readings."),
    "connected": column(bool, "Whether it is connected to its broker."),
})  # fmt: skip
CHANGES = Table("Change", "Figures of past days that came out differently later, in the order in which they changed.", {
    "hub": _HUB,
    "date": column(date, "The local day."),
    "figure": column(str, "Which figure."),
    "before": column(float | str | None, "What it was."),
    "after": column(float | str | None, "What it is."),
    "changed": column(str, "When it changed (RFC 3339)."),
    "revision": column(int, "Which revision of the day brought it."),
})  # fmt: skip
QUARANTINE = Table("Refusals", "How many refused messages wait at each ingest, by reason.", {
    "ingest": column(str, "The ingest's name."),
    "reason": column(str, "Why they were refused."),
    "waiting": column(int, "How many wait."),
    "reported": column(str, "When the ingest said so (RFC 3339)."),
})  # fmt: skip


def daily(days: Iterable[DayFigures], notes: Iterable[Note]) -> Iterator[Row]:
    """Rows of DAILY."""
    texts: dict[tuple[str, date], str] = {}
    for note in notes:
        before = texts.get((note.hub, note.date))
        texts[note.hub, note.date] = f"{before}; {note.text}" if before else note.text
    for day in days:
        noted = texts.get((day.hub, day.date))
        yield {"hub": day.hub, "date": day.date.isoformat(), **named(day.figures), "notes": noted}


def hourly(hours: Iterable[HourFigures]) -> Iterator[Row]:
    """Rows of HOURLY."""
    return ({"hub": h.hub, "time": h.time.isoformat(), **named(h.figures)} for h in hours)


def periods(found: Iterable[PeriodFigures]) -> Iterator[Row]:
    """Rows of PERIODS."""
    for each in found:
        counted = {name: getattr(each, name) for name in ("hub", "period", "days", "days_counted", "days_missing")}
        yield counted | named(each.figures) | dict(zip(ESTIMATED, each.estimated(), strict=True))


def hubs(states: Iterable[HubState]) -> Iterator[Row]:
    """Rows of HUBS."""
    for hub in states:
        yield {
            "hub": hub.id,
            "name": hub.name,
            "time": hub.now.isoformat(timespec="seconds"),
            "is_open": hub.opening.is_open,
            "last_seen": _time(hub.last_seen_ns),
            "sensors": len(hub.sensors),
            "sensors_silent": len(hub.silent_sensors),
        }


def sensors(states: Iterable[SensorState]) -> Iterator[Row]:
    """Rows of SENSORS."""
    for sensor in states:
        yield {
            "hub": sensor.hub,
            "sensor": sensor.sensor,
            "zone": sensor.zone,
            "kinds": " ".join(kind for kind in Kind if kind in sensor.kinds),
            "last_seen": _time(sensor.last_seen_ns),
            "every_s": sensor.every_s,
            "silent": sensor.silent,
            "battery_pct": sensor.battery_pct,
            **{name: sensor.values.get(name) for name in _NOW},
        }


def ledger(ingests: Iterable[IngestState]) -> Iterator[Row]:
    """Rows of LEDGER."""
    for ingest in ingests:
        told = {"ingest": ingest.name, "reported": _time(ingest.reported_ns), **ingest.counts}
        yield told | {"balanced": ingest.balanced, "connected": ingest.connected}


def _time(time_ns: int | None) -> str | None:
    return None if time_ns is None else rfc3339(time_ns)


def changes(found: Iterable[tuple[date, Change]]) -> Iterator[Row]:
    """Rows of CHANGES."""
    for day, change in found:
        measure = USAGE_MEASURES[change.figure]
        yield {
            "hub": change.hub,
            "date": day.isoformat(),
            "figure": change.figure,
            "before": measure.named(change.before),
            "after": measure.named(change.after),
            "changed": _time(change.changed_ns),
            "revision": change.revision,
        }


def readings(kind: Kind, chunks: Iterable[SeriesChunk]) -> Iterator[Row]:
    """Rows of READINGS, sensor by sensor, each in order of time."""
    absent = dict.fromkeys(_RAW_FIELDS)
    for chunk in chunks:
        tags = {"hub": chunk.tags["hub"], "sensor": chunk.tags["sensor"], "zone": chunk.tags.get("zone"), "kind": kind}
        for place, time_ns in enumerate(chunk.times_ns):
            fields = {name: column[place] for name, column in chunk.columns.items()}
            yield absent | fields | tags | {"time": _time(time_ns)}


def quarantine(found: Iterable[Waiting]) -> Iterator[Row]:
    """Rows of QUARANTINE."""
    return ({**asdict(one), "reported": _time(one.reported_ns)} for one in found)
