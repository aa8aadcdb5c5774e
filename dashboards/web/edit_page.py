"""The page on which admins change what is theirs to change: each edit is looked at first, and done by jobs.

The board writes nothing but the edit itself, into the file of edits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC
from http import HTTPStatus
from typing import NamedTuple
from zoneinfo import ZoneInfo

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from dashboards.access.accounts import Role
from dashboards.access.gate import require_role, visitor_of
from dashboards.edits.queue import EditFile
from dashboards.edits.requests import Adopt, FileRequest, Hours, Redrive, changed_text
from dashboards.edits.requests import Request as Asked
from dashboards.edits.writer import difference, estate_text
from dashboards.web import pages
from dashboards.web.edit_rows import edit_row
from dashboards.web.forms import form_of
from dashboards.web.hours_rows import HoursRows, hours_rows
from dashboards.web.parts import is_asked_for, part, searched
from ingest.buffer import BufferReader
from ingest.onboarding import PendingDevice, pending_devices
from schemas import Estate, Hub, HubpulseError, Reason, Settings
from schemas.localtime import NS_A_SECOND, from_ns
from schemas.refusal_advice import refusal_in_words
from schemas.texts import _
from sensors.estate_file import parse_estate
from sensors.estate_text import EstateText
from sensors.hours_edit import hours_of
from stores.protocol import Store, StoreError
from usage import Queries
from usage.hours_preview import PREVIEW_DAYS_MAX, HoursPreview, days_of_other_hours, preview_hours

EDITS_SHOWN = 50
HOURS_BYTES_MAX = 64 * 1024
PREVIEW_MAX_S = 20.0
_PREVIEWS = threading.Semaphore(1)
"""A preview computes up to three months: one at a time, so that pages are answered meanwhile."""
_LINES_MAX = 500


@dataclass(frozen=True, slots=True)
class Editing:
    """What the page needs besides the board's own: the settings say where everything is."""

    settings: Settings
    open_store: Callable[[], Store]
    clock_ns: Callable[[], int]

    @property
    def queue(self) -> EditFile:
        """The file of edits."""
        return EditFile(self.settings.audits_folder)

    def now_s(self) -> int:
        """Seconds since 1970."""
        return self.clock_ns() // NS_A_SECOND


def add_edit_page(app: FastAPI, editing: Editing) -> None:
    """Add /edit and where its forms go."""

    @app.get("/edit", response_class=HTMLResponse, include_in_schema=False)
    def edit_page(request: Request) -> HTMLResponse:
        require_role(request, Role.ADMIN)
        return _overview(editing, request)

    @app.get("/edit/hours/{hub_id}", response_class=HTMLResponse, include_in_schema=False)
    def hours_page(request: Request, hub_id: str) -> HTMLResponse:
        require_role(request, Role.ADMIN)
        known = _known_hub(editing, hub_id)
        hub = known.hub
        opening, closures = hours_of(_estate_file(editing).text, hub.id)
        written = "\n".join(f"{days}: {times}" for days, times in opening.items())
        return _hours_form(editing, request, known, {"opening": written, "closures": "\n".join(closures)})

    @app.post("/edit/hours/{hub_id}", include_in_schema=False)
    async def change_hours(request: Request, hub_id: str) -> Response:
        require_role(request, Role.ADMIN)
        form = await form_of(request, HOURS_BYTES_MAX)
        return await run_in_threadpool(_hours_answer, editing, request, hub_id, form)

    @app.post("/edit/adopt", include_in_schema=False)
    async def adopt(request: Request) -> Response:
        require_role(request, Role.ADMIN)
        form = await form_of(request)
        return await run_in_threadpool(_adopt_answer, editing, request, form)

    @app.post("/edit/redrive", include_in_schema=False)
    async def redrive(request: Request) -> Response:
        require_role(request, Role.ADMIN)
        form = await form_of(request)
        return await run_in_threadpool(
            _queued, editing, request, lambda: Redrive(reason=Reason(form.get("reason", "")))
        )


