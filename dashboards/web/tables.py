"""The tables behind the charts: days and sensors, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from dashboards.charts import Column, Table
from dashboards.web import views, wording
from dashboards.web.days import WITHOUT_COUNT, WORDS, Day, EstateDay, Total, total
from dashboards.web.look import DAYS, HubNow
from dashboards.web.snapshot import Snapshot
from schemas import MEASURES, Kind
from schemas.texts import N_, _
from usage.queries import IngestState, SensorState


@dataclass(frozen=True, slots=True)
class DayRow:
    """A day as the tables show it."""

    date: date
    label: str
    tags: tuple[str, ...]
    entries: str
    state: str
    estimate: str
    """All people of the day with those whom nobody counted, where that is estimated: `about 32 (28 to 40)`."""
    values: tuple[str, ...]
    notes: tuple[str, ...]


_FIGURES = (
    "exits",
    "wifi_peak_clients",
    "temperature_mean_c",
    "relative_humidity_mean_pct",
    "co2_mean_ppm",
    "co2_max_ppm",
    "pressure_mean_hpa",
    "wifi_mean_clients",
    "peak_occupancy",
)
DAY_COLUMNS = tuple(MEASURES[name].label for name in ("entries", *_FIGURES))


def day_rows(days: Sequence[Day], now: date) -> list[DayRow]:
    """A hub's days, latest first: the same figures as its charts."""
    return [_day_row(day, now) for day in reversed(days)]


def _day_row(day: Day, now: date) -> DayRow:
    low, high = day.figure("temperature_min_c"), day.figure("temperature_max_c")
    spans = {}
    if low is not None:
        span = _(" ({low} to {high})").format(low=wording.number(low, 1), high=wording.number(high, 1))
        spans["temperature_mean_c"] = span
    tags = [_("so far")] if day.today else []
    if day.provisional and day.figures:
        tags.append(_("provisional"))
    return DayRow(
        date=day.date,
        label=wording.day(day.date, now),
        tags=tuple(tags),
        entries=day.text,
        state=day.state.value,
        estimate=_estimate(day),
        values=tuple(wording.measure(day.figure(name), name) + spans.get(name, "") for name in _FIGURES),
        notes=day.notes,
    )


def _estimate(day: Day) -> str:
    if not day.missed or day.bounds is None:
        return ""
    low, high = (wording.number(bound) for bound in day.bounds)
    people = wording.number((day.entries or 0) + day.missed)
    return _("about {people} with those not counted, {low} to {high}").format(people=people, low=low, high=high)


@dataclass(frozen=True, slots=True)
class EstateDayRow:
    """A date of the whole estate, as its table shows it."""

    date: date
    label: str
    tags: tuple[str, ...]
    entries: str
    hubs: str
    notes: tuple[str, ...]


def estate_day_rows(snapshot: Snapshot) -> list[EstateDayRow]:
    """The estate's days, latest first: the same figures as its chart."""
    now = snapshot.now.date()
    return [
        EstateDayRow(
            date=day.date,
            label=wording.day(day.date, now),
            tags=_tags_of(day),
            entries=wording.number(day.entries) if day.state not in WITHOUT_COUNT else _(WORDS[day.state]),
            hubs=day.hubs_text,
            notes=day.notes,
        )
        for day in reversed(snapshot.days)
    ]


def estate_days_table(snapshot: Snapshot, title: str) -> Table:
    """The same as a file, the earliest first."""
    first, last = snapshot.days[0].date, snapshot.days[-1].date
    return Table(
        title,
        _(MEASURES["entries"].unit.name),
        f"{first} to {last}",
        _("Hubpulse, daily figures of {hub}").format(hub=snapshot.name or _("All hubs")),
        [Column(_(name)) for name in (N_("Day"), N_("State"), N_("People counted"), N_("Hubs"), N_("Notes"))],
        [
            (
                day.date,
                ", ".join((_(WORDS[day.state]), *_tags_of(day))),
                day.entries if day.state not in WITHOUT_COUNT else None,
                day.hubs_text,
                "; ".join(day.notes),
            )
            for day in snapshot.days
        ],
    )


def _tags_of(day: EstateDay) -> tuple[str, ...]:
    if day.today:
        return (_("so far"),)
    return (_("provisional"),) if day.provisional and day.entries is not None else ()


@dataclass(frozen=True, slots=True)
class TotalRow:
    """The foot of a table of days: what the whole days of it add up to, and what is missing from that."""

    label: str
    entries: str
    missing: str


def range_total(days: Sequence[Day]) -> TotalRow:
    """The days of a range that are over."""
    over = [day for day in days if not day.today]
    found = total(over)
    label = _("{days} days until yesterday") if len(over) < len(days) else _("{days} days")
    return TotalRow(
        label.format(days=len(over)),
        wording.number(found.entries) if found.counted_days else wording.NO_FIGURE,
        views.missing(found),
    )


def total_row(hubs: Sequence[HubNow]) -> TotalRow:
    """The days until yesterday of one hub or several; a dash where none of them was counted."""
    found = Total.of([total(hub.days[:-1]) for hub in hubs])
    label = _("{days} days until yesterday").format(days=DAYS)
    return TotalRow(
        label, wording.number(found.entries) if found.counted_days else wording.NO_FIGURE, views.missing(found)
    )


