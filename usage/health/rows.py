"""Judged cases and notes as they rest in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from schemas.localtime import Span, from_ns, local_day, midnight_ns, to_ns
from stores import Store
from stores.lines import encode
from usage.health.cases import CaseKind, CaseNote, Judged

CASES, CASE_NOTES = "usage_cases", "usage_case_notes"

ZoneOf = Callable[[str], ZoneInfo]
"""The time zone of a hub."""


def case_line(case: Judged, zone: ZoneInfo) -> str:
    """A case as a line for the store; time = the midnight of its first day."""

    def at(day: date | None) -> int | None:
        return None if day is None else midnight_ns(day, zone)

    known = {
        "until_ns": at(case.until),
        "latest_ns": at(case.latest),
        "value": case.value,
        "limit": float(case.limit),
        "minutes": case.minutes,
        "people": case.people,
        "last_data_ns": at(case.last_data),
        "worst_ns": at(case.worst_on),
        "worst_value": case.worst_value,
        "worst_minutes": case.worst_minutes,
    }
    tags = {"hub": case.hub, "kind": str(case.kind), "zone": case.zone}
    return encode(
        CASES, tags, {n: value for n, value in known.items() if value is not None}, midnight_ns(case.since, zone)
    )


def read_cases(store: Store, span: Span, zone_of: ZoneOf, hub: str | None = None) -> Iterator[Judged]:
    """The cases that began within the span."""
    where = None if hub is None else {"hub": hub}
    for chunk in store.read(CASES, start_ns=span.start_ns, stop_ns=span.stop_ns, where=where):
        zone = zone_of(chunk.tags["hub"])
        for i, time_ns in enumerate(chunk.times_ns):
            row = {name: column[i] for name, column in chunk.columns.items()}
            until_ns, worst_ns = row["until_ns"], row["worst_ns"]
            yield Judged(
                CaseKind(chunk.tags["kind"]),
                chunk.tags["hub"],
                chunk.tags["zone"],
                local_day(time_ns, zone),
                None if until_ns is None else local_day(int(until_ns), zone),
                local_day(int(row["latest_ns"] or time_ns), zone),
                row["value"],
                float(row["limit"] or 0),
                row["minutes"],
                row["people"],
                local_day(int(row["last_data_ns"] or time_ns), zone),
                worst_on=None if worst_ns is None else local_day(int(worst_ns), zone),
                worst_value=row["worst_value"],
                worst_minutes=row["worst_minutes"],
            )


def note_line(note: CaseNote) -> str:
    """A note as a line for the store: texts are tags there, percent-encoded."""
    tags = {
        "hub": note.hub,
        "kind": str(note.kind),
        "zone": note.zone,
        "note": quote(note.text, safe=""),
        "author": quote(note.by, safe=""),
    }
    return encode(CASE_NOTES, tags, {"closes": note.closes}, to_ns(note.at))


def read_case_notes(store: Store, span: Span, hub: str | None = None) -> list[CaseNote]:
    """The notes that were made within the span, in order of time."""
    where = None if hub is None else {"hub": hub}
    found = [
        CaseNote(
            CaseKind(chunk.tags["kind"]),
            chunk.tags["hub"],
            chunk.tags["zone"],
            from_ns(time_ns).astimezone(UTC),
            unquote(chunk.tags.get("author") or ""),
            unquote(chunk.tags.get("note") or ""),
            closes=bool(chunk.columns["closes"][i]),
        )
        for chunk in store.read(CASE_NOTES, start_ns=span.start_ns, stop_ns=span.stop_ns, where=where)
        for i, time_ns in enumerate(chunk.times_ns)
    ]
    return sorted(found, key=lambda note: note.at)
