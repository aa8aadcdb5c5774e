"""The pages say what the store holds, and say it so that zero, closed and silent can't be taken for each other."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from html import unescape
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from dashboards.web import pages
from dashboards.web.board import create_board
from dashboards.web.hub_range import HubRange
from dashboards.web.snapshot import Told
from schemas import Estate
from schemas.localtime import midnight_ns, to_ns
from schemas.measures import PeopleState
from stores.lines import encode
from stores.protocol import StoreError
from tests.dashboards.conftest import ESTATE, LONDON, MARKUP_NAME, NOW, TODAY, Filled
from tests.dashboards.drawn import charts_of
from tests.dashboards.here import browser_of
from usage import Queries
from usage.queries import DateRange
from usage.sensor_limit import UNNAMED_SENSORS_MAX

Browse = Callable[..., TestClient]


def text_of(html: str) -> str:
    """What a person reads, with plain spaces."""
    without_data = re.sub(r"<script.*?</script>", " ", html, flags=re.DOTALL)
    words = re.sub(r"<[^>]+>", " ", without_data)
    return re.sub(r"[\s\u00a0]+", " ", unescape(words).replace("\u202f", "_"))


def hub_line(html: str, hub_id: str) -> str:
    """The estate table's line of one hub."""
    found = re.search(rf'<tr data-hub="{hub_id}".*?</tr>', html, flags=re.DOTALL)
    assert found is not None
    return text_of(found[0])


def day_line(html: str, day: date) -> str:
    """A hub page's line of one day."""
    found = re.search(rf'<tr><th scope="row"><time datetime="{day}">.*?</tr>', html, flags=re.DOTALL)
    assert found is not None
    return text_of(found[0])


def test_a_page_shows_what_strangers_wrote_and_obeys_none_of_it() -> None:
    page = pages.render("problem.html", status=404, title="Nothing", detail="\x1b[2J\u202e<b>").body
    assert b"\\x1b[2J\\u202e&lt;b&gt;" in bytes(page)


def test_the_estate_page_adds_up_what_the_store_holds(known: Filled, browse: Browse) -> None:
    page = browse(known).get("/")
    assert page.status_code == 200
    words = text_of(page.text)
    assert "People in today so far 230 Fri 13 Nov, whole day: 223" in words
    # Seven days to yesterday: 757 at armley (129..123 without Sunday), and twice 6 * 50.
    assert "Last 7 days 1_357" in words


def test_the_estate_chart_holds_each_days_sum(known: Filled, browse: Browse) -> None:
    chart = charts_of(browse(known).get("/").text)["entries"]
    days = [TODAY - timedelta(days=back) for back in range(30, -1, -1)]
    sums = [0 if day.weekday() == 6 else 230 - (TODAY - day).days for day in days]
    assert [words[1] for words in chart.slots] == [f"{people} people in" if people else "closed" for people in sums]
    assert [words[0].split(" so")[0] for words in chart.slots] == [f"{day:%a} {day.day} {day:%b}" for day in days]
    heights = chart.heights("bar")
    assert list(heights) == [i for i, people in enumerate(sums) if people]
    assert heights[30] / heights[0] == pytest.approx(230 / 200, rel=0.01)


def test_todays_bar_is_drawn_apart_as_so_far(known: Filled, browse: Browse) -> None:
    for path in ("/", "/hubs/armley"):
        chart = charts_of(browse(known).get(path).text)["entries"]
        assert chart.at("bar pale") == [30]
        assert "today, so far" in chart.legend
        assert chart.slots[30][0] == "Fri 20 Nov so far"


def test_every_page_shows_its_charts(known: Filled, browse: Browse) -> None:
    client = browse(known)
    assert [*charts_of(client.get("/").text)] == ["entries"]
    hub_charts = charts_of(client.get("/hubs/armley").text)
    names = ["entries", "hours", "week", "occupancy", "wifi", "temperature", "co2", "humidity", "pressure"]
    assert [*hub_charts] == [*names, "day-temperature", "day-co2", "day-humidity", "day-pressure", "day-wifi"]
    assert all(chart.slots for chart in hub_charts.values())


