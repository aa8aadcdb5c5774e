"""The API: every table by its description, bounded, page by page, as JSON and as CSV, and the same as the pages."""

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from dashboards.access.accounts import Accounts, Role
from dashboards.web.board import create_board
from ingest.ledger import Ledger
from schemas import Estate
from schemas.localtime import NS_A_SECOND, midnight_ns, to_ns
from schemas.measurements import LEDGER_COUNTS
from schemas.measures import USAGE_MEASURES
from stores.lines import encode
from tests.dashboards.conftest import ESTATE, LONDON, NOW, TODAY, Filled, day_line

Browse = Callable[..., TestClient]

TABLES = (
    "hubs", "sensors", "usage/daily", "usage/hourly", "usage/periods?from=2026-10-21&to=2026-11-20",
    "readings?hub=armley&kind=footfall", "ledger",
    "changes", "quarantine", "alerts",
)  # fmt: skip


@pytest.fixture
def told(known: Filled) -> Filled:
    """Three hubs and 31 days, an ingest's ledger and quarantine, hours, and a figure that changed."""
    now_ns = to_ns(NOW)
    ledger = {
        "messages_received": 18, "messages_accepted": 10, "messages_refused": 3, "messages_no_reading": 1,
        "messages_redelivered": 2, "messages_thinned": 1, "messages_waiting": 1, "readings_accepted": 31,
        "readings_refused": 4, "readings_stored": 26, "readings_store_rejected": 3, "readings_pending": 2,
        "balanced": True, "connected": True,
    }  # fmt: skip
    change = {"before": 128.0, "after": 129.0, "revision": 2, "changed_ns": now_ns}
    yesterday_ns = midnight_ns(TODAY - timedelta(days=1), LONDON)
    known.put(
        encode("pipeline_status", {"ingest": "i"}, ledger, now_ns),
        encode("quarantine_status", {"ingest": "i", "reason": "bad_schema"}, {"waiting": 3}, now_ns),
        encode("usage_changes", {"hub": "armley", "figure": "entries"}, change, yesterday_ns + 2),
        encode("alerts", {"hub": "armley", "rule": "battery", "subject": "air-1"}, {"value": 9.0}, yesterday_ns),
        *(
            encode("usage_hourly", {"hub": "armley"}, {"entries": n}, yesterday_ns + n * 3600 * 10**9)
            for n in range(24)
        ),
    )
    return known


