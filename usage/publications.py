"""Figures as they were published, and as they are known now.

A publication freezes a period: every day's figures, their sums with estimates, the days that the estimates go by, and
what the estate file said. Its code is the beginning of the hash over all of it, so that a report that carries the code
can be held against it for ever. `compare` recomputes it: what was restated, day by day and why; what an estimate makes
of weeks that came later stands apart, since nothing was wrong with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.metadata import version
from typing import Any

from schemas import Estate, HubpulseError
from schemas.localtime import from_ns, rfc3339
from schemas.measures import USAGE_MEASURES, PeopleState, named
from usage.estimates import ESTIMATED
from usage.queries import DayFigures, Queries
from usage.queries.periods import Period, PeriodFigures, periods
from usage.queries.queries import estimates_by
from usage.rollup import Figures

LAYOUT = 1
_STATUS = ("final", "revision")
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter in it looks like another or like a digit."""
_CODE_CHARACTERS = 10

Content = Mapping[str, Any]


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
class Comparison:
    """A publication held against what is known now. `rules` are sums that its own days no longer come to."""

    restated: tuple[Restated, ...]
    rules: tuple[str, ...]
    estimates: tuple[BetterEstimate, ...]

    @property
    def holds(self) -> bool:
        """Whether every figure is as it was published."""
        return not self.restated and not self.rules


def code_of(content: Content) -> str:
    """The code of a publication, such as `7H2KQ-M9D3T`: the beginning of the hash over it."""
    number = int(_hash(content)[:16], 16)
    letters = "".join(_ALPHABET[number >> 5 * place & 31] for place in range(_CODE_CHARACTERS))
    return f"{letters[:5]}-{letters[5:]}"


def to_text(content: Content) -> str:
    """A publication as its file holds it."""
    found = {"code": code_of(content), "sha256": _hash(content), "publication": content}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def read(text: str, where: str) -> Content:
    """A publication from its file. Raises HubpulseError where it is none, or was changed since."""
    try:
        found = json.loads(text)
        code, content = found["code"], found["publication"]
        is_whole = (code, found["sha256"]) == (code_of(content), _hash(content))
    except (ValueError, KeyError, TypeError) as error:
        raise HubpulseError(f"{where} is no publication: name a file that `hubpulse publish` wrote") from error
    if not is_whole:
        raise HubpulseError(f"{where} was changed after it was published: it is not what {code} stands for")
    if content["layout"] != LAYOUT:
        raise HubpulseError(f"{where} has layout {content['layout']}, this Hubpulse reads {LAYOUT}: use a newer one")
    return dict(content)


def publish(queries: Queries, estate: Estate, period: str, *, hub: str | None = None, now_ns: int) -> Content:
    """Freeze a period's figures. Raises NotOverError."""
    kind, first, last = Period.parse(period)
    hubs = queries.hubs(hub)
    to_come = [name for name in hubs if queries.today(name) <= last]
    if to_come:
        raise NotOverError(f"{period} is not over: publish it from {last + timedelta(days=1)} on")
    days = list(queries.daily(first, last, hub=hub))
    known = queries.days_around(days)
    return {
        "layout": LAYOUT,
        "period": period,
        "hub": hub,
        "published": rfc3339(now_ns),
        "version": version("hubpulse"),
        "estate": {name: _hash_of_hub(estate, name) for name in hubs},
        "sums": [_sum(each) for each in periods(days, kind, estimates_by(known, days))],
        "changes": [
            [change.hub, day.isoformat(), change.figure, change.before, change.after, rfc3339(change.changed_ns)]
            for day, change in queries.changes(first, last, hub=hub)
        ],
        "days": [{"hub": day.hub, "date": day.date.isoformat(), **named(day.figures)} for day in days],
        "around": [_estimated_by(day) for day in known],
    }


def compare(content: Content, queries: Queries, estate: Estate) -> Comparison:
    """What of a publication is otherwise now."""
    kind, first, last = Period.parse(content["period"])
    frozen = {(row["hub"], row["date"]): row for row in content["days"]}
    hubs = sorted({hub for hub, _ in frozen})
    now = [day for hub in hubs for day in queries.recomputed(first, last, hub)]
    restated = tuple(_restated(content, frozen, now, queries, estate))
    days = [_thawed(row) for row in content["days"]]
    around = [_thawed(dict(zip(_AROUND, row, strict=True))) for row in content["around"]]
    of_then = estimates_by(around, days)
    before = {row["hub"]: row for row in content["sums"]}
    rules = tuple(
        f"{each.hub}: {name} {before[each.hub][name]} -> {value}"
        for each in periods(days, kind, of_then)
        for name, value in _sum(each).items()
        if before[each.hub][name] != value
    )
    of_now = estimates_by(queries.days_around(days), days)
    better = tuple(_better(periods(days, kind, of_now), before))
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
        yield Restated(hub, date.fromisoformat(text), "entries", frozen[hub, text]["entries"], None, "day is gone")


def _cause(content: Content, queries: Queries, estate: Estate, day: DayFigures) -> str:
    if content["estate"].get(day.hub) != _hash_of_hub(estate, day.hub):
        return "the estate file says otherwise of this hub"
    changed = [
        change.changed_ns
        for _, change in queries.changes(day.date, day.date, hub=day.hub)
        if rfc3339(change.changed_ns) > content["published"]
    ]
    if changed:
        return f"readings that came later, on {from_ns(max(changed)):%Y-%m-%d}"
    if content["version"] != version("hubpulse"):
        return f"the rules of version {version('hubpulse')}, published with {content['version']}"
    return "readings or rules that changed"


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


_AROUND = ("hub", "date", "entries", "people_state", "footfall_completeness")


def _estimated_by(day: DayFigures) -> list[Any]:
    figures = named({name: day.figures[name] for name in _AROUND[2:]})
    return [day.hub, day.date.isoformat(), *(figures[name] for name in _AROUND[2:])]


def _thawed(row: Mapping[str, Any]) -> DayFigures:
    figures: Figures = {name: row.get(name) for name in USAGE_MEASURES}
    state = row["people_state"]
    figures["people_state"] = None if state is None else PeopleState[state.upper()]
    return DayFigures(row["hub"], date.fromisoformat(row["date"]), figures)


def _hash_of_hub(estate: Estate, hub: str) -> str:
    """A hash over all that the estate file says of a hub's figures."""
    known = next((each for each in estate.hubs if each.id == hub), None)
    said = {
        "hub": known and known.model_dump(mode="json"),
        "timezone": estate.zone_of(hub).key,
        "holidays": estate.holidays and estate.holidays.model_dump(mode="json"),
    }
    return _hash(said)


def _hash(content: Content) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