def test_a_hubs_line_shows_now_and_the_day_in_human_units(known: Filled, browse: Browse) -> None:
    line = hub_line(browse(known).get("/").text, "armley")
    for words in (
        "Armley Community Hub open until 17:00",
        "130 so far",
        "17 peak 41",
        "21.4 °C 17.2 to 23.1",
        "48 % mean 48",
        "612 ppm highest 1_180",
        "1_004 hPa sea level 1_013",
        "2 min ago",
    ):
        assert words in line


def test_the_hub_page_lists_every_day_as_stored(known: Filled, browse: Browse) -> None:
    html = browse(known).get("/hubs/armley").text
    for back in (1, 2, 30):
        day = TODAY - timedelta(days=back)
        assert f" {130 - back} 300 41 20.9 °C (17.2 to 23.1) 48 % 640 ppm 1_180 ppm 1_013 hPa" in day_line(html, day)


def test_days_that_may_still_change_say_so(known: Filled, browse: Browse) -> None:
    html = browse(known).get("/hubs/armley").text
    assert day_line(html, TODAY).startswith(" Fri 20 Nov so far provisional 130")
    assert day_line(html, TODAY - timedelta(days=1)).startswith(" Thu 19 Nov provisional 129")
    assert day_line(html, TODAY - timedelta(days=3)).startswith(" Tue 17 Nov 127")


def test_zero_closed_and_no_data_are_told_apart(filled: Filled, browse: Browse) -> None:
    zero, closed, silent, partial = (TODAY - timedelta(days=back) for back in (1, 5, 3, 4))
    filled.put_day("beeston", TODAY - timedelta(days=30), 50)
    filled.put_day("beeston", zero, 0)
    filled.put_day("beeston", closed, 0, open_minutes=0.0, people_state=int(PeopleState.CLOSED))
    filled.put_day("beeston", silent, None, exits=None, completeness=0.6, footfall_completeness=0.0)
    filled.put_day("beeston", partial, 20, footfall_completeness=0.72, people_state=int(PeopleState.PARTIAL))
    filled.put_fresh_readings("beeston")
    html = browse(filled).get("/hubs/beeston").text
    assert re.match(r" Thu 19 Nov 0 300", day_line(html, zero))
    assert re.match(r" Sun 15 Nov closed", day_line(html, closed))
    assert re.match(r" Tue 17 Nov no data –", day_line(html, silent))  # noqa: RUF001 - the dash of the page
    assert re.match(r" Mon 16 Nov 20 \(72 % of the day covered\)", day_line(html, partial))
    chart = charts_of(html)["entries"]
    place = {day: 30 - (TODAY - day).days for day in (zero, closed, silent, partial)}
    assert place[zero] in chart.at("mark-at t-entries")
    assert place[closed] in chart.at("mark-at t-quiet")
    assert place[silent] in chart.at("mark-at t-alarm")
    assert chart.at("bar hatched") == [place[partial]]
    assert {"no visitors", "closed", "no data", "incomplete"} <= set(chart.legend)


def test_an_incomplete_day_that_counted_nobody_has_a_mark_and_no_bar(filled: Filled, browse: Browse) -> None:
    """A bar without height would look like a day that was never measured."""
    past = TODAY - timedelta(days=1)
    filled.put_day("armley", TODAY - timedelta(days=2), 50)
    filled.put_day("armley", past, 0, footfall_completeness=0.72, people_state=int(PeopleState.PARTIAL))
    filled.put_day("armley", TODAY, 0)
    filled.put_day("beeston", TODAY - timedelta(days=2), 50)
    filled.put_reading("armley", "footfall", "door-1", timedelta(minutes=2), entries=0, exits=0)
    for path, days in (("/", [29, 30]), ("/hubs/armley", [29])):
        chart = charts_of(browse(filled).get(path).text)["entries"]
        assert "incomplete, nobody counted" in chart.legend
        assert set(days) <= set(chart.at("mark-at t-entries"))
        assert not set(days) & set(chart.at("bar"))


