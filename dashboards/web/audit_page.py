"""The phone page of a count by hand: two large buttons, which go on without a network.

Who has the secret link of an audit may add presses to it, and nothing else. What is sent
twice is kept once, by the ids that the page gives its presses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from dashboards.web import pages
from schemas import Estate
from schemas.localtime import NS_A_SECOND, NS_AN_HOUR
from schemas.texts import N_, _
from usage.audits import Audit, AuditFile
from usage.audits.records import AuditError, Press, What

BODY_BYTES_MAX = 64 * 1024
SENT_MAX = 400
"""Presses of one request: the page sends more in several."""
_NS_A_MILLISECOND = NS_A_SECOND // 1000
_MS_MAX = 1 << 50
_EARLY_NS = 24 * NS_AN_HOUR
_GONE = N_("This link is not good, or not any more: ask for a new one (hubpulse audit start).")

PressId = Annotated[str, Field(pattern="^[a-z0-9-]{8,40}$")]


class SentPress(BaseModel):
    """A press as the page sends it; times are milliseconds of the phone's own clock."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: PressId
    what: Annotated[What, Field(strict=False)]
    time_ms: int = Field(ge=0, le=_MS_MAX)
    undoes: PressId | None = None

    @model_validator(mode="after")
    def _names_what_it_undoes(self) -> SentPress:
        if (self.what is What.UNDO) != (self.undoes is not None):
            raise ValueError("an undo names what it undoes, and nothing else does")
        return self


class Sent(BaseModel):
    """What the page sends: when it was sent by the phone's clock, and presses."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    sent_ms: int = Field(ge=0, le=_MS_MAX)
    presses: Annotated[list[SentPress], Field(max_length=SENT_MAX)]


def audit_routes(folder: Path, estate: Callable[[], Estate], clock_ns: Callable[[], int]) -> APIRouter:
    """The page of an audit, and where it sends its presses."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/audit/{code}", response_class=HTMLResponse)
    def audit_page(code: str) -> HTMLResponse:
        with AuditFile(folder) as file:
            audit = _open_audit(file, code, clock_ns())
            counted = file.counted(audit.id)
        names = {hub.id: hub.name for hub in estate().hubs}
        return pages.render(
            "audit.html",
            audit=audit,
            hub_name=names.get(audit.hub) or audit.hub,
            counted=counted,
            sent_max=SENT_MAX,
            words=_words(),
        )

    @routes.post("/audit/{code}/presses")
    async def take_presses(code: str, request: Request) -> Response:
        return await _taken(request, folder, code, clock_ns)

    return routes


def _words() -> dict[str, str]:
    """What the page's script says."""
    return {
        "begin": _("Press Start when you stand at the door."),
        "counting": _("Counting. Go on without a network, too."),
        "stopped": _("Stopped before enough have come in: press Start to go on."),
        "enoughStop": _("Enough have come in: press Stop."),
        "enough": _("Enough have come in. Thank you."),
        "goal": _("{people} of {target} in"),
        "start": _("Start"),
        "stop": _("Stop"),
        "undo": _("Undo"),
        "undoIn": _("Undo In"),
        "undoOut": _("Undo Out"),
        "allSent": _("All sent"),
        "notSent": _("{presses} not sent yet, kept in this phone"),
        "notTaken": _("Not taken: {why}."),
        "gone": _("This link is not good any more. What is not sent stays in this phone."),
        "keepsNothing": _("This browser keeps nothing: do not close the page before all is sent."),
    }


async def _taken(request: Request, folder: Path, code: str, clock_ns: Callable[[], int]) -> Response:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES_MAX:
            return JSONResponse(
                {"error": _("more than {bytes} bytes at once").format(bytes=BODY_BYTES_MAX)}, status_code=413
            )
    now_ns = clock_ns()
    return await run_in_threadpool(_keep, folder, code, bytes(body), now_ns)


def _keep(folder: Path, code: str, body: bytes, now_ns: int) -> Response:
    with AuditFile(folder) as file:
        audit = _open_audit(file, code, now_ns)
        try:
            sent = Sent.model_validate_json(body)
            counted = file.take(audit.id, list(_presses(sent, audit, now_ns)))
        except ValidationError:
            return JSONResponse({"error": _("these are no presses of the page")}, status_code=400)
        except AuditError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
    return JSONResponse({"entries": counted.entries, "exits": counted.exits, "counting": counted.is_counting})


def _open_audit(file: AuditFile, code: str, now_ns: int) -> Audit:
    audit = file.of_code(code, now_ns)
    if audit is None:
        raise HTTPException(404, _GONE)
    return audit


def _presses(sent: Sent, audit: Audit, now_ns: int) -> Iterator[Press]:
    """The presses by our clock: the phone's is as far off as it was when it sent them. Raises AuditError."""
    ahead_ns = sent.sent_ms * _NS_A_MILLISECOND - now_ns
    for press in sent.presses:
        time_ns = press.time_ms * _NS_A_MILLISECOND - ahead_ns
        if not audit.made_ns - _EARLY_NS <= time_ns <= now_ns:
            raise AuditError(_("a press is of another day: the phone's clock was changed while you counted"))
        yield Press(press.id, press.what, time_ns, press.undoes)
