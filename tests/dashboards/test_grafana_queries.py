"""Every query of every dashboard, asked of a real InfluxDB over forty days with a clock change."""

import json
import re
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from dashboards.grafana import DASHBOARDS, render
from dashboards.grafana.hub_days import CLOSED, SILENT
from schemas.localtime import local_day
from tests.dashboards.grafana_queries import moment, questions
from tests.dashboards.month import DAYS, LAST, LATE_DAY, NOW, PARTIAL_DAY, SICK, SIMULATED, ZONE, Month

pytestmark = pytest.mark.needs("influxd")

FILES = {name: json.loads(render()[f"{name}.json"]) for name in DASHBOARDS}
ALL = ".*"
THREE = f"({'|'.join(SIMULATED)})"
# The hub of each question: the one with the most kinds of sensor, and for a choice of several all of them.
HUB = {"hub": "north"}


def by_title(name: str, *, hub: str = ALL, now: datetime = NOW) -> dict[tuple[str, str], str]:
    return {(asked.place, asked.ref_id): asked.text for asked in questions(FILES[name], now, hub=hub)}


EVERY_QUERY = [(name, place, ref_id) for name in DASHBOARDS for place, ref_id in by_title(name, hub=HUB.get(name, ALL))]


@pytest.mark.parametrize("name, place, ref_id", EVERY_QUERY)
def test_every_query_returns_data(month: Month, name: str, place: str, ref_id: str) -> None:
    assert month.ask(by_title(name, hub=HUB.get(name, ALL))[place, ref_id])


def days_before(last: date, count: int) -> list[date]:
    return [last - timedelta(days=back) for back in range(count, 0, -1)]


def sums(rows: list[dict[str, Any]], value: str) -> Counter[date]:
    found: Counter[date] = Counter()
    for row in rows:
        found[local_day(row["time"], ZONE)] += row[value] or 0
    return found


def true_total(month: Month, days: list[date]) -> int:
    return sum(month.entries(hub, day) or 0 for hub in SIMULATED for day in days)


def test_entries_per_day_equal_the_truth_to_the_person(month: Month) -> None:
    asked = by_title("daily-usage", hub=THREE)
    final = sums(month.ask(asked["People entering per day", "A"]), "Final")
    provisional = sums(month.ask(asked["People entering per day", "B"]), "Provisional")
    in_part = sums(month.ask(asked["People entering per day", "C"]), "In part")
    days = days_before(LAST, 30)
    shown = final + provisional + in_part
    assert {day: shown[day] for day in days} == {day: true_total(month, [day]) for day in days}
    assert dict(in_part) == {PARTIAL_DAY: month.entries("north", PARTIAL_DAY)}
    assert set(provisional) == {LAST - timedelta(days=back) for back in range(3)}


def test_a_hubs_days_equal_the_truth_over_the_clock_change(month: Month) -> None:
    for hub in SIMULATED:
        asked = by_title("hub", hub=hub)
        shown = sums(month.ask(asked["People entering per day", "A"]), "Final")
        shown += sums(month.ask(asked["People entering per day", "C"]), "In part")
        days = days_before(LAST - timedelta(days=2), 28)
        assert date(2025, 10, 26) in days
        assert {day: shown[day] for day in days} == {day: month.entries(hub, day) or 0 for day in days}


def test_totals_and_the_stretches_before_equal_the_truth(month: Month) -> None:
    asked = by_title("daily-usage", hub=THREE)
    (shown,) = month.ask(asked["A week before", "A"])
    assert shown["People entering"] == true_total(month, days_before(LAST - timedelta(days=6), 31))
    ranking = {row["hub"]: row["People"] for row in month.ask(asked["Ranking and totals", "A"])}
    (total,) = month.ask(asked["People entering", "A"])
    today = by_title("daily-usage", hub=THREE)["Busiest hours", "A"]
    assert sum(ranking.values()) == total["People entering"]
    so_far = sums(month.ask(today), "sum")[LAST]
    assert total["People entering"] == true_total(month, days_before(LAST, 30)) + so_far


def test_hours_add_up_to_the_days_of_the_truth(month: Month) -> None:
    hours = sums(month.ask(by_title("daily-usage", hub=THREE)["Busiest hours", "A"]), "sum")
    days = days_before(LAST, 6)
    assert {day: hours[day] for day in days} == {day: true_total(month, [day]) for day in days}


def test_the_month_before_is_of_the_same_dates() -> None:
    assert moment("now-1M", datetime(2025, 3, 31, 12, tzinfo=ZONE)) == datetime(2025, 2, 28, 12, tzinfo=ZONE)
    assert moment("now-30d/d", NOW) == datetime(2025, 10, 8, tzinfo=ZONE)


def test_every_day_of_every_hub_is_counted_closed_or_silent(month: Month) -> None:
    rows = month.ask(by_title("daily-usage", hub=ALL)["Every hub, every day", "A"])
    shown = {(row["hub"], local_day(row["time"], ZONE)): row["sum"] for row in rows}
    for hub in SIMULATED:
        for day in days_before(LAST, 30):
            entries = month.entries(hub, day)
            is_open = bool(month.truth.days[hub, day]["open_minutes"])
            assert shown[hub, day] == (entries if is_open or entries else CLOSED), (hub, day)
    assert shown["south", date(2025, 10, 14)] == CLOSED
    assert shown[SICK, LAST - timedelta(days=1)] == SILENT


def test_a_closed_hub_where_nobody_heard_the_door_is_closed_all_the_same(month: Month) -> None:
    rows = month.ask(by_title("hub", hub="south")["annotation Closed days", "Anno"])
    closed = {local_day(row["time"], ZONE) for row in rows}
    assert {date(2025, 10, 14), date(2025, 10, 15), date(2025, 11, 2)} <= closed
    assert date(2025, 11, 4) not in closed


def test_what_late_readings_changed_is_listed(month: Month) -> None:
    rows = month.ask(by_title("daily-usage", hub=THREE)["Figures that changed afterwards", "A"])
    late = {row["figure"]: row["After"] for row in rows if row["hub"] == "south"}
    assert late["entries"] == month.entries("south", LATE_DAY)


def test_the_state_of_sensors_is_counted_from_their_last_status(month: Month) -> None:
    asked = by_title("building-health")
    (silent,) = month.ask(asked["Silent sensors", "A"])
    assert silent["count"] == 1
    (flat,) = month.ask(asked["Batteries under 15 %", "A"])
    assert flat["count"] == 1
    for title in ("Hubs with poor air today", "Cold hubs today", "Damp hubs today"):
        (hubs,) = month.ask(asked[title, "A"])
        assert hubs["count"] >= 1


def test_queries_keep_to_what_all_influxdbs_understand() -> None:
    for name in DASHBOARDS:
        for asked in questions(FILES[name], NOW, hub=ALL):
            assert not re.search(r"SHOW FIELD KEYS|SHOW SERIES|INTO |offset|holt_winters", asked.text, re.IGNORECASE)
            assert re.search(r"time\(1d, ", asked.text) is None


def test_forty_days_were_loaded_to_the_hour_of_now(month: Month) -> None:
    assert len({day for _, day in month.truth.days}) == DAYS
    (last,) = month.ask('SELECT last("entries_total") FROM "footfall" WHERE "hub" = \'north\'')
    assert NOW.timestamp() - last["time"] / 1e9 <= 600
