"""The page of data quality: the ledger, how complete each day is, what was refused and what changed later.

GET /quality?period=2026-10&measure=people|wifi|air
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse

from dashboards.access.accounts import Role
from dashboards.access.gate import Visitor, visitor_of
from dashboards.reports.desk import ReportFolders
from dashboards.web import pages, ranges, wording
from dashboards.web.losses import away, loss_row, refused_since
from dashboards.web.parts import part
from dashboards.web.snapshot import SnapshotSource
from schemas import MEASURES, Estate, HubpulseError
from schemas.localtime import to_ns
from schemas.measures import PeopleState
from schemas.refusal_advice import refusal_in_words
from schemas.texts import N_, _
from stores.protocol import Store
from usage import Queries
from usage.audits import Audit, AuditFile
from usage.audits.certificate import in_words
from usage.calendar import dates
from usage.day_quality import HubDays, Measured, by_hub
from usage.journal import Change
from usage.late import overwritten
from usage.publishing.folder import codes
from usage.queries import DateRange

PATH = "/quality"
_UNBROKEN = "\u00a0"
_DAYS_SHOWN_MAX = 31
"""A longer range shows each hub's numbers of days alone."""
_CHANGES_SHOWN_MAX = 100
_EVIDENCE_SHOWN_MAX = 50
_AN_HOUR_S = 3600
_MEASURED = {Measured.PEOPLE: N_("People"), Measured.WIFI: N_("Wi-Fi"), Measured.AIR: N_("Air")}
STATES = {
    PeopleState.COUNTED: N_("whole"),
    PeopleState.PARTIAL: N_("in part"),
    PeopleState.NONE: N_("none"),
    PeopleState.CLOSED: N_("closed"),
}


def add_quality_page(
    app: FastAPI,
    source: SnapshotSource,
    open_store: Callable[[], Store],
    estate: Callable[[], Estate],
    clock_ns: Callable[[], int],
    folders: ReportFolders | None = None,
) -> None:
    """Add the page; `folders` are those of the counts by hand and the publications."""

    @app.get(PATH, response_class=HTMLResponse, include_in_schema=False)
    def quality_page(
        request: Request, measured: Annotated[Measured, Query(alias="measure")] = Measured.PEOPLE
    ) -> HTMLResponse:
        visitor = visitor_of(request)
        snapshot = source.get().of(visitor.hubs)
        today = snapshot.now.date()
        days = ranges.asked_range(request.query_params, today, _fortnight(today))
        last = min(days.last, today)
        names = {hub.id: hub.name for hub in snapshot.states}
        hubs = part(request, list(names), "page", "days-h")
        listed = set(hubs.rows)
        with closing(open_store()) as store:
            queries = Queries(store, estate(), now_ns=clock_ns())
            found = by_hub(day for day in queries.stored_daily(days.first, last) if day.hub in listed)
            changes = [each for each in queries.changes(days.first, last) if visitor.sees(each[1].hub)]
            corrected = overwritten(store, estate(), days.first, last)
            to_compute = queries.days_to_compute(days.first, last)
            refused_before = queries.ingests_before(_AN_HOUR_S) if visitor.hubs is None else []
            waiting: Counter[str] = Counter()
            for each in queries.refusals() if visitor.hubs is None else ():
                waiting[each.reason] += each.waiting
        shown = list(dates(days.first, last))
        nothing = HubDays("", {})
        return pages.page(
            request,
            "quality.html",
            snapshot=snapshot,
            names=names,
            range=ranges.label(days, today),
            steps=(steps := ranges.Steps.of(days, today)),
            before_is_there=ranges.can_be_asked(steps.before, today),
            to_compute=sum(count for hub, count in to_compute.items() if visitor.sees(hub)),
            losses=part(request, snapshot.states, "lost_page", "lost-h").map(
                lambda hub: loss_row(hub, corrected, to_compute)
            ),
            away=list(away(snapshot.ingests)),
            readings_refused=refused_since(refused_before, snapshot.ingests),
            evidence=None if folders is None else _evidence(folders, visitor, _Readers(estate(), snapshot.now)),
            query_of=ranges.query_of,
            first=days.first,
            last=last,
            measures=_MEASURED,
            measured=measured,
            states=STATES,
            hubs=hubs.map(lambda hub: (hub, names[hub], found.get(hub, nothing).counts(measured))),
            days=[(f"{day.day}", _head(day, today)) for day in shown] if len(shown) <= _DAYS_SHOWN_MAX else [],
            cells={hub: [_cell(found.get(hub), day, measured) for day in shown] for hub in hubs.rows},
            all_hubs=visitor.hubs is None,
            waiting=[(reason, *refusal_in_words(reason), count) for reason, count in waiting.most_common() if count],
            refused=source.told.refused() if visitor.hubs is None else None,
            may_see_examples=_may_see_examples(visitor),
            changes=[_change(day, change, names, today) for day, change in reversed(changes[-_CHANGES_SHOWN_MAX:])],
            changed=len(changes),
        )


