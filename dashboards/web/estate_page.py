"""The estate's page: what needs attention, every hub now, and every hub over the days asked for; these as files too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from dashboards.access.gate import Visitor, visitor_of
from dashboards.web import charts, downloads, pages, ranges, tables, views
from dashboards.web.ahead import Ahead
from dashboards.web.attention import Notice, notices
from dashboards.web.beside import Beside
from dashboards.web.look import HubNow
from dashboards.web.parts import Part, is_asked_for, part, searched
from dashboards.web.periods import (
    Offer,
    PeriodRow,
    Periods,
    has_whole_day,
    hub_row,
    last_week,
    name_of,
    offers,
    period_table,
    total_row,
)
from dashboards.web.snapshot import Snapshot, SnapshotSource
from schemas.measures import MEASURES
from schemas.texts import N_, _
from usage.queries import DateRange

if TYPE_CHECKING:
    from usage.comparing.overview import Overview

FIRST_NOTICES = 8
"""So many are seen at once; the others are one click away."""
NOTICES_MAX = 200


@dataclass(frozen=True, slots=True)
class Sorting:
    """A column that hubs can be sorted by; the largest first where `is_down`, what is not known last in any case."""

    name: str
    label: str
    key: Callable[[HubNow], str | float | None]
    is_down: bool = True


def _now(name: str, measure: str) -> Sorting:
    return Sorting(name, MEASURES[measure].label, lambda hub: hub.state.value(measure))


SORTINGS = (
    Sorting("name", N_("Hub"), lambda hub: hub.state.name.casefold(), is_down=False),
    Sorting("today", N_("Today"), lambda hub: hub.today.entries),
    Sorting("inside", N_("Inside now"), lambda hub: hub.inside),
    Sorting("week", N_("Last 7 days"), views.people_of_week),
    _now("clients", "clients"),
    _now("temperature", "temperature_c"),
    _now("humidity", "relative_humidity_pct"),
    _now("co2", "co2_ppm"),
    _now("pressure", "pressure_hpa"),
    Sorting("seen", N_("Last seen"), lambda hub: hub.state.last_seen_ns),
)


def add_estate_page(app: FastAPI, source: SnapshotSource, periods: Periods, ahead: Ahead) -> None:
    """Add `/` and its files."""

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def estate_page(request: Request) -> HTMLResponse:
        visitor = visitor_of(request)
        snapshot = source.get().of(visitor.hubs)
        days = _asked_days(request, snapshot)
        begun = None
        beside: Callable[[], Beside] = source.beside.get if visitor.hubs is None else lambda: Beside(())
        if days and has_whole_day(days, snapshot.now.date()):
            # What stands beside the figures mostly goes by days that the period reads: it is asked for afterwards.
            begun = ahead.begin(partial(periods.get, days, visitor.hubs))
        else:
            beside = ahead.begin(beside)
        if snapshot.empty:
            return pages.page(request, "empty.html", snapshot=snapshot)
        found = notices(snapshot)
        asked, sort = searched(request), request.query_params.get("sort", "")
        return pages.page(
            request,
            "estate.html",
            snapshot=snapshot,
            facts=views.facts(snapshot),
            notices=found,
            notices_max=NOTICES_MAX,
            first_notices=FIRST_NOTICES,
            chart=charts.entries(snapshot.days, snapshot.now.date(), _whose(visitor)),
            days=tables.estate_day_rows(snapshot),
            total=tables.total_row(snapshot.hubs),
            rows=part(request, _hubs(snapshot, found, asked, sort), "page", "h-hubs").map(views.hub_row),
            asked=asked,
            sort=sort,
            sortings=SORTINGS,
            ingests=tables.ingest_rows(snapshot.ingests, snapshot.now),
            looked_back=_looked_back(request, snapshot, days, begun),
            beside=beside(),
        )

    @app.get("/charts/entries.{form}", include_in_schema=False)
    def entries_file(request: Request, form: str) -> Response:
        if form not in downloads.TABLE_FORMS:
            raise HTTPException(HTTPStatus.NOT_FOUND, _("There is no file of that name here."))
        visitor = visitor_of(request)
        snapshot = source.get().of(visitor.hubs)
        stem = f"entries-{snapshot.days[0].date}-{snapshot.days[-1].date}"
        return downloads.of_table(tables.estate_days_table(snapshot, _whose(visitor)), stem, form)

    @app.get("/estate.csv", include_in_schema=False)
    def estate_csv(request: Request) -> Response:
        return _file(request, "csv")

    @app.get("/estate.xlsx", include_in_schema=False)
    def estate_xlsx(request: Request) -> Response:
        return _file(request, "xlsx")

    def _file(request: Request, form: str) -> Response:
        snapshot = source.get().of(visitor_of(request).hubs)
        today = snapshot.now.date()
        days = ranges.asked_range(request.query_params, today, last_week(today))
        if not has_whole_day(days, today):
            raise HTTPException(HTTPStatus.BAD_REQUEST, _no_whole_day(days))
        found = periods.get(days, visitor_of(request).hubs)
        table = period_table(found, snapshot.names, today, snapshot.name or "Hubpulse")
        return downloads.of_table(table, f"hubs-{days.first}-to-{days.last}", form)


def _whose(visitor: Visitor) -> str:
    return _("People entering, all hubs") if visitor.hubs is None else _("People entering, your hubs")


@dataclass(frozen=True, slots=True)
class LookedBack:
    """What the page says of the days asked for; no `rows` where no days were asked for, or none of them is over."""

    offers: Sequence[Offer]
    label: str = ""
    query: str = ""
    before: str = ""
    year_before: str = ""
    steps: Sequence[Offer] = ()
    first: str = ""
    last: str = ""
    rows: Part[PeriodRow] | None = None
    total: PeriodRow | None = None
    problem: str = ""


def _asked_days(request: Request, snapshot: Snapshot) -> DateRange | None:
    """The days to look back at; None where nobody asks for any."""
    if not {"period", "from", "to"} & {name for name, value in request.query_params.items() if value.strip()}:
        return None
    today = snapshot.now.date()
    return ranges.asked_range(request.query_params, today, last_week(today))


def _looked_back(
    request: Request, snapshot: Snapshot, days: DateRange | None, begun: Callable[[], Overview] | None
) -> LookedBack:
    today = snapshot.now.date()
    if days is None:
        return LookedBack(offers(today, None))
    steps = ranges.Steps.of(days, today)
    shown = LookedBack(
        offers(today, days),
        ranges.label(days, today),
        ranges.query_of(days),
        ranges.label(steps.before, today),
        ranges.label(steps.year_before, today),
        [
            Offer(f"{arrow} {ranges.label(step, today)}".strip(), ranges.query_of(step))
            for arrow, step in (("←", steps.before), ("→", steps.after))
            if step is not None and ranges.can_be_asked(step, today)
        ],
        days.first.isoformat(),
        days.last.isoformat(),
    )
    if begun is None:
        return LookedBack(shown.offers, shown.label, shown.query, steps=shown.steps, problem=_no_whole_day(days))
    found, names, asked = begun(), snapshot.names, searched(request)
    hubs = [hub for hub in found.hubs if is_asked_for(asked, name_of(hub, names), hub.people.hub)]
    return LookedBack(
        *(shown.offers, shown.label, shown.query, shown.before, shown.year_before, shown.steps, shown.first),
        shown.last,
        part(request, hubs, "period_page", "look-back").map(lambda hub: hub_row(hub, names, today)),
        total_row(found, names),
    )


def _no_whole_day(days: DateRange) -> str:
    return _("{days} has no whole day yet: look again tomorrow").format(days=days.name)


def _hubs(snapshot: Snapshot, found: Sequence[Notice], asked: str, sort: str) -> list[HubNow]:
    """The hubs that were searched for, those first that need attention most, or as asked."""
    hubs = [hub for hub in snapshot.hubs if is_asked_for(asked, hub.state.name, hub.state.id)]
    sorting = next((each for each in SORTINGS if each.name == sort), None)
    if sorting is not None:
        known = [hub for hub in hubs if sorting.key(hub) is not None]
        known.sort(key=sorting.key, reverse=sorting.is_down)  # type: ignore[arg-type] # each key gives one kind
        hubs = known + [hub for hub in hubs if sorting.key(hub) is None]
    else:
        place = {notice.hub.state.id: at for at, notice in reversed([*enumerate(found)])}
        hubs.sort(key=lambda hub: place.get(hub.state.id, len(found)))
    return hubs
