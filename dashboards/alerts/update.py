"""What becomes of the alerts by what is found: raised, gone into the alert of their cause, well again, over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from dashboards.alerts.findings import Finding
from dashboards.alerts.history import DAY_NS, Alert, Key
from dashboards.alerts.rules import Rule
from schemas.localtime import NS_A_SECOND

_DOUBLINGS_MAX = 5


class Update:
    """One look. `first_ns` is since when what is no alert yet was seen to be wrong; it is kept up to date."""

    def __init__(
        self, alerts: Iterable[Alert], first_ns: dict[Key, int], now_ns: int, rules: Mapping[str, Rule]
    ) -> None:
        self._first_ns, self._now_ns, self._rules = first_ns, now_ns, rules
        self._latest: dict[Key, Alert] = {}
        self._raised: dict[Key, int] = {}
        """How often each was raised within a day."""
        for alert in sorted(alerts, key=lambda alert: alert.raised_ns):
            self._latest[alert.key] = alert
            self._raised[alert.key] = self._raised.get(alert.key, 0) + (now_ns - alert.raised_ns < DAY_NS)

    def by(self, findings: Iterable[Finding]) -> dict[tuple[Key, int], Alert]:
        """The alerts that are new or otherwise by these findings, by their place."""
        found = list(findings)
        wrong = {finding.key for finding in found if finding.is_wrong}
        for key in [key for key in self._first_ns if self._rules[key.rule].is_off]:
            del self._first_ns[key]
        off = (self._covered(alert) for alert in self._latest.values() if alert.rule.is_off)
        changed = (*off, *(self._changed(finding, wrong) for finding in found))
        return {alert.place: alert for alert in changed if alert is not None}

    def _changed(self, finding: Finding, wrong: set[Key]) -> Alert | None:
        if finding.is_wrong is None:
            return None
        return self._wrong(finding, wrong) if finding.is_wrong else self._well(finding.key)

    def _wrong(self, finding: Finding, wrong: set[Key]) -> Alert | None:
        key, latest = finding.key, self._latest.get(finding.key)
        if any(self._is_open(cause) for cause in finding.causes):
            self._first_ns.pop(key, None)
            return self._covered(latest)
        if latest is not None and latest.is_open:
            return replace(latest, fine_ns=0) if latest.fine_ns else None
        if latest is not None and latest.by_hand and not latest.fine_ns:
            return None  # somebody said that it is done: until it was seen to be well, it is not said again
        if any(cause in wrong for cause in finding.causes):
            return None  # it may become the alert of its cause
        since_ns = self._first_ns.setdefault(key, self._now_ns)
        return self._raised_now(finding, since_ns)

    def _raised_now(self, finding: Finding, first_ns: int) -> Alert | None:
        alert = Alert(finding.key, self._now_ns, finding.since_ns or first_ns, finding.value, rules=self._rules)
        if self._now_ns - first_ns < alert.rule.hold_s * NS_A_SECOND:
            return None
        del self._first_ns[finding.key]
        return alert

    def _covered(self, alert: Alert | None) -> Alert | None:
        if alert is None or not alert.is_open:
            return None
        return replace(alert, covered=True, fine_ns=self._now_ns, over_ns=self._now_ns)

    def _well(self, key: Key) -> Alert | None:
        self._first_ns.pop(key, None)
        alert = self._latest.get(key)
        if alert is None or alert.over_ns:
            return None
        if not alert.fine_ns:
            return replace(alert, fine_ns=self._now_ns)
        doublings = min(_DOUBLINGS_MAX, max(0, self._raised[key] - 1))
        clear_ns = (alert.rule.clear_s << doublings) * NS_A_SECOND
        if alert.is_open and self._now_ns - alert.fine_ns >= clear_ns:
            return replace(alert, over_ns=self._now_ns)
        return None

    def _is_open(self, key: Key) -> bool:
        alert = self._latest.get(key)
        return alert is not None and alert.is_open
