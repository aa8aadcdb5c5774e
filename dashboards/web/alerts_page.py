"""The page of alerts: what is open, what was, whether people were told; managers acknowledge, snooze and resolve."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from dashboards.access.accounts import Role
from dashboards.access.gate import Visitor, visitor_of
from dashboards.alerts import wording
from dashboards.alerts.history import DAY_NS, Alert, What, answer, find, read_alerts
from dashboards.alerts.outbox import Sent, read_notices
from dashboards.alerts.rules import Severity, rules_of
from dashboards.web import pages
from dashboards.web.forms import form_of
from dashboards.web.snapshot import SnapshotSource
from schemas import Estate, HubpulseError
from schemas.texts import _, ngettext
from stores import Store, StoreError

PAST_DAYS, PAST_MAX, OPEN_MAX = 30, 100, 300
SNOOZE_S = {"1": 86_400, "3": 3 * 86_400, "7": 7 * 86_400, "30": 30 * 86_400}
"""For how many days an alert can be snoozed on the page, and what that is in seconds."""
_ROLES = list(Role)


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert in words."""

    alert: Alert
    text: str
    value: str
    advice: str
    since: str
    state: str
    over: str

    @property
    def is_critical(self) -> bool:
        return self.alert.rule.severity is Severity.CRITICAL


def add_alerts_page(
    app: FastAPI,
    source: SnapshotSource,
    open_store: Callable[[], Store],
    estate: Callable[[], Estate],
    clock_ns: Callable[[], int],
) -> None:
    """Add /alerts to an application."""

    @app.get("/alerts", response_class=HTMLResponse, include_in_schema=False)
    def alerts_page(request: Request) -> HTMLResponse:
        visitor, now_ns, known = visitor_of(request), clock_ns(), estate()
        with closing(open_store()) as store:
            alerts = [alert for alert in read_alerts(store, now_ns, rules_of(known)) if visitor.sees(alert.key.hub)]
            unsent = read_notices(store, now_ns - DAY_NS, now_ns) if visitor.hubs is None else []
        opened = [alert for alert in alerts if alert.is_open]
        opened.sort(key=lambda alert: (alert.rule.severity is not Severity.CRITICAL, -alert.raised_ns))
        past = [alert for alert in alerts if alert.closed_ns and now_ns - alert.closed_ns < PAST_DAYS * DAY_NS]
        return pages.page(
            request,
            "alerts.html",
            snapshot=source.get().of(visitor.hubs),
            may_answer=_may_answer(visitor),
            opened=[_row(alert, known, now_ns) for alert in opened[:OPEN_MAX]],
            opened_more=max(0, len(opened) - OPEN_MAX),
            past=[_row(alert, known, now_ns) for alert in past[:PAST_MAX]],
            past_days=PAST_DAYS,
            snoozes=SNOOZE_S,
            unsent=list(_unsent(unsent, now_ns)),
            off=[rule.heading for rule in rules_of(known).values() if rule.is_off],
        )

    @app.post("/alerts/{alert_id}", include_in_schema=False)
    async def answer_alert(request: Request, alert_id: str) -> Response:
        visitor, form = visitor_of(request), await form_of(request)
        if not _may_answer(visitor):
            raise HTTPException(HTTPStatus.FORBIDDEN, _("Only a manager or an admin may answer an alert."))
        await run_in_threadpool(_keep, visitor, alert_id, form)
        return RedirectResponse("/alerts", HTTPStatus.SEE_OTHER)

    def _keep(visitor: Visitor, alert_id: str, form: dict[str, str]) -> None:
        now_ns, what = clock_ns(), form.get("answer", "")
        if what not in list(What):
            raise HTTPException(HTTPStatus.BAD_REQUEST, _("There is no such answer to an alert."))
        snooze_s = SNOOZE_S.get(form.get("days", ""), 0) if what == What.SNOOZE else 0
        with closing(open_store()) as store:
            try:
                seen = (alert for alert in read_alerts(store, now_ns) if visitor.sees(alert.key.hub))
                answer(store, find(seen, alert_id), What(what), author=visitor.name, now_ns=now_ns, snooze_s=snooze_s)
            except StoreError:
                raise
            except HubpulseError as error:
                raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from error


def _may_answer(visitor: Visitor) -> bool:
    return _ROLES.index(visitor.role) >= _ROLES.index(Role.MANAGER)


def _row(alert: Alert, estate: Estate, now_ns: int) -> AlertRow:
    zone = wording.zone_of(estate, alert.key)
    return AlertRow(
        alert,
        wording.sentence(wording.names_of(estate), alert),
        wording.value(alert),
        _(alert.rule.advice),
        wording.since(alert, zone),
        _state(alert, estate, now_ns),
        wording.moment(alert.closed_ns, zone) if alert.closed_ns else "",
    )


def _state(alert: Alert, estate: Estate, now_ns: int) -> str:
    """How it stands with an alert: the last that is to be said of it."""
    zone = wording.zone_of(estate, alert.key)
    name, times = _("somebody"), {"told": alert.told_ns, "fine": alert.fine_ns, "snoozed": alert.snoozed_until_ns}
    moments = {what: wording.moment(time_ns, zone) for what, time_ns in times.items()}
    ways = (
        (alert.by_hand, _("resolved by {name}").format(name=alert.resolved_by or name)),
        (alert.covered, _("turned off") if alert.rule.is_off else _("part of a larger alert")),
        (bool(alert.closed_ns), _("well again")),
        (
            alert.acknowledged_by is not None,
            _("acknowledged by {name}").format(name=alert.acknowledged_by or name),
        ),
        (alert.is_snoozed(now_ns), _("snoozed until {time}").format(time=moments["snoozed"])),
        (bool(alert.fine_ns), _("looks well since {time}").format(time=moments["fine"])),
        (bool(alert.told_ns), _("told {time}").format(time=moments["told"])),
    )
    return next((words for holds, words in ways if holds), _("nobody told yet"))


def _unsent(notices: list[Sent], now_ns: int) -> Iterator[str]:
    for sent in notices:
        if sent.tries and not sent.sent_ns:
            text = ngettext("tried once", "tried {count} times", sent.tries).format(count=sent.tries)
            more = _("given up") if sent.is_given_up(now_ns) else _("it is tried again")
            number = sent.address.removeprefix("to-")
            yield _("A notice did not go to address {number}: {tries}, {more}.").format(
                number=number, tries=text, more=more
            )
