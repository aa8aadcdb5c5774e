"""The estate's page: where to go first, every hub against what is usual, and any period like for like."""

import csv
import io
import itertools
import re
import threading
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from openpyxl import load_workbook

from dashboards.access.accounts import Role
from dashboards.web.estate_page import FIRST_NOTICES
from schemas import Estate
from schemas.localtime import midnight_ns, to_ns
from schemas.measures import PeopleState
from stores.lines import encode
from stores.sqlite_store import SqliteStore
from tests.dashboards.conftest import ESTATE, LONDON, NOW, TODAY, Filled, day_line, fresh_readings, hub, reading_line
from tests.dashboards.test_access import Door
from tests.dashboards.test_pages import Browse, hub_line, text_of
from tests.dashboards.test_parts import parts_of

MONDAY = date(2026, 11, 16)
ALL_WEEK = {"mon-sun": "09:00-17:00"}
LOOK_BACK = Estate.model_validate(
    {
        "name": "=Hubs",
        "timezone": "Europe/London",
        "hubs": [
            hub("armley", "=cmd()", opening=ALL_WEEK),
            hub("beeston", "Beeston", opening=ALL_WEEK),
            hub("otley", "Otley", opening=ALL_WEEK, sensors=[{"id": "air-1", "kinds": ["co2"], "every": "10m"}]),
        ],
    }
)
GONE = date(2026, 11, 11)


# ---------------------------------------------------------------------------------------------------- now, hub by hub


@pytest.mark.parametrize(
    "hub_id, drift, silent, shown",
    [
        ("armley", 12, False, " 12 "),
        ("armley", -4, False, " 0 "),
        ("armley", 12, True, " – "),  # noqa: RUF001
        ("armley", None, False, " – "),  # noqa: RUF001
        ("otley", 12, False, " – "),  # noqa: RUF001 - closed
    ],
)
def test_who_is_inside_is_who_came_less_who_left_while_that_is_known(
    filled: Filled, browse: Browse, hub_id: str, drift: int | None, silent: bool, shown: str
) -> None:
    filled.put(*fresh_readings(hub_id), day_line(hub_id, TODAY, 130, occupancy_drift=drift, final=False))
    if silent:
        filled.path.unlink()
        filled.put(day_line(hub_id, TODAY, 130, occupancy_drift=drift, final=False))
        filled.put_reading(hub_id, "footfall", "door-1", timedelta(hours=5), entries=1)
    page = browse(filled).get("/").text
    cell = re.search(rf'<tr data-hub="{hub_id}".*?data-label="Inside now">(.*?)</td>', page, re.DOTALL)
    assert cell is not None
    assert f" {cell[1].strip()} " == shown


def test_the_zone_with_the_worst_air_is_named(known: Filled, browse: Browse) -> None:
    for zone, ppm, celsius in (("hall", 1100.0, 19.0), ("attic", 700.0, 17.0)):
        tags = {"hub": "armley", "sensor": f"air-{zone}", "zone": zone}
        known.put(encode("co2", tags, {"co2_ppm": ppm}, to_ns(NOW) - 1))
        known.put(encode("temperature", tags, {"temperature_c": celsius}, to_ns(NOW) - 1))
    line = hub_line(browse(known).get("/").text, "armley")
    assert "worst: hall 1_100 ppm" in line
    assert "worst: attic 17.0 °C" in line


def test_poor_air_is_no_matter_while_the_hub_is_closed(known: Filled, browse: Browse) -> None:
    known.put_fresh_readings("otley", co2_ppm=1700.0)
    known.put_fresh_readings("armley", co2_ppm=1700.0)
    page = browse(known).get("/").text
    assert "poor" in hub_line(page, "armley")
    assert "poor" not in hub_line(page, "otley")
    assert text_of(page).count("open windows") == 1


# ----------------------------------------------------------------------------------------------------------- attention


