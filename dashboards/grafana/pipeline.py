"""*Pipeline*, for whoever runs it: does the ledger balance, how long is the way, what waits, what was refused."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana.layout import dashboard
from dashboards.grafana.panels import Look, bars, colour, columns, lines, number, panel, value_texts
from dashboards.grafana.query import INGEST, INTERVAL, Term, series, table

STATUS, LATELY = "pipeline_status", "5m"
REFUSED_SHARE = Term("messages_refused", 'spread({}) / spread("messages_received")')
RED = {"/refused|rejected|not taken/": colour("red")}
PER_SECOND = "non_negative_derivative(max({}), 1s)"
LAG = Look("s", 1, "green", [(60, "yellow"), (600, "red")])


def _now(title: str, field: str, shown: Look) -> models.Panel:
    query = series(STATUS, Term(field, "last"), by=[INGEST])
    says = "As each ingest process last reported in the last five minutes."
    return panel(number(), query, title=title, says=says, shown=shown, time_from=LATELY)


def _yes_or_no(title: str, field: str, no: str) -> models.Panel:
    texts = {"true": (field, "green"), "false": (no, "red"), "1": (field, "green"), "0": (no, "red")}
    query = series(STATUS, Term(field, "last"), by=[INGEST])
    says = f"{field.capitalize()} or not, as each ingest process reports it every ten seconds."
    kind = number().mappings(value_texts(texts))
    return panel(kind, query, title=title, says=says, shown=Look(steps=[(1, "green")]), time_from=LATELY)


def _over_time(
    title: str,
    says: str,
    *terms: Term,
    kind: Any = None,
    shown: Look | None = None,
    interval: str = "10s",
    **options: Any,
) -> models.Panel:
    """The terms of each ingest process; what is refused, rejected or not taken is red."""
    query = series(STATUS, *terms, by=[INTERVAL, INGEST], alias="$tag_ingest: $col")
    return panel(
        kind or lines(), query, title=title, says=says, shown=shown, overrides=RED, min=0, interval=interval, **options
    )


DASHBOARD = dashboard(
    "hubpulse-pipeline",
    "Pipeline",
    "From the broker to the store: nothing lost, nothing counted twice, nothing hidden.",
    [
        _yes_or_no("Ledger", "balanced", "OUT OF BALANCE"),
        _yes_or_no("Broker", "connected", "NOT CONNECTED"),
        _now("Readings waiting", "readings_pending", Look(base="green", steps=[(100_000, "yellow")])),
        _now("Oldest waits for", "buffer_oldest_s", Look("s", 0, "green", [(60, "yellow"), (300, "red")])),
        _now("Device to store, now", "lag_s", LAG),
        panel(
            number(),
            series(STATUS, REFUSED_SHARE._replace(label="Refused"), by=[INGEST]),
            title="Refused, last hour",
            says="Messages refused of those received in the last hour. `hubpulse quarantine list` shows why.",
            shown=Look("percentunit", 2, "green", [(0.001, "yellow"), (0.01, "red")]),
            empty="no message in the last hour",
            time_from="1h",
        ),
    ],
    [
        _over_time(
            "Messages per second",
            "What the broker delivered, and what became of it. Received equals accepted and refused together.",
            Term("messages_received", PER_SECOND, "received"),
            Term("messages_accepted", PER_SECOND, "accepted"),
            Term("messages_refused", PER_SECOND, "refused"),
            shown=Look("reqps", 1),
            interval="20s",
        ),
        _over_time(
            "Readings per second",
            "Readings taken into the buffer and written to the store. Stored runs behind accepted while the "
            "store is away, and ahead of it while the buffer drains.",
            Term("readings_accepted", PER_SECOND, "accepted"),
            Term("readings_stored", PER_SECOND, "stored"),
            Term("readings_store_rejected", PER_SECOND, "rejected by the store"),
            shown=Look("wps", 1),
            interval="20s",
        ),
    ],
    [
        _over_time(
            "Device to store",
            "The longest time from a device's own clock to the store, of the readings under an hour old that "
            "were stored in each step. History that comes late is no lag.",
            Term("lag_s", "max", "longest way"),
            shown=LAG,
            empty="No live reading was stored in this time range.",
        ),
        _over_time(
            "Readings waiting in the buffer",
            "Committed on disk and acknowledged, not yet taken by the store.",
            Term("readings_pending", "max", "waiting"),
        ),
    ],
    [
        _over_time(
            "Age of the oldest batch that waits",
            "Dashed: five minutes, from where on an alert is raised. The store is away, or can't keep up.",
            Term("buffer_oldest_s", "max", "oldest"),
            shown=Look("s", 0, "green", [(300, "red")]),
        ),
        _over_time(
            "Buffer on disk",
            "What the buffer takes of the disk. When it is full the broker keeps the rest: nothing is dropped.",
            Term("buffer_bytes", "max", "buffer"),
            shown=Look("bytes"),
        ),
    ],
    [
        panel(
            lines(),
            series("quarantine_status", Term("waiting", "max"), by=[INTERVAL, '"reason"']),
            title="Quarantine by reason",
            says="Refused messages, kept: `hubpulse quarantine list` shows them, `redrive` sends them again.",
            empty="The quarantine is empty.",
            min=0,
            interval="10s",
        ),
        _over_time(
            "Store errors",
            "Batches that the store did not take, in each step; they wait in the buffer and are sent again.",
            Term("store_errors", "non_negative_difference(max({}))", "not taken"),
            kind=bars(),
            interval="1m",
        ),
    ],
    panel(
        columns("ingest", descending=False),
        table(
            STATUS,
            Term("messages_received", "last", "Messages received"),
            Term("messages_accepted", "last", "accepted"),
            Term("messages_refused", "last", "refused"),
            Term("readings_accepted", "last", "Readings accepted"),
            Term("readings_stored", "last", "stored"),
            Term("readings_store_rejected", "last", "rejected by the store"),
            Term("readings_pending", "last", "waiting"),
            Term("readings_refused", "last", "refused in taken messages"),
            by=[INGEST],
        ),
        title="Ledger of each buffer",
        says="Counts since each buffer was made. Messages received = accepted + refused; readings accepted = "
        "stored + rejected by the store + waiting.",
        overrides={"ingest": {"displayName": "Ingest"}},
    ),
    time_from="now-6h",
)
