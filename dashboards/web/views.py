"""What the pages say: a snapshot put into words, ready for the templates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from operator import attrgetter

from dashboards.web import wording
from dashboards.web.days import WITHOUT_COUNT, WORDS, Day, DayState, EstateDay, Total, total
from dashboards.web.snapshot import HubNow, Snapshot
from dashboards.web.sparkline import Sparkline, sparkline
from schemas import MEASURES
from schemas.localtime import NS_A_SECOND
from schemas.texts import N_, _, ngettext
from usage.attention.silences import Silence

WEEK = 7


@dataclass(frozen=True, slots=True)
class Level:
    """A verdict on a value: a word and a shape, besides a colour."""

    word: str
    shape: str
    tone: str


_POOR_AIR = Level(N_("poor air"), "■", "alarm")
_COLD = Level(N_("cold"), "▼", "alarm")
_MOULD = Level(N_("mould likely"), "■", "alarm")
_LEVELS = {
    level.word: level
    for level in (
        _POOR_AIR,
        _COLD,
        Level(N_("fair air"), "▲", "warn"),
        Level(N_("dry"), "▽", "warn"),
        Level(N_("humid"), "△", "warn"),
        Level(N_("damp"), "△", "warn"),
        Level(N_("frost"), "▼", "alarm"),
        Level(N_("mould likely to begin"), "▲", "warn"),
        Level(N_("low"), "▽", "warn"),
        Level(N_("flat"), "▼", "alarm"),
        _MOULD,
    )
}
"""By the meaning of a band in the measure catalogue; a band without a level is nothing to point out."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A value now, the day's beside it, and a verdict where there is one to give."""

    label: str
    now: str
    day: str = ""
    level: Level | None = None


@dataclass(frozen=True, slots=True)
class HubRow:
    """A hub as the estate's table shows it; the `sort_*` are what its columns are sorted by."""

    hub: HubNow
    today: str
    today_note: str
    week_ago: str
    week: str
    week_missing: str
    spark: Sparkline
    cells: tuple[Cell, ...]
    last_seen: str
    silent: str
    sort_today: int
    sort_week: int
    sort_last_seen: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that wants a person's attention."""

    hub: HubNow
    text: str
    level: Level
    cost: float = 0.0
    """What it is ranked by: the people whom nobody can tell of this month."""


def hub_row(hub: HubNow) -> HubRow:
    """A hub's line of the table."""
    week = total(hub.days[-1 - WEEK : -1])
    return HubRow(
        hub=hub,
        today=hub.today.text,
        today_note=_today_note(hub.today),
        week_ago=week_ago(hub.days[-1 - WEEK], hub.state.now.date()),
        week=wording.number(week.entries) if week.counted_days else wording.NO_FIGURE,
        week_missing=missing(week),
        spark=sparkline(hub.days),
        cells=cells(hub),
        last_seen=wording.seen(hub.state.last_seen_ns, hub.state.now),
        silent=_silent_text(hub),
        sort_today=hub.today.entries if hub.today.entries is not None else -1,
        sort_week=week.entries if week.counted_days else -1,
        sort_last_seen=(hub.state.last_seen_ns or 0) // NS_A_SECOND,
    )


def _today_note(day: Day) -> str:
    if day.state is DayState.PARTIAL:
        return _("counter silent")
    if day.state in (DayState.COUNTED, DayState.ZERO):
        return _("so far")
    return ""


def week_ago(day: Day | EstateDay, now: date) -> str:
    """What the same weekday a week ago came to: `Fri 13 Nov, whole day: 326`."""
    if isinstance(day, Day):
        shown = day.text
    else:
        shown = _(WORDS[day.state]) if day.state in WITHOUT_COUNT else wording.number(day.entries)
        shown += f" ({day.lacking})" if day.lacking and day.entries is not None else ""
    return _("{day}, whole day: {people}").format(day=wording.day(day.date, now), people=shown)


def missing(of: Total) -> str:
    """`1 day no data, 2 days incomplete: about 40 more people`; empty where nothing is missing."""
    states = ((of.silent_days, DayState.SILENT), (of.partial_days, DayState.PARTIAL))
    days = ", ".join(f"{wording.plural(days, 'day', 'days')} {_(WORDS[state])}" for days, state in states if days)
    return days and f"{days}{missed(of)}"


