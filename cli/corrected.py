"""Corrected figures beside those that were counted, in exports and explanations of `hubpulse usage`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date

from cli.tables import Row
from schemas import Estate, Settings
from usage import Queries
from usage.audits import AuditFile
from usage.audits.corrections import CORRECTED, Corrected, Corrections
from usage.queries import DoorFigures

_NONE: Row = dict.fromkeys(CORRECTED)


def corrections_of(settings: Settings, estate: Estate) -> Corrections:
    """The factors of the audits in the settings' folder that the estate file asks for."""
    with AuditFile(settings.audits_folder) as file:
        return Corrections(estate, file.all())


def corrected_doors(queries: Queries, corrections: Corrections, hub: str, day: date) -> Mapping[str, Corrected]:
    """The doors of a hub's day to which a factor applies."""
    if not corrections.are_asked_for:
        return {}
    doors = queries.doors(day, day, hub=hub)
    return {door.door: each for door in doors if (each := corrections.of_door(door)) is not None}


def corrected_as_text(found: Mapping[str, Corrected]) -> Iterator[str]:
    """Lines of an explanation."""
    if found:
        yield "corrected, beside what was counted"
    for door, each in found.items():
        (audit,) = each.audits
        yield f"  {door}: entries {each.counted} -> {each.people}, {each.low} to {each.high} in nine of ten cases"
        yield f"    by the audit {audit}: hubpulse audit list --show {audit}"


def door_rows(rows: Iterable[Row], doors: Iterable[DoorFigures], corrections: Corrections) -> Iterator[Row]:
    """The rows of doors, which come in the same order, with what is corrected."""
    for row, door in zip(rows, doors, strict=True):
        each = corrections.of_door(door)
        yield {**row, **(each.columns() if each else _NONE)}


def sum_rows(
    rows: Iterable[Row],
    column: str,
    name_of: Callable[[date], str],
    doors: Iterable[DoorFigures],
    corrections: Corrections,
) -> Iterator[Row]:
    """The rows of days or periods, named in a column, with what is corrected; `name_of` names the row of a day."""
    of_row: dict[tuple[str, str], list[DoorFigures]] = {}
    for door in doors:
        of_row.setdefault((door.hub, name_of(door.date)), []).append(door)
    for row in rows:
        each = corrections.of_sum(row["entries"], of_row.get((row["hub"], row[column]), ()))
        yield {**row, **(each.columns() if each else _NONE)}