@dataclass(frozen=True, slots=True)
class ZoneRow:
    """A zone's air today, as the hub's page lists it: each value with its verdict, if there is one to give."""

    zone: str
    values: tuple[tuple[str, views.Level | None], ...]


ZONE_COLUMNS = (
    "temperature_mean_c",
    "temperature_min_c",
    "relative_humidity_mean_pct",
    "co2_mean_ppm",
    "co2_max_ppm",
    "damp_minutes",
    "damp_minutes_closed",
    "frost_minutes_closed",
    "environment_completeness",
    "mould_index",
)


def zone_rows(hub: HubNow) -> list[ZoneRow]:
    """A hub's zones with their figures of today."""
    return [
        ZoneRow(
            zone.zone,
            tuple(
                (wording.measure(zone.figures[name], name), _verdict(name, zone.figures[name])) for name in ZONE_COLUMNS
            ),
        )
        for zone in hub.zones
    ]


def _verdict(name: str, value: float | None) -> views.Level | None:
    """At night a zone may be cold, so its lowest is not judged."""
    return None if name == "temperature_min_c" else views.level(name, value)


@dataclass(frozen=True, slots=True)
class SensorRow:
    """A sensor as the hub's page lists it."""

    id: str
    zone: str
    measures: str
    values: str
    last_seen: str
    silent: bool
    battery: str
    battery_level: views.Level | None
    signal: str
    lost: str
    """How much the radio lost in the last 24 hours."""


_MEASURES = {
    Kind.TEMPERATURE: N_("temperature"),
    Kind.HUMIDITY: N_("humidity"),
    Kind.PRESSURE: N_("pressure"),
    Kind.CO2: N_("CO₂"),
    Kind.FOOTFALL: N_("people"),
    Kind.WIFI: N_("Wi-Fi"),
    Kind.DEVICE: N_("its own battery and signal"),
}
_COUNTED = {
    "entries": N_("in"),
    "exits": N_("out"),
    "entries_total": N_("in on the counter"),
    "exits_total": N_("out on the counter"),
    "people": N_("in view"),
    "clients": N_("clients"),
    "devices": N_("devices"),
}
_MEASURED = ("temperature_c", "relative_humidity_pct", "co2_ppm", "pressure_hpa")


def sensor_rows(hub: HubNow) -> list[SensorRow]:
    """A hub's sensors with their last values."""
    return [
        SensorRow(
            id=sensor.sensor,
            zone=sensor.zone or wording.NO_FIGURE,
            measures=", ".join(_(_MEASURES[kind]) for kind in Kind if kind in sensor.kinds) or wording.NO_FIGURE,
            values=", ".join(_values(sensor)) or wording.NO_FIGURE,
            last_seen=wording.seen(sensor.last_seen_ns, hub.state.now),
            silent=sensor.silent,
            battery=wording.measure(sensor.battery_pct, "battery_pct"),
            battery_level=views.level("battery_pct", sensor.battery_pct),
            signal=_signal(sensor),
            lost=wording.percent(sensor.lost_share),
        )
        for sensor in hub.state.sensors
    ]


def _values(sensor: SensorState) -> Iterator[str]:
    yield from (
        f"{wording.number(sensor.values[name])} {_(what)}" for name, what in _COUNTED.items() if name in sensor.values
    )
    yield from (wording.measure(sensor.values[name], name) for name in _MEASURED if name in sensor.values)


def _signal(sensor: SensorState) -> str:
    """`\u221297 dBm, SNR 5.5 dB`: how well its gateway hears it."""
    parts = [(_("{value}\u00a0dBm"), "rssi_dbm", 0), (_("SNR {value}\u00a0dB"), "snr_db", 1)]
    known = (
        text.format(value=wording.number(sensor.values[name], decimals))
        for text, name, decimals in parts
        if name in sensor.values
    )
    return ", ".join(known) or wording.NO_FIGURE


_SHOWN_COUNTS = ("messages_received", "readings_accepted", "readings_stored", "readings_pending")


@dataclass(frozen=True, slots=True)
class IngestRow:
    """An ingest's ledger, or that of all of them, as its table shows it."""

    name: str
    counts: tuple[str, ...]
    """Those of _SHOWN_COUNTS."""
    reported: str
    state: str


def ingest_rows(ingests: Sequence[IngestState], now: datetime) -> list[IngestRow]:
    """Each ingest's ledger and their sum, where several hosts write to the store; nothing where one does."""
    if len(ingests) <= 1:
        return []
    rows = [
        IngestRow(one.name, _counts([one]), wording.seen(one.reported_ns, now), _state_of_ingest(one))
        for one in ingests
    ]
    balance = _("balances") if all(one.balanced for one in ingests) else _("does not balance")
    return [*rows, IngestRow(_("All"), _counts(ingests), "", balance)]


def _counts(ingests: Sequence[IngestState]) -> tuple[str, ...]:
    return tuple(wording.number(sum(one.counts[name] for one in ingests)) for name in _SHOWN_COUNTS)


def _state_of_ingest(ingest: IngestState) -> str:
    if not ingest.balanced:
        return _("does not balance: see `hubpulse ledger` there")
    if ingest.silent:
        return _("no report: see `hubpulse doctor` there")
    return _("balances") if ingest.connected else _("not connected: see `hubpulse doctor` there")