def test_a_hub_closed_today_is_closed_though_its_counter_is_silent(filled: Filled, browse: Browse) -> None:
    """As it is called once the day is over; that the counter is silent, the notices say."""
    closed = [{"id": "otley", "closures": [TODAY.isoformat()], "sensors": [{"id": "door-1", "kinds": ["footfall"]}]}]
    estate = Estate.model_validate(ESTATE.model_dump(exclude={"hubs"}, by_alias=True) | {"hubs": closed})
    filled.put_day("otley", TODAY - timedelta(days=1), 50)
    filled.put_reading("otley", "footfall", "door-1", timedelta(days=2), entries=3, exits=2)
    page = browse(filled, estate).get("/").text
    assert '"today closed">closed<' in page
    assert "closed 1 hub closed" in text_of(page)
    assert "door-1 last seen" in text_of(page) or "no reading since" in text_of(page)


def test_a_day_without_a_row_is_no_data_where_the_hub_was_to_open(filled: Filled, browse: Browse) -> None:
    filled.put_day("armley", TODAY - timedelta(days=10), 100)
    html = browse(filled).get("/hubs/armley").text
    assert "no data" in day_line(html, date(2026, 11, 17))
    assert "closed" in day_line(html, date(2026, 11, 15))
    assert "not yet measured" in day_line(html, date(2026, 11, 9))


def test_a_hub_closed_today_is_neither_empty_nor_silent(known: Filled, browse: Browse) -> None:
    known.put_day("otley", TODAY, 0, open_minutes=0.0, final=False)
    line = hub_line(browse(known).get("/").text, "otley")
    assert "closed today (holiday)" in line
    assert "no visitors" not in line
    assert "closed" in line.replace("closed today (holiday)", "")


@pytest.mark.parametrize(
    "entries, shown", [(0, '"today silent">no data<'), (None, '"today silent">no data<'), (40, '"today partial">40<')]
)
def test_a_silent_door_counter_is_named_and_its_count_not_taken_for_whole(
    filled: Filled, browse: Browse, entries: int | None, shown: str
) -> None:
    filled.put_day("armley", TODAY - timedelta(days=1), 80)
    filled.put_day("armley", TODAY, entries, final=False)
    filled.put_reading("armley", "footfall", "door-1", timedelta(hours=5), entries=1)
    filled.put_reading("armley", "temperature", "air-1", timedelta(minutes=3), temperature_c=20.0)
    filled.put_reading("armley", "wifi", "ap-1", timedelta(minutes=3), clients=4)
    page = browse(filled).get("/").text
    assert shown in page
    assert "1 sensor silent" in hub_line(page, "armley")
    assert "silent Armley Community Hub door-1 last seen 09:05" in text_of(page)


def test_a_hub_that_fell_silent_as_a_whole_is_one_notice(filled: Filled, browse: Browse) -> None:
    filled.put_day("armley", TODAY - timedelta(days=1), 80)
    filled.put_reading("armley", "footfall", "door-1", timedelta(days=1), entries=1)
    words = text_of(browse(filled).get("/").text)
    assert "silent Armley Community Hub no reading since yesterday 14:05" in words


@pytest.mark.parametrize("co2_ppm, verdict", [(799.0, None), (800.0, "fair"), (1499.0, "fair"), (1500.0, "poor")])
def test_air_is_judged_by_the_guide_values(known: Filled, browse: Browse, co2_ppm: float, verdict: str | None) -> None:
    known.put_fresh_readings("armley", co2_ppm=co2_ppm)
    line = hub_line(browse(known).get("/").text, "armley")
    assert [word for word in ("fair", "poor") if word in line] == ([verdict] if verdict else [])


def test_a_cold_room_needs_attention_only_while_open(known: Filled, browse: Browse) -> None:
    known.put_fresh_readings("armley", temperature_c=14.8)
    known.put_fresh_readings("otley", temperature_c=14.8)
    words = text_of(browse(known).get("/").text)
    assert "cold Armley Community Hub 14.8 °C while open" in words
    assert "cold Otley Community Hub" not in words


def test_a_cold_zone_is_named_and_not_averaged_away(known: Filled, browse: Browse) -> None:
    for sensor, celsius in (("hall-1", 22.0), ("hall-2", 22.0), ("attic", 14.0)):
        tags = {"hub": "armley", "sensor": sensor, "zone": sensor.partition("-")[0]}
        known.put(encode("temperature", tags, {"temperature_c": celsius}, to_ns(NOW - timedelta(minutes=1))))
    html = browse(known).get("/").text
    assert "cold Armley Community Hub attic 14.0 °C while open" in text_of(html)
    # Three zones, each alike: the hall with two sensors, the attic, and the cafe with a fresh reading of 21.43.
    assert "19.1 °C" in hub_line(html, "armley")
    assert "cold attic" in hub_line(html, "armley")


