"""When people come: what was counted in each hour of the week over some days, and what is usual there.

An hour counts where the doors' readings cover it, and while the hub is closed where anything was counted; any other is
left out of the mean and told as missing. The usual people of a day are those of its week's stored profile, each hour by
how long the hub is open in it (docs/usage.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from schemas.localtime import NS_AN_HOUR, midnight_ns
from stores import Store
from usage.calendar import HubCalendar
from usage.profile import PERSON
from usage.profiles import read_profile
from usage.rows import HOURLY

_FIELDS = ("entries", "open_minutes", "footfall_completeness")


@dataclass(slots=True)
class WeekHour:
    """An hour of the week over some days. Where the hub opens in it on any of them, those hours alone are looked at."""

    counted: int = 0
    people: int = 0
    """Who came in, in the hours that were counted."""
    missing: int = 0
    """Hours with opening time that nobody counted in full."""
    counted_closed: int = 0
    people_closed: int = 0
    missing_closed: int = 0
    """Closed hours of which no door told anything, which is not nobody."""

    @property
    def mean(self) -> float | None:
        """People coming in on average; None where no hour was counted, and where the hub is closed and nobody came."""
        if self.counted:
            return self.people / self.counted
        return self.people_closed / self.counted_closed if self._is_of_closed else None

    @property
    def hours(self) -> int:
        """How many hours the mean is of."""
        return self.counted_closed if self._is_of_closed else self.counted

    @property
    def not_counted(self) -> int:
        """How many more there were that would belong to the mean."""
        return self.missing_closed if self._is_of_closed else self.missing

    @property
    def _is_of_closed(self) -> bool:
        return bool(self.people_closed) and not (self.counted or self.missing)

    @property
    def is_closed(self) -> bool:
        """Whether the hub was never to be open in it, and nobody came."""
        return not (self.counted or self.missing or self.people_closed)


HoursOfWeek = Mapping[int, WeekHour]
"""Each hour of the week of which something is stored: 0 is the one from Monday's midnight on."""


def read_hours_of_week(
    store: Store, calendar: HubCalendar, hub: str, first: date, last: date, now_ns: int
) -> HoursOfWeek:
    """The hours of the days, those that are over."""
    start_ns, stop_ns = (midnight_ns(day, calendar.zone) for day in (first, last + timedelta(days=1)))
    stop_ns = min(stop_ns, now_ns - NS_AN_HOUR + 1)
    if stop_ns <= start_ns:
        return {}
    from usage.queries.hour_tally import HourTally, hours_of_week  # noqa: PLC0415 - numpy is slow to import

    tally = HourTally()
    for chunk in store.read(HOURLY, start_ns=start_ns, stop_ns=stop_ns, where={"hub": hub}, fields=_FIELDS):
        tally.add(hours_of_week(chunk.times_ns, calendar.zone), *(chunk.columns[name] for name in _FIELDS))
    return {at: WeekHour(*parts) for at, parts in tally.parts()}


def read_usual_hours(store: Store, calendar: HubCalendar, hub: str, day: date) -> dict[int, float]:
    """How many people usually come in each clock hour of a day with opening time, by its start in UTC nanoseconds."""
    zone = calendar.zone
    profile, _ = read_profile(store, hub, midnight_ns(day - timedelta(days=day.weekday()), zone))
    if profile is None or not profile.is_enough:
        return {}
    rates: dict[int, int] = {}
    for by_hour in profile.rates.values():
        for hour, rate in by_hour.items():
            rates[hour] = rates.get(hour, 0) + rate
    local_day = calendar.day(day)
    usual: dict[int, float] = {}
    for of_week, part in calendar.open_hours(local_day.span):
        start_ns = next(hour.start_ns for hour in local_day.hours if hour.start_ns <= part.start_ns < hour.stop_ns)
        if of_week in rates:
            people = rates[of_week] * part.length_ns / (PERSON * NS_AN_HOUR)
            usual[start_ns] = usual.get(start_ns, 0.0) + people
    return usual