def test_batteries_need_attention_with_the_room_they_are_in(known: Filled, browse: Browse) -> None:
    for sensor, zone, percent in (("air-1", "cafe", 6.0), ("air-2", "hall", 20.0), ("air-3", "attic", 90.0)):
        tags = {"hub": "armley", "sensor": sensor, "zone": zone}
        known.put(encode("device", tags, {"battery_pct": percent}, to_ns(NOW) - 1))
    words = text_of(browse(known).get("/").text)
    assert "flat battery Armley Community Hub air-1 (cafe) 6 % take a new battery along" in words
    assert "low battery Armley Community Hub air-2 (hall) 20 %" in words
    assert "air-3 (attic) 90" not in words


def test_the_hub_that_needs_attention_most_is_first_and_others_stay_in_order(known: Filled, browse: Browse) -> None:
    known.put_fresh_readings("beeston", temperature_c=12.0)
    assert order_in(browse(known).get("/").text) == ["beeston", "armley", "otley"]


def test_many_notices_are_folded(filled: Filled, browse: Browse) -> None:
    hubs = [hub(f"hub-{number}", f"Hub {number}") for number in range(200)]
    estate = Estate.model_validate({"timezone": "Europe/London", "hubs": hubs})
    lines = [
        reading_line(each["id"], "wifi", "ap-1", timedelta(days=1), clients=3) for each in estate.model_dump()["hubs"]
    ]
    filled.put(*lines)
    first, second = parts_of(browse(filled, estate), "/", "h-hubs")
    shown, _, folded = first.partition('<details id="more-attention">')
    assert shown.count("no reading since yesterday") == FIRST_NOTICES
    assert f"{200 - FIRST_NOTICES} more" in folded
    assert (first + second).count("all sensors silent") == 200


# ------------------------------------------------------------------------------------------------- sorting, searching


def order_in(html: str) -> list[str]:
    return re.findall(r'<tr data-hub="([^"]+)"', html)


def test_hubs_are_sorted_without_a_script(known: Filled, browse: Browse) -> None:
    client = browse(known)
    assert order_in(client.get("/?sort=today").text) == ["armley", "beeston", "otley"]
    page = client.get("/?sort=name").text
    assert order_in(page) == ["beeston", "armley", "otley"], "the name of beeston begins with <"
    assert 'aria-sort="ascending"><a href="/?sort=name"' in page
    assert order_in(client.get("/?sort=%3Cscript%3E").text) == order_in(client.get("/").text)


@pytest.mark.parametrize(
    "column, largest_first",
    [
        ("clients", ["armley", "beeston"]),
        ("temperature", ["beeston", "armley"]),
        ("humidity", ["armley", "beeston"]),
        ("co2", ["beeston", "armley"]),
        ("pressure", ["armley", "beeston"]),
    ],
)
def test_hubs_are_sorted_by_their_air_and_wifi_and_what_is_not_known_is_last(
    filled: Filled, browse: Browse, column: str, largest_first: list[str]
) -> None:
    age = timedelta(minutes=2)
    for hub_id, clients, warm_c, humid_pct, ppm, hpa in (
        ("armley", 30, -1.0, 60.0, 500.0, 1010.0),
        ("beeston", 4, 21.0, 50.0, 1200.0, 990.0),
    ):
        filled.put_reading(hub_id, "wifi", "ap-1", age, clients=clients)
        filled.put_reading(hub_id, "temperature", "air-1", age, temperature_c=warm_c)
        filled.put_reading(hub_id, "humidity", "air-1", age, relative_humidity_pct=humid_pct)
        filled.put_reading(hub_id, "co2", "air-1", age, co2_ppm=ppm)
        filled.put_reading(hub_id, "pressure", "air-1", age, pressure_hpa=hpa)
    page = browse(filled).get(f"/?sort={column}").text
    assert order_in(page) == [*largest_first, "otley"]
    assert f'aria-sort="descending"><a href="/?sort={column}" data-sort="{column}"' in page
    rows = {row[1]: row[0] for row in re.finditer(r'<tr data-hub="([^"]+)"[^>]*>', page)}
    assert {hub_id for hub_id, row in rows.items() if f"data-{column}=" in row} == {"armley", "beeston"}