def zone_line(day: date, zone: str, **figures: float) -> str:
    return encode("usage_daily_zone", {"hub": "armley", "zone": zone}, figures, midnight_ns(day, LONDON))


def test_a_hubs_page_lists_its_zones_with_what_is_wrong_in_them(known: Filled, browse: Browse) -> None:
    assert "Zones today" not in browse(known).get("/hubs/armley").text
    known.put(
        zone_line(
            TODAY,
            "cafe",
            temperature_mean_c=15.2,
            damp_minutes=30.0,
            frost_minutes_closed=0.0,
            mould_index=2.6,
            environment_completeness=0.954,
        ),
        zone_line(TODAY, "hall", temperature_mean_c=20.04, relative_humidity_mean_pct=51.4, mould_index=0.0),
        zone_line(TODAY - timedelta(days=1), "attic", temperature_mean_c=11.0),
    )
    words = text_of(browse(known).get("/hubs/armley").text)
    assert "cafe 15.2 °C ▼ cold – – – – 30 min △ damp – 0 min 95 % 2.6 ■ mould likely" in words  # noqa: RUF001
    assert "hall 20.0 °C – 51 % – – – – – – 0.0" in words  # noqa: RUF001
    assert "attic" not in words
    notice = "mould likely Armley Community Hub cafe mould index 2.6: air and heat it, look for mould on cold walls"
    assert notice in text_of(browse(known).get("/").text)


@pytest.mark.claim("S-32")
def test_names_are_text_whatever_they_hold(known: Filled, browse: Browse) -> None:
    client = browse(known)
    for path in ("/", "/hubs/beeston", "/hubs/armley"):
        html = client.get(path).text
        assert "<script>alert" not in html
        assert MARKUP_NAME in unescape(html)


def test_what_a_browser_asks_for_is_not_echoed_as_markup(known: Filled, browse: Browse) -> None:
    for path in ("/hubs/%3Cscript%3Ealert(1)%3C%2Fscript%3E", "/%3Cscript%3E", "/api/v1/usage/daily?from=%3Cscript%3E"):
        assert "<script>" not in browse(known).get(path).text


def test_an_unknown_hub_is_a_page_with_a_way_back(known: Filled, browse: Browse) -> None:
    page = browse(known).get("/hubs/atlantis")
    assert page.status_code == 404
    assert "There is no such page" in page.text
    assert '<a href="/">All hubs</a>' in page.text


def test_an_empty_store_says_what_to_do(filled: Filled, browse: Browse) -> None:
    page = browse(filled).get("/")
    assert page.status_code == 200
    for command in ("hubpulse doctor", "hubpulse demo", "mosquitto_pub"):
        assert command in page.text


def test_a_hub_that_the_file_does_not_name_is_shown_too(known: Filled, browse: Browse) -> None:
    html = browse(known, Estate(timezone="Europe/London")).get("/").text
    assert "armley open all day" in hub_line(html, "armley")


class _Unreachable:
    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> None:
        raise StoreError("InfluxDB at http://127.0.0.1:8086 does not answer: start it or correct the address")


