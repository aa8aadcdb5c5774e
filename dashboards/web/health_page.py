"""The page of building health: which buildings are unhealthy now, since when, where, what to do, the worst first.

stored cases and notes -> usage.health.find_cases -> GET /health, /health.csv
a form of a manager ----> note_case -> store         POST /health
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from dashboards.access.accounts import Role
from dashboards.access.gate import Visitor, visitor_of
from dashboards.charts.table import Cell, Column, Table
from dashboards.web import downloads, pages, wording
from dashboards.web.days import DayState
from dashboards.web.forms import form_of
from dashboards.web.look import HubNow
from dashboards.web.parts import part
from dashboards.web.snapshot import Snapshot, SnapshotSource
from dashboards.web.views import Level
from schemas import MEASURES, Estate
from schemas.estate import OUTDOOR
from schemas.limits import BB101_MECHANICAL_PPM, BB101_NATURAL_PPM
from schemas.localtime import from_ns
from schemas.texts import N_, _, ngettext
from stores.protocol import Store
from usage import Queries
from usage.health import Case, CaseKind, find_cases, words
from usage.health.judging import seasons
from usage.health.overheating import Season
from usage.health.stored import CaseNoteError, note_case

_LEVELS = {
    CaseKind.FROST: ("▼", "alarm"),
    CaseKind.MOULD: ("■", "alarm"),
    CaseKind.CO2: ("■", "alarm"),
    CaseKind.COLD: ("▼", "alarm"),
    CaseKind.OVERHEATING: ("▲", "alarm"),
    CaseKind.HEAT: ("▲", "warn"),
    CaseKind.DAMP: ("△", "warn"),
}
_AIR = {
    "temperature_c": N_("no temperature"),
    "relative_humidity_pct": N_("no humidity"),
    "co2_ppm": N_("no CO₂"),
}
"""What a hub must measure now to be called healthy, and what is said where it does not."""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case as the page lists it."""

    case: Case
    hub: str
    level: Level
    since: str
    how_bad: str
    """As it was on the day `seen`: the latest of an open case, the worst of one that is over."""
    seen: date
    worst: str
    """`worst on Tue 3 Nov: 3 h, 14.2 °C`, where an open case was worse before; else empty."""
    silence: str
    to_do: str
    over: str
    """When it was over, and who said so."""


@dataclass(frozen=True, slots=True)
class HubHealth:
    """A hub's line of the table."""

    id: str
    name: str
    levels: tuple[Level, ...]
    unknown: str
    """What is not measured now: unknown is never healthy."""
    co2: str
    bands: str
    person_hours: str
    person_hours_note: str
    mould: str


