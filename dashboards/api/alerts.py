"""The table of alerts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dashboards.alerts import wording
from dashboards.alerts.history import Alert
from dashboards.api.answers import Row
from dashboards.api.rows import Table, column
from schemas import Estate
from schemas.localtime import rfc3339

ALERTS = Table("Alert", "What is or was wrong, raised in the last 400 days, the latest first.", {
    "id": column(str, "The alert's id."),
    "rule": column(str, "Which kind of alert it is."),
    "severity": column(str, "warning or critical."),
    "hub": column(str | None, "The hub's id; null for what is of the whole estate."),
    "subject": column(str | None, "The sensor, the zone or the ingest."),
    "text": column(str, "What is wrong."),
    "value": column(float | None, "The figure that it is about, as it was raised."),
    "since": column(str, "Since when it is so (RFC 3339); its midnight where only the day is known."),
    "raised": column(str, "When it was raised (RFC 3339)."),
    "told": column(str | None, "When people were told of it last (RFC 3339)."),
    "open": column(bool, "Whether it is still so, as far as anybody knows."),
    "over": column(str | None, "When it was over (RFC 3339)."),
    "acknowledged_by": column(str | None, "Who has seen to it."),
    "snoozed_until": column(str | None, "Until when nobody is told of it again (RFC 3339)."),
    "resolved_by": column(str | None, "Who said that it is over."),
})  # fmt: skip


def rows(alerts: Iterable[Alert], estate: Estate) -> Iterator[Row]:
    """Rows of ALERTS."""
    names = wording.names_of(estate)
    for alert in alerts:
        yield {
            "id": alert.id,
            "rule": alert.key.rule,
            "severity": alert.rule.severity.value,
            "hub": alert.key.hub or None,
            "subject": alert.key.subject or None,
            "text": wording.sentence(names, alert),
            "value": alert.value,
            "since": rfc3339(alert.since_ns),
            "raised": rfc3339(alert.raised_ns),
            "told": _time(alert.told_ns),
            "open": alert.is_open,
            "over": _time(alert.closed_ns),
            "acknowledged_by": alert.acknowledged_by,
            "snoozed_until": _time(alert.snoozed_until_ns),
            "resolved_by": alert.resolved_by,
        }


def _time(time_ns: int) -> str | None:
    return rfc3339(time_ns) if time_ns else None