def test_the_chart_of_entries_is_a_file_too(known: Filled, browse: Browse) -> None:
    client = browse(known)
    assert '<a href="/charts/entries.csv"' in client.get("/").text
    heading, _, table = client.get("/charts/entries.csv").content.decode("utf-8-sig").partition("\r\n\r\n")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert "2026-10-21" in heading
    assert (rows[0]["Day"], rows[-1]["Day"], len(rows)) == ("2026-10-21", "2026-11-20", 31)
    assert list(rows[-1].values()) == ["2026-11-20", "counted, so far", "230", "3 hubs counted", ""]
    assert client.get("/charts/entries.xlsx").content.startswith(b"PK")
    assert client.get("/charts/entries.exe").status_code == 404


def test_a_hub_is_found_without_a_script(known: Filled, browse: Browse) -> None:
    client = browse(known)
    assert order_in(client.get("/?q=ARMLEY").text) == ["armley"]
    assert order_in(client.get("/?q=community&sort=name").text) == ["armley", "otley"]
    nothing = client.get("/", params={"q": "<script>x"}).text
    assert order_in(nothing) == []
    assert "No hub has that in its name" in nothing
    assert "<script>x" not in nothing


# ------------------------------------------------------------------------------------------------------ looking back


@pytest.fixture
def looked_back(filled: Filled) -> Filled:
    """Twelve weeks: armley counts 20 a day, 30 in week 46, and one day nobody; beeston counts 10."""
    lines = [*fresh_readings("armley"), *fresh_readings("beeston")]
    for back in range(84):
        day = TODAY - timedelta(days=back)
        people = 30 if day.isocalendar().week == 46 else 20
        lines.append(day_line("beeston", day, 10))
        lines.append(day_line("otley", day, None, exits=None, footfall_completeness=None))
        if day != GONE:
            lines.append(day_line("armley", day, people))
        else:
            lines.append(day_line("armley", day, None, footfall_completeness=0.0, exits=None))
    filled.put(*lines)
    return filled


def cells_of(client: TestClient, address: str) -> dict[str, list[str]]:
    """The rows of the table of periods, by name."""
    table = re.search(r'<table class="hubs periods".*?</table>', client.get(address).text, re.DOTALL)
    assert table is not None
    plain = re.sub(r'<details class="more">.*?</details>', "", table[0])  # what a phone unfolds
    rows = [re.findall(r"<t[hd][ >].*?</t[hd]>", row, re.DOTALL) for row in plain.split("<tr>")[2:]]
    return {cells[0]: cells[1:] for row in rows if (cells := [text_of(cell).strip() for cell in row])}


def test_days_that_may_still_change_are_no_fault_of_the_hubs(looked_back: Filled, browse: Browse) -> None:
    """A month is not settled for two days after its end, wherever nothing is missing in it."""
    for back in (5, 6):
        looked_back.put(day_line("beeston", TODAY - timedelta(days=back), 10, final=False))
    client = browse(looked_back, LOOK_BACK)
    rows = cells_of(client, "/?period=2026-W46")
    assert rows["Beeston"][5] == "△ all counted so far; 2 days may still change"
    settling = "not settled yet: up to 2 days of a hub may still change"
    assert rows["All hubs"][5] == f"△ 1 of 3 hubs in full so far; {settling}"
    assert "; the period is not over; not settled yet" in cells_of(client, "/?period=2026-11")["All hubs"][5]