def add_health_page(
    app: FastAPI,
    source: SnapshotSource,
    open_store: Callable[[], Store],
    estate: Callable[[], Estate],
    clock_ns: Callable[[], int],
) -> None:
    """Add /health, its CSV, and where managers send their notes to an application."""

    def cases_of(visitor: Visitor) -> tuple[list[Case], dict[tuple[str, str], Season]]:
        known = estate()
        with closing(open_store()) as store:
            queries = Queries(store, known, now_ns=clock_ns())
            cases, summers = find_cases(queries, known), seasons(queries, known)
        seen = [case for case in cases if visitor.sees(case.hub)]
        return seen, {key: season for key, season in summers.items() if visitor.sees(key[0])}

    @app.get("/health", response_class=HTMLResponse, include_in_schema=False)
    def health_page(request: Request) -> HTMLResponse:
        visitor = visitor_of(request)
        snapshot = source.get().of(visitor.hubs)
        cases, summers = cases_of(visitor)
        rows = [_row(case, snapshot) for case in cases]
        own: dict[str, list[CaseRow]] = {}
        for row in rows:
            own.setdefault(row.case.hub, []).append(row)
        hubs = [_hub_health(hub, own.get(hub.state.id, ())) for hub in snapshot.hubs]
        opened = [row for row in rows if row.case.is_open]
        ended = [row for row in rows if not row.case.is_open]
        heated = [(_name(snapshot, hub), zone, season) for (hub, zone), season in summers.items()]
        return pages.page(
            request,
            "health.html",
            snapshot=snapshot,
            may_note=visitor.role in (Role.MANAGER, Role.ADMIN),
            open=part(request, opened, "open_page", "h-open"),
            open_cases=len(opened),
            without_data=sum(bool(row.silence) for row in opened),
            closed=part(request, ended, "ended_page", "h-closed"),
            closed_cases=len(ended),
            hubs=part(request, hubs, "page", "h-hubs"),
            all_hubs=len(hubs),
            unhealthy=sum(bool(hub.levels) for hub in hubs),
            unknown=sum(bool(hub.unknown) for hub in hubs),
            healthy=sum(not hub.levels and not hub.unknown for hub in hubs),
            summers=part(request, heated, "summer_page", "h-summer"),
            has_weather=any(sensor.zone == OUTDOOR for hub in estate().hubs for sensor in hub.sensors),
        )

    @app.get("/health.csv", include_in_schema=False)
    def health_csv(request: Request) -> Response:
        cases, _summers = cases_of(visitor_of(request))
        moment = from_ns(clock_ns()).strftime("%Y-%m-%d %H:%M UTC")
        return downloads.of_table(_table(cases, moment), "building-health", "csv")

    @app.post("/health", include_in_schema=False)
    async def take_note(request: Request) -> Response:
        visitor = visitor_of(request)
        if visitor.role not in (Role.MANAGER, Role.ADMIN):
            raise HTTPException(HTTPStatus.FORBIDDEN, N_("Only managers note cases: ask somebody with that role."))
        form = await form_of(request)
        await run_in_threadpool(_note, visitor, form)
        return RedirectResponse("/health", HTTPStatus.SEE_OTHER)

    def _note(visitor: Visitor, form: dict[str, str]) -> None:
        cases, _summers = cases_of(visitor)
        asked = tuple(form.get(name, "") for name in ("hub", "zone", "kind", "since"))
        case = next(
            (c for c in cases if c.is_open and (c.hub, c.zone, str(c.kind), c.since.isoformat()) == asked), None
        )
        if case is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, N_("That case is not open any more: look at the page again."))
        try:
            with closing(open_store()) as store:
                at = from_ns(clock_ns())
                note_case(store, case, form.get("text", ""), by=visitor.name, at=at, closes=form.get("closes") == "yes")
        except CaseNoteError as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from error


def _name(snapshot: Snapshot, hub_id: str) -> str:
    hub = snapshot.hub(hub_id)
    return hub_id if hub is None else hub.state.name


def _row(case: Case, snapshot: Snapshot) -> CaseRow:
    """A case in words."""
    today = snapshot.now.date()
    days = (today - case.since).days
    since = wording.day(case.since, today)
    over = ""
    if case.until is not None:
        over = wording.day(case.until, today)
        if case.closed_by is not None:
            over = _("{day}, closed by {name}").format(day=over, name=case.closed_by)
    return CaseRow(
        case,
        _name(snapshot, case.hub),
        Level(words.NAMES[case.kind], *_LEVELS[case.kind]),
        _("since {day} ({days} days)").format(day=since, days=days) if days > 1 else _("since {day}").format(day=since),
        words.how_bad(case) if case.is_open else words.how_bad_at_worst(case),
        case.latest if case.is_open else case.worst_on or case.latest,
        _worst(case, today),
        words.silence(case),
        words.what_to_do(case),
        over,
    )


def _worst(case: Case, today: date) -> str:
    if not case.is_open or case.worst_on is None or not words.worst(case):
        return ""
    return _("worst on {day}: {figures}").format(day=wording.day(case.worst_on, today), figures=words.worst(case))


