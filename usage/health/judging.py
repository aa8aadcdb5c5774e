"""Judges the stored days of zones: which cases there were and are, by the figures alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from schemas import Estate
from schemas.estate import OUTDOOR
from schemas.limits import TM52_MONTHS, TM52_WEIGHTED_MAX
from schemas.localtime import local_day
from schemas.measures import MOSTLY_COMPLETE_MIN, PeopleState
from usage.calendar import HubCalendar, dates, opening_minutes
from usage.health.cases import CaseKind, Judged
from usage.health.overheating import Season, season_of
from usage.health.rules import RULES, Row, Rule
from usage.plan import HubPlan

if TYPE_CHECKING:
    from usage.queries import Queries

JUDGED_DAYS = 400
"""How far back days are judged: a case that began before that began then, for all that is known."""
_A_DAY = timedelta(days=1)
_DAY_MINUTES = 24 * 60

Days = list[tuple[date, Row]]


def judge(queries: Queries, estate: Estate, *, hub: str | None = None, until: date | None = None) -> list[Judged]:
    """The cases of the last 400 days, open and closed, by the roll-ups as stored. Raises StoreError.

    With `until` as they stood when that day was over: what was measured later changes nothing.
    The days of a few hubs are held at a time: those of thousands would be gigabytes.
    """

    def today_at(hub_id: str | None) -> date:
        return queries.today(hub_id) if until is None else until + _A_DAY

    last = until or today_at(hub) + _A_DAY
    found: list[Judged] = []
    rows = queries.stored_zones(last - JUDGED_DAYS * _A_DAY, last, hub=hub)
    for hub_id, rows_of_hub in groupby(rows, key=lambda row: row.hub):
        days: dict[str, Days] = {}
        for row in rows_of_hub:
            if row.zone != OUTDOOR:
                days.setdefault(row.zone, []).append((row.date, row.figures))
        plan, today = HubPlan.of(estate, hub_id), today_at(hub_id)
        for zone, of_zone in sorted(days.items()):
            for rule in RULES.values():
                found += judge_zone(rule, hub_id, zone, of_zone, plan, today)
    found += [
        case
        for (hub_id, zone), season in seasons(queries, estate, hub=hub, until=until).items()
        for case in _overheating(hub_id, zone, season, today_at(hub_id))
    ]
    return [_with_people(queries, case) for case in found]


def judge_zone(
    rule: Rule, hub: str, zone: str, days: Iterable[tuple[date, Row]], plan: HubPlan, today: date
) -> Iterator[Judged]:
    """Yield a zone's cases of a kind; an unfinished day opens a case and closes none."""
    case: Judged | None = None
    worst = 0.0
    for day, row in sorted(days, key=lambda each: each[0]):
        judged = rule.judged(row)
        if judged is None:
            continue
        if case is None:
            if judged >= rule.edges.opens:
                opened = Judged(rule.kind, hub, zone, day, None, day, None, rule.limit(plan), None, None, day)
                case, worst = _with_worst(_seen(rule, opened, row)), judged
        elif judged > rule.edges.closes:
            case = _seen(rule, replace(case, latest=day, last_data=day), row)
            if judged > worst:
                case, worst = _with_worst(case), judged
        else:
            case = replace(case, last_data=day)
            if day < today and _is_covered(row):
                yield replace(case, until=day)
                case = None
    if case is not None:
        yield case


def _seen(rule: Rule, case: Judged, row: Row) -> Judged:
    """The case with what its latest day shows."""
    return replace(case, value=rule.value(row), minutes=rule.judged(row) if rule.has_minutes else None)


def _with_worst(case: Judged) -> Judged:
    """The case whose latest day is its worst so far."""
    return replace(case, worst_on=case.latest, worst_value=case.value, worst_minutes=case.minutes)