def _overview(editing: Editing, request: Request, problem: str = "", status: int = 200) -> HTMLResponse:
    devices: list[PendingDevice] = []
    counts: Mapping[str, int] = {}
    estate: Estate | None = None
    unknown: list[str] = []
    try:
        devices, counts = pending_devices(editing.settings), _refused(editing.settings)
    except HubpulseError as error:
        unknown.append(str(error))
    try:
        file = estate_text(editing.settings)
        estate = parse_estate(file.text, name=file.path.name)
    except HubpulseError as error:
        unknown.append(str(error))
    edits = editing.queue.recent(EDITS_SHOWN)
    heading, asked = _heading(editing, estate), searched(request)
    hubs = [(hub.id, hub.name or hub.id) for hub in estate.hubs] if estate else []
    return pages.page(
        request,
        "edit.html",
        status=status,
        snapshot=heading,
        devices=part(request, devices, "device_page", "h-devices"),
        refused=[(reason, *refusal_in_words(reason), count) for reason, count in counts.items()],
        hubs=hubs,
        listed=part(request, [each for each in hubs if is_asked_for(asked, each[1], each[0])], "page", "h-hours"),
        asked=asked,
        problem=problem,
        unknown=unknown,
        edits=[edit_row(edit, dict(hubs), heading.now) for edit in edits],
        is_waiting=any(edit.is_open for edit in edits),
    )


def _heading(editing: Editing, estate: Estate | None) -> pages.Heading:
    """What stands over the pages; without an estate file that can be read, the time is UTC."""
    zone = ZoneInfo(estate.timezone) if estate else UTC
    now_ns = editing.clock_ns()
    jobs_run: bool | None = None
    if estate is not None:
        with suppress(StoreError), closing(editing.open_store()) as store:
            jobs_run = Queries(store, estate, now_ns=now_ns).jobs_run()
    return pages.Heading(estate.name if estate else "", from_ns(now_ns).astimezone(zone), jobs_run)


def _refused(settings: Settings) -> Mapping[str, int]:
    with closing(BufferReader(settings.data_dir)) as reader:
        return reader.quarantine.counts()


def _hours_answer(editing: Editing, request: Request, hub: str, form: Mapping[str, str]) -> Response:
    known = _known_hub(editing, hub)
    try:
        asked = Hours(hub=hub, opening=_by_days(form.get("opening", "")), closures=_lines(form.get("closures", "")))
        if form.get("step") == "queue":
            return _queue_file_edit(editing, request, asked, form.get("digest", ""))
        before, after = _both(editing, asked)
        old, new = (parse_estate(text, name=before.path.name) for text in (before.text, after))
        today = from_ns(editing.clock_ns()).astimezone(old.zone_of(hub)).date()
        found = hours_rows(_preview(editing, old, new, hub), today)
    except HubpulseError as error:
        return _hours_form(editing, request, known, form, problem=str(error))
    except ValidationError:
        return _hours_form(
            editing, request, known, form, problem=_("That is more than a week's opening times, or 400 closures.")
        )
    return _hours_form(
        editing, request, known, form, digest=before.digest, changed=difference(before.text, after), preview=found
    )


def _hours_form(
    editing: Editing,
    request: Request,
    known: _Known,
    form: Mapping[str, str],
    *,
    problem: str = "",
    digest: str = "",
    changed: str | None = None,
    preview: HoursRows | None = None,
) -> HTMLResponse:
    return pages.page(
        request,
        "edit_hours.html",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        snapshot=_heading(editing, known.estate),
        hub=known.hub.id,
        name=known.hub.name or known.hub.id,
        opening=form.get("opening", ""),
        closures=form.get("closures", ""),
        problem=problem,
        digest=digest,
        changed=changed,
        preview=preview,
        days_max=PREVIEW_DAYS_MAX,
    )


def _preview(editing: Editing, before: Estate, after: Estate, hub: str) -> HoursPreview:
    now_ns = editing.clock_ns()
    days = days_of_other_hours(before, after, hub, now_ns=now_ns, retention_days=editing.settings.retention_days)
    until_s = time.monotonic() + PREVIEW_MAX_S
    if not _PREVIEWS.acquire(timeout=PREVIEW_MAX_S):
        raise HubpulseError(_("somebody else's preview is being computed: try again in a moment"))
    try:
        with closing(editing.open_store()) as store:
            return preview_hours(
                store, before, after, hub, days, now_ns=now_ns, goes_on=lambda: time.monotonic() < until_s
            )
    finally:
        _PREVIEWS.release()


