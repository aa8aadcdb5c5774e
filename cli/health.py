"""`hubpulse usage health`: which buildings are unhealthy, since when, where, and what to do."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cli.asking import HubOption, asking
from cli.context import DataOption, EstateOption, JsonOption, load_settings, out

if TYPE_CHECKING:
    from usage.health import Case


_DAYS = ("since", "until", "latest", "last_data", "worst_on", "investigate_by")


def health(
    hub: HubOption = None, data: DataOption = None, estate: EstateOption = None, as_json: JsonOption = False
) -> None:
    """List what is unhealthy about buildings now, the worst first, and with --json what was over in the last 90 days.

    Judged here and now by the stored figures of zones; a hub that nothing is known of is said to be so.
    """
    from usage.health import find_cases

    with asking(load_settings(data=data, estate=estate)) as (queries, known):
        hubs = queries.hubs(hub)
        cases = find_cases(queries, known, hub=hub, fresh=True)
        today = queries.today(hub)
        measured = {row.hub for row in queries.stored_zones(today, today, hub=hub)}
    unknown = [each for each in hubs if each not in measured]
    if as_json:
        print(json.dumps({"cases": [*map(_as_json, cases)], "no_data": unknown}, indent=2))
        return
    names = {each.id: each.name or each.id for each in known.hubs}
    opened = [case for case in cases if case.is_open]
    for case in opened:
        for line in _as_text(case, names.get(case.hub, case.hub)):
            out.print(line)
    if not opened:
        out.print("No case is open.")
    if unknown:
        out.print(f"No zone was measured today in: {', '.join(names.get(each, each) for each in unknown)}")


def _as_text(case: Case, hub: str) -> tuple[str, ...]:
    """Armley hall cold since ..., what to do about it, and what was noted."""
    from schemas.texts import _
    from usage.health import words

    return (
        f"{hub} {case.zone}: {words.sentence(case)}",
        f"  {words.what_to_do(case)} ({_(case.source)})",
        *(f"  {note.at:%Y-%m-%d %H:%M} {note.by}: {note.text}" for note in case.notes),
    )


def _as_json(case: Case) -> dict[str, Any]:
    """A case for programs; days as 2026-11-03."""
    days = {name: None if (day := getattr(case, name)) is None else day.isoformat() for name in _DAYS}
    notes = [asdict(note) | {"at": note.at.isoformat()} for note in case.notes]
    return asdict(case) | days | {"notes": notes, "is_open": case.is_open}
