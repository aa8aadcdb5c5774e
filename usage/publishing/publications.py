"""Figures as they were published, and as they are known now.

A publication freezes a period: every day's figures, their sums with estimates, the days that the estimates go by, and
what the estate file said. Its code is the beginning of the hash over all of it, so that a report that carries the code
can be held against it for ever. `compare` recomputes it: what was restated, day by day and why; what an estimate makes
of weeks that came later stands apart, since nothing was wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from importlib.metadata import version
from typing import Any

from schemas import Estate, HubpulseError
from schemas.localtime import from_ns, rfc3339
from schemas.measures import named
from schemas.texts import _
from usage.estimates import ESTIMATED, around
from usage.estimates.around import estimates_by
from usage.publishing.publication_file import (
    LAYOUT,
    Content,
    code_of,
    days_around,
    frozen_around,
    hash_of,
    published_days,
)
from usage.publishing.release import hidden_part
from usage.queries import DayFigures, Queries
from usage.queries.periods import Period, PeriodFigures, periods

_STATUS = ("final", "revision")


class NotOverError(HubpulseError):
    """The period has days that are still to come."""


@dataclass(frozen=True, slots=True)
class Restated:
    """A day's figure that is another one now; `cause` is why, as far as it is known."""

    hub: str
    date: date
    figure: str
    before: float | str | None
    after: float | str | None
    cause: str


@dataclass(frozen=True, slots=True)
class BetterEstimate:
    """An estimate that the weeks after the publication changed, with its bounds, before and now."""

    hub: str
    period: str
    before: tuple[int | None, int | None, int | None]
    after: tuple[int | None, int | None, int | None]


@dataclass(frozen=True, slots=True)
class OtherSum:
    """A sum of a hub that the published days come to no more, by today's rules."""

    hub: str
    figure: str
    before: float | None
    after: float | None

    def __str__(self) -> str:
        return f"{self.hub}: {self.figure} {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A publication held against what is known now. `rules` are sums that its own days no longer come to."""

    restated: tuple[Restated, ...]
    rules: tuple[OtherSum, ...]
    estimates: tuple[BetterEstimate, ...]

    @property
    def holds(self) -> bool:
        """Whether every figure is as it was published."""
        return not self.restated and not self.rules


@dataclass(frozen=True, slots=True)
class SmallNumbers:
    """Counts of people below `below` are hidden in what is given out.

    `salt`, which nobody can guess, goes into the code: else a hidden number could be tried until the code fits.
    """

    below: int
    salt: str


def publish(
    queries: Queries,
    estate: Estate,
    period: str,
    *,
    hub: str | None = None,
    now_ns: int,
    earlier: Sequence[Content] = (),
    small: SmallNumbers | None = None,
) -> Content:
    """Freeze a period's figures. Raises NotOverError.

    `earlier` are the publications so far: what was restated since the one before of the same series goes into this one,
    and nothing is shown that would tell what they hide.
    """
    kind, first, last = Period.parse(period)
    hubs = queries.hubs(hub)
    to_come = [name for name in hubs if queries.today(name) <= last]
    if to_come:
        raise NotOverError(f"{period} is not over: publish it from {last + timedelta(days=1)} on")
    days = list(queries.daily(first, last, hub=hub))
    known = around.days_around(queries, days)
    names = {each.id: each.name for each in estate.hubs}
    return {
        "layout": LAYOUT,
        "period": period,
        "hub": hub,
        "published": rfc3339(now_ns),
        "version": version("hubpulse"),
        "estate_name": estate.name,
        "names": {name: names.get(name) or name for name in hubs},
        "estate": {name: _hash_of_hub(estate, name) for name in hubs},
        "sums": [_sum(each) for each in periods(days, kind, estimates_by(known, days))],
        "changes": [
            [change.hub, day.isoformat(), change.figure, change.before, change.after, rfc3339(change.changed_ns)]
            for day, change in queries.changes(first, last, hub=hub)
        ],
        "days": [{"hub": day.hub, "date": day.date.isoformat(), **named(day.figures)} for day in days],
        "around": [frozen_around(day) for day in known],
        "small": small and {"salt": small.salt, **hidden_part(days, hubs, (first, last), small.below, earlier)},
        "restatement": _restatement(earlier, kind, first, hub, queries, estate),
    }


