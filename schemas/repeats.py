"""Finds what may be there only once, and says of each further one where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pydantic_core import PydanticCustomError

Place = tuple[int | str, ...]
"""Where something stands in a file: the keys and indexes that lead to it."""


class Repeat(NamedTuple):
    """A name that is there again, where it was first, and what to do about it."""

    place: Place
    first: Place
    sentence: str


def repeats(named: Iterable[tuple[str, Place]], sentence: str) -> list[Repeat]:
    """Every name that was there before, at most once for a place; the sentence says what is wrong with `{name}`."""
    first: dict[str, Place] = {}
    found: dict[Place, Repeat] = {}
    for name, place in named:
        if name not in first:
            first[name] = place
        elif place not in found:
            found[place] = Repeat(place, first[name], sentence.format(name=name))
    return list(found.values())


def refuse(found: list[Repeat]) -> None:
    """Raise one validation error for all that was found; whoever knows the file's lines reads it from `repeats`."""
    if found:
        raise PydanticCustomError("repeated", "{sentence}", {"sentence": found[0].sentence, "repeats": found})
