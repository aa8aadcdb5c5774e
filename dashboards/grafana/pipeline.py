"""*Pipeline*, for whoever runs it: does the ledger balance, how long is the way, what waits, what was refused."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders

from dashboards.grafana.layout import Row, dashboard
from dashboards.grafana.panels import (
    Placed,
    Steps,
    bars,
    big_number,
    colour,
    columns,
    lines,
    panel,
    prop,
    shown_as,
    value_texts,
)
from dashboards.grafana.query import BY_INTERVAL, InfluxQuery, Term, select

STATUS, QUARANTINE = "pipeline_status", "quarantine_status"
BY_INGEST = '"ingest"'
LATELY = "5m"
PER_SECOND = "non_negative_derivative(max({}), 1s)"
NOT_HEARD = "No word from ingest in this time range: see whether `hubpulse ingest` runs, then `hubpulse doctor`."


def build(zone: str) -> builders.Dashboard:
    """The dashboard for an estate in that time zone."""
    return dashboard(
        uid="hubpulse-pipeline",
        title="Pipeline",
        description="From the broker to the store: nothing lost, nothing counted twice, nothing hidden.",
        zone=zone,
        time_from="now-6h",
        rows=[
            Row(
                4,
                [
                    _yes_or_no(zone, "balanced", "Ledger", "balanced", "OUT OF BALANCE"),
                    _yes_or_no(zone, "connected", "Broker", "connected", "NOT CONNECTED"),
                    _now(zone, "readings_pending", "Readings waiting", "locale", [(100_000, "yellow")]),
                    _now(zone, "buffer_oldest_s", "Oldest waits for", "s", [(60, "yellow"), (300, "red")]),
                    _now(zone, "lag_s", "Device to store", "s", [(60, "yellow"), (600, "red")]),
                    _refused_share(zone),
                ],
            ),
            Row(9, [_message_rates(zone), _reading_rates(zone)]),
            Row(9, [_lag(zone), _waiting(zone)]),
            Row(9, [_oldest(zone), _buffer_bytes(zone)]),
            Row(9, [_quarantine(zone), _store_errors(zone)]),
            Row(8, [_ledger(zone)]),
        ],
    )


def _yes_or_no(zone: str, field: str, title: str, yes: str, no: str) -> Placed:
    query = select(STATUS, [Term(field, "last")], where=(), by=[BY_INGEST], zone=zone)
    texts = value_texts({"true": (yes, "green"), "false": (no, "red"), "1": (yes, "green"), "0": (no, "red")})
    return panel(
        big_number(InfluxQuery(query, alias="$tag_ingest"), unit="none", steps=[(1, "green")])
        .mappings(texts)
        .time_from(LATELY),
        title=title,
        description=f"{yes.capitalize()} or not, as each ingest process says it every ten seconds.",
        no_data="not heard for 5 min",
        width=4,
    )


def _now(zone: str, field: str, title: str, unit: str, steps: Steps) -> Placed:
    query = select(STATUS, [Term(field, "last")], where=(), by=[BY_INGEST], zone=zone)
    return panel(
        big_number(InfluxQuery(query, alias="$tag_ingest"), unit=unit, base="green", steps=steps).time_from(LATELY),
        title=title,
        description="As each ingest process last said in the last five minutes.",
        no_data="not heard for 5 min",
        width=4,
    )


def _refused_share(zone: str) -> Placed:
    share = f'spread("messages_refused") / spread("messages_received") AS "Refused" FROM "{STATUS}"'
    query = f"SELECT {share} WHERE $timeFilter GROUP BY {BY_INGEST} tz('{zone}')"
    return panel(
        big_number(
            InfluxQuery(query, alias="$tag_ingest"),
            unit="percentunit",
            decimals=2,
            base="green",
            steps=[(0.001, "yellow"), (0.01, "red")],
        ).time_from("1h"),
        title="Refused, last hour",
        description="Messages refused of those received in the last hour. `hubpulse quarantine list` says why.",
        no_data="no message in the last hour",
        width=4,
    )


def _message_rates(zone: str) -> Placed:
    terms = [
        Term("messages_received", PER_SECOND, "received"),
        Term("messages_accepted", PER_SECOND, "accepted"),
        Term("messages_refused", PER_SECOND, "refused"),
    ]
    return panel(
        lines(_over_time(zone, terms), unit="reqps", decimals=1)
        .min(0)
        .interval("20s")
        .override_by_regexp("/refused/", [colour("red")]),
        title="Messages per second",
        description="What the broker delivered, and what became of it. Received equals accepted and refused together.",
        no_data=NOT_HEARD,
        width=12,
    )


def _reading_rates(zone: str) -> Placed:
    terms = [
        Term("readings_accepted", PER_SECOND, "accepted"),
        Term("readings_stored", PER_SECOND, "stored"),
        Term("readings_store_rejected", PER_SECOND, "rejected by the store"),
    ]
    return panel(
        lines(_over_time(zone, terms), unit="wps", decimals=1)
        .min(0)
        .interval("20s")
        .override_by_regexp("/rejected/", [colour("red")]),
        title="Readings per second",
        description="Readings taken into the buffer and written to the store. Stored runs behind accepted while the "
        "store is away, and ahead of it while the buffer drains.",
        no_data=NOT_HEARD,
        width=12,
    )


def _over_time(zone: str, terms: list[Term]) -> InfluxQuery:
    query = select(STATUS, terms, where=(), by=[BY_INTERVAL, BY_INGEST], zone=zone, tail="fill(none)")
    return InfluxQuery(query, alias="$tag_ingest: $col")


def _lag(zone: str) -> Placed:
    return panel(
        lines(
            _over_time(zone, [Term("lag_s", "max", "longest way")]),
            unit="s",
            decimals=1,
            base="green",
            steps=[(60, "yellow"), (600, "red")],
        )
        .min(0)
        .interval("10s"),
        title="Device to store",
        description="The longest time from a device's own clock to the store, of the readings under an hour old that "
        "were stored in each step. History that comes late is no lag.",
        no_data="No live reading was stored in this time range.",
        width=12,
    )


def _waiting(zone: str) -> Placed:
    return panel(
        lines(_over_time(zone, [Term("readings_pending", "max", "waiting")]), unit="locale").min(0).interval("10s"),
        title="Readings waiting in the buffer",
        description="Committed on disk and acknowledged, not yet taken by the store.",
        no_data=NOT_HEARD,
        width=12,
    )


def _oldest(zone: str) -> Placed:
    return panel(
        lines(
            _over_time(zone, [Term("buffer_oldest_s", "max", "oldest")]), unit="s", base="green", steps=[(300, "red")]
        )
        .min(0)
        .interval("10s"),
        title="Age of the oldest batch that waits",
        description="Dashed: five minutes, from where on an alert is raised. The store is away, or can't keep up.",
        no_data=NOT_HEARD,
        width=12,
    )


def _buffer_bytes(zone: str) -> Placed:
    return panel(
        lines(_over_time(zone, [Term("buffer_bytes", "max", "buffer")]), unit="bytes").min(0).interval("10s"),
        title="Buffer on disk",
        description="What the buffer takes of the disk. When it is full the broker keeps the rest: nothing is dropped.",
        no_data=NOT_HEARD,
        width=12,
    )


def _quarantine(zone: str) -> Placed:
    terms = [Term("waiting", "max")]
    query = select(QUARANTINE, terms, where=(), by=[BY_INTERVAL, '"reason"'], zone=zone, tail="fill(none)")
    return panel(
        lines(InfluxQuery(query, alias="$tag_reason"), unit="locale").min(0).interval("10s"),
        title="Quarantine by reason",
        description="Refused messages, kept: `hubpulse quarantine list` shows them, `redrive` sends them again.",
        no_data="The quarantine is empty.",
        width=12,
    )


def _store_errors(zone: str) -> Placed:
    terms = [Term("store_errors", "non_negative_difference(max({}))", "not taken")]
    return panel(
        bars(_over_time(zone, terms), unit="none").interval("1m").override_by_regexp("/not taken/", [colour("red")]),
        title="Store errors",
        description="Batches that the store did not take, in each step; they wait in the buffer and are sent again.",
        no_data=NOT_HEARD,
        width=12,
    )


def _ledger(zone: str) -> Placed:
    names = {
        "messages_received": "Messages received",
        "messages_accepted": "accepted",
        "messages_refused": "refused",
        "readings_accepted": "Readings accepted",
        "readings_stored": "stored",
        "readings_store_rejected": "rejected by the store",
        "readings_pending": "waiting",
        "readings_refused": "refused in taken messages",
    }
    query = select(STATUS, [Term(f, "last", n) for f, n in names.items()], where=(), by=[BY_INGEST], zone=zone)
    return panel(
        columns(InfluxQuery(query, table=True), sort_by="ingest", descending=False)
        .override_by_name("ingest", [prop("displayName", "Ingest")])
        .override_by_regexp("/^(Messages|Readings|accepted|refused|stored|rejected|waiting)/", shown_as("locale")),
        title="Ledger",
        description="Counts since each buffer was made. Messages received = accepted + refused; readings accepted = "
        "stored + rejected by the store + waiting.",
        no_data=NOT_HEARD,
        width=24,
    )
