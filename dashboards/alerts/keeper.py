"""Keeps the alerts: raises them, lets them go into the alert of their cause, ends them, and has people told.

An alert ends where its cause is seen to be well for a while, never because nothing is known of it any more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import structlog

from dashboards.alerts.addresses import Address
from dashboards.alerts.findings import Watch
from dashboards.alerts.history import Alert, Key, read_alerts, write_alerts
from dashboards.alerts.notice import Notice, Telling
from dashboards.alerts.outbox import post, send_due
from dashboards.alerts.rules import STORE_AWAY, rules_of
from dashboards.alerts.update import Update
from schemas import Estate
from schemas.localtime import NS_A_SECOND
from stores import Store
from usage import Queries

log = structlog.get_logger()

OPEN_MAX = 2_000
"""So many alerts at most are open at once."""
_STORE_AWAY = Key(STORE_AWAY.name)


class AlertKeeper:
    """The periodic work of alerts, for `usage.jobs.Jobs`: one process at a time does it, which holds the lease.

    `addresses` says who is told; it may raise HubpulseError. `clock_ns` gives UTC nanoseconds.
    """

    def __init__(self, addresses: Callable[[Estate], Sequence[Address]], clock_ns: Callable[[], int]) -> None:
        self._addresses, self._clock_ns = addresses, clock_ns
        self._watch = Watch()
        self._first_ns: dict[Key, int] = {}
        """Since when what is no alert yet is seen to be wrong."""
        self._away_ns: int | None = None
        self._away_told_ns = 0
        self._is_full = False

    def run(self, store: Store, estate: Estate, now_ns: int) -> None:
        """Look, keep, tell. Raises StoreError; HubpulseError where an address can't be used."""
        self._store_is_back(store, estate, now_ns)
        findings = self._watch.look(Queries(store, estate, now_ns=now_ns), estate, now_ns)
        rules = rules_of(estate)
        alerts = {alert.place: alert for alert in read_alerts(store, now_ns, rules)}
        changed = Update(alerts.values(), self._first_ns, now_ns, rules).by(findings)
        opened = sum(alert.is_open for alert in (alerts | changed).values())
        if opened > OPEN_MAX:
            changed = {place: alert for place, alert in changed.items() if place in alerts}
        if (is_full := opened > OPEN_MAX) and not self._is_full:
            log.warning("alerts_left_out", count=opened - OPEN_MAX)
        self._is_full = is_full
        write_alerts(store, changed.values())
        alerts |= changed
        addresses = self._addresses(estate)
        notice = Telling(estate, now_ns).due(alerts.values()) if addresses else None
        if notice is not None:
            told = {alert.place: alert for alert in _told(notice, now_ns)}
            # First what is to be sent: should this process end in between, people are told twice rather than never.
            post(store, addresses, now_ns, len(told))
            write_alerts(store, told.values())
            alerts |= told
        send_due(store, addresses, lambda made_ns: _words(alerts.values(), estate, made_ns), self._clock_ns)

    def store_away(self, estate: Estate, now_ns: int) -> None:
        """The store can't be used: where that lasts, people are told without it, once. Raises HubpulseError."""
        self._away_ns = now_ns if self._away_ns is None else self._away_ns
        lasted_s = (now_ns - self._away_ns) / NS_A_SECOND
        alert = Alert(_STORE_AWAY, self._away_ns, self._away_ns, rules=rules_of(estate))
        if self._away_told_ns or alert.rule.is_off or lasted_s < alert.rule.hold_s:
            return
        notice = Telling(estate, now_ns).due([alert])
        if notice is None:
            return
        words = notice.title(estate), notice.text(estate, 0)
        problems = {address.label: address.send(*words) for address in self._addresses(estate)}
        for label, problem in problems.items():
            if problem is not None:
                log.warning("notice_failed", address=label, error=problem, wait_s=60)
        if not problems or None in problems.values():
            self._away_told_ns = now_ns

    def _store_is_back(self, store: Store, estate: Estate, now_ns: int) -> None:
        away_ns, self._away_ns = self._away_ns, None
        rule = rules_of(estate)[_STORE_AWAY.rule]
        if away_ns is not None and not rule.is_off and now_ns - away_ns >= rule.hold_s * NS_A_SECOND:
            alert = Alert(_STORE_AWAY, away_ns, away_ns, fine_ns=now_ns, told_ns=self._away_told_ns)
            write_alerts(store, [alert])
        self._away_told_ns = 0


def _told(notice: Notice, now_ns: int) -> list[Alert]:
    over = [replace(alert, told_ns=alert.told_ns or now_ns, over_told_ns=now_ns) for alert in notice.over]
    return [*(replace(alert, told_ns=now_ns) for alert in notice.new), *over]


def _words(alerts: Collection[Alert], estate: Estate, made_ns: int) -> tuple[str, str] | None:
    """The notice composed then, once more; None where its alerts are not there any more."""
    new = tuple(alert for alert in alerts if alert.told_ns == made_ns and alert.over_told_ns != made_ns)
    notice = Notice(new, tuple(alert for alert in alerts if alert.over_told_ns == made_ns))
    if not notice.alerts:
        return None
    others = sum(alert.is_open and alert.told_ns and alert.told_ns < made_ns for alert in alerts)
    return notice.title(estate), notice.text(estate, int(others))