def _adopt_answer(editing: Editing, request: Request, form: Mapping[str, str]) -> Response:
    fields = {name: form.get(name, "") for name in ("device", "hub", "zone", "sensor", "model", "every")}
    try:
        asked = Adopt.model_validate({name: value for name, value in fields.items() if value})
        if form.get("step") == "queue":
            return _queue_file_edit(editing, request, asked, form.get("digest", ""))
        before, after = _both(editing, asked)
    except HubpulseError as error:
        return _overview(editing, request, str(error), HTTPStatus.BAD_REQUEST)
    except ValidationError as error:
        return _overview(editing, request, _wrong_fields(error), HTTPStatus.BAD_REQUEST)
    known = _known_hub(editing, asked.hub)
    return pages.page(
        request,
        "edit_adopt.html",
        snapshot=_heading(editing, known.estate),
        fields=fields,
        hub=known.hub.name or asked.hub,
        digest=before.digest,
        changed=difference(before.text, after),
    )


def _queue_file_edit(editing: Editing, request: Request, asked: FileRequest, digest: str) -> Response:
    """Write down an edit of the estate file. Raises HubpulseError where it is not the one that was looked at."""
    before, after = _both(editing, asked)
    if before.digest != digest:
        raise HubpulseError(_("the estate file was changed meanwhile: look at the preview again"))
    if before.text == after:
        raise HubpulseError(_("this changes nothing"))
    editing.queue.add(
        asked,
        visitor_of(request).name,
        now_s=editing.now_s(),
        file_sha256=digest,
        difference=difference(before.text, after),
    )
    return RedirectResponse("/edit", HTTPStatus.SEE_OTHER)


def _queued(editing: Editing, request: Request, made: Callable[[], Asked]) -> Response:
    try:
        editing.queue.add(made(), visitor_of(request).name, now_s=editing.now_s())
    except ValueError:
        return _overview(editing, request, _("There is no such reason."), HTTPStatus.BAD_REQUEST)
    except HubpulseError as error:
        return _overview(editing, request, str(error), HTTPStatus.CONFLICT)
    return RedirectResponse("/edit", HTTPStatus.SEE_OTHER)


def _both(editing: Editing, asked: FileRequest) -> tuple[EstateText, str]:
    before = estate_text(editing.settings)
    return before, changed_text(asked, before, editing.settings)


def _estate_file(editing: Editing) -> EstateText:
    try:
        return estate_text(editing.settings)
    except HubpulseError as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from error


class _Known(NamedTuple):
    """A hub, and the estate that it is of."""

    estate: Estate
    hub: Hub


def _known_hub(editing: Editing, hub_id: str) -> _Known:
    file = _estate_file(editing)
    try:
        estate = parse_estate(file.text, name=file.path.name)
    except HubpulseError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from error
    hub = estate.hub(hub_id)
    if hub is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, _("There is no hub of that name here."))
    return _Known(estate, hub)


def _by_days(text: str) -> dict[str, str]:
    """Opening times from lines such as `mon-fri: 09:00-17:00`. Raises HubpulseError."""
    found: dict[str, str] = {}
    for line in _lines(text):
        days, colon, times = line.partition(":")
        if not colon:
            raise HubpulseError(_("write each line of opening times as mon-fri: 09:00-17:00"))
        if days.strip() in found:
            raise HubpulseError(_("{days} is there twice: keep one of them").format(days=days.strip()[:20]))
        found[days.strip()] = times.strip().strip("\"'")
    return found


def _lines(text: str) -> tuple[str, ...]:
    lines = [line.strip() for line in text.splitlines()]
    if len(lines) > _LINES_MAX:
        raise HubpulseError(_("that is more than {lines} lines").format(lines=_LINES_MAX))
    return tuple(line for line in lines if line)


def _wrong_fields(error: ValidationError) -> str:
    names = ", ".join(sorted({str(detail["loc"][-1]) for detail in error.errors()}))
    return _("{fields}: missing, or written in a way that can't be taken").format(fields=names)
