"""Finds the cases of an estate: as they were judged, with what people noted, the worst first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from datetime import date, timedelta
from math import inf
from typing import TYPE_CHECKING

from schemas import Estate
from schemas.limits import INVESTIGATE_DAYS
from usage.calendar import HubCalendar, dates
from usage.health.cases import Case, CaseKind, CaseNote, Judged
from usage.health.judging import judge
from usage.health.rules import RULES, advice_of, source_of, unit_of

if TYPE_CHECKING:
    from usage.queries import Queries

CLOSED_DAYS = 90
"""For how long a case that is over is still shown."""
_A_DAY = timedelta(days=1)
_KINDS = tuple(CaseKind)
_LAWFUL = (CaseKind.MOULD, CaseKind.DAMP)


def find_cases(
    queries: Queries, estate: Estate, *, hub: str | None = None, closed_days: int = CLOSED_DAYS, fresh: bool = False
) -> list[Case]:
    """The open cases, worst first, then those that were over in the last so many days, the latest first.

    As jobs last judged them, a few minutes ago at most where they run; `fresh` judges the stored days here and now.
    Raises StoreError.
    """
    judged = judge(queries, estate, hub=hub) if fresh else queries.stored_cases(hub=hub)
    recent = (
        each for each in judged if each.until is None or each.until >= queries.today(each.hub) - closed_days * _A_DAY
    )
    return _cases(recent, queries.case_notes(hub=hub), estate, queries.today)


def open_cases(queries: Queries, estate: Estate, *, hub: str | None = None) -> list[Case]:
    """The open cases, worst first. Raises StoreError."""
    return [case for case in find_cases(queries, estate, hub=hub, closed_days=0) if case.is_open]


def cases_within(queries: Queries, estate: Estate, first: date, last: date, *, hub: str | None = None) -> list[Case]:
    """The cases that were open on any of these days, as they stood when the last one was over.

    The value and minutes of each are those of its worst day among them, which is its `latest`; without one they are of
    a day before `first`. Judged here and now by the stored days up to `last`: what came later changes nothing. Those
    that were open then come first, the worst first. Raises StoreError.
    """
    notes = [
        note for note in queries.case_notes(hub=hub) if note.at.astimezone(estate.zone_of(note.hub)).date() <= last
    ]
    cases = _cases(judge(queries, estate, hub=hub, until=last), notes, estate, lambda _hub: last + _A_DAY)
    return [
        _at_its_worst(queries, case, first, last)
        for case in cases
        # On the day on which somebody closed it it still was; on that of which the figures are good it was not.
        if case.since <= last and (case.until is None or case.until >= first + (case.closed_by is None) * _A_DAY)
    ]


def _at_its_worst(queries: Queries, case: Case, first: date, last: date) -> Case:
    rule = RULES.get(case.kind)
    if rule is None:
        return case
    days = (
        (judged, row)
        for row in queries.stored_zones(max(first, case.since), last, hub=case.hub)
        if row.zone == case.zone
        and (case.until is None or row.date < case.until)
        and (judged := rule.judged(row.figures)) is not None
        and judged > rule.edges.closes
    )
    worst = max(days, key=lambda each: (each[0], -each[1].date.toordinal()), default=None)
    if worst is None:
        return replace(case, people=None)
    judged, row = worst
    minutes = judged if rule.has_minutes else None
    return replace(case, latest=row.date, value=rule.value(row.figures), minutes=minutes, people=None)


def _cases(
    judged: Iterable[Judged], noted: Iterable[CaseNote], estate: Estate, today: Callable[[str], date]
) -> list[Case]:
    """Judged cases with all that people need of them, in order."""
    notes: dict[tuple[CaseKind, str, str], list[CaseNote]] = {}
    for note in noted:
        notes.setdefault((note.kind, note.hub, note.zone), []).append(note)
    calendars: dict[str, HubCalendar] = {}
    found = []
    for each in judged:
        calendar = calendars.get(each.hub) or calendars.setdefault(each.hub, HubCalendar(estate, each.hub))
        own = notes.get((each.kind, each.hub, each.zone), ())
        found.append(_case(each, own, calendar, today(each.hub)))
    return sorted(found, key=_order)


def _case(judged: Judged, notes: Iterable[CaseNote], calendar: HubCalendar, today: date) -> Case:
    """A judged case with all that people need of it."""
    last = judged.until or today
    own = tuple(note for note in notes if judged.since <= note.at.astimezone(calendar.zone).date() <= last)
    return Case(
        **{field.name: getattr(judged, field.name) for field in fields(Judged)}
        | {"until": _until(judged, own, calendar)},
        unit=unit_of(judged.kind),
        advice=advice_of(judged.kind),
        source=source_of(judged.kind, judged.limit),
        has_data=judged.until is not None or not _is_silent(judged, calendar, today),
        investigate_by=_working_day(judged.since, calendar) if judged.kind in _LAWFUL else None,
        notes=own,
    )


def _until(judged: Judged, notes: Sequence[CaseNote], calendar: HubCalendar) -> date | None:
    """When a case was over: by itself, or since somebody closed it, unless it goes on long after that."""
    if judged.until is not None or not notes or not notes[-1].closes:
        return judged.until
    closed = notes[-1].at.astimezone(calendar.zone).date()
    rule = RULES.get(judged.kind)
    goes_on = rule is not None and judged.latest > closed + rule.quiet_days * _A_DAY
    return None if goes_on else closed


def _is_silent(judged: Judged, calendar: HubCalendar, today: date) -> bool:
    """Whether a day since the last one with data should have told how it is."""
    rule = RULES.get(judged.kind)
    if rule is None:
        return False
    between = dates(judged.last_data + _A_DAY, today - _A_DAY)
    return any(rule.covers_closed or calendar.opens(day) for day in between)


def _working_day(since: date, calendar: HubCalendar) -> date:
    """The last of the working days to investigate in; the day of finding is not counted."""
    day, left = since, INVESTIGATE_DAYS
    while left:
        day += _A_DAY
        left -= calendar.is_working_day(day)
    return day


def _order(case: Case) -> tuple[bool, int, float, float, int, str, str]:
    """Open first, by kind, people who breathe it, how bad, how long; then closed ones by when they were over."""
    over = 0 if case.until is None else -case.until.toordinal()
    bad = case.minutes if case.minutes is not None else case.value or 0
    # Where nobody knows how many people were in, it may have been many.
    people = (inf if case.people is None else case.people * bad) if case.kind is CaseKind.CO2 else 0
    kind = _KINDS.index(case.kind) if case.is_open else over
    return not case.is_open, kind, -people, -bad, case.since.toordinal(), case.hub, case.zone