def _is_covered(row: Row) -> bool:
    """Whether a day was measured well enough to say that all is well; one without opening hours never says so."""
    share = row.get("environment_completeness")
    return share is not None and share >= MOSTLY_COMPLETE_MIN


def _with_people(queries: Queries, case: Judged) -> Judged:
    """An open case of CO2 with the people who were in the building meanwhile, of a day that was counted."""
    if case.kind is not CaseKind.CO2 or case.until is not None:
        return case
    for day in queries.stored_daily(case.latest, case.latest, hub=case.hub):
        hours, minutes = day.figures["person_hours_over_limit"], day.figures["co2_minutes_over_limit"]
        if hours is not None and minutes and day.figures["people_state"] == PeopleState.COUNTED:
            return replace(case, people=round(hours * 60 / minutes, 1))
    return case


def seasons(
    queries: Queries, estate: Estate, *, hub: str | None = None, until: date | None = None
) -> dict[tuple[str, str], Season]:
    """The summer of this year of each zone that was hot in it, by hub and zone; with `until` up to that day.

    Of hubs that have weather alone: their own sensor outdoors, else that of the first hub in the file that has one.
    """
    newest = until or queries.today(hub)
    first, last = date(newest.year, TM52_MONTHS.start, 1), date(newest.year, TM52_MONTHS.stop, 1) - _A_DAY
    found: dict[tuple[str, str], Season] = {}
    weather: Mapping[str, Mapping[date, float]] | None = None
    for name, hours_of_hub in groupby(queries.stored_hot_hours(first, last, hub=hub), key=lambda each: each[0]):
        hours: dict[str, list[tuple[date, float, float]]] = {}
        for _hub, hour in hours_of_hub:
            day = local_day(hour.start_ns, estate.zone_of(name))
            if day <= newest:
                hours.setdefault(hour.zone, []).append((day, hour.temperature_c, hour.open_minutes / 60))
        weather = _weather(queries, estate, first, last) if weather is None else weather
        outdoor = weather.get(name) or next(iter(weather.values()), None)
        if outdoor:
            occupied = _occupied_hours(estate, name, first, last)
            for zone, of_zone in sorted(hours.items()):
                found[name, zone] = season_of(of_zone, outdoor, occupied, min(last, newest))
    return found


def _weather(queries: Queries, estate: Estate, first: date, last: date) -> dict[str, Mapping[date, float]]:
    """The outdoor daily means of each hub that has a sensor outdoors, in the order of the estate file."""
    found: dict[str, Mapping[date, float]] = {}
    for hub in estate.hubs:
        if any(sensor.zone == OUTDOOR for sensor in hub.sensors):
            rows = queries.stored_zones(first - 7 * _A_DAY, last, hub=hub.id)
            means = {row.date: row.figures["temperature_mean_c"] for row in rows if row.zone == OUTDOOR}
            known = {day: celsius for day, celsius in means.items() if celsius is not None}
            if known:
                found[hub.id] = known
    return found


def _occupied_hours(estate: Estate, hub: str, first: date, last: date) -> float:
    """How many hours a hub is to be open on these days."""
    calendar, known = HubCalendar(estate, hub), estate.hub(hub)
    minutes = 0
    for day in dates(first, last):
        if not calendar.is_closed(day):
            opening = opening_minutes(known, day)
            minutes += _DAY_MINUTES if opening is None else sum(stop - start for start, stop in opening)
    return minutes / 60


def _overheating(hub: str, zone: str, season: Season, today: date) -> Iterator[Judged]:
    """The case of a zone that overheats: until the season is over, whatever the days after it are like."""
    if season.since is None:
        return
    over = date(season.since.year, TM52_MONTHS.stop, 1)
    yield Judged(
        CaseKind.OVERHEATING,
        hub,
        zone,
        season.since,
        over if today >= over else None,
        season.last_day,
        season.weighted_max,
        TM52_WEIGHTED_MAX,
        season.hours * 60,
        None,
        season.last_day,
    )
