"""A publication as open data: tables with what each column means, and with each figure how it came about.

Everything is made of the release (`release`): what it hides, no table shows. The tables follow Table Schema
(specs.frictionlessdata.io/table-schema); that of physical visits is the one of public libraries
(schema.librarydata.uk/physical-visits), whose column `Count type` says in plain words how was counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from usage.estimates import ESTIMATED, in_words
from usage.publishing.cells import ALL_HUBS, DAY, FIGURES
from usage.publishing.publication_file import Content, hash_of
from usage.publishing.release import release_of
from usage.publishing.suppression import SUPPRESSED
from usage.queries import Period

MISSING_VALUES = ("", SUPPRESSED)
"""What stands where there is no number: nothing is known, or it is withheld."""
COUNTER = "Automatic door counter"

Cell = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A column: its name, its type in Table Schema, and what it means."""

    name: str
    type: str
    description: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table; a row has a value for each field."""

    name: str
    title: str
    description: str
    fields: tuple[Field, ...]
    rows: list[dict[str, Any]]


def tables(content: Content, *, authority: str, earlier: Iterable[Content] = ()) -> list[Table]:
    """The tables of a publication; the baseline is the same period of the year before, if it was published."""
    release = release_of(content)
    found = [
        _visits(content, release),
        _physical_visits(content, release, authority),
        _funders(content, release, list(earlier)),
    ]
    restated = release["restated"]
    return [*found, _restated(restated)] if restated and restated["rows"] else found


def statement(cell: Cell, release: Mapping[str, Any]) -> str:
    """How a figure came about, in a sentence that is true of it."""
    return f"{_how(cell, release['small_below'])} Evidence: Hubpulse publication {release['code']}."


def _how(cell: Cell, below: int | None) -> str:
    if cell["entries"] == SUPPRESSED:
        return f"Not shown: counts below {below}, and whatever would tell them, are withheld."
    if not (cell["entries"] or cell["days_counted"] or cell["days_missing"]):
        return "Closed, and nobody was counted." if cell["days"] else "Nothing is known of it."
    missing = f"on {cell['days_missing']} of {cell['days']} days not everybody was counted"
    counted = (
        "Nobody was counted" if cell["entries"] is None else f"{cell['entries']:,} people counted by door counters"
    )
    estimated = cell["entries_estimated"]
    if estimated is None:
        return f"{counted}; {missing}, and too little is known to estimate the others."
    if estimated == SUPPRESSED:
        return f"{counted}; {missing}, and the estimate of the others is withheld."
    if estimated:
        by = in_words(cell["method"], str)
        return (
            f"{counted} and {estimated:,} estimated, since {missing}, by {by}; nine chances in ten that it is between "
            f"{cell['entries_low']:,} and {cell['entries_high']:,}."
        )
    return f"{counted}; nothing was estimated."


def _reported(cell: Cell) -> int | str | None:
    """Counted and estimated together; what is known to be incomplete is told without an estimate."""
    if cell["entries"] is None or cell["entries"] == SUPPRESSED:
        return cell["entries_estimated"] or None if cell["entries"] is None else SUPPRESSED
    added = cell["entries_estimated"]
    return int(cell["entries"]) + (added if isinstance(added, int) else 0)


_HUB = Field("hub", "string", "The hub's id; `all hubs` is the sum over all of them.")
_NAME = Field("hub_name", "string", "What people call it.")
_STATEMENT = Field("statement", "string", "How the figures of the row came about.")
_PERIODS = (
    Field("first", "date", "First local day."),
    Field("last", "date", "Last local day, this one included."),
)
_PEOPLE = {
    "entries": "People counted in.",
    "exits": "People counted out.",
    "entries_open": "People counted in within opening hours.",
    "entries_estimated": "People to be added for times that nobody counted; never part of `entries`.",
    "entries_low": "Lower bound of counted and estimated together, with nine chances in ten.",
    "entries_high": "Upper bound of the same.",
}


def _visits(content: Content, release: Mapping[str, Any]) -> Table:
    fields = (
        _HUB,
        _NAME,
        Field(
            "unit",
            "string",
            "What the row is of: day, week (ISO), month, quarter, half or year. Don't add up rows of several.",
        ),
        Field("period", "string", "Its name, such as 2026-10-31, 2026-W43, 2026-10, 2026-Q4."),
        *_PERIODS,
        Field("days", "integer", "Days in it."),
        Field("days_counted", "integer", "Days on which everybody was counted; on the others the hub was closed."),
        Field("days_missing", "integer", "Days on which not everybody was counted, or nobody."),
        *(Field(name, "integer", text) for name, text in _PEOPLE.items()),
        Field("method", "string", "How was estimated: none, hours, weekday, weekday_sister or transfer?, joined by +."),
        Field(
            "hidden", "boolean", "Whether the people of the row are withheld, since they are few or would tell such."
        ),
        _STATEMENT,
    )
    rows = [
        {name: cell[name] for name in cell}
        | {"hub_name": _name_of(content, cell["hub"]), "hidden": cell["entries"] == SUPPRESSED}
        | {"statement": statement(cell, release)}
        for cell in release["cells"]
    ]
    text = "People entering and leaving each hub, by day and by whole week, month, quarter, half and year."
    return Table("visits", "Visits", text, fields, rows)


def _physical_visits(content: Content, release: Mapping[str, Any], authority: str) -> Table:
    fields = (
        Field("Local authority", "string", "Who runs the buildings."),
        Field("Library name", "string", "The building."),
        Field("Count start", "date", "First day of the count."),
        Field("Count end", "date", "Last day of the count."),
        Field("Count type", "string", "How was counted, in words."),
        Field("Visits", "integer", "People counted in, with those estimated for times that nobody counted."),
    )
    kind = Period.parse(content["period"])[0]
    unit = DAY if kind is Period.WEEK else Period.MONTH.value
    rows = [
        dict(
            zip(
                (field.name for field in fields),
                (authority, _name_of(content, cell["hub"]), cell["first"], cell["last"], _count_type(cell), visits),
                strict=True,
            )
        )
        for cell in release["cells"]
        if cell["unit"] == unit and cell["hub"] != ALL_HUBS
        for visits in [_reported(cell)]
        if isinstance(visits, int)
    ]
    text = (
        "Physical visits as public libraries publish them (schema.librarydata.uk/physical-visits), by "
        f"{unit}. What is withheld, or was not counted at all and can't be estimated, has no row."
    )
    return Table("physical-visits", "Physical visits", text, fields, rows)


def _count_type(cell: Cell) -> str:
    added = cell["entries_estimated"]
    if isinstance(added, int):
        return f"{COUNTER}, {added:,} of them estimated" if added else COUNTER
    return f"{COUNTER}, incomplete: {cell['days_missing']} of {cell['days']} days not fully counted"


def _funders(content: Content, release: Mapping[str, Any], earlier: Sequence[Content]) -> Table:
    fields = (
        Field("output", "string", "What is reported."),
        Field("period", "string", "When."),
        Field(
            "baseline_period", "string", "What it is held against: the same period of the year before, if published."
        ),
        Field("baseline", "integer", "The figure then, counted and estimated."),
        Field("figure", "integer", "The figure now, counted and estimated."),
        Field("low", "integer", "Lower bound, with nine chances in ten."),
        Field("high", "integer", "Upper bound."),
        _STATEMENT,
        Field("evidence", "string", "What an auditor may check it by."),
    )
    before = _year_before(content, earlier)
    baseline = {cell["hub"]: cell for cell in _whole(release_of(before))} if before else {}
    sealed = f"publication {release['code']}, SHA-256 {hash_of(content)}"
    rows = []
    for cell in _whole(release):
        then = baseline.get(cell["hub"])
        rows.append(
            {
                "output": f"Visits, {_name_of(content, cell['hub'])}",
                "period": content["period"],
                "baseline_period": before["period"] if before and then else None,
                "baseline": _reported(then) if then else None,
                "figure": _reported(cell),
                "low": cell["entries_low"],
                "high": cell["entries_high"],
                "statement": statement(cell, release),
                "evidence": f"{sealed}; `hubpulse verify {release['code']}`",
            }
        )
    text = "Each output with its baseline and evidence, for whoever funds it."
    return Table("funder", "Outputs for a funder", text, fields, rows)


def _whole(release: Mapping[str, Any]) -> Iterator[Cell]:
    return (cell for cell in release["cells"] if cell["period"] == release["period"])


def _year_before(content: Content, earlier: Sequence[Content]) -> Content | None:
    """The latest publication of the same hubs and period of the year before."""
    year, rest = content["period"][:4], content["period"][4:]
    name = f"{int(year) - 1}{rest}"
    same = [each for each in earlier if (each["period"], each["hub"]) == (name, content["hub"])]
    return max(same, key=lambda each: str(each["published"]), default=None)


def _restated(restated: Mapping[str, Any]) -> Table:
    fields = (
        _HUB,
        Field("date", "date", "The local day."),
        Field("figure", "string", "Which figure."),
        Field("before", "integer", "As it was published."),
        Field("after", "integer", "As it is known now."),
        Field("cause", "string", "Why, as far as it is known."),
    )
    rows = [{field.name: row[field.name] for field in fields} for row in restated["rows"]]
    text = f"What became of the figures of {restated['period']} since they were published as {restated['code']}."
    return Table("restated", "Restated figures", text, fields, rows)


def _name_of(content: Content, hub: str) -> str:
    return str(content["names"].get(hub, hub))


NUMBERS = (*FIGURES, *ESTIMATED[:3])
"""The columns of `visits` that are numbers of people; in a file with types, what is withheld has none."""
