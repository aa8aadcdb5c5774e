"""Every page of an estate that is empty, small, large, silent, without counters or without a store: sensible, and up.

What the figures are, other tests say; here each page says what is the matter, and shows no zero for what is unknown.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from schemas import Estate
from schemas.localtime import NS_AN_HOUR, midnight_ns, to_ns
from schemas.measures import PeopleState
from stores import StoreError
from stores.lines import encode
from tests.dashboards.conftest import LONDON, NOW, SUNDAY, TODAY, Filled, day_line, fresh_readings, hub, reading_line
from tests.dashboards.test_pages import hub_line, text_of
from tests.dashboards.test_parts import TABLES, hubs_of, parts_of
from usage.lease import AWAY_AFTER_S, LEASE_S, Lease

Browse = Callable[..., TestClient]

HUB = "/hubs/hub-0"
PAGES = (
    "/", "/?period=2026-W46", "/?period=2026", "/estate.csv", "/estate.xlsx", HUB, f"{HUB}?period=2026", "/sensors",
    "/quality", "/health", "/health.csv", "/alerts", "/reports",
)  # fmt: skip


def estate_of(hubs: int, **more: object) -> Estate:
    named = [hub(f"hub-{number}", f"Hub {number}", **more) for number in range(hubs)]
    return Estate.model_validate({"name": "Leeds", "timezone": "Europe/London", "hubs": named})


def fill(filled: Filled, hubs: int, *, days: range = range(31), age: timedelta | None = None) -> None:
    """Roll-ups of some days back, and readings that are two minutes old, or as old as that."""
    lines = []
    for hub_id in (f"hub-{number}" for number in range(hubs)):
        for day in (TODAY - timedelta(days=back) for back in days):
            opens = day.weekday() != SUNDAY
            state = PeopleState.COUNTED if opens else PeopleState.CLOSED
            lines.append(
                day_line(hub_id, day, 100 if opens else 0, open_minutes=480.0 * opens, people_state=int(state))
            )
        if age is None:
            lines += fresh_readings(hub_id)
        else:
            lines.append(reading_line(hub_id, "footfall", "door-1", age, entries=3, exits=2))
    filled.put(*lines)


def all_pages(client: TestClient) -> dict[str, str]:
    """The words of every page, each of which is up."""
    found = {}
    for page in PAGES:
        answer = client.get(page)
        assert answer.status_code == 200, (page, answer.text[:500])
        assert "Traceback" not in answer.text
        found[page] = text_of(answer.text) if answer.headers["content-type"].startswith("text/html") else answer.text
    return found


def test_of_an_estate_without_data_nothing_is_a_zero(filled: Filled, browse: Browse) -> None:
    pages = all_pages(browse(filled, estate_of(1)))
    for page in ("/", "/?period=2026-W46", "/?period=2026"):
        assert "No reading has arrived yet" in pages[page]
        assert "hubpulse doctor" in pages[page]
    assert "Nobody was counted on these days." in pages[HUB]
    assert "never" in pages["/sensors"]
    assert "No ingest reported within a week." in pages["/quality"]
    assert "Not known: no ingest reported." in pages["/quality"]
    assert "refused in the last hour" not in pages["/quality"]
    assert "of 1 hubs something is not measured now" in pages["/health"]
    assert "none ever ran on this store" in pages["/alerts"]
    assert "No alert is open" not in pages["/alerts"]
    assert "hub-0,Hub 0,,,,,0,6," in pages["/estate.csv"], "the days on which it was to open were not counted"
    assert ",All hubs,,,,,0,6," in pages["/estate.csv"]


def test_one_hub_is_an_estate(filled: Filled, browse: Browse) -> None:
    fill(filled, 1)
    pages = all_pages(browse(filled, estate_of(1)))
    assert "Hubs open now 1 of 1" in pages["/"]
    assert "600 6 hub days counted" in pages["/?period=2026-W46"]
    assert pages["/?period=2026"].count("Against 2025 ") == 1, "the year before is a year before, too"
    assert "2_700 people counted at the doors" in pages[HUB]


def test_two_hundred_hubs_are_all_there(filled: Filled, browse: Browse) -> None:
    fill(filled, 200, days=range(12))
    client = browse(filled, estate_of(200))
    pages = all_pages(client)
    hubs = parts_of(client, "/", "h-hubs")
    assert sorted(hub for page in hubs for hub in hubs_of(page)) == sorted(f"hub-{number}" for number in range(200))
    assert all("100 so far" in hub_line(page, hub) for page in hubs for hub in hubs_of(page))
    assert "120_000 120_000 1_200 hub days counted" in pages["/?period=2026-W46"]
    for address, place in TABLES:
        words = text_of("".join(parts_of(client, address, place)))
        assert all(f"Hub {number} " in words for number in range(200)), address


def test_a_hub_that_counts_nobody_lacks_nothing(filled: Filled, browse: Browse) -> None:
    """Nor are there visitors, a zero least of all."""
    nobody = dict.fromkeys(("entries", "exits", "footfall_completeness"))
    filled.put(
        *(
            day_line("hub-0", TODAY - timedelta(days=back), **nobody, people_state=int(PeopleState.NONE))
            for back in range(31)
        ),
        reading_line("hub-0", "co2", "air-1", timedelta(minutes=3), co2_ppm=500.0),
    )
    air = [{"id": "air-1", "kinds": ["co2"], "every": "10m"}]
    client = browse(filled, estate_of(1, sensors=air))
    pages = all_pages(client)
    assert "no counter" in hub_line(client.get("/").text, "hub-0")
    assert "no data" not in hub_line(client.get("/").text, "hub-0")
    assert "missing or incomplete" not in pages["/"]
    assert "Nothing here counts people." in pages[HUB]
    assert "nobody is counted here" in pages["/?period=2026-W46"]


@pytest.mark.parametrize("days, age, since", [
    (range(1, 31), timedelta(hours=20), "yesterday 18:05"), (range(4, 31), timedelta(days=4), "Mon 16 Nov 14:05"),
])  # fmt: skip
def test_a_silent_estate_says_since_when(
    filled: Filled, browse: Browse, days: range, age: timedelta, since: str
) -> None:
    """Today's count is unknown, that of the days before stands."""
    fill(filled, 2, days=days, age=age)
    pages = all_pages(browse(filled, estate_of(2)))
    assert f"Hub 0 no reading since {since}" in pages["/"]
    assert "2 hubs no data. Fri 13 Nov, whole day: 200" in pages["/"]
    assert "People in today no data" in pages[HUB]
    assert since in pages["/sensors"]
    assert "of 2 hubs something is not measured now" in pages["/health"]


