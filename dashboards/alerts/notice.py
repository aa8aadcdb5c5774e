"""Which alerts a notice tells, when, and in which words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from dashboards.alerts import rules, wording
from dashboards.alerts.history import DAY_NS, Alert
from dashboards.alerts.rules import RULES, Severity
from schemas import Estate
from schemas.localtime import NS_A_SECOND, from_ns
from schemas.texts import _, ngettext
from usage import HubCalendar

LINES_MAX = 40
_PASSED_NS = 3 * DAY_NS
"""What was over so long ago that nobody was told is told no more."""
_PLACES = {name: place for place, name in enumerate(RULES)}


@dataclass(frozen=True, slots=True)
class Notice:
    """What people are told at once; `new` are alerts as they are open, `over` those that ended."""

    new: tuple[Alert, ...]
    over: tuple[Alert, ...]

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return self.new + self.over

    def title(self, estate: Estate) -> str:
        """Its subject line."""
        new, over = (len(list(_grouped(alerts))) for alerts in (self.new, self.over))
        parts = [ngettext("{count} alert", "{count} alerts", new).format(count=new)] if new else []
        parts += [ngettext("{count} over", "{count} over", over).format(count=over)] if over else []
        return f"{estate.name or 'Hubpulse'}: {', '.join(parts)}"

    def text(self, estate: Estate, still_open: int) -> str:
        """Its lines; `still_open` is how many other alerts are open."""
        lines = [_new_line(estate, alerts) for alerts in _grouped(self.new)]
        lines += [_over_line(estate, alerts) for alerts in _grouped(self.over)]
        left_out = len(lines) - LINES_MAX
        lines = lines[:LINES_MAX]
        if left_out > 0:
            lines.append(ngettext("And {count} more.", "And {count} more.", left_out).format(count=left_out))
        if still_open:
            text = ngettext("{count} other alert is open.", "{count} other alerts are open.", still_open)
            lines.append(text.format(count=still_open))
        return "\n".join(lines)


def _grouped(alerts: Iterable[Alert]) -> Iterator[list[Alert]]:
    """Alerts of one rule and hub together, the gravest rule first."""

    def place(alert: Alert) -> tuple[int, str]:
        return _PLACES[alert.key.rule], alert.key.hub

    ordered = sorted(alerts, key=lambda alert: (*place(alert), alert.key.subject))
    return (list(same) for _place, same in groupby(ordered, key=place))


def _new_line(estate: Estate, alerts: Sequence[Alert]) -> str:
    first, names = min(alerts, key=lambda alert: alert.since_ns), wording.names_of(estate)
    since = wording.since(first, wording.zone_of(estate, first.key))
    text = _("{sentence} Since {since}. {advice}").format(
        sentence=wording.sentence(names, *alerts), since=since, advice=_(first.rule.advice)
    )
    return _("CRITICAL: {text}").format(text=text) if first.rule.severity is Severity.CRITICAL else text


def _over_line(estate: Estate, alerts: Sequence[Alert]) -> str:
    last, names = max(alerts, key=lambda alert: alert.fine_ns), wording.names_of(estate)
    zone = wording.zone_of(estate, last.key)
    return _("Over: {sentence} From {since} until {until}.").format(
        sentence=wording.sentence(names, *alerts),
        since=wording.since(min(alerts, key=lambda alert: alert.since_ns), zone),
        until=wording.moment(last.fine_ns, zone),
    )


def is_quiet(estate: Estate, now_ns: int) -> bool:
    """Whether nobody is to be told now of what is not urgent."""
    quiet = estate.alerts.quiet
    return quiet is not None and quiet.holds(from_ns(now_ns).astimezone(estate.zone_of("")).time())


class Telling:
    """Decides at an instant what people are to be told."""

    def __init__(self, estate: Estate, now_ns: int) -> None:
        self._estate, self._now_ns = estate, now_ns
        self._is_quiet = is_quiet(estate, now_ns)
        self._opens: dict[str, bool] = {}

    def due(self, alerts: Iterable[Alert]) -> Notice | None:
        """What is to be told now; None for nothing. What waits for others of its cause goes on waiting."""
        found = list(alerts)
        new = [alert for alert in found if self._is_new(alert)]
        over = [alert for alert in found if self._is_over(alert)]
        ready = [alert for alert in new if self._has_gathered(alert)]
        if not ready and not over:
            return None
        # One notice rather than two: what is new, and is not about silence that others may follow, comes along.
        along = [alert for alert in new if alert not in ready and alert.rule.gather_s <= rules.LEDGER.gather_s]
        return Notice((*ready, *along), tuple(over))

    def _is_new(self, alert: Alert) -> bool:
        if not alert.is_open or alert.acknowledged_by is not None or alert.is_snoozed(self._now_ns):
            return False
        told_before = alert.told_ns and not alert.told_ns < alert.snoozed_until_ns
        return not told_before and (not alert.fine_ns or alert.rule.is_event) and self._may_tell(alert)

    def _has_gathered(self, alert: Alert) -> bool:
        return self._now_ns - alert.raised_ns >= alert.rule.gather_s * NS_A_SECOND

    def _is_over(self, alert: Alert) -> bool:
        if not alert.over_ns or alert.covered or alert.over_told_ns or alert.rule.is_event:
            return False
        # What arose and ended while nobody was to be told: unless it was so short that nobody would have been.
        lasted = alert.told_ns or (
            alert.fine_ns - alert.raised_ns >= alert.rule.gather_s * NS_A_SECOND
            and self._now_ns - alert.over_ns < _PASSED_NS
        )
        return bool(lasted) and (alert.rule.urgent or not self._is_quiet)

    def _may_tell(self, alert: Alert) -> bool:
        if self._is_quiet and not alert.rule.urgent:
            return False
        return not alert.rule.opening_day or not alert.key.hub or self._opens_today(alert.key.hub)

    def _opens_today(self, hub: str) -> bool:
        if hub not in self._opens:
            calendar = HubCalendar(self._estate, hub)
            self._opens[hub] = bool(calendar.day(calendar.date_of(self._now_ns)).open)
        return self._opens[hub]
