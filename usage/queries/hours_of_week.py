"""When people come: what was counted in each hour of the week over some days, and what is usual there.

An hour counts where the doors' readings cover it, and while the hub is closed where anything was counted; any other is
left out of the mean and told as missing. The usual people of a day are those of its week's stored profile, each hour by
how long the hub is open in it (docs/usage.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from schemas.localtime import NS_A_SECOND, NS_AN_HOUR, from_ns, midnight_ns
from schemas.measures import COUNTED_MIN
from stores import Store
from usage.calendar import HubCalendar, hour_of_week
from usage.profile import PERSON
from usage.profiles import read_profile
from usage.rows import HOURLY

_A_DAY_NS, _WEEK_HOURS = 24 * NS_AN_HOUR, 7 * 24
_EPOCH_HOUR = 3 * 24
"""The hour of the week at which 1970 began: a Thursday's first."""
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
    found: dict[int, WeekHour] = {}
    if stop_ns <= start_ns:
        return found
    for chunk in store.read(HOURLY, start_ns=start_ns, stop_ns=stop_ns, where={"hub": hub}, fields=_FIELDS):
        columns = (chunk.columns[name] for name in _FIELDS)
        of_week = _hours_of_week(chunk.times_ns, calendar.zone)
        for number, entries, open_minutes, covered in zip(of_week, *columns, strict=True):
            hour = found.setdefault(number, WeekHour())
            if not open_minutes and entries is None:
                hour.missing_closed += 1
            elif not open_minutes:
                hour.counted_closed += 1
                hour.people_closed += int(entries)
            elif entries is None or (covered is not None and covered < COUNTED_MIN):
                hour.missing += 1
            else:
                hour.counted += 1
                hour.people += int(entries)
    return found


def _hours_of_week(times_ns: Iterable[int], zone: ZoneInfo) -> Iterator[int]:
    """The hour of the week of each time; the clock is asked once a day, and for each hour where it is changed."""
    offsets_ns: dict[int, int | None] = {}
    for time_ns in times_ns:
        day = time_ns // _A_DAY_NS
        if day not in offsets_ns:
            first, last = (_offset_ns(each * _A_DAY_NS, zone) for each in (day, day + 1))
            offsets_ns[day] = first if first == last else None
        offset_ns = offsets_ns[day]
        if offset_ns is None:
            yield hour_of_week(time_ns, zone)
        else:
            yield ((time_ns + offset_ns) // NS_AN_HOUR + _EPOCH_HOUR) % _WEEK_HOURS


def _offset_ns(time_ns: int, zone: ZoneInfo) -> int:
    offset = from_ns(time_ns).astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) * NS_A_SECOND


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
