"""What the pages say of the usual, the week's hours, people inside, estimates and air is what the readings tell."""

import json
import re
from collections import defaultdict
from datetime import date, timedelta
from statistics import fmean

import pytest
from fastapi.testclient import TestClient

from dashboards.web.wording import NO_FIGURE
from schemas.localtime import NS_AN_HOUR
from tests.campaigns import IS_CAMPAIGN
from tests.dashboards.drawn import charts_of
from tests.dashboards.here import browser_of
from tests.dashboards.raw_counts import RawCounts, instant
from tests.dashboards.test_pages import hub_line, text_of
from tests.dashboards.walk import Walk
from tests.dashboards.walked import AS_ADMIN, HUBS, LONGEST_S, STALE_ROOM, TODAY

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.timeout(LONGEST_S),
    pytest.mark.skipif(IS_CAMPAIGN, reason="reckons up a few hubs whose sensors report every half hour"),
]

SILENT = "kirkstall"
"""Its door died yesterday before it opened."""
ALIKE = [TODAY - timedelta(days=7 * back) for back in range(9)]
"""Today and the eight such weekdays before it."""
FIGURES = {
    2: ("wifi_peak_clients", 0),
    3: ("temperature_mean_c", 1),
    4: ("relative_humidity_mean_pct", 0),
    5: ("co2_mean_ppm", 0),
    6: ("co2_max_ppm", 0),
    7: ("pressure_mean_hpa", 0),
    8: ("wifi_mean_clients", 0),
    9: ("peak_occupancy", 0),
}
"""By the column of the table of days after the day's own, with the decimals that are shown."""
SHOWN = [TODAY - timedelta(days=back) for back in range(1, 31)]


@pytest.fixture
def client(walk: Walk) -> TestClient:
    client = browser_of(walk.estate.board())
    client.headers.update(AS_ADMIN)
    return client


@pytest.fixture
def raw(walk: Walk) -> dict[str, RawCounts]:
    return {hub: RawCounts.of(walk.estate, hub) for hub in HUBS}


def as_text(html: str) -> str:
    return text_of(html).replace("_", "")


def expected_usual(counts: RawCounts) -> tuple[float, float]:
    """Who came in today while it was open until the door's last reading, and usually, by the eight such days before."""
    people = usual = 0.0
    for start, stop in counts.opening[TODAY.weekday()]:
        for minute in range(start, stop, 30):
            parts = [(instant(day, minute), instant(day, minute + 30)) for day in ALIKE]
            share = min(1.0, max(0.0, (counts.last_ns - parts[0][0]) / (parts[0][1] - parts[0][0])))
            people += counts.people(parts[0][0], min(parts[0][1], counts.last_ns)) if share else 0
            usual += share * fmean(counts.people(*part) for part in parts[1:] if counts.covers(*part))
    return people, usual


def signed(text: str) -> float:
    """A number with the signs of the pages."""
    return float(text.replace("\N{MINUS SIGN}", "-").replace("±", "").replace("\u202f", ""))


def test_today_is_held_against_what_readings_say_is_usual_until_the_last_of_them(
    client: TestClient, raw: dict[str, RawCounts]
) -> None:
    html = client.get("/").text
    whole = {hub: expected_usual(counts) for hub, counts in raw.items() if hub != SILENT}
    for hub, (people, usual) in whole.items():
        told = re.search(r"(\S+) %: (\d+) while open, usually (\d+)", hub_line(html, hub))
        assert told is not None, hub
        assert int(told[2]) == pytest.approx(people, abs=3), hub
        assert int(told[3]) == pytest.approx(usual, rel=0.03, abs=1), hub
        assert signed(told[1]) == pytest.approx((int(told[2]) / int(told[3]) - 1) * 100, abs=1.5)
    assert "while open, usually" not in hub_line(html, SILENT)
    told = re.search(r"(\d+) while open, usually (\d+) by the doors' last readings, at 3 hubs", as_text(html))
    assert told is not None
    assert int(told[1]) == pytest.approx(sum(people for people, _ in whole.values()), abs=6)
    assert int(told[2]) == pytest.approx(sum(usual for _, usual in whole.values()), rel=0.03)


