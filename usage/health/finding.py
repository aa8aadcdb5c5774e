"""Finds the cases of an estate: as they were judged, with what people noted, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
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
    notes: dict[tuple[CaseKind, str, str], list[CaseNote]] = {}
    for note in queries.case_notes(hub=hub):
        notes.setdefault((note.kind, note.hub, note.zone), []).append(note)
    calendars: dict[str, HubCalendar] = {}
    found = []
    for each in judged:
        today = queries.today(each.hub)
        if each.until is not None and each.until < today - closed_days * _A_DAY:
            continue
        calendar = calendars.get(each.hub) or calendars.setdefault(each.hub, HubCalendar(estate, each.hub))
        own = notes.get((each.kind, each.hub, each.zone), ())
        found.append(_case(each, own, calendar, today))
    return sorted(found, key=_order)


def open_cases(queries: Queries, estate: Estate, *, hub: str | None = None) -> list[Case]:
    """The open cases, worst first. Raises StoreError."""
    return [case for case in find_cases(queries, estate, hub=hub, closed_days=0) if case.is_open]


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
