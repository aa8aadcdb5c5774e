"""What of a publication is given out: its cells, with those that are hidden as `*`, and nothing that could tell them.

The publication itself stays in the data folder, whole. A release has entries, exits and entries while open of every
day and every whole week, month... of each hub and of all together, and an estimate of what nobody counted. Doors,
hours, the most people at once and Wi-Fi are not in it: with them hidden numbers could be told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from schemas import HubpulseError
from schemas.measures import PeopleState
from usage.calendar import dates
from usage.estimates import ESTIMATED, Estimate, Method, missing_share
from usage.estimates.around import estimates_by
from usage.publishing.cells import ALL_HUBS, FIGURES, NOTHING, Base, Cell, Counts, Grid, Unit, total
from usage.publishing.disclosure import Published, hide
from usage.publishing.publication_file import Content, code_of, days_around, published_days
from usage.publishing.suppression import SUPPRESSED
from usage.queries import DayFigures
from usage.queries.periods import Period
from usage.rollup import Figures


def hidden_part(
    days: Iterable[DayFigures],
    hubs: Sequence[str],
    span: tuple[date, date],
    below: int,
    earlier: Iterable[Content],
) -> dict[str, Any]:
    """What a publication says of the cells that its release hides, so that earlier ones don't tell them either.

    `told`: small numbers that can't be hidden any more, since earlier publications show or tell them.
    """
    known = {(day.hub, day.date): _counts(day.figures) for day in days}
    before = []
    for content in earlier:
        grid = grid_of(content)
        counted = {(day.hub, day.date): _counts(day.figures) for day in published_days(content)}
        before.append(Published(grid, frozenset(_hidden(content, grid)), counted))
        known = counted | known
    grid = Grid(tuple(sorted(hubs)), *span)
    found, own = hide(known, grid, below, before), set(grid.cells())
    bases = {_base(cell) for each in before for cell in each.hidden} - {None}
    return {
        "below": below,
        "hidden": sorted(_named(cell, grid) for cell in found.cells),
        "small": len(found.small),
        "told": sorted(_named(cell, grid) for cell in found.told & own),
        "hidden_before": sorted([hub, day.isoformat()] for hub, day in filter(None, bases)),
    }


def release_of(content: Content) -> dict[str, Any]:
    """What is given out of a publication."""
    grid, small = grid_of(content), content["small"]
    hidden = set(_hidden(content, grid))
    days = {(day.hub, day.date): day.figures for day in published_days(content)}
    estimate = _estimates(content, {base for cell in hidden if (base := _base(cell))})
    return {
        "code": code_of(content),
        "period": content["period"],
        "published": content["published"],
        "hubs": list(grid.hubs),
        "small_below": small and small["below"],
        "cells": [
            _row(scope, grid, unit, days, estimate, is_hidden=(scope, unit.name) in hidden)
            for scope in grid.scopes
            for unit in grid.units
        ],
        "restated": _restated(content, hidden),
    }


def to_text(release: Mapping[str, Any]) -> str:
    """A release as its file holds it, a cell a line."""
    cells = ",\n".join(json.dumps(cell, ensure_ascii=False) for cell in release["cells"])
    rest = json.dumps({name: value for name, value in release.items() if name != "cells"}, ensure_ascii=False)
    return f'{rest[:-1]}, "cells": [\n{cells}\n]}}\n'


def read_release(text: str, where: str) -> dict[str, Any]:
    """A release from its file. Raises HubpulseError where it is none."""
    try:
        found = json.loads(text)
        cells = [cell | {"first": date.fromisoformat(cell["first"]).isoformat()} for cell in found["cells"]]
        names = ("hub", "unit", "period", "last", *FIGURES)
        if all(name in cell for cell in cells for name in names) and {"small_below", "hubs"} <= found.keys():
            return dict(found)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise HubpulseError(f"{where} is no release: name a file that `hubpulse publish --suppress-small` wrote")


def grid_of(content: Content) -> Grid:
    """The cells of a publication."""
    _, first, last = Period.parse(content["period"])
    return Grid(tuple(sorted(content["names"])), first, last)


def _row(
    scope: str,
    grid: Grid,
    unit: Unit,
    days: Mapping[Base, Figures],
    estimate: Callable[[str, Sequence[date]], Estimate | None],
    *,
    is_hidden: bool,
) -> dict[str, Any]:
    hubs = grid.scopes[scope]
    wanted = [(hub, day) for hub in hubs for day in dates(unit.first, unit.last)]
    own = {base: days[base] for base in wanted if base in days}
    states = [row["people_state"] for row in own.values()]
    counts = total([_counts(row) for row in own.values()])
    row: dict[str, Any] = {
        "hub": _public(scope, grid),
        "unit": unit.kind,
        "period": unit.name,
        "first": unit.first.isoformat(),
        "last": unit.last.isoformat(),
        "days": len(own),
        "days_counted": states.count(PeopleState.COUNTED),
        "days_missing": states.count(PeopleState.PARTIAL) + states.count(PeopleState.NONE),
    }
    if is_hidden:
        shown = {name: None if value is None else SUPPRESSED for name, value in zip(FIGURES, counts, strict=True)}
        return row | shown | dict.fromkeys(ESTIMATED, SUPPRESSED)
    missed = [estimate(hub, [day for of, day in own if of == hub]) for hub in hubs]
    return row | dict(zip(FIGURES, counts, strict=True)) | _estimated(missed, counts[0])


def _estimated(missed: Sequence[Estimate | None], counted: int | None) -> dict[str, Any]:
    """The estimate of several hubs: bounds add up, as though all erred the same way, and are rather too wide for it."""
    known = [each for each in missed if each is not None]
    if len(known) < len(missed):
        return dict.fromkeys(ESTIMATED, SUPPRESSED)
    low, high = ([each.low for each in known], [each.high for each in known])
    people = [each.people for each in known]
    methods = sorted({method for each in known for method in each.method.split("+")} - {Method.NONE.value})
    sums = [None if None in numbers else sum(number or 0 for number in numbers) for numbers in (people, low, high)]
    has_bounds = sums[0] is not None and (counted is not None or sums[0])
    bounds = [(counted or 0) + (number or 0) if has_bounds else None for number in sums[1:]]
    return dict(zip(ESTIMATED, (sums[0], *bounds, "+".join(methods) or Method.NONE.value), strict=True))


def _estimates(content: Content, hidden: set[Base]) -> Callable[[str, Sequence[date]], Estimate | None]:
    """Tells what is missing from days, by days alone that are not hidden; None where a hidden one is in it."""
    small, around = content["small"], days_around(content)
    if small:
        apart = hidden | {(hub, date.fromisoformat(day)) for hub, day in small["hidden_before"]}
        around = [
            day
            for day in around
            if (day.hub, day.date) not in apart and not 0 < (day.figures["entries"] or 0) < small["below"]
        ]
    days = published_days(content)
    told = estimates_by(around, days)
    withheld = {(day.hub, day.date) for day in days if missing_share(day.figures)} & hidden
    return lambda hub, wanted: None if withheld & {(hub, day) for day in wanted} else told(hub, wanted)


def _restated(content: Content, hidden: set[Cell]) -> dict[str, Any] | None:
    """What was restated of the publication before, as far as that tells nothing that is hidden."""
    found, small = content["restatement"], content["small"]
    if found is None:
        return None
    rows = [row for row in found["restated"] if row["figure"] in FIGURES]
    if small:
        apart = {tuple(base) for base in small["hidden_before"]} | hidden
        rows = [row for row in rows if (row["hub"], row["date"]) not in apart]
        rows = [row | {end: _withheld(row[end], small["below"]) for end in ("before", "after")} for row in rows]
    return {"code": found["code"], "period": found["period"], "rows": rows}


def _withheld(value: object, below: int) -> object:
    return SUPPRESSED if isinstance(value, int | float) and 0 < abs(value) < below else value


def _counts(figures: Figures) -> Counts:
    """The counts of a day; none of them where its entries are not known, since exits alone are no visits."""
    if figures["entries"] is None:
        return NOTHING
    return tuple(None if (value := figures[name]) is None else int(value) for name in FIGURES)


def _public(scope: str, grid: Grid) -> str:
    return scope if scope in grid.hubs else ALL_HUBS


def _named(cell: Cell, grid: Grid) -> list[str]:
    return [_public(cell[0], grid), cell[1]]


def _hidden(content: Content, grid: Grid) -> Iterable[Cell]:
    small = content["small"]
    return ((grid.together if hub == ALL_HUBS else hub, name) for hub, name in (small["hidden"] if small else ()))


def _base(cell: Cell) -> Base | None:
    """The hub and day of a cell that is one."""
    scope, name = cell
    is_day = len(name) == len("2026-10-31") and "+" not in scope
    return (scope, date.fromisoformat(name)) if is_day else None