def missed(of: Total) -> str:
    """`: about 40 more people`, those whom nobody counted, where that can be told."""
    return _(": about {people} more people").format(people=wording.number(of.missed)) if of.missed else ""


def cells(hub: HubNow) -> tuple[Cell, ...]:
    """Wi-Fi and the air: now, and the day so far."""
    days = {
        "clients": _so_far(hub, _("peak"), "wifi_peak_clients"),
        "temperature_c": _span(hub.today, "temperature_min_c", "temperature_max_c"),
        "relative_humidity_pct": _so_far(hub, _("mean"), "relative_humidity_mean_pct"),
        "co2_ppm": _so_far(hub, _("highest"), "co2_max_ppm"),
        "pressure_hpa": _so_far(hub, _("sea level") if hub.state.sea_level else _("mean"), "pressure_mean_hpa"),
    }
    return tuple(
        Cell(_(MEASURES[name].label), wording.measure(hub.state.value(name), name), day, _level(hub, name))
        for name, day in days.items()
    )


def _so_far(hub: HubNow, what: str, name: str) -> str:
    """Today's figure under its name; empty where there is none."""
    value = hub.today.figure(name)
    return "" if value is None else f"{what} {wording.number(value)}"


def _span(day: Day, low: str, high: str) -> str:
    if day.figure(low) is None:
        return ""
    return _("{low} to {high}").format(low=wording.number(day.figure(low), 1), high=wording.number(day.figure(high), 1))


def _level(hub: HubNow, name: str) -> Level | None:
    """The verdict on a value now; None where nothing is wrong. A closed hub may be cold, an open one nowhere."""
    if name != "temperature_c":
        return level(name, hub.state.value(name))
    cold = _cold_zone(hub)
    if cold is None:
        return None
    return replace(_COLD, word=_("cold {zone}").format(zone=cold[0])) if cold[0] else _COLD


def _cold_zone(hub: HubNow) -> tuple[str, float] | None:
    """The coldest zone and how warm it is, if that is cold and the hub open; unnamed where it is the only one."""
    zones = hub.state.zone_means("temperature_c")
    if not zones or not hub.state.opening.is_open:
        return None
    zone, celsius = min(zones.items(), key=lambda each: each[1])
    return (zone if len(zones) > 1 else "", celsius) if level("temperature_c", celsius) is _COLD else None


def level(name: str, value: float | None) -> Level | None:
    """The verdict on a value by the measure's bands; None where nothing is wrong."""
    band = MEASURES[name].band(value)
    return None if band is None else _LEVELS.get(band.meaning)


def _silent_text(hub: HubNow) -> str:
    silent = hub.state.silent_sensors
    if not silent:
        return ""
    if len(silent) == len(hub.state.sensors):
        return _("all sensors silent")
    return ngettext("{count} sensor silent", "{count} sensors silent", len(silent)).format(count=len(silent))


_SILENT = Level(N_("silent"), "✕", "alarm")
_IN_PART = Level(N_("in part"), "◐", "warn")
_IN_DOUBT = Level(N_("in doubt"), "◇", "warn")
_OTHER_DAYS = Level(N_("other days"), "✕", "alarm")


def notices(snapshot: Snapshot) -> list[Notice]:
    """What needs attention: days of another time zone, counters by what their silence costs, then the rest hub by hub.

    That is: other silent sensors, counters in doubt, poor air, cold rooms while open.
    """
    other_days = _(
        "stored days begin at other midnights than those of {zone}: is this the estate file they were computed with?"
    )
    return [
        *(
            Notice(hub, other_days.format(zone=hub.state.now.tzinfo), _OTHER_DAYS)
            for hub in snapshot.hubs
            if hub.state.id in snapshot.on_other_midnights
        ),
        *sorted(
            (notice for hub in snapshot.hubs for notice in (*_sensor_notices(hub), *_air_notices(hub))),
            key=attrgetter("cost"),
            reverse=True,
        ),
    ]


