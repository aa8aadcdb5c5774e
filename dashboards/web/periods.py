"""Every hub over the days asked for, beside those before and a year before: looked up once for all who ask.

usage.comparing.overview -> Periods (kept for ten minutes by days and hubs) -> rows, files
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain
from typing import TYPE_CHECKING

from dashboards.charts import Column, Table
from dashboards.web import ranges, wording
from dashboards.web.ahead import IN_TURN, Ahead
from dashboards.web.beside import BesideSource
from schemas import Estate
from schemas.texts import _, ngettext
from stores.protocol import Store
from usage import Queries
from usage.queries import DateRange, Period, PeriodFigures

if TYPE_CHECKING:
    from usage.comparing import LikeForLike
    from usage.comparing.overview import HubOverview, Overview

KEPT_S = 600
KEPT_MAX = 32
_PERCENT = 100
_NAMED_MAX = 4
"""So many hubs are named; of more, their number is given."""


class Periods:
    """Gives the overview of a range, of all hubs (None) or some; read anew after ten minutes."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        estate: Callable[[], Estate],
        clock_ns: Callable[[], int],
        beside: BesideSource,
        ahead: Ahead = IN_TURN,
    ) -> None:
        self._open_store, self._estate, self._clock_ns = open_store, estate, clock_ns
        self._beside, self._ahead = beside, ahead
        self._lock = threading.Lock()
        self._taken: OrderedDict[tuple[DateRange, frozenset[str] | None], tuple[int, Overview]] = OrderedDict()

    def get(self, days: DateRange, hubs: frozenset[str] | None) -> Overview:
        """Raises StoreError."""
        from usage.comparing.overview import Stored, overview  # noqa: PLC0415 - numpy is slow to import

        with self._lock:
            now_ns = self._clock_ns()
            taken = self._taken.pop((days, hubs), None)
            if taken is None or not 0 <= now_ns - taken[0] <= KEPT_S * 10**9:
                with closing(self._open_store()) as opened:
                    estate = self._estate()
                    stored = self._ahead.together(
                        opened, lambda store: Stored.read(Queries(store, estate, now_ns=now_ns), days)
                    )
                    queries = Queries(opened, estate, now_ns=now_ns)
                    self._beside.learn(stored.columns, queries, estate, now_ns)
                    taken = now_ns, overview(queries, estate, days, hubs, stored=stored)
            self._taken[days, hubs] = taken
            if len(self._taken) > KEPT_MAX:
                self._taken.popitem(last=False)
            return taken[1]


@dataclass(frozen=True, slots=True)
class Offer:
    """A range that is one click away."""

    label: str
    query: str
    is_current: bool = False


def offers(today: date, shown: DateRange | None) -> list[Offer]:
    """The last whole week, month, quarter, half-year and year."""
    found = []
    for kind, label in (
        (Period.WEEK, _("Last week")),
        (Period.MONTH, _("Last month")),
        (Period.QUARTER, _("Last quarter")),
        (Period.HALF, _("Last half-year")),
        (Period.YEAR, _("Last year")),
    ):
        days = DateRange.of(kind, today).before()
        found.append(Offer(label, ranges.query_of(days), days == shown))
    return found


def last_week(today: date) -> DateRange:
    """The last week that is over."""
    return DateRange.of(Period.WEEK, today).before()


@dataclass(frozen=True, slots=True)
class Change:
    """A change like for like: `+4 %`, and of what it is: `1 204 against 1 158 on 6 days`."""

    text: str
    of: str = ""


@dataclass(frozen=True, slots=True)
class PeriodRow:
    """A hub of the table, or all of them."""

    hub: str
    name: str
    counted: str
    with_estimate: str
    days: str
    before: Change
    year_before: Change
    is_sure: bool
    trust: str