def _hub_health(hub: HubNow, rows: Iterable[CaseRow]) -> HubHealth:
    """A hub's line: its open cases, what is not known of it, and its air of the last days."""
    levels = tuple({row.case.kind: row.level for row in rows if row.case.is_open}.values())
    missing = [_(text) for name, text in _AIR.items() if hub.state.value(name) is None]
    unknown = _("no data") if len(missing) == len(_AIR) else ", ".join(missing)
    last = next((day for day in reversed(hub.days) if day.figure("co2_mean_ppm") is not None), None)
    ppm = None if last is None else last.figure("co2_mean_ppm")
    by_day = [(day, day.figure("person_hours_over_limit")) for day in hub.days]
    known = [hours for _day, hours in by_day if hours is not None]
    # Today's come once it has been open for a while.
    opened = sum(day.opens for day, hours in by_day if hours is not None or not day.today)
    in_part = sum(day.state is DayState.PARTIAL and bool(hours) for day, hours in by_day)
    indices = [index for zone in hub.zones if (index := zone.figures["mould_index"]) is not None]
    return HubHealth(
        hub.state.id,
        hub.state.name,
        levels,
        unknown,
        wording.measure(ppm, "co2_mean_ppm"),
        _bands(ppm),
        wording.measure(sum(known), "person_hours_over_limit") if known else wording.NO_FIGURE,
        ", ".join(_lacking(opened, max(0, opened - len(known)), in_part)) if known else "",
        wording.measure(max(indices), "mould_index") if indices else wording.NO_FIGURE,
    )


def _lacking(opened: int, missing: int, in_part: int) -> Iterator[str]:
    """`2 open days of 30 missing`, `1 counted in part: more or fewer`: what a sum of person-hours lacks."""
    if missing:
        words = ngettext("{days} open day of {all} missing", "{days} open days of {all} missing", missing)
        yield words.format(days=missing, all=opened)
    if in_part:
        words = ngettext(
            "{days} day counted in part: more or fewer", "{days} days counted in part: more or fewer", in_part
        )
        yield words.format(days=in_part)


def _bands(ppm: float | None) -> str:
    """What HSE and BB101 say of a day's mean while open."""
    band = MEASURES["co2_mean_ppm"].band(ppm)
    if ppm is None or band is None:
        return ""
    if ppm <= BB101_MECHANICAL_PPM:
        school = _("within {limit}\u00a0ppm").format(limit=wording.number(BB101_MECHANICAL_PPM))
    elif ppm <= BB101_NATURAL_PPM:
        school = _("within {limit}\u00a0ppm, for windows alone").format(limit=wording.number(BB101_NATURAL_PPM))
    else:
        school = _("over {limit}\u00a0ppm").format(limit=wording.number(BB101_NATURAL_PPM))
    return _("HSE: {hse}; BB101: {school}").format(hse=_(band.meaning), school=school)


_COLUMNS = (
    *(N_("State"), N_("Kind"), N_("Hub"), N_("Zone"), N_("Since"), N_("Until"), N_("Latest day"), N_("Value")),
    *(N_("Limit"), N_("Unit"), N_("Minutes"), N_("People"), N_("Worst day"), N_("Value then"), N_("Minutes then")),
    *(N_("Last data"), N_("Investigate by"), N_("What to do"), N_("Source"), N_("Notes")),
)


def _table(cases: Sequence[Case], moment: str) -> Table:
    """The cases as a file."""
    return Table(
        _("Building health: open cases, and those that were over in the last 90 days"),
        "",
        moment,
        "Hubpulse",
        [Column(_(label), 1) for label in _COLUMNS],
        [_cells(case) for case in cases],
    )


def _rounded(value: float | None, decimals: int) -> float | None:
    return None if value is None else round(value, decimals)


def _cells(case: Case) -> list[Cell]:
    notes = "; ".join(f"{note.by} {note.at:%Y-%m-%d %H:%M}: {note.text}" for note in case.notes)
    return [
        _("open") if case.is_open else _("over"),
        words.name_of(case.kind),
        *(case.hub, case.zone, case.since, case.until, case.latest, _rounded(case.value, 1), case.limit, case.unit),
        _rounded(case.minutes, 0),
        *(case.people, case.worst_on, _rounded(case.worst_value, 1), _rounded(case.worst_minutes, 0)),
        *(case.last_data, case.investigate_by, _(case.advice), _(case.source), notes),
    ]
