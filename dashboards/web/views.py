"""What the pages say: a snapshot put into words, ready for the templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from dashboards.web import wording
from dashboards.web.days import WITHOUT_COUNT, WORDS, Day, DayState, EstateDay, Total, total
from dashboards.web.look import HubNow
from dashboards.web.snapshot import Snapshot
from dashboards.web.sparkline import Sparkline, sparkline
from schemas import MEASURES
from schemas.texts import N_, _, ngettext

WEEK = 7
_WHOLE = (DayState.COUNTED, DayState.ZERO)


@dataclass(frozen=True, slots=True)
class Level:
    """A verdict on a value: a word and a shape, besides a colour."""

    word: str
    shape: str
    tone: str


POOR_AIR = Level(N_("poor air"), "■", "alarm")
COLD = Level(N_("cold"), "▼", "alarm")
MOULD = Level(N_("mould likely"), "■", "alarm")
_LEVELS = {
    level.word: level
    for level in (
        POOR_AIR,
        COLD,
        Level(N_("fair air"), "▲", "warn"),
        Level(N_("dry"), "▽", "warn"),
        Level(N_("humid"), "△", "warn"),
        Level(N_("damp"), "△", "warn"),
        Level(N_("frost"), "▼", "alarm"),
        Level(N_("mould likely to begin"), "▲", "warn"),
        MOULD,
        Level(N_("flat"), "▼", "alarm"),
        Level(N_("low"), "▽", "warn"),
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
    """A hub as the estate's table shows it."""

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
    usual: str
    inside: str
    worst: tuple[str, ...]
    """Where the air is worst, for each of the cells: empty where there is one zone."""


def people_of_week(hub: HubNow) -> int | None:
    """People of the last week; None where no day of it was counted."""
    week = total(hub.days[-1 - WEEK : -1])
    return week.entries if week.counted_days else None


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
        usual=usual(hub),
        inside=wording.number(hub.inside),
        worst=tuple(_worst_zone(hub, name) for name in _NOW),
    )


_NOW = ("clients", "temperature_c", "relative_humidity_pct", "co2_ppm", "pressure_hpa")
_BY_ZONE = ("temperature_c", "relative_humidity_pct", "co2_ppm")


def _worst_zone(hub: HubNow, name: str) -> str:
    """`attic 14.0 °C`, where it is worst; empty where that is what is shown for the hub, or there is one zone."""
    zones = hub.state.zone_means(name) if name in _BY_ZONE else {}
    zone = hub.state.worst_zone(name) if len(zones) > 1 else None
    if zone is None:
        return ""
    shown = wording.measure(zone[1], name)
    if name == "co2_ppm" or len(set(zones.values())) > 1:
        return f"{zone[0]} {shown}"
    return ""


def usual(hub: HubNow) -> str:
    """`+26 %: 24 while open, usually 19`, both until the doors' last readings; empty where nothing is known.

    Where not all was counted, `usually 21 by now while open`.
    """
    pair = _against_usual(hub)
    if pair is not None:
        people, expected = pair
        return _("{change}: {people} while open, usually {usual}").format(
            change=wording.signed_percent(people / expected - 1),
            people=wording.number(people),
            usual=wording.number(round(expected)),
        )
    by_now = round(hub.usual.by_now) if hub.usual else 0
    return _("usually {people} by now while open").format(people=wording.number(by_now)) if by_now else ""


def _against_usual(hub: HubNow) -> tuple[int, float] | None:
    """Who came in today while the hub was open, and who usually has; None where not all is known."""
    people = hub.today.figure("entries_open")
    if hub.today.state not in _WHOLE or people is None:
        return None
    expected = hub.usual.counted if hub.usual else None
    return (int(people), expected) if expected and round(expected) else None


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
        shown = _people(day)
        shown += f" ({day.lacking})" if day.lacking and day.entries is not None else ""
    return _("{day}, whole day: {people}").format(day=wording.day(day.date, now), people=shown)


def _people(day: EstateDay) -> str:
    """Who came in at all hubs, or why nobody can have: as a hub's own day says it."""
    return _(WORDS[day.state]) if day.state in WITHOUT_COUNT else wording.number(day.entries)


