"""Periods, days, changes and intervals in the words of a report."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from dashboards.web import wording
from schemas.measures import MEASURES
from schemas.texts import N_, _, month_name, ngettext, percent_text, weekday
from usage.comparing import DateRange
from usage.queries import Period

_A_MONDAY = date(2024, 1, 1)
_SUMS = {
    "days": N_("Days"),
    "days_counted": N_("Days counted"),
    "days_missing": N_("Days missing or incomplete"),
    "entries_estimated": N_("Estimated besides"),
    "entries_low": N_("At least"),
    "entries_high": N_("At most"),
}
"""What is not measured but reckoned of a period."""


def figure(name: str) -> str:
    """What people call a figure of a period."""
    return _(_SUMS.get(name) or MEASURES[name].label)


def weekday_name(number: int) -> str:
    """`Tuesday` for 1."""
    return weekday(_A_MONDAY + timedelta(days=number))


def day(value: date) -> str:
    """`3 November 2026`."""
    return f"{value.day} {wording.month(value)}"


def period(kind: Period | None, first: date, last: date) -> str:
    """`October 2026`, `July to September 2026`, `week 44 of 2026 (26 October to 1 November 2026)`, `2026`."""
    match kind:
        case Period.MONTH:
            return wording.month(first)
        case Period.QUARTER | Period.HALF:
            return _("{first} to {last} {year}").format(
                first=month_name(first.month), last=month_name(last.month), year=last.year
            )
        case Period.YEAR:
            return str(first.year)
        case Period.WEEK:
            iso = first.isocalendar()
            return _("week {week} of {year} ({days})").format(week=iso.week, year=iso.year, days=days(first, last))
    return days(first, last)


def range_of(each: DateRange) -> str:
    """A range of days as `period` has it."""
    return period(each.kind, each.first, each.last)


def days(first: date, last: date) -> str:
    """`3 to 9 November 2026`, `26 October to 1 November 2026`, `3 November 2026`."""
    if first == last:
        return day(first)
    start = str(first.day) if (first.year, first.month) == (last.year, last.month) else _day_in_year(first, last)
    return _("{first} to {last}").format(first=start, last=day(last))


def _day_in_year(first: date, last: date) -> str:
    return f"{first.day} {month_name(first.month)}" if first.year == last.year else day(first)


def runs(wanted: Iterable[date]) -> list[str]:
    """Days in words, those in a row together."""
    found: list[list[date]] = []
    for each in sorted(wanted):
        if found and each - found[-1][-1] == timedelta(days=1):
            found[-1].append(each)
        else:
            found.append([each])
    return [days(run[0], run[-1]) for run in found]


def change(share: float | None) -> str:
    """`8.2 % more`, `12.0 % fewer`, `as many`."""
    if share is None:
        return _("more than nobody")
    if round(abs(share), 3) == 0:
        return _("as many")
    text = percent(abs(share))
    return (_("{share} more") if share > 0 else _("{share} fewer")).format(share=text)


def percent(share: float) -> str:
    """`8.2 %`."""
    return percent_text(share, 1)


def people(count: int) -> str:
    """`1 person`, `1 204 people`."""
    return ngettext("{count} person", "{count} people", count).format(count=wording.number(count))


def joined(parts: Iterable[str]) -> str:
    """`a, b and c`."""
    *most, last = parts
    return _("{most} and {last}").format(most=", ".join(most), last=last) if most else last
