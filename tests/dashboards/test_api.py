"""What programs read: /api/v1/usage/daily and /healthz, and the headers that every answer carries."""

import gzip
from collections.abc import Callable
from datetime import date

import pytest
from fastapi.testclient import TestClient

from dashboards.web import assets
from schemas import Estate
from schemas.measurements import USAGE_FIELDS
from tests.dashboards.conftest import Filled

Browse = Callable[..., TestClient]


def test_daily_rows_have_hub_date_and_every_figure(known: Filled, browse: Browse) -> None:
    rows = browse(known).get("/api/v1/usage/daily?from=2026-11-18&to=2026-11-19&hub=armley").json()["rows"]
    assert [list(row) for row in rows] == [["hub", "date", *USAGE_FIELDS, "notes"]] * 2
    assert [(row["hub"], row["date"], row["entries"], row["final"]) for row in rows] == [
        ("armley", "2026-11-18", 128, False),
        ("armley", "2026-11-19", 129, False),
    ]
    assert rows[0]["temperature_mean_c"] == 20.94
    assert rows[0]["damp_minutes"] is None


def test_daily_rows_of_all_hubs_go_by_each_hubs_own_date(filled: Filled, browse: Browse) -> None:
    filled.put(
        # Both are 30 March where they stand: midnight of a summer day in London, and of one in Auckland.
        "usage_daily,hub=leeds entries=1i,final=true,revision=1i 1774825200000000000",
        "usage_daily,hub=auckland entries=2i,final=true,revision=1i 1774782000000000000",
    )
    hubs = [{"id": "leeds"}, {"id": "auckland", "timezone": "Pacific/Auckland"}]
    estate = Estate.model_validate({"timezone": "Europe/London", "hubs": hubs})
    rows = browse(filled, estate).get("/api/v1/usage/daily?from=2026-03-30&to=2026-03-30").json()["rows"]
    assert {(row["hub"], row["date"], row["entries"]) for row in rows} == {
        ("auckland", "2026-03-30", 2),
        ("leeds", "2026-03-30", 1),
    }


def test_daily_without_dates_is_the_last_30_days_and_today(known: Filled, browse: Browse) -> None:
    rows = browse(known).get("/api/v1/usage/daily?hub=armley").json()["rows"]
    assert [row["date"] for row in (rows[0], rows[-1])] == ["2026-10-21", "2026-11-20"]
    assert len(rows) == 31


def test_the_board_is_alive_and_ready(known: Filled, browse: Browse) -> None:
    client = browse(known)
    alive, answer = client.get("/healthz"), client.get("/readyz")
    assert (alive.status_code, alive.json()["status"]) == (200, "ok")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    # Where it is, and its version, are not for everybody.
    assert answer.json()["checks"] == [{"part": "store", "ok": True}]


@pytest.mark.claim("S-33")
@pytest.mark.parametrize(
    "path", ["/", "/hubs/armley", "/hubs/nowhere", "/api/v1/usage/daily", "/healthz", "/readyz", "/static/board.js"]
)
def test_every_answer_carries_the_security_headers(known: Filled, browse: Browse, path: str) -> None:
    headers = browse(known).get(path).headers
    assert "unsafe" not in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_a_script_comes_compressed_from_here_and_is_kept(known: Filled, browse: Browse) -> None:
    client = browse(known)
    address = next(part for part in client.get("/").text.split('"') if part.startswith("/static/board.js"))
    with client.stream("GET", address) as answer:
        packed = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip"
        assert "immutable" in answer.headers["cache-control"]
    assert gzip.decompress(packed) == (assets.STATIC / "board.js").read_bytes()


@pytest.mark.claim("S-34")
def test_pages_ask_nothing_of_other_servers(known: Filled, browse: Browse) -> None:
    client = browse(known)
    for path in ("/", "/hubs/armley", "/static/board.css", "/static/board.js"):
        assert "//" not in client.get(path).text.replace("://www.w3.org/2000/svg", "").replace("// ", "")


def test_a_look_at_the_store_serves_all_who_ask_within_seconds(known: Filled, browse: Browse) -> None:
    client = browse(known)
    before = client.get("/").text
    known.put_day("armley", date(2026, 11, 20), 999)
    assert client.get("/").text == before
    assert "999" in browse(known).get("/").text
