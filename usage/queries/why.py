"""How a day's figures came about: opening, sensors, counters and their corrections, changes since."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

from schemas import Estate, Kind
from schemas.localtime import NS_A_SECOND, Span, from_ns
from stores import Store
from usage.attention.doubts import Doubt
from usage.calendar import Day, HubCalendar
from usage.completeness import Expectation, expectations
from usage.counters import Correction
from usage.estimates import Estimate, Estimates
from usage.journal import (
    Change,
    CounterCorrection,
    ReadingCorrection,
    read_changes,
    read_corrections,
    read_overwritten,
)
from usage.notes import Note
from usage.people import Count
from usage.plan import HubPlan
from usage.profile import UsualOpening
from usage.queries.figures import DayFigures, HubFigures
from usage.queries.ingests import ingest_states
from usage.queries.radio import read_frames
from usage.queries.words import doubts
from usage.radio import Frames
from usage.readings import HubReadings, Number
from usage.rollup import Figures, Rollup, has_data, roll_up
from usage.sensor_limit import base_sensor
from usage.signals import HOLD_INTERVALS
from usage.source import HubSource

_WAITING_S = 120
"""Readings that have waited for so long wait since the store was away."""


class Missing(StrEnum):
    """Why a reading is missing."""

    RADIO = "lost by radio"
    STORE = "store away"
    DEVICE = "device silent"


@dataclass(frozen=True, slots=True)
class SensorDay:
    """What came from one sensor and kind on the day. `kind` is None for a silent sensor whose kinds are unknown."""

    sensor: str
    kind: Kind | None
    zone: str | None
    received: int
    expected: int
    every_s: int | None
    left_out: tuple[Mapping[str, Number], ...]
    """What suspect readings said, which are part of no figure."""
    doubts: tuple[str, ...]
    """Why they are suspect, each reason once."""
    overwritten: tuple[ReadingCorrection, ...]
    """Values that a later message corrected, as far as the store knows."""
    first: datetime | None
    last: datetime | None
    frames: Frames | None
    """Its LoRaWAN frames of the day that came and that the radio lost; None of a device that numbers none."""
    missing: Mapping[Missing, int]
    """How many of the expected readings are missing for which cause, as far as that is known."""
    gaps: tuple[Span, ...]
    """Silences of more than two intervals, those at the day's edges included."""


@dataclass(frozen=True, slots=True)
class CounterDay:
    """What one sensor counted in one direction; None where the readings have expired."""

    sensor: str
    counter: str
    counted: int | None
    readings: int | None
    corrections: tuple[Correction, ...]


@dataclass(frozen=True, slots=True)
class Why:
    """A hub's local day, and all that explains its figures."""

    hub: str
    day: Day
    zone: ZoneInfo
    is_closed: bool
    figures: Figures
    sensors: tuple[SensorDay, ...]
    counters: tuple[CounterDay, ...]
    changes: tuple[Change, ...]
    raw_is_gone: bool
    """The figures stand, but the readings behind them have expired; corrections are those stored with them."""
    missed: Estimate
    """The people whom nobody counted."""
    doubts: tuple[Doubt, ...]
    """What the counters' witnesses say against them."""
    notes: tuple[Note, ...] = ()
    """What people wrote about the day."""


