"""Which days a page shows: `?period=2026-10` (a week, month, quarter, half-year or year) or `?from=&to=`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus

from starlette.exceptions import HTTPException

from dashboards.web import wording
from schemas import HubpulseError
from schemas.texts import _, month_name
from usage.queries import DateRange, Period

_CHARACTERS_MAX = 64
"""So many of what was asked for are read: a refusal repeats them."""


def asked_range(query: Mapping[str, str], today: date, default: DateRange) -> DateRange:
    """The days that an address asks for, `default` where it names none; `from` alone reaches until `today`.

    Raises HTTPException (400) for what is no range of days, has more than 366 of them, or is all still to come.
    """
    period, first, last = (query.get(name, "").strip()[:_CHARACTERS_MAX] for name in ("period", "from", "to"))
    if not (period or first or last):
        return default
    if period and (first or last):
        raise _refused(_("ask for a period, or for days from and to, not for both"))
    if not period and not first:
        raise _refused(_("say from which day on: ?from=2026-10-05&to=2026-10-18"))
    try:
        found = DateRange.parse(period or f"{first}..{last or today.isoformat()}")
    except HubpulseError as error:
        raise _refused(str(error)) from error
    if found.first > today:
        raise _refused(_("{name} is still to come: its first day is {day}").format(name=found.name, day=found.first))
    return found


def _refused(words: str) -> HTTPException:
    return HTTPException(HTTPStatus.BAD_REQUEST, words)


def query_of(days: DateRange) -> str:
    """What asks for these days, in an address: `period=2026-10` or `from=2026-10-05&to=2026-10-18`."""
    return f"from={days.first}&to={days.last}" if days.kind is None else f"period={days.name}"


def label(days: DateRange, today: date) -> str:
    """`October 2026`, `week 44 (Mon 26 Oct to Sun 1 Nov)`, `July to September 2026`, `2026`; any days by both ends."""
    first, last = wording.day(days.first, today), wording.day(days.last, today)
    match days.kind:
        case Period.WEEK:
            week = days.first.isocalendar().week
            return _("week {week} ({first} to {last})").format(week=week, first=first, last=last)
        case Period.MONTH:
            return wording.month(days.first)
        case Period.QUARTER | Period.HALF:
            return _("{first} to {last}").format(first=month_name(days.first.month), last=wording.month(days.last))
        case Period.YEAR:
            return str(days.first.year)
    return first if days.first == days.last else _("{first} to {last}").format(first=first, last=last)


def can_be_asked(days: DateRange, today: date) -> bool:
    """Whether `asked_range` takes these days: a link to others would lead to a refusal."""
    try:
        return DateRange.parse(days.name).first <= today
    except HubpulseError:
        return False


@dataclass(frozen=True, slots=True)
class Steps:
    """The ways from a range to its neighbours; `after` is None where that is all still to come."""

    before: DateRange
    after: DateRange | None
    year_before: DateRange

    @classmethod
    def of(cls, days: DateRange, today: date) -> Steps:
        """Those of these days."""
        after = days.after()
        return cls(days.before(), after if after.first <= today else None, days.year_before())
