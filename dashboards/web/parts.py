"""Long tables in parts, each at an address of its own: an estate of thousands of hubs keeps pages that can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from fastapi import Request

from dashboards.web import wording
from schemas.texts import _

T = TypeVar("T")
U = TypeVar("U")

ROWS_MAX = 100
CHOICES_MAX = 200
SEARCH_LENGTH_MAX = 100
_DIGITS_MAX = 10


@dataclass(frozen=True, slots=True)
class Step:
    """A link to another part."""

    label: str
    address: str


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """The rows of a table that a page shows; `steps` lead to the others and are empty where these are all."""

    rows: Sequence[T]
    words: str
    """`101 to 200 of 10 000`."""
    steps: Sequence[Step] = ()

    def map(self, shown: Callable[[T], U]) -> Part[U]:
        """The same part of the rows as they are shown: of all others nothing is made."""
        return Part([shown(row) for row in self.rows], self.words, self.steps)


def searched(request: Request) -> str:
    """What names are searched for, by `q` of the address."""
    return request.query_params.get("q", "")[:SEARCH_LENGTH_MAX].strip()


def is_asked_for(asked: str, name: str, id_: str) -> bool:
    """Whether that is in a name or an id."""
    return asked.casefold() in f"{name}\n{id_}".casefold()


def are_too_many(choices: Sequence[object]) -> bool:
    """Whether these are too many for a list to choose from."""
    return len(choices) > CHOICES_MAX


def part(request: Request, rows: Sequence[T], name: str, anchor: str) -> Part[T]:
    """The part of a table's rows that an address asks for by a number under a name; the nearest there is."""
    last = max(1, -(-len(rows) // ROWS_MAX))
    asked = request.query_params.get(name, "")
    number = min(max(1, int(asked)), last) if asked.isdecimal() and len(asked) < _DIGITS_MAX else 1
    steps = list(_steps(request, name, anchor, number, last)) if last > 1 else []
    start = (number - 1) * ROWS_MAX
    shown = rows[start : start + ROWS_MAX]
    words = _("{first} to {last} of {all}").format(
        first=wording.number(min(start + 1, len(rows))),
        last=wording.number(start + len(shown)),
        all=wording.number(len(rows)),
    )
    return Part(shown, words, steps)


def _steps(request: Request, name: str, anchor: str, number: int, last: int) -> Iterator[Step]:
    """The first part, the one before, the next and the last, of these that are others."""
    for label, to in ((_("First"), 1), (_("← before"), number - 1), (_("next →"), number + 1), (_("Last"), last)):
        if 1 <= to <= last and to != number:
            query = request.url.include_query_params(**{name: to}).query
            yield Step(label, f"{request.url.path}?{query}#{anchor}")