@pytest.mark.parametrize("hub", ["armley", SILENT])
def test_the_hours_of_the_week_are_the_means_of_those_that_readings_tell_of(
    client: TestClient, raw: dict[str, RawCounts], hub: str
) -> None:
    counts = raw[hub]
    hours: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for day in SHOWN:
        for start, stop in counts.open_on(day):
            for at in range(start, stop, NS_AN_HOUR):
                hours[day.strftime("%a"), (at - instant(day, 0)) // NS_AN_HOUR].append((at, at + NS_AN_HOUR))
    shown = {
        slot[0]: slot[1]
        for slot in charts_of(client.get(f"/hubs/{hub}?from={SHOWN[-1]}&to={SHOWN[0]}").text)["week"].slots
    }
    assert hours
    for (weekday, hour), all_of_it in hours.items():
        counted = [counts.people(*each) for each in all_of_it if counts.covers(*each)]
        told = re.match(
            r"([\d.]+) on average of (\d+) hours(?:, (\d+) not counted)?$", shown[f"{weekday} {hour:02}:00"]
        )
        assert told is not None, (weekday, hour)
        missing = len(all_of_it) - len(counted)
        assert (int(told[2]), int(told[3] or 0)) == (len(counted), missing), (weekday, hour)
        assert float(told[1]) == pytest.approx(fmean(counted), abs=0.51), (weekday, hour)


@pytest.mark.parametrize("hub", HUBS)
def test_a_days_people_inside_and_its_air_are_those_of_the_truth(walk: Walk, client: TestClient, hub: str) -> None:
    assert walk.estate.truth is not None
    table = client.get(f"/hubs/{hub}").text.split('<table class="plain days">')[1]
    shown = {date.fromisoformat(row[:10]): row for row in table.split('<time datetime="')[1:]}
    differing = []
    for day in SHOWN:
        truth, cells = walk.estate.truth.days[hub, day], re.findall(r"<td[^>]*>(.*?)</td>", shown[day], re.DOTALL)
        for place, (name, decimals) in FIGURES.items():
            told = re.match(r"[\d.\u202f\N{MINUS SIGN}]+", cells[place])
            value = None if told is None else signed(told[0])
            expected = truth[name]
            if expected is None or value is None:
                is_same = expected is None and cells[place].startswith(NO_FIGURE)
            else:
                is_same = abs(value - expected) <= 0.5 / 10**decimals + 0.002
            if not is_same:
                differing.append((day, name, cells[place], expected))
    assert differing == []


def test_who_was_not_counted_is_estimated_as_many_as_came(walk: Walk, client: TestClient) -> None:
    """The simulation knows who came in by the door that was dead yesterday."""
    lines = map(json.loads, (walk.estate.folder / "truth.jsonl").read_text().splitlines())
    missing = str(TODAY - timedelta(days=1))
    (came,) = (
        each["in"] for each in lines if (each["type"], each.get("hub"), each.get("date")) == ("people", SILENT, missing)
    )
    period = as_text(client.get("/?period=2026-W47").text).split("People by hub")[1]
    told = re.search(r"Kirkstall Hub (\d+) (\d+) \((\d+) to (\d+)\) 3 days counted, 1 missing", period)
    assert told is not None
    counted, together, low, high = map(int, told.groups())
    assert counted == sum(walk.estate.entries(SILENT, TODAY - timedelta(days=back)) for back in range(1, 5))
    assert counted < low < together < high
    assert together - counted == pytest.approx(came, rel=0.3)


def test_health_tells_the_poor_air_and_the_people_in_it_that_readings_do(
    walk: Walk, client: TestClient, raw: dict[str, RawCounts]
) -> None:
    assert walk.estate.truth is not None
    words = as_text(client.get("/health").text)
    hub, zone = STALE_ROOM[0], STALE_ROOM[1].removeprefix("air-")
    told = re.search(
        rf"{zone} since .*?CO₂ over 1500 ppm for (?:(\d+) h)? ?(?:(\d+) min)? while open, "
        r"highest of the whole day (\d+) ppm",
        words,
    )
    assert told is not None
    truth = walk.estate.truth.zones[hub, TODAY, zone]
    hours, minutes, ppm = (int(part or 0) for part in told.groups())
    assert ppm == truth["co2_max_ppm"]
    # Today is under way: what the last reading holds for is not over, as it is in the truth of the whole day.
    assert 0 <= float(truth["co2_minutes_over_1500"] or 0) - (60 * hours + minutes) <= 60
    table = client.get("/health").text.split("Building health of each hub")[1]
    for at in ("armley", "bramley", SILENT, hub):
        row = table.split(f'"/hubs/{at}"')[1].split("</tr>")[0]
        told = re.match(r"[\d.\u202f]+", re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)[2])
        assert told is not None, at
        expected = sum(raw[at].person_hours(day) for day in [TODAY, *SHOWN])
        assert signed(told[0]) == pytest.approx(expected, rel=0.06), at
