"""What stands beside the figures: the last month like for like, the target of this one, and the way to visits.

    usage.comparing, usage.targets, usage.visits -> lines -> pages

These go by years of days and change once a day: what was asked for is kept for ten minutes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dashboards.web import wording
from dashboards.web.ahead import IN_TURN, Ahead
from schemas import Estate
from schemas.texts import _, ngettext
from stores.protocol import Store
from usage import Queries
from usage.queries import DateRange, Period

if TYPE_CHECKING:
    from usage.comparing import LikeForLike
    from usage.queries.columns import DayColumns
    from usage.targets import TargetState

KEPT_S = 600


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """The last month beside another one."""

    label: str
    people: str
    change: str
    days: str
    verdict: str
    """Whether the change is usual; empty for all hubs."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Of a hub, or of all: `target` and `visits` are empty where the estate file names none, and for all hubs."""

    comparisons: tuple[ComparisonRow, ...]
    target: str = ""
    visits_title: str = ""
    visits: tuple[tuple[str, str], ...] = ()


class BesideSource:
    """Gives what stands beside the figures of a hub (or of all, None), read anew after ten minutes."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        estate: Callable[[], Estate],
        clock_ns: Callable[[], int],
        ahead: Ahead = IN_TURN,
    ) -> None:
        self._open_store, self._estate, self._clock_ns, self._ahead = open_store, estate, clock_ns, ahead
        self._lock = threading.Lock()
        self._taken: dict[str | None, tuple[int, Beside]] = {}

    def get(self, hub: str | None = None) -> Beside:
        """Raises StoreError."""
        with self._lock:
            now_ns = self._clock_ns()
            if not self._is_fresh(hub, now_ns):
                with closing(self._open_store()) as opened:
                    estate = self._estate()
                    found = self._ahead.together(
                        opened, lambda store: _read(Queries(store, estate, now_ns=now_ns), estate, hub)
                    )
                self._taken[hub] = now_ns, found
            return self._taken[hub][1]

    def learn(self, days: DayColumns, queries: Queries, estate: Estate, now_ns: int) -> None:
        """Take what is of all hubs from days that were read for something else, where they hold the months."""
        with self._lock:
            if not self._is_fresh(None, now_ns) and all(days.holds(each.first, each.last) for each in _months(queries)):
                self._taken[None] = now_ns, _of_all(queries, estate, days)

    def _is_fresh(self, hub: str | None, now_ns: int) -> bool:
        return hub in self._taken and 0 <= now_ns - self._taken[hub][0] <= KEPT_S * 10**9


def _read(queries: Queries, estate: Estate, hub: str | None) -> Beside:
    from usage.comparing import compare_stored  # noqa: PLC0415 - numpy is slow to import
    from usage.targets import month_of, targets  # noqa: PLC0415
    from usage.visits import visits_of_hubs  # noqa: PLC0415

    if hub is None:
        return _of_all(queries, estate)
    rows, (month, *others), this_month = [], _months(queries), month_of(queries)
    for other in others:
        found = compare_stored(queries, estate, month, other, hub=hub).together
        if found is not None:
            rows.append(_row(month, other, found))
    target = "".join(
        _target(state, wording.month(this_month.first)) for state in targets(queries, estate, this_month, hub=hub)
    )
    for visits in visits_of_hubs(queries, estate, month.first, month.last, hub=hub):
        missing = f", {_missing(visits.days_missing)}" if visits.days_missing else ""
        steps = [(f"{line.what}{missing}", wording.number(line.people)) for line in visits.lines]
        steps.append((f"{_('visits')}{missing}", wording.number(visits.people)))
        title = _("From entries to visits in {month}").format(month=wording.month(month.first))
        return Beside(tuple(rows), target, title, tuple(steps))
    return Beside(tuple(rows), target)


def _months(queries: Queries) -> tuple[DateRange, DateRange, DateRange]:
    """The last month, the one before, and the same a year before."""
    month = DateRange.of(Period.MONTH, queries.today()).before()
    return month, month.before(), month.year_before()


def _of_all(queries: Queries, estate: Estate, days: DayColumns | None = None) -> Beside:
    """Of all hubs, by days at hand. What is usual goes by three years of each: `hubpulse usage compare` tells it."""
    from usage.comparing.like_for_like import compare_days  # noqa: PLC0415 - numpy is slow to import
    from usage.comparing.pairs import COMPARED_BY  # noqa: PLC0415

    month, *others = months = _months(queries)
    known = days or queries.stored_columns(COMPARED_BY, *((each.first, each.last) for each in months))
    rows = []
    for other in others:
        together = compare_days(known, estate, month, other, today=queries.today, is_judged=False).together
        if together is not None:
            rows.append(replace(_row(month, other, together), verdict=""))
    return Beside(tuple(rows))


def _row(month: DateRange, other: DateRange, found: LikeForLike) -> ComparisonRow:
    days = wording.plural(found.days, "day", "days")
    if found.days_missing:
        days += _(", {days} not counted").format(days=wording.number(found.days_missing))
    now, before = found.now.entries, found.before.entries
    against = _("{one} against {other}")
    return ComparisonRow(
        against.format(one=wording.month(month.first), other=wording.month(other.first)),
        against.format(one=wording.number(now), other=wording.number(before)),
        wording.change_alone(now, before) or wording.NO_FIGURE,
        days,
        _(found.verdict.value),
    )


def _target(state: TargetState, month: str) -> str:
    missing = f", {_missing(state.days_missing)}" if state.days_missing else ""
    expected = (
        _("too little history to tell of the rest")
        if state.expected is None
        else _("{people} expected ({low} to {high})").format(
            people=wording.number(state.expected), low=wording.number(state.low), high=wording.number(state.high)
        )
    )
    return _("{course}: {people} of {target} people of {month} counted until yesterday{missing}; {expected}").format(
        course=_(state.course).capitalize(),
        people=wording.number(state.counted),
        target=wording.number(state.target),
        month=month,
        missing=missing,
        expected=expected,
    )


def _missing(days: int) -> str:
    words = ngettext("{days} day missing or incomplete", "{days} days missing or incomplete", days)
    return words.format(days=wording.number(days))
