"""Ranges of days by their names, and those that they are compared with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from schemas import HubpulseError
from usage.queries.periods import Period

_FREE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\.\.([0-9]{4}-[0-9]{2}-[0-9]{2})")
YEARS = range(1990, 2200)
"""Beyond them a local midnight may be no instant that can be computed with."""
_DAYS_MAX = 366
_WEEK = 7
_YEAR_OF_WEEKS = timedelta(weeks=52)


@dataclass(frozen=True, slots=True)
class DateRange:
    """Days from `first` to `last`, both inclusive; `kind` is None where they are no week, month..., but any days."""

    name: str
    first: date
    last: date
    kind: Period | None = None

    @classmethod
    def parse(cls, text: str) -> DateRange:
        """A range from `2026-10`, as `Period.parse` takes it, or `2026-10-05..2026-10-18`. Raises HubpulseError."""
        free = _FREE.fullmatch(text)
        if free is None:
            kind, first, last = Period.parse(text)
            return cls(text, first, last, kind)
        try:
            first, last = date.fromisoformat(free[1]), date.fromisoformat(free[2])
        except ValueError as error:
            raise HubpulseError(f"{text} has a day that is not in the calendar: correct it") from error
        if not 0 <= (last - first).days < _DAYS_MAX or first.year not in YEARS or last.year not in YEARS:
            raise HubpulseError(f"{text} must begin before it ends, and have {_DAYS_MAX} days or fewer")
        return cls(text, first, last)

    @classmethod
    def of(cls, kind: Period, day: date) -> DateRange:
        """The week, month... that a day is in."""
        return cls(kind.name_of(day), *kind.days_of(day), kind)

    def before(self) -> DateRange:
        """The period before; of any days the same weekdays just before them."""
        if self.kind is not None:
            return DateRange.of(self.kind, self.first - timedelta(days=1))
        return self._earlier(timedelta(days=_WEEK * -(-self.days // _WEEK)))

    def after(self) -> DateRange:
        """The period after; of any days the same weekdays just after them."""
        if self.kind is not None:
            return DateRange.of(self.kind, self.last + timedelta(days=1))
        return self._earlier(-timedelta(days=_WEEK * -(-self.days // _WEEK)))

    def year_before(self) -> DateRange:
        """The same period of the year before; of any days the same weekdays 52 weeks before."""
        if self.kind is None or self.kind is Period.WEEK:
            earlier = self._earlier(_YEAR_OF_WEEKS)
            return earlier if self.kind is None else DateRange.of(Period.WEEK, earlier.first)
        return DateRange.of(self.kind, self.first.replace(year=self.first.year - 1))

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def _earlier(self, by: timedelta) -> DateRange:
        first, last = self.first - by, self.last - by
        return DateRange(f"{first}..{last}", first, last)
