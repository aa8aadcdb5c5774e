"""A hub's page: any range of its days, its sensors, the readings of one day, and the notes that people keep on days.

GET  /hubs/{hub}?from=&to= or ?period=, &day=        the page
GET  /hubs/{hub}/charts/{chart}.csv|xlsx             what one of its charts shows, for the same range
POST /hubs/{hub}                                     a note is kept or taken back, by a manager
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from dashboards.access.accounts import Role
from dashboards.access.gate import Visitor, visitor_of
from dashboards.charts import Chart, Heatmap
from dashboards.web import charts, downloads, hub_charts, hub_tables, pages, ranges, tables, views, wording
from dashboards.web.ahead import Ahead
from dashboards.web.beside import Beside, BesideSource
from dashboards.web.days import DayState, total
from dashboards.web.forms import form_of
from dashboards.web.hub_range import FIELD_OF, HubRange
from dashboards.web.hub_tables import Grid
from dashboards.web.look import DAYS
from dashboards.web.ranges import asked_range
from schemas import MEASURES, Estate
from schemas.texts import _
from stores.protocol import Store
from usage import Queries, UnknownHubError
from usage.estimates import Estimate
from usage.notes import CHARACTERS_MAX, NoteError, add_note, remove_note
from usage.queries import DateRange, Period
from usage.queries.date_ranges import YEARS

MAY_NOTE = (Role.MANAGER, Role.ADMIN)


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart with its own table, if it has one: days have a table for all of their charts."""

    chart: Chart | Heatmap
    grid: Grid | None = None
    wide: bool = False
    instead: str = ""
    """What is said in place of the chart, where it would have nothing to show."""


def add_hub_page(
    app: FastAPI,
    open_store: Callable[[], Store],
    estate: Callable[[], Estate],
    clock_ns: Callable[[], int],
    beside: BesideSource,
    ahead: Ahead,
) -> None:
    """Add a hub's page, its files and its form to an application."""
    looks = _Looks(open_store, estate, clock_ns)

    @app.get("/hubs/{hub_id}", response_class=HTMLResponse, include_in_schema=False)
    def hub_page(request: Request, hub_id: str) -> HTMLResponse:
        with looks.ranged(request, hub_id) as ranged:
            stands_beside = ahead.begin(partial(beside.get, hub_id))
            of = ahead.together(ranged.store, lambda store: ranged.of(store).asked())
            return _page(request, of, estate(), stands_beside)

    @app.get("/hubs/{hub_id}/charts/{chart_file}", include_in_schema=False)
    def chart_file(request: Request, hub_id: str, chart_file: str) -> Response:
        name, _dot, form = chart_file.rpartition(".")
        if name not in hub_tables.FILES or form not in downloads.TABLE_FORMS:
            raise HTTPException(HTTPStatus.NOT_FOUND, _("There is no file of that name here."))
        with looks.ranged(request, hub_id) as ranged:
            of = ranged.of(ranged.store)
            table = hub_tables.FILES[name](of)
            days = str(of.day.date) if name.startswith("day-") else f"{of.first}-{of.last}"
        return downloads.of_table(table, f"{hub_id}-{name}-{days}", form)

    @app.post("/hubs/{hub_id}", include_in_schema=False)
    async def take_note(request: Request, hub_id: str) -> Response:
        visitor = visitor_of(request)
        if visitor.role not in MAY_NOTE:
            raise HTTPException(HTTPStatus.FORBIDDEN, _("Notes are kept by managers: sign in as one."))
        form = await form_of(request)
        await run_in_threadpool(looks.keep_note, visitor, hub_id, form)
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"/hubs/{quote(hub_id)}{query}#notes", HTTPStatus.SEE_OTHER)


@dataclass(frozen=True, slots=True)
class _Ranged:
    """What was asked of a hub, and the store that tells it."""

    store: Store
    of: Callable[[Store], HubRange]


@dataclass(frozen=True, slots=True)
class _Looks:
    """Opens the store for each look at a hub, and for each note."""

    open_store: Callable[[], Store]
    estate: Callable[[], Estate]
    clock_ns: Callable[[], int]

    @contextmanager
    def ranged(self, request: Request, hub_id: str) -> Iterator[_Ranged]:
        """What was asked of a hub, as long as its store is open. Raises HTTPException, StoreError."""
        with self._of_hub(visitor_of(request), hub_id) as (store, queries):
            today = queries.today(hub_id)
            latest = DateRange.parse(f"{today - timedelta(days=DAYS)}..{today}")
            days = asked_range(request.query_params, today, latest)
            day = _day(request, days.last, today)
            estate, now_ns = self.estate(), self.clock_ns()
            yield _Ranged(
                store,
                lambda read: HubRange(Queries(read, estate, now_ns=now_ns), estate, hub_id, days, day, now_ns),
            )

    def keep_note(self, visitor: Visitor, hub_id: str, form: Mapping[str, str]) -> None:
        """Keep the note of a form, or take it back. Raises HTTPException, StoreError."""
        with self._of_hub(visitor, hub_id) as (store, queries):
            day, text = _date(form.get("day", "")), form.get("text", "")
            if day > queries.today(hub_id):
                raise HTTPException(HTTPStatus.BAD_REQUEST, _("That day is still to come."))
            try:
                if "remove" in form:
                    remove_note(store, hub_id, day, text)
                else:
                    add_note(store, hub_id, day, text, author=visitor.name, now_ns=self.clock_ns())
            except NoteError as error:
                raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from error

    @contextmanager
    def _of_hub(self, visitor: Visitor, hub_id: str) -> Iterator[tuple[Store, Queries]]:
        with closing(self.open_store()) as store:
            queries = Queries(store, self.estate(), now_ns=self.clock_ns())
            try:
                is_known = visitor.sees(hub_id) and bool(queries.hubs(hub_id))
            except UnknownHubError:
                is_known = False
            if not is_known:
                raise HTTPException(HTTPStatus.NOT_FOUND, _("There is no hub of that name here."))
            yield store, queries