def _restatement(
    earlier: Iterable[Content], kind: Period, first: date, hub: str | None, queries: Queries, estate: Estate
) -> dict[str, Any] | None:
    """What is otherwise now of the publication before of the same series: the same hubs by the same kind of period."""
    same = [
        (start, content["published"], content)
        for content in earlier
        for each, start, _ in [Period.parse(content["period"])]
        if each is kind and start <= first and content["hub"] == hub
    ]
    if not same:
        return None
    content = max(same, key=lambda each: each[:2])[2]
    found = compare(content, queries, estate)
    rows = [{**asdict(each), "date": each.date.isoformat()} for each in found.restated]
    return {
        "code": code_of(content),
        "period": content["period"],
        "restated": rows,
        "rules": list(map(str, found.rules)),
        "estimates": [asdict(each) for each in found.estimates],
    }


def compare(content: Content, queries: Queries, estate: Estate) -> Comparison:
    """What of a publication is otherwise now."""
    kind, first, last = Period.parse(content["period"])
    frozen = {(row["hub"], row["date"]): row for row in content["days"]}
    hubs = sorted({hub for hub, _ in frozen})
    now = [day for hub in hubs for day in queries.recomputed(first, last, hub)]
    restated = tuple(_restated(content, frozen, now, queries, estate))
    days = published_days(content)
    of_then = estimates_by(days_around(content), days)
    before = {row["hub"]: row for row in content["sums"]}
    rules = tuple(
        OtherSum(each.hub, name, before[each.hub][name], value)
        for each in periods(days, kind, of_then)
        for name, value in _sum(each).items()
        if before[each.hub][name] != value
    )
    better = tuple(_better(periods(days, kind, queries.estimates(days)), before))
    return Comparison(restated, rules, better)


def _restated(
    content: Content,
    frozen: Mapping[tuple[str, str], Mapping[str, Any]],
    now: Iterable[DayFigures],
    queries: Queries,
    estate: Estate,
) -> Iterator[Restated]:
    seen = set()
    for day in now:
        seen.add((day.hub, day.date.isoformat()))
        row = frozen.get((day.hub, day.date.isoformat()), {})
        differs = {
            name: value for name, value in named(day.figures).items() if name not in _STATUS and row.get(name) != value
        }
        if differs:
            cause = _cause(content, queries, estate, day)
            for name, value in differs.items():
                yield Restated(day.hub, day.date, name, row.get(name), value, cause)
    for hub, text in frozen.keys() - seen:
        yield Restated(hub, date.fromisoformat(text), "entries", frozen[hub, text]["entries"], None, _("day is gone"))


def _cause(content: Content, queries: Queries, estate: Estate, day: DayFigures) -> str:
    if content["estate"].get(day.hub) != _hash_of_hub(estate, day.hub):
        return _("the estate file says otherwise of this hub")
    changed = [
        change.changed_ns
        for _, change in queries.changes(day.date, day.date, hub=day.hub)
        if rfc3339(change.changed_ns) > content["published"]
    ]
    if changed:
        return _("readings that came later, on {day}").format(day=f"{from_ns(max(changed)):%Y-%m-%d}")
    if content["version"] != version("hubpulse"):
        text = _("the rules of version {version}, published with {before}")
        return text.format(version=version("hubpulse"), before=content["version"])
    return _("readings or rules that changed")


def _better(now: Iterable[PeriodFigures], before: Mapping[str, Mapping[str, Any]]) -> Iterator[BetterEstimate]:
    for each in now:
        then = before[each.hub]
        was = then["entries_estimated"], then["entries_low"], then["entries_high"]
        estimated = each.estimated()[:3]
        if was != estimated:
            yield BetterEstimate(each.hub, each.period, was, estimated)


def _sum(each: PeriodFigures) -> dict[str, Any]:
    counts = {"days": each.days, "days_counted": each.days_counted, "days_missing": each.days_missing}
    return {"hub": each.hub, **counts, **named(each.figures), **dict(zip(ESTIMATED, each.estimated(), strict=True))}


def _hash_of_hub(estate: Estate, hub: str) -> str:
    """A hash over all that the estate file says of a hub's figures."""
    known = estate.hub(hub)
    said = {
        "hub": known and known.model_dump(mode="json"),
        "timezone": estate.zone_of(hub).key,
        "holidays": estate.holidays and estate.holidays.model_dump(mode="json"),
    }
    return hash_of(said)
