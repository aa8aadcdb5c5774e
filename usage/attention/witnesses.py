"""Holds every door counter and hub against its witnesses: Wi-Fi, exits, the other hubs and, where it follows, CO2.

Each witness gives a daily ratio, whose logarithm `cusum` looks at. A day is comparable where the hub was open and
its people were counted (`people_state` is `counted`), and the witness was there, too: an outage of the Wi-Fi is none
of the door. The alarms by chance of all the ratios of a hub, of both sides together, are at most one a year.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from math import exp, expm1, log1p

import numpy as np

from schemas.measures import PeopleState
from usage.attention.cusum import SD_MAX, Bools, Course, Numbers, Shift, days_until_found, detectable_loss, watch
from usage.attention.doubts import Doubt, Witness
from usage.estimates.trials import median_of_others
from usage.queries.figures import DayFigures, DoorFigures
from usage.rollup import Figures

WATCHED_DAYS = 728
"""How far back the days reach that are looked at: a year to learn from, and one to look at."""
CHANCE_DAYS = 365
"""Of all the ratios of a hub, an alarm by chance comes at most once in so many days."""
CHANGE_MIN = 0.1
"""A smaller share is no doubt: a count is not surer than that."""
FIT_MIN = 0.5
"""The share of the daily differences in people that CO2 has to tell (R2)."""
OUTDOOR_PPM = 420
_WITNESS_COVERED_MIN = 0.9
_DOOR_COVERED_MIN = 0.95
_WIFI = ("wifi_devices", "wifi_mean_clients", "wifi_peak_clients")
_NAMES = ("entries", "exits", "co2_mean_ppm", *_WIFI)
_AGREES_DAYS_MIN = 5
_AGREES_SHARE = 0.5
"""A witness agrees where it shows at least so much of the change."""
_WEEKDAYS = 7


@dataclass(frozen=True, slots=True)
class Ratio:
    """One daily ratio of a hub (`door` None) or a door, and what it can tell.

    `spread` is its standard deviation from day to day, None where there are too few comparable days; `loss` the
    smallest loss that is found within 14 comparable days; `days` in how many a loss of 30 % is, None: it is not.
    """

    hub: str
    door: str | None
    witness: Witness
    spread: float | None
    loss: float | None
    days: int | None

    @property
    def gives_verdict(self) -> bool:
        """Whether it is steady enough to say that something is wrong."""
        return self.spread is not None and self.spread <= SD_MAX


@dataclass(frozen=True, slots=True)
class Watched:
    """What the witnesses say: about every counter, and what each of them can tell."""

    doubts: tuple[Doubt, ...]
    ratios: tuple[Ratio, ...]


@dataclass(frozen=True, slots=True)
class _Subject:
    """A door, or a hub of several doors, by its row in the table of people."""

    hub: str
    door: str | None
    row: int
    hub_row: int


class DayTable:
    """The comparable days of all hubs and doors: a table for each figure, NaN where a day can't be compared."""

    def __init__(self, first: date, last: date, days: Iterable[DayFigures], doors: Iterable[DoorFigures]) -> None:
        self.first, self._number = first, (last - first).days + 1
        self._hubs: dict[str, dict[str, Numbers]] = {}
        for day in days:
            self._take_day(day)
        by_door: dict[tuple[str, str], dict[str, Numbers]] = {}
        for door in doors:
            if door.hub in self._hubs and 0 <= (place := (door.date - first).days) < self._number:
                key = door.hub, door.door
                if key not in by_door:
                    by_door[key] = self._columns("entries", "exits")
                if (door.figures["footfall_completeness"] or 0) >= _DOOR_COVERED_MIN:
                    _put(by_door[key], place, door.figures, ("entries", "exits"))
        self.columns = list(self._hubs.values())
        rows = {hub: row for row, hub in enumerate(self._hubs)}
        names: dict[str, list[str]] = {hub: [] for hub in self._hubs}
        for hub, name in sorted(by_door):
            names[hub].append(name)
        several = [key for key in sorted(by_door) if len(names[key[0]]) > 1]
        self.subjects = [
            *(_Subject(hub, names[hub][0] if len(names[hub]) == 1 else None, row, row) for hub, row in rows.items()),
            *(_Subject(hub, name, len(rows) + i, rows[hub]) for i, (hub, name) in enumerate(several)),
        ]
        for key in several:
            is_known = np.isfinite(self._hubs[key[0]]["entries"])
            self.columns.append({name: np.where(is_known, each, np.nan) for name, each in by_door[key].items()})
        self.weekdays = (first.weekday() + np.arange(self._number)) % _WEEKDAYS

    def _columns(self, *names: str) -> dict[str, Numbers]:
        return {name: np.full(self._number, np.nan) for name in names}

    def _take_day(self, day: DayFigures) -> None:
        if day.hub not in self._hubs:
            self._hubs[day.hub] = self._columns(*_NAMES)
        place, figures = (day.date - self.first).days, day.figures
        if 0 <= place < self._number and figures["people_state"] == PeopleState.COUNTED and figures["open_minutes"]:
            columns = self._hubs[day.hub]
            _put(columns, place, figures, ("entries", "exits"))
            if (figures["wifi_completeness"] or 0) >= _WITNESS_COVERED_MIN:
                _put(columns, place, figures, _WIFI)
            if (figures["environment_completeness"] or 0) >= _WITNESS_COVERED_MIN:
                _put(columns, place, figures, ("co2_mean_ppm",))

    def people(self) -> Numbers:
        """The logarithm of everyone's entries, by subject and day; nobody counts for half a person."""
        return np.array([np.log(np.maximum(columns["entries"], 0.5)) for columns in self.columns])

    def witness(self, subject: _Subject, witness: Witness) -> Numbers:
        """The logarithm of what a witness saw at the subject's hub, or door, by day."""
        columns = self.columns[subject.hub_row]
        match witness:
            case Witness.WIFI:
                seen = max((columns[name] for name in _WIFI), key=lambda column: int((column > 0).sum()))
            case Witness.EXITS:
                seen = self.columns[subject.row]["exits"]
            case _:
                seen = columns["co2_mean_ppm"] - OUTDOOR_PPM
        return np.log(np.where(seen > 0, seen, np.nan))


