"""Whether what small numbers hide behind holds: simulated releases, and a reader who wants the numbers back.

python -m benchmarks.suppression [RELEASES]

Each release is an estate of a few hubs, some with few people, over a month: every day, whole week and the month of each
hub and of all. The attack gets what is given out and nothing else. Beside it the same releases with the small numbers
alone hidden: there it has to find them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from schemas.measures import PeopleState, named
from usage.calendar import dates
from usage.publishing.attack import attack
from usage.publishing.cells import FIGURES
from usage.publishing.publication_file import LAYOUT, Content
from usage.publishing.release import hidden_part, release_of
from usage.publishing.suppression import SUPPRESSED
from usage.queries import DayFigures
from usage.queries.periods import Period

PERIODS = ("2026-02", "2026-06", "2026-08", "2026-09", "2026-11", "2027-01")
BELOW = 5
RELEASES = 1000
HUBS_MAX = 5
_LATE_SHARE, _CLOSED_SHARE, _DEAD_SHARE, _HAS_EXITS = 0.1, 0.03, 0.02, 0.8


@dataclass(slots=True)
class Tally:
    """What the attack came to over many releases."""

    releases: int = 0
    hidden: int = 0
    recovered: int = 0
    cells: int = 0
    seconds: float = 0.0
    broken: list[int] = field(default_factory=list)
    """The seeds of the releases of which a number was recovered."""


def simulated_days(seed: int, period: str, hubs_max: int = HUBS_MAX) -> list[DayFigures]:
    """What a few hubs counted in a period."""
    rng = Random(seed)
    _, first, last = Period.parse(period)
    days = []
    for number in range(rng.randint(2, hubs_max)):
        usual, has_exits = rng.choice((2, 6, 12, 30, 80, 250)), rng.random() < _HAS_EXITS
        for day in dates(first, last):
            closed = day.weekday() == 6 or rng.random() < _CLOSED_SHARE
            dead = rng.random() < _DEAD_SHARE
            people = None if dead or closed else _people(rng, usual * (0.2 if day.weekday() == 5 else 1))
            days.append(DayFigures(f"hub-{number}", day, _figures(rng, people, closed=closed, has_exits=has_exits)))
    return days


def _people(rng: Random, usual: float) -> int:
    return max(0, round(rng.gauss(usual, usual**0.5 + 0.2 * usual)))


def _figures(rng: Random, people: int | None, *, closed: bool, has_exits: bool) -> dict[str, Any]:
    state = PeopleState.CLOSED if closed else PeopleState.NONE if people is None else PeopleState.COUNTED
    exits = None if people is None or not has_exits else max(0, people + rng.randint(-2, 2))
    in_time = None if people is None else people - sum(rng.random() < _LATE_SHARE for _ in range(people))
    covered = {PeopleState.CLOSED: None, PeopleState.NONE: 0.0, PeopleState.COUNTED: 1.0}[state]
    counts = {"entries": people, "exits": exits, "entries_open": in_time}
    return {**counts, "people_state": state, "footfall_completeness": covered}


def publication(
    days: list[DayFigures], period: str, *, earlier: tuple[Content, ...] = (), below: int | None = BELOW
) -> Content:
    """A publication of such days, with small numbers hidden or not."""
    _, first, last = Period.parse(period)
    hubs = sorted({day.hub for day in days})
    hidden = below and {"salt": "", **hidden_part(days, hubs, (first, last), below, earlier)}
    return {
        "layout": LAYOUT,
        "period": period,
        "hub": None,
        "published": f"{last}T00:00:00Z",
        "names": {hub: hub for hub in hubs},
        "days": [{"hub": day.hub, "date": day.date.isoformat(), **named(day.figures)} for day in days],
        "around": [],
        "small": hidden,
        "restatement": None,
    }


def run(releases: int, release: Callable[[int], Mapping[str, Any]], first_seed: int = 0) -> Tally:
    """Attack so many releases."""
    tally, began_s = Tally(), time.perf_counter()
    for seed in range(first_seed, first_seed + releases):
        made = release(seed)
        found = attack([made])
        tally.releases += 1
        tally.cells += len(made["cells"])
        tally.hidden += found.hidden
        tally.recovered += len(found.recovered)
        if found.recovered:
            tally.broken.append(seed)
    tally.seconds = time.perf_counter() - began_s
    return tally


def protected(seed: int, hubs_max: int = HUBS_MAX) -> dict[str, Any]:
    """A simulated release."""
    period = PERIODS[seed % len(PERIODS)]
    return release_of(publication(simulated_days(seed, period, hubs_max), period))


def only_small(seed: int) -> dict[str, Any]:
    """The same with only the small numbers hidden, and nothing that protects them."""
    period = PERIODS[seed % len(PERIODS)]
    release = release_of(publication(simulated_days(seed, period), period, below=None)) | {"small_below": BELOW}
    return release | {"cells": [_without_small(cell) for cell in release["cells"]]}


def _without_small(cell: dict[str, Any]) -> dict[str, Any]:
    is_small = any(isinstance(cell[name], int) and 0 < cell[name] < BELOW for name in FIGURES)
    return cell | dict.fromkeys(FIGURES, SUPPRESSED) if is_small else cell


def main() -> None:
    """Print the table."""
    releases = int(sys.argv[1]) if len(sys.argv) > 1 else RELEASES
    print(f"{'':24}{'releases':>10}{'numbers':>10}{'hidden':>9}{'recovered':>11}{'seconds':>9}")
    for title, release in (("protected", protected), ("small ones alone hidden", only_small)):
        found = run(releases, release)
        numbers = found.cells * 3
        print(
            f"{title:24}{found.releases:>10}{numbers:>10}{found.hidden:>9}{found.recovered:>11}{found.seconds:>9.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