@dataclass(frozen=True, slots=True)
class _Evidence:
    """The latest counts by hand (hub, door, in words) and the codes of publications, the latest first."""

    audits: Sequence[tuple[str, str, str]] = ()
    publications: Sequence[str] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Readers:
    """How those who look write what the evidence is of: by the estate's names, and at the time that it is there."""

    estate: Estate
    now: datetime

    def door(self, audit: Audit) -> str:
        """The door that was counted at: `door-1 (entrance)`."""
        hub = self.estate.hub(audit.hub)
        sensor = next((each for each in hub.sensors if each.id == audit.sensor), None) if hub else None
        return wording.placed(audit.sensor, sensor.zone if sensor else None)

    def words(self, audit: Audit) -> str:
        """What is known of an audit."""
        return in_words(
            audit,
            to_ns(self.now),
            moment=partial(wording.moment, now=self.now),
            day=partial(wording.day, today=self.now.date()),
        )


def _evidence(folders: ReportFolders, visitor: Visitor, readers: _Readers) -> _Evidence:
    try:
        with AuditFile(folders.audits) as file:
            audits = [each for each in reversed(file.all()) if visitor.sees(each.hub)]
    except HubpulseError as error:
        return _Evidence(problem=str(error))
    lines = [(each.hub, readers.door(each), readers.words(each)) for each in audits[:_EVIDENCE_SHOWN_MAX]]
    return _Evidence(lines, codes(folders.data_dir)[:_EVIDENCE_SHOWN_MAX] if visitor.hubs is None else ())


def _may_see_examples(visitor: Visitor) -> bool:
    """A refused message is what somebody's device sent, whatever that was."""
    return visitor.hubs is None and visitor.role is not Role.VIEWER


def _fortnight(today: date) -> DateRange:
    return DateRange.parse(f"{today - timedelta(days=13)}..{today}")


def _head(day: date, today: date) -> str:
    """A day over its column, broken after the weekday alone."""
    weekday, _blank, rest = wording.day(day, today).partition(" ")
    return f"{weekday} {rest.replace(' ', _UNBROKEN)}"


def _cell(hub: HubDays | None, day: date, measured: Measured) -> tuple[str, str]:
    """A day as the calendar shows it: its state as a class of the style sheet, and in words."""
    state = None if hub is None else hub.state(day, measured)
    if hub is None or state is None:
        return "closed", wording.NO_FIGURE
    match state:
        case PeopleState.COUNTED:
            return "counted", _(STATES[state])
        case PeopleState.PARTIAL:
            return "partial", wording.percent(hub.share(day, measured))
        case PeopleState.NONE:
            return "silent", _(STATES[state])
        case PeopleState.CLOSED:
            return "closed", _(STATES[state])


def _change(day: date, change: Change, names: dict[str, str], today: date) -> tuple[str, str, str, str, str, str]:
    before, after = (wording.measure(value, change.figure) for value in (change.before, change.after))
    return (
        names.get(change.hub, change.hub),
        wording.day(day, today),
        _(MEASURES[change.figure].label),
        before,
        after,
        str(change.revision),
    )
