"""A publication's file: what was frozen, under a code that is the beginning of the hash over it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from schemas import HubpulseError
from schemas.measures import USAGE_MEASURES, PeopleState, named
from usage.queries import DayFigures
from usage.rollup import Figures

LAYOUT = 2
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter in it looks like another or like a digit."""
_CODE_CHARACTERS = 10

Content = Mapping[str, Any]


def code_of(content: Content) -> str:
    """The code of a publication, such as `7H2KQ-M9D3T`: the beginning of the hash over it."""
    number = int(hash_of(content)[:16], 16)
    letters = "".join(_ALPHABET[number >> 5 * place & 31] for place in range(_CODE_CHARACTERS))
    return f"{letters[:5]}-{letters[5:]}"


def to_text(content: Content) -> str:
    """A publication as its file holds it."""
    found = {"code": code_of(content), "sha256": hash_of(content), "publication": content}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def read(text: str, where: str) -> Content:
    """A publication from its file. Raises HubpulseError where it is none, or was changed since."""
    try:
        found = json.loads(text)
        code, content = found["code"], found["publication"]
        is_whole = (code, found["sha256"]) == (code_of(content), hash_of(content))
    except (ValueError, KeyError, TypeError) as error:
        raise HubpulseError(f"{where} is no publication: name a file that `hubpulse publish` wrote") from error
    if not is_whole:
        raise HubpulseError(f"{where} was changed after it was published: it is not what {code} stands for")
    if content["layout"] != LAYOUT:
        raise HubpulseError(
            f"{where} has layout {content['layout']}, this Hubpulse reads {LAYOUT}: take the version that published it"
        )
    return dict(content)


def published_days(content: Content) -> list[DayFigures]:
    """The days of a publication."""
    return [_thawed(row) for row in content["days"]]


def days_around(content: Content) -> list[DayFigures]:
    """The days that its estimates go by."""
    return [_thawed(dict(zip(_AROUND, row, strict=True))) for row in content["around"]]


_AROUND = ("hub", "date", "entries", "people_state", "footfall_completeness")


def frozen_around(day: DayFigures) -> list[Any]:
    """What estimates need of a day, as a publication holds it."""
    figures = named({name: day.figures[name] for name in _AROUND[2:]})
    return [day.hub, day.date.isoformat(), *(figures[name] for name in _AROUND[2:])]


def _thawed(row: Mapping[str, Any]) -> DayFigures:
    figures: Figures = {name: row.get(name) for name in USAGE_MEASURES}
    state = row["people_state"]
    figures["people_state"] = None if state is None else PeopleState[state.upper()]
    return DayFigures(row["hub"], date.fromisoformat(row["date"]), figures)


def hash_of(content: Content) -> str:
    """The SHA-256 over what was frozen."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
