"""*Pipeline*, for whoever runs it: does the ledger balance, how long is the way, what waits, what was refused."""

from __future__ import annotations

from dashboards.grafana.layout import dashboard, row
from dashboards.grafana.panels import (
    COUNT,
    PEOPLE,
    Look,
    Placed,
    bars,
    colour,
    columns,
    lines,
    number,
    panel,
    prop,
    value_texts,
)
from dashboards.grafana.query import INGEST, INTERVAL, ZONE, InfluxQuery, Term, series, source, table

STATUS, LATELY, RED = "pipeline_status", "5m", [colour("red")]
PER_SECOND = "non_negative_derivative(max({}), 1s)"
LAG = Look("s", 0, "green", [(60, "yellow"), (600, "red")])
LEDGER = {
    "messages_received": "Messages received",
    "messages_accepted": "accepted",
    "messages_refused": "refused",
    "readings_accepted": "Readings accepted",
    "readings_stored": "stored",
    "readings_store_rejected": "rejected by the store",
    "readings_pending": "waiting",
    "readings_refused": "refused in taken messages",
}


def _now(
    title: str, field: str, shown: Look, says: str = "As each ingest process last reported in the last five minutes."
) -> Placed:
    query = series(STATUS, Term(field, "last"), by=[INGEST])
    return panel(4, title, number(shown), query, says=says, time_from=LATELY)


def _yes_or_no(title: str, field: str, yes: str, no: str) -> Placed:
    texts = value_texts({"true": (yes, "green"), "false": (no, "red"), "1": (yes, "green"), "0": (no, "red")})
    return panel(
        4,
        title,
        number(Look(steps=[(1, "green")])).mappings(texts),
        series(STATUS, Term(field, "last"), by=[INGEST]),
        says=f"{yes.capitalize()} or not, as each ingest process reports it every ten seconds.",
        time_from=LATELY,
    )


def _over_time(*terms: Term) -> InfluxQuery:
    return series(STATUS, *terms, by=[INTERVAL, INGEST], alias="$tag_ingest: $col")


REFUSED_SHARE = (
    f'SELECT spread("messages_refused") / spread("messages_received") AS "Refused" FROM {source(STATUS)} '
    f"WHERE $timeFilter GROUP BY {INGEST} tz('{ZONE}')"
)

DASHBOARD = dashboard(
    "hubpulse-pipeline",
    "Pipeline",
    "From the broker to the store: nothing lost, nothing counted twice, nothing hidden.",
    row(
        4,
        _yes_or_no("Ledger", "balanced", "balanced", "OUT OF BALANCE"),
        _yes_or_no("Broker", "connected", "connected", "NOT CONNECTED"),
        _now("Readings waiting", "readings_pending", Look("locale", 0, "green", [(100_000, "yellow")])),
        _now("Oldest waits for", "buffer_oldest_s", Look("s", 0, "green", [(60, "yellow"), (300, "red")])),
        _now("Device to store", "lag_s", LAG),
        panel(
            4,
            "Refused, last hour",
            number(Look("percentunit", 2, "green", [(0.001, "yellow"), (0.01, "red")])),
            InfluxQuery(REFUSED_SHARE, "$tag_ingest"),
            says="Messages refused of those received in the last hour. `hubpulse quarantine list` shows why.",
            time_from="1h",
        ),
    ),
    row(
        9,
        panel(
            12,
            "Messages per second",
            lines(Look("reqps", 1)),
            _over_time(
                Term("messages_received", PER_SECOND, "received"),
                Term("messages_accepted", PER_SECOND, "accepted"),
                Term("messages_refused", PER_SECOND, "refused"),
            ),
            says="What the broker delivered, and what became of it. Received equals accepted and refused together.",
            overrides={"/refused/": RED},
            min=0,
            interval="20s",
        ),
        panel(
            12,
            "Readings per second",
            lines(Look("wps", 1)),
            _over_time(
                Term("readings_accepted", PER_SECOND, "accepted"),
                Term("readings_stored", PER_SECOND, "stored"),
                Term("readings_store_rejected", PER_SECOND, "rejected by the store"),
            ),
            says="Readings taken into the buffer and written to the store. Stored runs behind accepted while the "
            "store is away, and ahead of it while the buffer drains.",
            overrides={"/rejected/": RED},
            min=0,
            interval="20s",
        ),
    ),
    row(
        9,
        panel(
            12,
            "Device to store",
            lines(LAG._replace(decimals=1)),
            _over_time(Term("lag_s", "max", "longest way")),
            says="The longest time from a device's own clock to the store, of the readings under an hour old that "
            "were stored in each step. History that comes late is no lag.",
            empty="No live reading was stored in this time range.",
            min=0,
            interval="10s",
        ),
        panel(
            12,
            "Readings waiting in the buffer",
            lines(PEOPLE),
            _over_time(Term("readings_pending", "max", "waiting")),
            says="Committed on disk and acknowledged, not yet taken by the store.",
            min=0,
            interval="10s",
        ),
    ),
    row(
        9,
        panel(
            12,
            "Age of the oldest batch that waits",
            lines(Look("s", 0, "green", [(300, "red")])),
            _over_time(Term("buffer_oldest_s", "max", "oldest")),
            says="Dashed: five minutes, from where on an alert is raised. The store is away, or can't keep up.",
            min=0,
            interval="10s",
        ),
        panel(
            12,
            "Buffer on disk",
            lines(Look("bytes")),
            _over_time(Term("buffer_bytes", "max", "buffer")),
            says="What the buffer takes of the disk. When it is full the broker keeps the rest: nothing is dropped.",
            min=0,
            interval="10s",
        ),
    ),
    row(
        9,
        panel(
            12,
            "Quarantine by reason",
            lines(PEOPLE),
            series("quarantine_status", Term("waiting", "max"), by=[INTERVAL, '"reason"']),
            says="Refused messages, kept: `hubpulse quarantine list` shows them, `redrive` sends them again.",
            empty="The quarantine is empty.",
            min=0,
            interval="10s",
        ),
        panel(
            12,
            "Store errors",
            bars(COUNT),
            _over_time(Term("store_errors", "non_negative_difference(max({}))", "not taken")),
            says="Batches that the store did not take, in each step; they wait in the buffer and are sent again.",
            overrides={"/not taken/": RED},
            interval="1m",
        ),
    ),
    row(
        8,
        panel(
            24,
            "Ledger",
            columns("ingest", descending=False),
            table(STATUS, *(Term(field, "last", label) for field, label in LEDGER.items()), by=[INGEST]),
            says="Counts since each buffer was made. Messages received = accepted + refused; readings accepted = "
            "stored + rejected by the store + waiting.",
            overrides={
                "ingest": [prop("displayName", "Ingest")],
                "/^(Messages|Readings|accepted|refused|stored|rejected|waiting)/": PEOPLE.column(),
            },
        ),
    ),
    time_from="now-6h",
)