def why(
    store: Store,
    estate: Estate,
    hub: str,
    day: date,
    *,
    now_ns: int,
    estimate: Callable[[Collection[DayFigures]], Estimates],
    doubts: Sequence[Doubt] = (),
    notes: Sequence[Note] = (),
) -> Why | None:
    """Explain a day of a hub; None for one that is still to come. Raises StoreError."""
    calendar, plan = HubCalendar(estate, hub), HubPlan.of(estate, hub)
    if day > calendar.date_of(now_ns):
        return None
    known = HubFigures(store, estate, hub, now_ns=now_ns)
    ((local, readings),) = HubSource(store, hub, calendar, plan, now_ns).days_with_past([day])
    usual = UsualOpening(calendar, known.profiles([day]).of)
    rollup = roll_up(readings, local, usual, plan, now_ns=now_ns)
    (shown,) = known.days(day, day)
    expected = expectations(readings, local, plan)
    frames = read_frames(store, local.span, hub=hub)
    waits = any(
        one.waiting_s > _WAITING_S and not one.silent and one.waiting_since_ns < local.span.stop_ns
        for one in ingest_states(store, now_ns)
    )
    overwritten = read_overwritten(store, local.span, hub)
    counters = tuple(_counters(rollup, readings))
    raw_is_gone = has_data(shown.figures) and not has_data(rollup.figures)
    if raw_is_gone:
        counters = tuple(_stored_counters(store, hub, local.span))
    return Why(
        hub,
        local,
        calendar.zone,
        calendar.is_closed(day),
        shown.figures,
        tuple(
            _sensor(
                each,
                local,
                calendar,
                plan,
                overwritten.get((each.sensor, each.kind or ""), ()),
                frames.get((hub, base_sensor(each.sensor))),
                now_ns,
                waits=waits,
            )
            for each in expected
        ),
        counters,
        tuple(read_changes(store, local.span, hub)),
        raw_is_gone,
        estimate([shown])(hub, [day]),
        tuple(doubts),
        tuple(notes),
    )


def _sensor(
    expected: Expectation,
    day: Day,
    calendar: HubCalendar,
    plan: HubPlan,
    overwritten: Sequence[ReadingCorrection],
    frames: Frames | None,
    now_ns: int,
    *,
    waits: bool,
) -> SensorDay:
    readings = expected.readings
    times = readings.within(day.span) if readings else ()
    received, due = len(times), expected.due(max(0, min(now_ns, day.span.stop_ns) - day.span.start_ns))
    left_out = readings.left_out(day.span) if readings else []
    return SensorDay(
        expected.sensor,
        expected.kind,
        readings.zone if readings else None,
        received,
        due,
        expected.every_ns // NS_A_SECOND if expected.every_ns else None,
        tuple(left_out),
        tuple(doubts(left_out, plan.sensor(expected.sensor))),
        tuple(overwritten),
        from_ns(times[0]).astimezone(calendar.zone) if times else None,
        from_ns(times[-1]).astimezone(calendar.zone) if times else None,
        frames,
        _missing(max(0, due - received), frames, waits=waits),
        tuple(_gaps(times, expected.every_ns, Span(day.span.start_ns, min(day.span.stop_ns, now_ns)))),
    )


def _missing(count: int, frames: Frames | None, *, waits: bool) -> dict[Missing, int]:
    """By cause. A device that was silent goes on with its next number: what no number tells of, it did not send."""
    known = frames is not None and frames.lost_share is not None
    by_radio = min(count, frames.lost) if frames is not None else 0
    rest = count - by_radio
    causes = {Missing.RADIO: by_radio, Missing.STORE: rest if waits else 0, Missing.DEVICE: rest if known else 0}
    if waits:
        del causes[Missing.DEVICE]
    return {cause: missing for cause, missing in causes.items() if missing}


def _gaps(times_ns: Sequence[int], every_ns: int | None, span: Span) -> Iterator[Span]:
    if every_ns is None or not times_ns:
        return
    for before, after in pairwise([span.start_ns, *times_ns, span.stop_ns]):
        if after - before > HOLD_INTERVALS * every_ns:
            yield Span(before, after)


def _counters(rollup: Rollup, readings: HubReadings) -> Iterator[CounterDay]:
    by_name = {(kind, sensor.sensor): sensor for kind, sensors in readings.items() for sensor in sensors}
    for tally in rollup.tallies:
        kind = Kind.WIFI if "bytes" in tally.field else Kind.FOOTFALL
        track = by_name[kind, tally.sensor].counts(tally.field).within(rollup.day.span)
        counted = Count.of([tally]).within(rollup.day.span) or 0
        yield CounterDay(tally.sensor, tally.field, counted, len(track.times_ns), tally.corrections)


def _stored_counters(store: Store, hub: str, span: Span) -> Iterator[CounterDay]:
    stored = [each for each in read_corrections(store, span, hub).values() if not each.withdrawn]

    def counter(each: CounterCorrection) -> tuple[str, str]:
        return each.sensor, each.counter

    for (sensor, name), made in groupby(sorted(stored, key=counter), key=counter):
        corrections = tuple(each.correction for each in made)
        yield CounterDay(sensor, name, None, None, corrections)