def test_an_unreachable_store_is_said_plainly(tmp_path: Path, browse: Browse) -> None:
    client = browse(_Unreachable(tmp_path))
    assert client.get("/healthz").status_code == 200  # it is alive all the same
    for path in ("/", "/hubs/armley", "/api/v1/usage/daily", "/readyz"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "does not answer: start it or correct the address" in answer.text
        assert "Traceback" not in answer.text


def hour_line(day: date, hour: int, entries: int) -> str:
    """A row of the hour that begins so many hours after midnight."""
    return f"usage_hourly,hub=armley entries={entries}i {midnight_ns(day, LONDON) + hour * 3600 * 10**9}"


def test_todays_hours_stand_beside_those_of_a_week_ago(known: Filled, browse: Browse) -> None:
    hours = [(TODAY, hour, hour) for hour in range(15)]
    hours += [(TODAY - timedelta(days=7), hour, hour * 10) for hour in range(24)]
    known.put(*(hour_line(*hour) for hour in hours))

    def words(people: int) -> str:
        return f"{people} {'person' if people == 1 else 'people'} in"

    page = browse(known).get("/hubs/armley").text
    chart = charts_of(page)["hours"]
    assert [slot[1] for slot in chart.slots] == [*(f"{words(n)} today" for n in range(15)), *["no count today"] * 9]
    assert [slot[2] for slot in chart.slots] == [f"{words(hour * 10)} a week ago" for hour in range(24)]
    assert chart.at("bar") == [*range(1, 15)]
    assert " 09:00 9 90 – 10:00 10 100 – " in text_of(page)  # noqa: RUF001 - nothing is known to be usual


def test_a_week_after_the_clocks_changed_hours_are_compared_by_the_clock(filled: Filled) -> None:
    # The Sunday before this one had 25 hours.
    sunday, changed = date(2026, 11, 1), date(2026, 10, 25)
    hours = [(changed, hour, 100 + hour) for hour in range(25)] + [(sunday, hour, hour) for hour in range(12)]
    filled.put(*(hour_line(*hour) for hour in hours))
    noon_ns = midnight_ns(sunday, LONDON) + 12 * 3600 * 10**9
    store = filled.open()
    queries = Queries(store, ESTATE, now_ns=noon_ns)
    shown = HubRange(queries, ESTATE, ESTATE.hubs[0].id, DateRange("today", sunday, sunday), sunday, noon_ns).hours
    store.close()
    assert len(shown) == 24
    # 09:00 is the tenth hour of an ordinary day and the eleventh of the long one.
    assert [(h.entries, h.week_ago) for h in shown if h.start.hour == 9] == [(9, 110)]


def test_a_sensor_is_silent_after_three_of_its_intervals(known: Filled, browse: Browse) -> None:
    for minutes, silent in ((14, False), (16, True)):
        known.path.unlink()
        known.put_reading("armley", "footfall", "door-1", timedelta(minutes=minutes), entries=1)
        known.put_reading("armley", "wifi", "ap-1", timedelta(minutes=1), clients=1)
        known.put_reading("armley", "temperature", "air-1", timedelta(minutes=1), temperature_c=20.0)
        assert ("sensor silent" in hub_line(browse(known).get("/").text, "armley")) == silent


def test_a_fault_of_ours_is_a_plain_page_and_a_line_in_the_log(
    known: Filled, browse: Browse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dashboards.web.views.facts", lambda _snapshot: 1 / 0)
    page = browse(known).get("/")
    assert page.status_code == 500
    assert "The reason is in the board" in page.text
    assert "Traceback" not in page.text
    assert "board_page_failed" in capsys.readouterr().out


def test_a_hub_with_more_invented_sensors_than_are_shown_says_how_many(known: Filled, browse: Browse) -> None:
    known.put(
        *(
            encode("co2", {"hub": "armley", "sensor": f"x{number}"}, {"co2_ppm": 500.0}, to_ns(NOW))
            for number in range(UNNAMED_SENSORS_MAX + 7)
        )
    )
    words = text_of(browse(known).get("/hubs/armley").text)
    assert "7 more sensors sent readings that the estate file does not name" in words
    assert "more sensors sent" not in text_of(browse(known).get("/hubs/beeston").text)


def test_the_estate_page_says_what_is_missing_from_damaged_files(known: Filled) -> None:
    told = Told(missing=lambda: ["store.db was damaged: <all>"])
    board = create_board(open_store=known.open, estate=lambda: ESTATE, told=told)
    words = text_of(browser_of(board).get("/").text)
    assert "Data is missing store.db was damaged: <all>" in words


def test_the_estate_page_names_hubs_that_send_more_than_their_limits(known: Filled) -> None:
    told = Told(held_back=lambda: ["beeston: 7 waiting <all>"])
    board = create_board(open_store=known.open, estate=lambda: ESTATE, told=told)
    words = text_of(browser_of(board).get("/").text)
    assert "Held back beeston: 7 waiting <all>" in words