def test_the_monday_question_is_answered_in_two_clicks_and_a_download(looked_back: Filled, browse: Browse) -> None:
    client = browse(looked_back, LOOK_BACK)
    first = re.search(r'<a href="([^"#]+)#look-back">Last week</a>', client.get("/").text)
    assert first is not None
    page = client.get(first[1]).text
    rows = cells_of(client, first[1])
    assert rows["Beeston"][0] == "70"
    assert rows["Beeston"][3] == "±0 % 70 against 70 on 7 days"
    assert rows["Beeston"][5] == "✓ all of it counted"
    assert rows["=cmd()"][0] == "180"
    assert rows["=cmd()"][2] == "6 days counted, 1 missing or incomplete"
    assert rows["=cmd()"][3] == "+50 % 180 against 120 on 6 days, 1 not counted"
    assert rows["=cmd()"][5] == "△ 1 day missing or incomplete"
    assert rows["Otley"][5] == "△ nobody is counted here"
    assert rows["All hubs"][0] == "250"
    assert rows["All hubs"][2] == "13 hub days counted, 1 missing or incomplete"
    assert "no like days" in rows["All hubs"][4]
    second = re.search(r'<a href="(/estate\.csv[^"]+)" download>', page)
    assert second is not None
    answer = client.get(second[1].replace("&amp;", "&"))
    assert answer.headers["content-disposition"] == 'attachment; filename="hubs-2026-11-09-to-2026-11-15.csv"'
    heading, _, table = answer.content.decode().partition("\r\n\r\n")
    assert "2026-11-09 .. 2026-11-15" in heading
    read = {row["Hub"]: row for row in csv.DictReader(io.StringIO(table))}
    assert read["armley"]["Name"] == "'=cmd()"
    assert (read["armley"]["People counted"], read["beeston"]["People counted"]) == ("180", "70")
    assert read["otley"]["People counted"] == ""
    assert read[""]["People counted"] == "250"
    for_board = re.search(r'<a href="(/reports/file[^"]+)" download>Report for a board as PDF</a>', page)
    assert for_board is not None
    report = client.get(for_board[1].replace("&amp;", "&"))
    assert (report.headers["content-type"], report.content[:5]) == ("application/pdf", b"%PDF-")


def test_a_workbook_has_numbers_as_numbers_and_names_as_names(looked_back: Filled, browse: Browse) -> None:
    answer = browse(looked_back, LOOK_BACK).get("/estate.xlsx?period=2026-W46")
    sheet = load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    rows = [row for row in sheet.iter_rows(values_only=True) if row[0] == "armley"]
    assert rows[0][1:3] == ("=cmd()", 180)
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


class Together(Filled):
    """A store that so many who are the first to open it open at the same time; and the threads that open it."""

    def __init__(self, path: Path, together: int) -> None:
        super().__init__(path)
        self._all, self._left = threading.Barrier(together, timeout=10), itertools.count(-together)
        self.threads: set[int] = set()

    def open(self) -> SqliteStore:
        self.threads.add(threading.get_ident())
        if next(self._left) < 0:
            self._all.wait()
        return super().open()


@pytest.mark.parametrize("page", ["/", "/?period=2026-W46"])
def test_a_store_elsewhere_is_asked_for_several_things_at_once(looked_back: Filled, browse: Browse, page: str) -> None:
    """The hubs as they stand, and the period or else what stands beside their figures."""
    elsewhere = browse(Together(looked_back.path, 2), LOOK_BACK, store_is_elsewhere=True)
    assert elsewhere.get(page).text == browse(looked_back, LOOK_BACK).get(page).text


def test_a_store_in_a_file_is_read_by_one_thread(looked_back: Filled, browse: Browse) -> None:
    store = Together(looked_back.path, 1)
    assert browse(store, LOOK_BACK).get("/?period=2026-W46").is_success
    assert len(store.threads) == 1


@pytest.mark.parametrize("period", ["2026-W46", "2026-10", "2026-Q4", "2026-H2", "2026"])
def test_every_kind_of_period_is_shown(looked_back: Filled, browse: Browse, period: str) -> None:
    assert cells_of(browse(looked_back, LOOK_BACK), f"/?period={period}")["Beeston"][0] not in ("", "0")


