"""From crossings to visits: what the estate file's rules take off, each as a line of a waterfall.

    counted + estimated -> the rules, in the order of the file -> visits

Visits stand beside entries, never in their place. Each line is the difference of two rounded sums, so that the lines
add up to the last person. What a rule takes off is at most what is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from schemas import Estate
from schemas.measures import PeopleState
from schemas.texts import N_, _, ngettext
from schemas.visits import Rule, VisitRule
from usage.estimates import Estimate, in_words, missing_share
from usage.queries import Queries
from usage.rollup import Figures

VISITS = ("visits", "visits_low", "visits_high")
"""What is told of a period where a hub has rules; the bounds are empty where what is missing can't be estimated."""


@dataclass(frozen=True, slots=True)
class Line:
    """One step of the waterfall: what it is, and how many people it adds."""

    what: str
    people: int


@dataclass(frozen=True, slots=True)
class Visits:
    """A hub's visits over some days. `people` is what the lines add up to; `days_missing` were not all counted.

    Where too little is known to estimate what is missing, it is of what was counted alone, without bounds.
    """

    hub: str
    lines: tuple[Line, ...]
    people: int | None
    """None where nobody was counted and nothing can be told of it."""
    low: int | None
    high: int | None
    days_missing: int
    until: date | None = None
    """The day on which it was asked for, where that is one of the days: it goes until then, and not to their end."""

    def told(self) -> tuple[int | None, int | None, int | None]:
        """As `VISITS` names them."""
        return self.people, self.low, self.high


def rules_of(estate: Estate, hub: str) -> tuple[VisitRule, ...]:
    """A hub's rules; none where the estate file gives it none."""
    known = estate.hub(hub)
    return known.visits if known else ()


def visits(rules: Sequence[VisitRule], hub: str, rows: Sequence[Figures], missed: Estimate) -> Visits:
    """A hub's visits on days that were counted and of `missed` people besides."""
    counted = sum(int(row["entries"] or 0) for row in rows)
    states = [row["people_state"] for row in rows]
    missing = states.count(PeopleState.PARTIAL) + states.count(PeopleState.NONE)
    waterfall = _Waterfall(rules, rows, is_estimated=missed.people is not None)
    lines = [Line(_("counted"), counted)]
    if missed.people:
        lines.append(
            Line(
                ngettext(
                    "estimated for what {days} day misses, by {method}",
                    "estimated for what {days} days miss, by {method}",
                    missing,
                ).format(days=missing, method=in_words(missed.method)),
                missed.people,
            )
        )
    total = sum(line.people for line in lines)
    lines += waterfall.lines(counted, total)
    low, high = (
        None if bound is None else waterfall.left(counted, counted + bound) for bound in (missed.low, missed.high)
    )
    if all(row["entries"] is None for row in rows) and not missed.people:
        return Visits(hub, tuple(lines), None, None, None, missing)
    return Visits(hub, tuple(lines), sum(line.people for line in lines), low, high, missing)


def visits_of_hubs(
    queries: Queries, estate: Estate, first: date, last: date, *, hub: str | None = None
) -> Iterator[Visits]:
    """The visits of each hub that has rules, over these days. Raises UnknownHubError."""
    names = [name for name in queries.hubs(hub) if rules_of(estate, name)]
    days = {name: list(queries.daily(first, last, hub=name)) for name in names}
    missed = queries.estimates([day for of_hub in days.values() for day in of_hub])
    for name, of_hub in days.items():
        rows = [day.figures for day in of_hub]
        found = visits(rules_of(estate, name), name, rows, missed(name, [day.date for day in of_hub]))
        today = queries.today(name)
        yield replace(found, until=today if first <= today <= last else None)


_RULES = {
    Rule.STAFF: N_("staff"),
    Rule.VOLUNTEERS: N_("volunteers"),
    Rule.CONTRACTORS: N_("contractors"),
    Rule.DELIVERIES: N_("deliveries"),
    Rule.HIRE: N_("hire"),
}
"""Who is taken off by a number for each day."""


class _Waterfall:
    """The rules over some days of a hub."""

    def __init__(self, rules: Sequence[VisitRule], rows: Sequence[Figures], *, is_estimated: bool) -> None:
        self._rules = rules
        self._outside = sum(_outside_opening(row) for row in rows)
        opened = [row for row in rows if row["open_minutes"]]
        # What is not counted and not estimated holds no staff either.
        self._open_days = sum(1.0 if is_estimated else 1 - missing_share(row) for row in opened)

    def lines(self, counted: int, total: int) -> Iterator[Line]:
        """A line for each rule."""
        before = total
        for rule, left in zip(self._rules, self._steps(counted, total), strict=True):
            after = _rounded(left)
            yield Line(self._words(rule), after - before)
            before = after

    def left(self, counted: int, total: int) -> int:
        """What all rules leave."""
        return _rounded([total, *self._steps(counted, total)][-1])

    def _steps(self, counted: int, total: int) -> Iterator[float]:
        """What each rule leaves; of estimated crossings as large a share is outside of opening as of counted ones."""
        left, of_crossings = float(total), total / counted if counted else 0.0
        for rule in self._rules:
            match rule.rule:
                case Rule.HALVE:
                    taken = left / 2
                    of_crossings /= 2
                case Rule.OUTSIDE_OPENING:
                    taken = self._outside * of_crossings
                case _:
                    taken = (rule.entries_day or 0) * self._open_days
            left = max(0.0, left - taken)
            yield left

    def _words(self, rule: VisitRule) -> str:
        match rule.rule:
            case Rule.HALVE:
                return _("halve: a visit crosses the gate twice")
            case Rule.OUTSIDE_OPENING:
                return _("outside_opening: counted while the hub was closed")
        words = _("{rule}: {people} on each of {days} open days")
        people, days = f"{rule.entries_day:g}", f"{self._open_days:.4g}"
        return words.format(rule=_(_RULES[rule.rule]), people=people, days=days)


def _outside_opening(row: Figures) -> int:
    """Who was counted on a day while the hub was closed; nobody where the day's row doesn't tell."""
    within = row["entries_open"]
    if within is None and row["open_minutes"]:
        return 0
    return int(row["entries"] or 0) - int(within or 0)


def _rounded(people: float) -> int:
    """Halves up."""
    return int(people + 0.5)