def test_without_its_store_every_page_says_so_and_what_to_do(tmp_path: Path, browse: Browse) -> None:
    class Away(Filled):
        def open(self) -> None:  # type: ignore[override] # it never comes to that
            raise StoreError("InfluxDB at http://127.0.0.1:8086 does not answer: start it or correct the address")

    client = browse(Away(tmp_path), estate_of(1))
    for page in PAGES:
        answer = client.get(page)
        assert answer.status_code == 503, page
        assert "does not answer: start it or correct the address" in answer.text


@pytest.mark.parametrize("seconds, is_said", [(LEASE_S, False), (LEASE_S + AWAY_AFTER_S + 1, True)])
def test_figures_that_nobody_keeps_up_to_date_say_so(
    filled: Filled, browse: Browse, seconds: int, *, is_said: bool
) -> None:
    """Today's count would otherwise stand there as if nobody had come since."""
    fill(filled, 1)
    store = filled.open()
    assert Lease(1).hold(store, to_ns(NOW) - seconds * 10**9, lambda _seconds: None)
    store.close()
    pages = all_pages(browse(filled, estate_of(1)))
    told: Sequence[str] = [page for page, words in pages.items() if "No jobs run: figures stand" in words]
    assert bool(told) is is_said
    if is_said:
        assert {"/", "/?period=2026", HUB, "/health", "/alerts", "/quality", "/sensors"} <= set(told)


def test_a_hub_that_is_closed_today_says_so_where_there_is_nothing_to_draw(filled: Filled, browse: Browse) -> None:
    filled.put_reading("otley", "co2", "air-1", timedelta(minutes=2), co2_ppm=500.0)
    filled.put_day("otley", TODAY - timedelta(days=10), 50)
    page = browse(filled).get("/hubs/otley").text
    assert "The hub is closed today." in page
    assert 'id="plot-hours"' not in page
    assert 'id="hours-table"' not in page
    at_noon = {day: midnight_ns(day, LONDON) + 12 * NS_AN_HOUR for day in (TODAY - timedelta(days=7), TODAY)}
    hourly = {day: encode("usage_hourly", {"hub": "otley"}, {"entries": 5}, at_ns) for day, at_ns in at_noon.items()}
    filled.put(hourly[TODAY - timedelta(days=7)])
    page = browse(filled).get("/hubs/otley").text
    assert "The hub is closed today." in page
    assert 'id="hours-table"' in page, "what came a week ago stays in the table"
    filled.put(hourly[TODAY])
    filled.put_day("otley", TODAY, 5, final=False, people_state=int(PeopleState.CLOSED))
    assert 'id="plot-hours"' in browse(filled).get("/hubs/otley").text, "somebody came in"
    assert "closed today." not in browse(filled).get("/hubs/armley").text