def _day(request: Request, last: date, today: date) -> date:
    """The day whose readings are shown: the one asked for, else the last of the range that has begun."""
    asked = request.query_params.get("day")
    return min(last if asked is None else _date(asked), today)


def _date(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if day.year not in YEARS:
        raise HTTPException(HTTPStatus.BAD_REQUEST, _("Write a day as 2026-11-03."))
    return day


def _page(request: Request, of: HubRange, estate: Estate, beside: Callable[[], Beside]) -> HTMLResponse:
    today, visitor = of.today, visitor_of(request)
    hubs = [hub for hub in estate.hubs if visitor.sees(hub.id)]
    at = next((n for n, hub in enumerate(hubs) if hub.id == of.hub), 0)
    return pages.page(
        request,
        "hub.html",
        snapshot=pages.Heading(estate.name, of.state.now, of.jobs_run),
        of=of,
        hub=of.now,
        row=views.hub_row(of.now),
        week_is_counted=views.people_of_week(of.now) is not None,
        sum_words=sum_words(of),
        panels=list(_panels(of)),
        day_panels=list(_day_panels(of)),
        doors=hub_tables.doors_grid(of),
        days=tables.day_rows(of.days, today),
        total=tables.range_total(of.days),
        day_columns=[_(label) for label in tables.DAY_COLUMNS],
        zones=tables.zone_rows(of.now),
        zone_columns=[_(MEASURES[name].label) for name in tables.ZONE_COLUMNS],
        sensors=tables.sensor_rows(of.now),
        remarks=views.remarks(of.now),
        notes=of.notes,
        days_to_compute=of.days_to_compute,
        may_note=visitor.role in MAY_NOTE,
        note_characters_max=CHARACTERS_MAX,
        label=ranges.label(of.range, today),
        query=ranges.query_of(of.range),
        steps=[(ranges.query_of(days), ranges.label(days, today)) for days in _neighbours(of.range, today)],
        periods=list(_periods(today)),
        day_before=of.day.date - timedelta(days=1),
        day_after=of.day.date + timedelta(days=1) if of.day.date < today else None,
        beside=beside(),
        before=hubs[at - 1] if hubs else None,
        after=hubs[(at + 1) % len(hubs)] if hubs else None,
    )


def _neighbours(days: DateRange, today: date) -> Iterator[DateRange]:
    steps = ranges.Steps.of(days, today)
    for step in (steps.before, steps.year_before, steps.after):
        if step is not None and ranges.can_be_asked(step, today):
            yield step


def _periods(today: date) -> Iterator[tuple[str, str]]:
    """The ranges that are a click away, by their names."""
    month = DateRange.of(Period.MONTH, today)
    yield DateRange.of(Period.WEEK, today).name, _("this week")
    yield DateRange.of(Period.WEEK, today).before().name, _("last week")
    yield month.name, _("this month")
    yield month.before().name, _("last month")
    yield DateRange.of(Period.QUARTER, today).name, _("this quarter")
    yield DateRange.of(Period.YEAR, today).name, _("this year")
    yield DateRange.of(Period.YEAR, today).before().name, _("last year")


def sum_words(of: HubRange) -> str:
    """`4 812 people counted at the doors; 2 days no data: about 40 more people`, of the range."""
    found = total(of.days)
    if not found.counted_days:
        return _("Nobody was counted on these days.") if of.state.has_counter else _("Nothing here counts people.")
    text = _("{people} people counted at the doors").format(people=wording.number(found.entries))
    return "; ".join(filter(None, (text, views.missing(found), _together(found.entries, of.missed))))


def _together(counted: int, missed: Estimate) -> str:
    """All people of a range; nothing where that can't be told, or nobody is missing."""
    if not missed.people or missed.low is None or missed.high is None:
        return ""
    people, low, high = (wording.number(counted + each) for each in (missed.people, missed.low, missed.high))
    words = _("{people} with those not counted, {low} to {high} in nine of ten cases")
    return words.format(people=people, low=low, high=high)


def _panels(of: HubRange) -> Iterator[Panel]:
    days, now = of.days, of.today
    yield Panel(charts.entries(days, now, _("People entering")), wide=True)
    yield _hours_panel(of)
    yield Panel(hub_charts.week(of.week), hub_tables.week_grid(of))
    yield Panel(hub_charts.occupancy(days, now))
    for draw in (charts.wifi, charts.temperature, charts.co2, charts.humidity):
        yield Panel(draw(days, now))
    hpa = _("hPa, at sea level") if of.state.sea_level else _("hPa, at the hub's altitude")
    yield Panel(charts.pressure(days, now, hpa))


def _hours_panel(of: HubRange) -> Panel:
    """Today by the hour; of a day on which the hub is closed and nobody came in there is nothing to draw."""
    shut = of.now.today.state is DayState.CLOSED and not any(hour.entries for hour in of.hours)
    known = any(each is not None for hour in of.hours for each in (hour.entries, hour.week_ago, hour.usual))
    grid = hub_tables.hours_grid(of) if known or not shut else None
    return Panel(charts.hours(of.hours), grid, instead=_("The hub is closed today.") if shut else "")


def _day_panels(of: HubRange) -> Iterator[Panel]:
    """The curves of the day, of what any sensor measured on it."""
    for kind in FIELD_OF:
        curves = of.curves(kind)
        if curves:
            yield Panel(hub_charts.curve(of, kind, curves), hub_tables.curve_grid(of, kind, curves))