def total_row(found: Overview, names: Mapping[str, str]) -> PeriodRow:
    """All hubs together."""
    total, hubs = found.total, len(found.hubs)
    sure = sum(hub.is_sure for hub in found.hubs)
    trust = _trust_of_all(found)
    if total.untold:
        trust += "; " + _no_estimate([names.get(hub) or hub for hub in total.untold])
    return PeriodRow(
        "",
        _("All hubs"),
        wording.number(total.counted),
        _with_estimate(total.counted, total.estimated, total.low, total.high),
        _hub_days(total.days_counted, total.days_missing),
        _change(found.total_before),
        _change(found.total_year_before),
        sure == hubs,
        trust,
    )


def _no_estimate(names: Sequence[str]) -> str:
    if len(names) > _NAMED_MAX:
        return ngettext("no estimate for {count} hub", "no estimate for {count} hubs", len(names)).format(
            count=wording.number(len(names))
        )
    return _("no estimate for {hubs}").format(hubs=", ".join(names))


def _trust_of_all(found: Overview) -> str:
    """How many hubs are counted in full, and whether that is settled: days that may still change lack nothing yet."""
    full = sum(_is_full(hub) for hub in found.hubs)
    provisional = max((hub.days_provisional for hub in found.hubs), default=0)
    if full == len(found.hubs):
        parts = [_("all of it so far") if provisional else _("all of it")]
    else:
        so_far = _("{full} of {hubs} hubs in full so far") if provisional else _("{full} of {hubs} hubs in full")
        parts = [so_far.format(full=wording.number(full), hubs=wording.number(len(found.hubs)))]
    if not found.is_over:
        parts.append(_("the period is not over"))
    if provisional:
        words = ngettext(
            "not settled yet: {days} day may still change",
            "not settled yet: up to {days} days of a hub may still change",
            provisional,
        )
        parts.append(words.format(days=wording.number(provisional)))
    return "; ".join(parts)


def _is_full(hub: HubOverview) -> bool:
    """Whether nothing is missing and nothing speaks against its counters, whatever may still change."""
    return not (hub.people.days_missing or hub.doubts) and hub.people.days_counted > 0


def hub_row(hub: HubOverview, names: Mapping[str, str], today: date) -> PeriodRow:
    """A hub's line of the table."""
    people = hub.people
    estimated, low, high, _method = people.estimated()
    counted = _counted(people)
    return PeriodRow(
        people.hub,
        name_of(hub, names),
        wording.number(counted),
        _with_estimate(counted, estimated, low, high),
        _days(people.days_counted, people.days_missing) if hub.has_counter else _("no counter"),
        _change(hub.before),
        _change(hub.year_before),
        hub.is_sure,
        trust(hub, today),
    )


def name_of(hub: HubOverview, names: Mapping[str, str]) -> str:
    """What the hub is called; its id where it has no name."""
    return names.get(hub.people.hub) or hub.people.hub


def _counted(people: PeriodFigures) -> int | None:
    entries = people.figures["entries"]
    return None if entries is None else int(entries)


def _with_estimate(counted: int | None, estimated: int | None, low: int | None, high: int | None) -> str:
    """Counted and estimated together, with the 90 % interval; a dash where that can't be told."""
    if estimated is None or (counted is None and not estimated):
        return wording.NO_FIGURE
    together = wording.number((counted or 0) + estimated)
    if not estimated or low is None or high is None:
        return together
    return _("{people} ({low} to {high})").format(people=together, low=wording.number(low), high=wording.number(high))


def _days(counted: int, missing: int) -> str:
    return _lacking(ngettext("{days} day counted", "{days} days counted", counted), counted, missing)


def _hub_days(counted: int, missing: int) -> str:
    """Of all hubs: a day of each of two hubs are two."""
    return _lacking(ngettext("{days} hub day counted", "{days} hub days counted", counted), counted, missing)


def _lacking(words: str, counted: int, missing: int) -> str:
    words = words.format(days=wording.number(counted))
    if not missing:
        return words
    lacking = ngettext("{days} missing or incomplete", "{days} missing or incomplete", missing)
    return f"{words}, {lacking.format(days=wording.number(missing))}"