def _put(columns: dict[str, Numbers], place: int, figures: Figures, names: Iterable[str]) -> None:
    for name in names:
        value = figures[name]
        if value is not None:
            columns[name][place] = value


class _Ratios:
    """The logarithms of all ratios, a row each, and whose they are."""

    def __init__(self, table: DayTable) -> None:
        people = table.people()
        hubs = [subject for subject in table.subjects if subject.row == subject.hub_row]
        effect = median_of_others(people[: len(hubs)] - _by_weekday(people[: len(hubs)], table))
        rows: list[Numbers] = []
        self.whose: list[tuple[_Subject, Witness]] = []
        for subject in table.subjects:
            own = people[subject.row]
            for witness in Witness:
                seen = effect[subject.hub_row] if witness is Witness.SISTERS else table.witness(subject, witness)
                if np.isfinite(own - seen).any() and (witness is not Witness.CO2 or _fits(own, seen, table)):
                    self.whose.append((subject, witness))
                    rows.append(own - seen)
        self.values = np.array(rows).reshape(len(rows), people.shape[1])
        hubs_of = [subject.hub for subject, _ in self.whose]
        self.days_between = np.array([CHANCE_DAYS * hubs_of.count(hub) for hub in hubs_of], dtype=np.float64)


def _by_weekday(people: Numbers, table: DayTable) -> Numbers:
    """Each row's median of the weekday, on every day of it; NaN where it was never counted."""
    usual = np.full(people.shape, np.nan)
    for weekday in range(_WEEKDAYS):
        is_it = table.weekdays == weekday
        for row, own in enumerate(people[:, is_it]):
            if np.isfinite(own).any():
                usual[row, is_it] = np.nanmedian(own)
    return usual


def _fits(own: Numbers, seen: Numbers, table: DayTable) -> bool:
    """Whether a witness follows the differences in people from day to day, weekdays apart, as a ratio lets expect."""
    both = np.array([own, own - seen])
    both[:, ~np.isfinite(own - seen)] = np.nan
    of_people, of_ratio = np.nanvar(both - _by_weekday(both, table), axis=1)
    return bool(of_ratio <= (1 - FIT_MIN) * of_people)


