r"""The profiles of a hub's weeks: frozen once and kept, so that what was shared out by them stays as it was.

    hours of each door: stored, just computed, or computed for this -> the latest eight covered directly -> a rate
                                                                         frozen by ISO week in `usage_profile`

A week's profile is of the hours that were final when the week began. A point's time is the local midnight of the
week's Monday plus the hour of the week in nanoseconds; the one of hour 0 is always there, may have no rate, and sums up
the week.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta

from schemas import Kind
from schemas.localtime import NS_A_MINUTE, Span, midnight_ns
from stores import Store
from stores.lines import encode
from usage.calendar import HubCalendar, dates, hour_of_week
from usage.profile import PERSON, DoorHour, DoorHours, Profile
from usage.rows import DAILY, HOURLY_DOOR, PROFILES, read_marks

WEEKS_BACK = 53
VALUES_MAX, VALUES_MIN = 8, 4
FINAL_AFTER = timedelta(days=2)
_WEEK = timedelta(weeks=1)
_WEEK_HOURS = 7 * 24

_Values = dict[int, list[tuple[int, int]]]
"""By hour of the week: when each such hour was, and its rate."""


class Profiles:
    """One hub's profiles.

    The hours of the days of `due` are learned before a later week is asked for, and not taken as they are stored;
    `compute` gives those of days that are not stored, or no longer as they should be, so that a profile is the same
    whichever days were rolled up before. With `refreeze`, the weeks of `due` are made anew. `keeps` says of which doors
    a profile goes on, although they have been dead for longer than anybody looks back.
    """

    def __init__(
        self,
        store: Store,
        hub: str,
        calendar: HubCalendar,
        keeps: Callable[[str], bool],
        compute: Callable[[Sequence[date]], Iterable[DoorHours]],
        due: Collection[date],
        *,
        refreeze: bool = False,
    ) -> None:
        self._store, self._hub, self._calendar, self._keeps, self._compute = store, hub, calendar, keeps, compute
        self._due = frozenset(due)
        self._refrozen = frozenset(map(_monday, due)) if refreeze else frozenset()
        self._profiles: dict[date, Profile] = {}
        self._values: dict[str, _Values] = {}
        self._read = Span(0, 0)
        self._fresh: list[str] = []

    def of(self, time_ns: int) -> Profile:
        """The profile of the local ISO week that holds an instant."""
        monday = _monday(self._calendar.date_of(time_ns))
        if monday not in self._profiles:
            frozen, version = self._frozen(monday)
            if frozen is None or monday in self._refrozen:
                made = Profile(self._made(monday))
                if made != frozen:
                    self._fresh += self._lines(monday, made, version + 1)
                frozen = made
            self._profiles[monday] = frozen
        return self._profiles[monday]

    def learn(self, hours: DoorHours) -> None:
        """Take in what came in by each door on a day."""
        for door, of_day in hours.items():
            for hour in of_day:
                self._take(door, hour)

    def fresh_lines(self) -> list[str]:
        """The lines that freeze what was made since they were last asked for."""
        fresh, self._fresh = self._fresh, []
        return fresh

    # ------------------------------------------------------------------------------------------------------- freezing

    def _frozen(self, monday: date) -> tuple[Profile | None, int]:
        return read_profile(self._store, self._hub, midnight_ns(monday, self._calendar.zone))

    def _lines(self, monday: date, profile: Profile, version: int) -> Iterator[str]:
        start_ns = midnight_ns(monday, self._calendar.zone)
        for door, by_hour in profile.rates.items():
            week = {"people_per_week": sum(by_hour.values()) / PERSON, "hours_known": len(by_hour)}
            for hour in sorted({0, *by_hour}):
                rate = {"people_per_hour": by_hour[hour] / PERSON} if hour in by_hour else {}
                fields = rate | {"version": version} | (week if hour == 0 else {})
                yield encode(PROFILES, {"hub": self._hub, "sensor": door}, fields, start_ns + hour)

    # --------------------------------------------------------------------------------------------------------- making

    def _made(self, monday: date) -> dict[str, dict[int, int]]:
        """What the doors' hours of the weeks before say; doors that never had one are not there."""
        zone = self._calendar.zone
        since_ns, until_ns = (midnight_ns(day, zone) for day in (monday - WEEKS_BACK * _WEEK, monday - FINAL_AFTER))
        recent_ns = midnight_ns(monday - VALUES_MAX * _WEEK, zone)
        before = self._last_before(monday)
        if not (self._values or before or self._has_counts(until_ns)):
            return {}
        self._read_hours(Span(since_ns, until_ns))
        rates: dict[str, dict[int, int]] = {}
        for door in sorted({*self._values, *before}):
            latest = {
                hour: values[max(0, stop - VALUES_MAX, bisect_left(values, (since_ns,))) : stop]
                for hour, values in self._values.get(door, {}).items()
                if (stop := bisect_left(values, (until_ns,)))
            }
            found = {
                hour: sum(rate for _, rate in values) // len(values)
                for hour, values in latest.items()
                if len(values) >= VALUES_MIN
            }
            is_alive = any(values and values[-1][0] >= recent_ns for values in latest.values())
            if is_alive or not self._keeps(door):
                before_it: Mapping[int, int] = {}
            else:
                before_it = before.get(door, {})
            if found or before_it or any(latest.values()):
                rates[door] = {**before_it, **found}
        return rates

    def _has_counts(self, before_ns: int) -> bool:
        """Whether anything that a profile is made of is stored from before an instant."""
        where = {"hub": self._hub}
        stored = (self._store.latest(name, before_ns=before_ns, where=where) for name in (HOURLY_DOOR, Kind.FOOTFALL))
        return any(True for found in stored for _ in found)

    def _last_before(self, monday: date) -> Mapping[str, Mapping[int, int]]:
        """The rates of the last week before that has a profile."""
        made = max((week for week in self._profiles if week < monday), default=date.min)
        last = self._store.latest(
            PROFILES, before_ns=midnight_ns(monday, self._calendar.zone), where={"hub": self._hub}
        )
        stored = max((_monday(self._calendar.date_of(chunk.times_ns[0])) for chunk in last), default=date.min)
        if made >= stored:
            return self._profiles[made].rates if made in self._profiles else {}
        frozen, _ = self._frozen(stored)
        return frozen.rates if frozen else {}

    def _read_hours(self, span: Span) -> None:
        """Read what is stored of the doors' hours in the span and was not read yet."""
        missing = [span]
        if self._read.length_ns:
            missing = [Span(span.start_ns, self._read.start_ns), Span(self._read.stop_ns, span.stop_ns)]
            span = Span(min(span.start_ns, self._read.start_ns), max(span.stop_ns, self._read.stop_ns))
        for part in missing:
            if part.length_ns > 0:
                self._read_part(part)
        self._read = span

    def _read_part(self, span: Span) -> None:
        days = set(dates(self._calendar.date_of(span.start_ns), self._calendar.date_of(span.stop_ns - 1))) - self._due
        stored = days & self._stored_days(span)
        for chunk in self._store.read(
            HOURLY_DOOR, start_ns=span.start_ns, stop_ns=span.stop_ns, where={"hub": self._hub}
        ):
            columns = (chunk.columns[name] for name in ("entries_open", "open_minutes", "direct"))
            for time_ns, entries, minutes, direct in zip(chunk.times_ns, *columns, strict=True):
                if self._calendar.date_of(time_ns) in stored:
                    hour = DoorHour(time_ns, int(entries or 0), round((minutes or 0) * NS_A_MINUTE), bool(direct))
                    self._take(chunk.tags["sensor"], hour)
        for hours in self._compute(sorted(days - stored)):
            self.learn(hours)

    def _stored_days(self, span: Span) -> set[date]:
        """The days within the span whose row was made when they were over, and no late reading since."""
        marks = read_marks(self._store, span, self._hub).get(self._hub, {})
        chunks = self._store.read(
            DAILY, start_ns=span.start_ns, stop_ns=span.stop_ns, where={"hub": self._hub}, fields=["revision"]
        )
        rows = (row for chunk in chunks for row in zip(chunk.times_ns, chunk.columns["revision"], strict=True))
        return {
            self._calendar.date_of(time_ns)
            for time_ns, revision in rows
            if revision and (time_ns not in marks or not marks[time_ns].is_pending)
        }

    def _take(self, door: str, hour: DoorHour) -> None:
        if hour.is_direct:
            of_week = hour_of_week(hour.start_ns, self._calendar.zone)
            insort(self._values.setdefault(door, {}).setdefault(of_week, []), (hour.start_ns, hour.rate))


def read_profile(store: Store, hub: str, monday_ns: int) -> tuple[Profile | None, int]:
    """A week's profile as it is stored, and its version; None and 0 where it is not."""
    points = [
        (int(version or 0), chunk.tags["sensor"], time_ns - monday_ns, rate)
        for chunk in store.read(PROFILES, start_ns=monday_ns, stop_ns=monday_ns + _WEEK_HOURS, where={"hub": hub})
        for time_ns, version, rate in zip(
            chunk.times_ns, chunk.columns["version"], chunk.columns["people_per_hour"], strict=True
        )
    ]
    latest = max((version for version, *_ in points), default=0)
    rates: dict[str, dict[int, int]] = {}
    for version, door, hour, rate in points:
        if version == latest:
            by_hour = rates.setdefault(door, {})
            if rate is not None:
                by_hour[hour] = round(rate * PERSON)
    return (Profile(rates) if rates else None), latest


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