def _change(found: LikeForLike | None) -> Change:
    if found is None:
        return Change(wording.NO_FIGURE, _("no like days"))
    days = ngettext("{days} day", "{days} days", found.days).format(days=wording.number(found.days))
    if found.days_missing:
        days += ", " + _("{days} not counted").format(days=wording.number(found.days_missing))
    of = _("{now} against {then} on {days}").format(
        now=wording.number(found.now.entries), then=wording.number(found.before.entries), days=days
    )
    return Change(wording.NO_FIGURE if found.change is None else wording.signed_percent(found.change), of)


def trust(hub: HubOverview, today: date) -> str:
    """Whether a hub's figure can be defended, and what speaks against it."""
    if not hub.has_counter:
        return _("nobody is counted here")
    against = []
    if hub.people.days_missing:
        words = ngettext(
            "{days} day missing or incomplete", "{days} days missing or incomplete", hub.people.days_missing
        )
        words = words.format(days=wording.number(hub.people.days_missing))
        if hub.counted_from is not None:
            words = _("{days_missing}, counted from {day} on").format(
                days_missing=words, day=wording.day(hub.counted_from, today)
            )
        against.append(words)
    if hub.days_provisional:
        words = ngettext("{days} day may still change", "{days} days may still change", hub.days_provisional)
        against += [_("all counted so far")] if _is_full(hub) else []
        against.append(words.format(days=wording.number(hub.days_provisional)))
    against += [doubt.sentence(today) for doubt in hub.doubts]
    if not against and not hub.people.days_counted:
        return _("closed, or not yet counted")
    return "; ".join(against) or _("all of it counted")


def period_table(found: Overview, names: Mapping[str, str], today: date, source: str) -> Table:
    """What the table shows, as a file: numbers as numbers, changes in per cent, nothing where nothing is known."""
    sides = list(dict.fromkeys(ranges.label(days, today) for days in (found.before, found.year_before)))
    columns = [
        Column(_("Hub")),
        Column(_("Name")),
        Column(_("People counted")),
        Column(_("People estimated for what is missing")),
        Column(_("Both, at least (9 of 10)")),
        Column(_("Both, at most (9 of 10)")),
        Column(_("Days counted")),
        Column(_("Days missing or incomplete")),
        *(
            Column(label.format(other=side), decimals)
            for side in sides
            for label, decimals in (
                (_("Like days against {other}"), 0),
                (_("People on them"), 0),
                (_("People then"), 0),
                (_("Change in per cent"), 1),
            )
        ),
        Column(_("Can it be trusted")),
    ]
    rows = []
    for hub in found.hubs:
        people = hub.people
        estimated, low, high, _method = people.estimated()
        numbers = (*_numbers(_counted(people), estimated, low, high), people.days_counted, people.days_missing)
        likes = (hub.before, hub.year_before)[: len(sides)]
        rows.append((people.hub, name_of(hub, names), *numbers, *chain(*map(_like, likes)), trust(hub, today)))
    total = found.total
    known = _numbers(total.counted, total.estimated, total.low, total.high)
    numbers = (*known, total.days_counted, total.days_missing)
    likes = (found.total_before, found.total_year_before)[: len(sides)]
    rows.append(("", _("All hubs"), *numbers, *chain(*map(_like, likes)), ""))
    shown = f"{found.days.first} .. {min(found.until, found.days.last)}"
    return Table(
        _("People by hub, {days}").format(days=ranges.label(found.days, today)),
        _("people"),
        shown,
        source,
        columns,
        rows,
    )


def _numbers(*known: int | None) -> Sequence[int | None]:
    """Counted, estimated, low, high: nothing where nobody was counted and nothing is missing, as before its time."""
    counted, estimated, _low, _high = known
    return (None,) * 4 if counted is None and not estimated else known


def _like(found: LikeForLike | None) -> tuple[int | None, int | None, int | None, float | None]:
    if found is None:
        return None, None, None, None
    change = None if found.change is None else found.change * _PERCENT
    return found.days, found.now.entries, found.before.entries, change


def has_whole_day(days: DateRange, today: date) -> bool:
    """Whether a day of the range is over."""
    return days.first <= today - timedelta(days=1)
