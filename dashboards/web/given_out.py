"""Reports that were made by themselves: which of them a visitor sees, and their files as they were given out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dashboards.access.gate import Visitor
from dashboards.reports.desk import ReportDesk
from dashboards.reports.shelf import GivenOut
from dashboards.web import ranges, wording
from dashboards.web.snapshot import Snapshot
from schemas import HubpulseError
from schemas.localtime import from_ns
from schemas.texts import _
from usage.queries import DateRange

_SHOWN_MAX = 100


@dataclass(frozen=True, slots=True)
class Made:
    """A report that was made by itself, as pages list it."""

    what: str
    of: str
    version: int
    when: str
    files: tuple[tuple[str, str], ...]
    """Each file's name and its format."""


def seen_by(visitor: Visitor, desk: ReportDesk, snapshot: Snapshot) -> tuple[Sequence[Made], str]:
    """The latest first, as many as a page shows; and why that can't be told."""
    try:
        found = _seen(visitor, desk)
    except HubpulseError as error:
        return (), str(error)
    names = {hub.id: hub.name or hub.id for hub in snapshot.states}
    return [_made(each, names, snapshot.now.date()) for each in found[:_SHOWN_MAX]], ""


def content_of(name: str, visitor: Visitor, desk: ReportDesk) -> bytes:
    """A file that was given out, by its name. Raises HubpulseError where the visitor sees none of it."""
    files = (Path(file) for each in _seen(visitor, desk) for file in each.files)
    path = next((file for file in files if file.name == name), None)
    if path is None or not path.is_file():
        raise HubpulseError(_("There is no report of that name here, or its file was moved."))
    return path.read_bytes()


def _seen(visitor: Visitor, desk: ReportDesk) -> list[GivenOut]:
    """Those of hubs that the visitor sees, and of all hubs for who sees all."""
    return [each for each in desk.given_out() if (visitor.hubs is None if each.hub is None else visitor.sees(each.hub))]


def _made(each: GivenOut, names: Mapping[str, str], today: date) -> Made:
    return Made(
        ranges.label(DateRange.parse(each.period), today),
        _("all hubs") if each.hub is None else names.get(each.hub, each.hub),
        each.version,
        wording.day(from_ns(each.made_ns).date(), today),
        tuple((Path(file).name, Path(file).suffix[1:].upper()) for file in each.files),
    )