def hear_witnesses(first: date, last: date, days: Iterable[DayFigures], doors: Iterable[DoorFigures]) -> Watched:
    """What the witnesses say of the days from `first` to `last`, which are over; both may come in any order."""
    table = DayTable(first, last, days, doors)
    if not table.subjects:
        return Watched((), ())
    ratios = _Ratios(table)
    course = watch(ratios.values, table.weekdays, ratios.days_between)
    return Watched(tuple(_Hearing(table, ratios, course).doubts()), tuple(_abilities(ratios, course)))


def _abilities(ratios: _Ratios, course: Course) -> Iterator[Ratio]:
    for (subject, witness), spread, between in zip(
        ratios.whose, course.spread[:, -1], ratios.days_between, strict=True
    ):
        if np.isnan(spread):
            yield Ratio(subject.hub, subject.door, witness, None, None, None)
            continue
        days = days_until_found(float(spread), float(between))
        loss = detectable_loss(float(spread), float(between))
        is_found = days < WATCHED_DAYS
        yield Ratio(subject.hub, subject.door, witness, float(spread), loss, round(days) if is_found else None)


class _Hearing:
    """Puts what single ratios show together to doubts about counters."""

    def __init__(self, table: DayTable, ratios: _Ratios, course: Course) -> None:
        self._table, self._ratios, self._course = table, ratios, course
        self._off = ratios.values - course.level

    def doubts(self) -> list[Doubt]:
        """Doubts about the doors; about a hub of several where none of its doors is in doubt at the time."""
        found: list[Doubt] = []
        for subject in reversed(self._table.subjects):
            mine = [shift for shift in self._course.shifts if self._is_of(shift, subject)]
            for shift in sorted(mine, key=lambda shift: shift.spread):
                doubt = self._doubt(subject, shift)
                if abs(doubt.change) >= CHANGE_MIN and not any(_is_same(doubt, known) for known in found):
                    found.append(doubt)
        return sorted(found, key=lambda doubt: (doubt.hub, doubt.since, doubt.door or ""))

    def _is_of(self, shift: Shift, subject: _Subject) -> bool:
        return self._ratios.whose[shift.row][0] is subject and shift.spread <= SD_MAX

    def _doubt(self, subject: _Subject, shift: Shift) -> Doubt:
        first = self._table.first
        agree = [
            witness
            for row, (of, witness) in enumerate(self._ratios.whose)
            if of is subject and (row == shift.row or self._agrees(row, shift))
        ]
        return Doubt(
            subject.hub,
            subject.door,
            first + timedelta(days=shift.start),
            first + timedelta(days=shift.found),
            None if shift.end is None else first + timedelta(days=shift.end),
            expm1(shift.change),
            tuple(agree),
            subject.row != subject.hub_row and not self._hub_agrees(subject, shift),
        )

    def _agrees(self, row: int, shift: Shift, change: float | None = None) -> bool:
        off = self._off[row, shift.start : shift.end]
        off = off[np.isfinite(off)]
        if len(off) < _AGREES_DAYS_MIN or not self._course.spread[row, shift.found] <= SD_MAX:
            return False
        return bool(np.median(off) / (shift.change if change is None else change) >= _AGREES_SHARE)

    def _hub_agrees(self, subject: _Subject, shift: Shift) -> bool:
        """Whether the whole hub shows its door's part of the change by the same witness."""
        before: Bools = np.arange(len(self._table.weekdays)) < shift.start
        own, whole = (self._table.columns[row]["entries"][before] for row in (subject.row, subject.hub_row))
        share = float(np.nansum(own) / np.nansum(np.where(np.isfinite(own), whole, np.nan)))
        witness = self._ratios.whose[shift.row][1]
        hub = self._table.subjects[subject.hub_row]
        rows = [row for row, whose in enumerate(self._ratios.whose) if whose == (hub, witness)]
        return any(self._agrees(row, shift, log1p(share * (exp(shift.change) - 1))) for row in rows)


def _is_same(doubt: Doubt, known: Doubt) -> bool:
    """Whether a doubt is one that is known, of the same counter or of a door of the same hub."""
    if doubt.hub != known.hub or (doubt.change < 0) != (known.change < 0):
        return False
    if doubt.door not in (None, known.door):
        return False
    return (known.until is None or doubt.since <= known.until) and (doubt.until is None or known.since <= doubt.until)