def test_any_days_are_shown_until_yesterday(looked_back: Filled, browse: Browse) -> None:
    rows = cells_of(browse(looked_back, LOOK_BACK), "/?from=2026-11-18&to=2026-11-25")
    assert rows["Beeston"][0] == "20", "18 and 19 November"
    words = text_of(browse(looked_back, LOOK_BACK).get("/?from=2026-11-20").text)
    assert "has no whole day yet" in words


@pytest.mark.parametrize(
    "address", ["/?period=2026-13", "/estate.csv?period=x", "/estate.xlsx?from=2030-01-01&to=2030-01-02"]
)
def test_what_is_no_period_is_refused_plainly(looked_back: Filled, browse: Browse, address: str) -> None:
    answer = browse(looked_back, LOOK_BACK).get(address)
    assert answer.status_code == 400
    assert "That can't be answered" in text_of(answer.text)


def test_a_day_without_a_roll_up_is_missing_and_no_zero(looked_back: Filled, browse: Browse) -> None:
    store = looked_back.open()
    start_ns = midnight_ns(date(2026, 11, 12), LONDON)
    store.delete("usage_daily", start_ns=start_ns, stop_ns=start_ns + 1, where={"hub": "beeston"})
    store.close()
    rows = cells_of(browse(looked_back, LOOK_BACK), "/?period=2026-W46")
    assert rows["Beeston"][0] == "60"
    assert rows["Beeston"][2] == "6 days counted, 1 missing or incomplete"


def test_an_account_of_some_hubs_looks_back_on_these_alone(known: Filled, tmp_path: Path) -> None:
    door = Door(known, tmp_path / "accounts")
    door.accounts.add("arthur", "correct horse battery", Role.VIEWER, ["armley"])
    arthur = door.sign_in("arthur")
    for address in ("/?period=2026-W46", "/estate.csv?period=2026-W46"):
        text = arthur.get(address).text
        assert "Armley" in text
        assert "otley" not in text.lower()
        assert "beeston" not in text.lower()
    assert "/reports/file" not in arthur.get("/?period=2026-W46").text, "a report is of all hubs, or of one"
    rows = cells_of(arthur, "/?period=2026-W46")
    assert rows["All hubs"][0] == rows["Armley Community Hub"][0]


# ------------------------------------------------------------------------------------------------------------- states


@pytest.mark.parametrize("address", ["/", "/?period=2026-W46", "/?q=x&sort=today"])
def test_one_hub_without_footfall_and_a_silent_estate_stay_up(
    filled: Filled, browse: Callable[..., TestClient], address: str
) -> None:
    air = [{"id": "air-1", "kinds": ["co2"], "every": "10m"}]
    estate = Estate.model_validate({"timezone": "Europe/London", "hubs": [hub("otley", "Otley", sensors=air)]})
    filled.put_reading("otley", "co2", "air-1", timedelta(days=3), co2_ppm=500.0)
    filled.put_day("otley", TODAY - timedelta(days=9), None, exits=None, people_state=int(PeopleState.NONE))
    page = browse(filled, estate).get(address)
    assert page.status_code == 200
    words = text_of(page.text)
    assert "no reading since Tue 17 Nov 14:05" in words
    assert "see whether its gateway, router or power is off" in words
    if "period" in address:
        assert "nobody is counted here" in words


def test_a_day_without_data_yet_is_no_zero(known: Filled, browse: Browse) -> None:
    store = known.open()
    start_ns = midnight_ns(TODAY, LONDON)
    for each in ESTATE.hubs:
        store.delete("usage_daily", start_ns=start_ns, stop_ns=start_ns + 1, where={"hub": each.id})
    store.close()
    line = hub_line(browse(known).get("/").text, "armley")
    assert "not yet measured" in line
