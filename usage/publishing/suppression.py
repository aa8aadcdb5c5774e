"""Small numbers of people are not published as they are: they could point at somebody."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.measures import USAGE_MEASURES
from schemas.units import CLIENTS, DEVICES, PEOPLE, PERSON_HOURS
from usage.estimates import ESTIMATED

SUPPRESSED = "*"
SMALL_MAX = 7
NEAREST = 5
PEOPLE_FIELDS = frozenset(
    name for name, measure in USAGE_MEASURES.items() if measure.unit in (PEOPLE, PERSON_HOURS, CLIENTS, DEVICES)
).union(ESTIMATED)
"""The figures that are of people or of the devices they carry."""


def suppress_small(figures: Mapping[str, object]) -> dict[str, object]:
    """Figures fit for publication: of people 0 stays 0, up to 7 becomes `*`, more is rounded to the nearest 5."""
    return {name: suppressed(value) if name in PEOPLE_FIELDS else value for name, value in figures.items()}


def suppressed(value: object) -> object:
    """One count of people as it may be published; below zero as above it."""
    if not isinstance(value, int | float):
        return value
    if 0 < abs(value) < SMALL_MAX + 1:
        return SUPPRESSED
    rounded = int((abs(value) + NEAREST / 2) // NEAREST) * NEAREST
    return rounded if value >= 0 else -rounded