def missing(of: Total) -> str:
    """`1 day no data, 2 days incomplete: about 40 more people`; empty where nothing is missing."""
    states = (
        (of.unmeasured_days, DayState.BEFORE),
        (of.silent_days, DayState.SILENT),
        (of.partial_days, DayState.PARTIAL),
    )
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
        Cell(_(MEASURES[name].label), wording.measure(hub.state.value(name), name), day, level_now(hub, name))
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


def level_now(hub: HubNow, name: str) -> Level | None:
    """The verdict on a value now; None where nothing is wrong. A closed hub may be cold, its air poor."""
    if name == "co2_ppm" and not hub.state.opening.is_open:
        return None
    if name != "temperature_c":
        return level(name, hub.state.value(name))
    cold = cold_zone(hub)
    if cold is None:
        return None
    return replace(COLD, word=_("cold {zone}").format(zone=cold[0])) if cold[0] else COLD


def cold_zone(hub: HubNow) -> tuple[str, float] | None:
    """The coldest zone and how warm it is, if that is cold and the hub open; unnamed where it is the only one."""
    zones = hub.state.zone_means("temperature_c")
    if not zones or not hub.state.opening.is_open:
        return None
    zone, celsius = min(zones.items(), key=lambda each: each[1])
    return (zone if len(zones) > 1 else "", celsius) if level("temperature_c", celsius) is COLD else None


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


def remarks(hub: HubNow) -> list[str]:
    """What is to be said of a hub's counters: silences by what they cost, and what their witnesses say."""
    today = hub.state.now.date()
    silences = [silence.sentence(today) for silence in hub.silences]
    return silences + [doubt.sentence(today) for doubt in hub.doubts]


@dataclass(frozen=True, slots=True)
class Facts:
    """The figures on top of the estate's page."""

    today: str
    is_counted: bool
    """Whether `today` is a number, so far."""
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
    gaps, change = week.missing_days, _change_of_week(snapshot.hubs)
    closed = sum(not hub.today.opens for hub in snapshot.hubs)
    return Facts(
        today=_people(today),
        is_counted=today.state not in WITHOUT_COUNT,
        today_note=". ".join(
            note for note in (today.lacking, week_ago(same_day_before, now), _usual_of_all(snapshot)) if note
        ),
        week=wording.number(week.entries) if week.counted_days else wording.NO_FIGURE,
        week_note=". ".join(
            part
            for part in (
                change,
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


def _usual_of_all(snapshot: Snapshot) -> str:
    """How the hubs whose usual figure is known, and which are counted in full so far, stand against it together."""
    known = [pair for hub in snapshot.hubs if (pair := _against_usual(hub)) is not None]
    if not known:
        return ""
    people, expected = (sum(column) for column in zip(*known, strict=True))
    text = _("{change} against the usual: {people} while open, usually {usual} by the doors' last readings").format(
        change=wording.signed_percent(people / expected - 1),
        people=wording.number(people),
        usual=wording.number(round(expected)),
    )
    hubs = ngettext("at {hubs} hub of which all is known", "at {hubs} hubs of which all is known", len(known))
    return text if len(known) == len(snapshot.hubs) else f"{text}, {hubs.format(hubs=len(known))}"


def _change_of_week(hubs: Sequence[HubNow]) -> str:
    """How the last week stands against the one before, over each hub's weekdays that were counted in both."""
    pairs = [
        (day, before)
        for hub in hubs
        for day, before in zip(hub.days[-1 - WEEK : -1], hub.days[-1 - 2 * WEEK : -1 - WEEK], strict=True)
        if day.opens or before.opens
    ]
    alike = [pair for pair in pairs if all(day.opens and day.state in _WHOLE for day in pair)]
    now, then = (sum(pair[side].entries or 0 for pair in alike) for side in (0, 1))
    change = wording.change(now, then)
    if not change:
        return ""
    text = _("{change} the 7 days before").format(change=change)
    if len(alike) == len(pairs):
        return text
    days = ngettext("over {days} hub day counted in both", "over {days} hub days counted in both", len(alike))
    return f"{text}, {days.format(days=wording.number(len(alike)))}"
