"""Finds the cases of an estate in the stored roll-ups of its zones."""

from __future__ import annotations

from collections.abc import Collection

from schemas import Estate
from usage.health.cases import Case, Note
from usage.queries import Queries

CLOSED_DAYS = 90
"""For how long a case that is over is still shown."""


def find_cases(
    queries: Queries,  # noqa: ARG001 - the rules follow
    estate: Estate,  # noqa: ARG001 - the rules follow
    notes: Collection[Note] = (),  # noqa: ARG001 - the rules follow
    *,
    hub: str | None = None,  # noqa: ARG001 - the rules follow
    closed_days: int = CLOSED_DAYS,  # noqa: ARG001 - the rules follow
) -> list[Case]:
    """The open cases and those that were over in the last so many days, by the roll-ups as stored; worst first.

    Raises StoreError.
    """
    return []


def open_cases(queries: Queries, estate: Estate, notes: Collection[Note] = (), *, hub: str | None = None) -> list[Case]:
    """The open cases, worst first. Raises StoreError."""
    return [case for case in find_cases(queries, estate, notes, hub=hub, closed_days=0) if case.is_open]