def _sensor_notices(hub: HubNow) -> Iterator[Notice]:
    state = hub.state
    silent = state.silent_sensors
    if silent and len(silent) == len(state.sensors):
        words = _("no reading ever")
        if state.last_seen_ns is not None:
            words = _("no reading since {time}").format(time=wording.seen(state.last_seen_ns, state.now))
        yield _costing(Notice(hub, words, _SILENT), hub.silences[:1])
    else:
        for sensor in silent:
            words = _("{sensor} never seen").format(sensor=sensor.sensor)
            if sensor.last_seen_ns is not None:
                seen = wording.seen(sensor.last_seen_ns, state.now)
                words = _("{sensor} last seen {time}").format(sensor=sensor.sensor, time=seen)
            costs = [silence for silence in hub.silences if silence.door == sensor.sensor]
            yield _costing(Notice(hub, words, _SILENT), costs)
    for silence in hub.silences:
        if not silence.is_silent:
            yield Notice(hub, silence.sentence(state.now.date()), _IN_PART, silence.cost)
    for doubt in hub.doubts:
        if doubt.wants_attention:
            yield Notice(hub, doubt.sentence(state.now.date()), _IN_DOUBT)


def _air_notices(hub: HubNow) -> Iterator[Notice]:
    state = hub.state
    if _level(hub, "co2_ppm") is _POOR_AIR:
        co2 = wording.measure(state.value("co2_ppm"), "co2_ppm")
        yield Notice(hub, _("CO₂ {value}: open windows or raise ventilation").format(value=co2), _POOR_AIR)
    cold = _cold_zone(hub)
    if cold is not None:
        value = f"{cold[0]} {wording.measure(cold[1], 'temperature_c')}".lstrip()
        yield Notice(hub, _("{value} while open").format(value=value), _COLD)
    for zone in hub.zones:
        mould = level("mould_index", zone.figures["mould_index"])
        if mould is _MOULD:
            index = wording.measure(zone.figures["mould_index"], "mould_index")
            words = _("{zone} mould index {index}: air and heat it, look for mould on cold walls")
            yield Notice(hub, words.format(zone=zone.zone, index=index), mould)


def _costing(notice: Notice, costs: Sequence[Silence]) -> Notice:
    """With what the silence costs, where that is known."""
    for silence in costs:
        return replace(notice, text=f"{notice.text}; {silence.consequence()}", cost=silence.cost)
    return notice


def remarks(hub: HubNow) -> list[str]:
    """What is to be said of a hub's counters: silences by what they cost, and what their witnesses say."""
    today = hub.state.now.date()
    silences = [silence.sentence(today) for silence in hub.silences]
    return silences + [doubt.sentence(today) for doubt in hub.doubts]


@dataclass(frozen=True, slots=True)
class Facts:
    """The figures on top of the estate's page."""

    today: str
    today_note: str
    week: str
    week_note: str
    open_hubs: str
    open_note: str


def facts(snapshot: Snapshot) -> Facts:
    """Add the estate up."""
    today, same_day_before = snapshot.days[-1], snapshot.days[-1 - WEEK]
    now = snapshot.now.date()
    week = Total.of([total(hub.days[-1 - WEEK : -1]) for hub in snapshot.hubs])
    before = Total.of([total(hub.days[-1 - 2 * WEEK : -1 - WEEK]) for hub in snapshot.hubs])
    gaps = week.silent_days + week.partial_days
    change = "" if gaps or before.silent_days or before.partial_days else wording.change(week.entries, before.entries)
    closed = sum(not hub.today.opens for hub in snapshot.hubs)
    return Facts(
        today=wording.number(today.entries),
        today_note=". ".join(note for note in (today.lacking, week_ago(same_day_before, now)) if note),
        week=wording.number(week.entries) if week.counted_days else wording.NO_FIGURE,
        week_note=". ".join(
            part
            for part in (
                _("{change} the 7 days before").format(change=change) if change else "",
                _missing_days(gaps) + missed(week) if gaps else "",
            )
            if part
        ),
        open_hubs=_("{open} of {hubs}").format(
            open=sum(hub.state.opening.is_open for hub in snapshot.hubs), hubs=len(snapshot.hubs)
        ),
        open_note=_("{hubs} closed all day").format(hubs=closed) if closed else _("none closed all day"),
    )


def _missing_days(days: int) -> str:
    words = ngettext("{days} hub day missing or incomplete", "{days} hub days missing or incomplete", days)
    return words.format(days=wording.number(days))