def rows_of(client: TestClient, query: str) -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/{query}")
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["rows"]
    return rows


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_the_same_as_csv_and_as_json(told: Filled, browse: Browse, table: str) -> None:
    client = browse(told)
    rows = rows_of(client, table)
    assert rows
    answer = client.get(f"/api/v1/{table}{'&' if '?' in table else '?'}format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    printed = list(csv.DictReader(io.StringIO(answer.text)))
    assert printed == [
        {
            name: "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in row.items()
        }
        for row in rows
    ]


def test_the_tables_say_what_the_store_holds(told: Filled, browse: Browse) -> None:
    client = browse(told)
    assert [(hub["hub"], hub["is_open"], hub["sensors"]) for hub in rows_of(client, "hubs")] == [
        ("armley", True, 3),
        ("beeston", True, 3),
        ("otley", False, 3),
    ]
    (door,) = (sensor for sensor in rows_of(client, "sensors?hub=armley") if sensor["sensor"] == "door-1")
    assert (door["kinds"], door["every_s"], door["silent"], door["last_seen"]) == (
        "footfall", 300, False, "2026-11-20T14:03:00Z",
    )  # fmt: skip
    (week,) = rows_of(client, "usage/periods?per=week&from=2026-11-09&to=2026-11-15&hub=armley")
    assert (week["period"], week["days"], week["days_counted"], week["entries"]) == ("2026-W46", 7, 6, 729)
    assert [(row["time"], row["entries"]) for row in rows_of(client, "usage/hourly?hub=armley")][9] == (
        "2026-11-19T09:00:00+00:00", 9,
    )  # fmt: skip
    (reading,) = rows_of(client, "readings?hub=armley&kind=footfall")
    assert (reading["time"], reading["entries"], reading["exits"], reading["clients"]) == (
        "2026-11-20T14:03:00Z", 3, 2, None,
    )  # fmt: skip
    assert rows_of(client, "readings?hub=armley&kind=footfall&sensor=door-9") == []
    (ledger,) = rows_of(client, "ledger")
    assert (ledger["messages_received"], ledger["readings_pending"], ledger["balanced"]) == (18, 2, True)
    (change,) = rows_of(client, "changes?hub=armley")
    assert (change["date"], change["figure"], change["before"], change["after"]) == ("2026-11-19", "entries", 128, 129)
    assert rows_of(client, "quarantine") == [
        {"ingest": "i", "reason": "bad_schema", "waiting": 3, "reported": "2026-11-20T14:05:00Z"}
    ]


def test_the_ledger_has_every_count_and_balances_by_them(told: Filled, browse: Browse) -> None:
    (row,) = rows_of(browse(told), "ledger")
    counts = [name for name in row if name.startswith(("messages_", "readings_"))]
    elsewhere = {"notes", "by_hub", "refused_by_reason"}
    assert counts == [name for name in Ledger.model_fields if name not in elsewhere] == list(LEDGER_COUNTS)
    assert Ledger(**{name: row[name] for name in counts}).balanced
    assert not Ledger(**{name: row[name] for name in counts} | {"readings_store_rejected": 0}).balanced


def test_a_long_answer_comes_in_pages_that_join_without_a_seam(told: Filled, browse: Browse) -> None:
    client = browse(told)
    whole = rows_of(client, "usage/daily?from=2026-11-01&to=2026-11-20")
    found, url = [], "/api/v1/usage/daily?from=2026-11-01&to=2026-11-20&limit=7"
    while url:
        answer = client.get(url)
        page = answer.json()
        assert len(page["rows"]) <= 7
        found += page["rows"]
        assert (page["next"] is None) == ("link" not in answer.headers)
        url = page["next"]
        assert not url or not urlsplit(url).netloc
    assert found == whole


def test_what_did_not_change_is_not_sent_again(told: Filled, browse: Browse) -> None:
    client = browse(told)
    url = "/api/v1/usage/daily?from=2026-11-01&to=2026-11-20"
    first = client.get(url)
    again = client.get(url, headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    told.put(day_line("armley", date(2026, 11, 18), 999))
    changed = client.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize(
    "path", ["/", "/hubs/armley", "/hubs/nowhere", "/api/v1/hubs", "/static/board.css", "/healthz"]
)
def test_head_answers_as_get_does_without_the_body(told: Filled, browse: Browse, path: str) -> None:
    client = browse(told)
    whole, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert {**head.headers} == {**whole.headers}


@pytest.mark.claim("S-38")
@pytest.mark.parametrize(
    "query, status",
    [
        ("usage/daily?hub=atlantis", 404),
        ("usage/daily?from=yesterday", 400),
        ("usage/daily?from=2026-11-20&to=2026-11-01", 400),
        ("usage/daily?from=2020-01-01&to=2026-11-01", 400),
        ("usage/daily?from=0001-01-01&to=0001-01-02", 400),
        ("usage/daily?to=9999-12-31", 400),
        (f"usage/daily?hub={'x' * 65}", 400),
        ("readings?hub=atlantis&kind=co2", 404),
        ("sensors?hub=atlantis", 404),
        ("hubs?hub=atlantis", 404),
        ("usage/daily?form=2026-11-01", 400),
        ("usage/daily?limit=10001", 400),
        ("usage/daily?limit=0", 400),
        ("usage/hourly?from=2026-01-01&to=2026-11-01", 400),
        ("usage/periods?per=decade&from=2026-11-01&to=2026-11-20", 400),
        ("usage/periods?per=month", 400),
        ("usage/periods?from=2020-01-01&to=2026-11-01", 400),
        ("readings?hub=armley&kind=noise", 400),
        ("readings?kind=co2", 400),
        ("readings?hub=armley&kind=co2&from=2026-01-01T00:00:00Z&to=2026-11-01T00:00:00Z", 400),
        ("readings?hub=armley&kind=co2&from=2026-11-01T00:00:00", 400),
        ("readings?hub=armley&kind=co2&to=0001-01-01T00:00:00Z", 400),
        ("nothing", 404),
    ],
)
def test_what_cannot_be_answered_says_so(told: Filled, browse: Browse, query: str, status: int) -> None:
    answer = browse(told).get(f"/api/v1/{query}")
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}


@pytest.mark.parametrize(
    "query, said",
    [
        ("usage/daily?format=xml", "format can't be that, choose from: json, csv"),
        ("readings?hub=armley&kind=noise", "kind can't be that, choose from: temperature, humidity, "),
        ("usage/periods?per=decade&from=2026-11-01&to=2026-11-20", "per can't be that, choose from: week, month, "),
        ("usage/daily?form=2026-11-01", "form is not known here, choose from: "),
        ("usage/daily?form=2026-11-01", "from, to"),
        ("readings?kind=co2", "hub is missing"),
        ("usage/daily?from=yesterday", "from: write a day as 2026-11-03"),
        ("readings?hub=armley&kind=co2&from=2026-11-01T00:00:00", "from: write a time as 2026-11-03T14:00:00Z"),
        ("usage/daily?limit=0", "limit: at least 1"),
        ("usage/daily?limit=10001", "limit: at most 10000"),
        ("usage/daily?limit=many", "limit: write a whole number"),
        ("usage/daily?hub=Armley+Hub", "hub: hubs and sensors go by their id"),
        ("alerts?open=perhaps", "open: write true or false"),
    ],
)
def test_what_cannot_be_answered_says_what_to_ask_instead(told: Filled, browse: Browse, query: str, said: str) -> None:
    answer = browse(told).get(f"/api/v1/{query}")
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_no_cell_is_a_formula_to_a_spreadsheet(filled: Filled, browse: Browse) -> None:
    estate = Estate.model_validate({"timezone": "Europe/London", "hubs": [{"id": "armley", "name": "=1+1"}]})
    filled.put_day("armley", TODAY, -5)
    client = browse(filled, estate)
    (row,) = csv.DictReader(io.StringIO(client.get("/api/v1/hubs?format=csv").text))
    assert row["name"] == "'=1+1"
    (row,) = csv.DictReader(io.StringIO(client.get("/api/v1/usage/daily?format=csv").text))
    assert row["entries"] == "-5"


def test_the_description_tells_every_figure_and_its_unit(told: Filled, browse: Browse) -> None:
    described = browse(told).get("/api/v1/openapi.json").json()
    assert all(path.startswith("/api/v1/") for path in described["paths"])
    day = described["components"]["schemas"]["Day"]["properties"]
    assert set(day) == {"hub", "date", *USAGE_MEASURES, "notes"}
    assert "°C" in day["temperature_mean_c"]["description"]


def test_every_answer_is_one_that_the_description_has(told: Filled, tmp_path: Path) -> None:
    """Asked for what fits the description and for what does not, with a token and without."""
    accounts = Accounts(tmp_path / "accounts")
    accounts.add("ada", "correct horse battery", Role.ADMIN)
    token = {"Authorization": f"Bearer {accounts.add_token('ada', 'test', to_ns(NOW) // NS_A_SECOND + 3600)}"}
    board = create_board(open_store=told.open, estate=lambda: ESTATE, clock_ns=lambda: to_ns(NOW), accounts=accounts)
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", board, headers=token)
    tried = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        for mode in GenerationMode:
            for headers in (token, {}):
                _try(found.ok().as_strategy(generation_mode=mode), headers)
                tried += 1
    assert tried == len(TABLES) * len(GenerationMode) * 2


def _try(cases: SearchStrategy[Any], headers: dict[str, str]) -> None:
    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def each(case: Any) -> None:
        # What two parameters may be together (from before to) is said in words alone.
        case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

    each()
