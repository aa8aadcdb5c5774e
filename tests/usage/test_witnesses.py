"""Counters that count otherwise than their witnesses let expect are found, and those that are right are left alone."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from math import inf
from pathlib import Path

import numpy as np
import pytest

from benchmarks.witnesses import (
    DAYS,
    Loss,
    SimulatedDays,
    found_after,
    hear,
    losses_of,
    share_soon,
    simulated,
    spread_of_wifi,
    watched_years,
)
from cli.attention_views import ratio_as_text
from cli.usage_views import why_as_json, why_as_text
from schemas.measurements import DOOR_FIELDS
from schemas.measures import PeopleState
from stores import Store
from stores.sqlite_store import SqliteStore
from tests.usage.given import at, estate, hub, put_lines
from usage import Queries
from usage.attention.cusum import SD_MAX, days_until_found, detectable_loss, watch
from usage.attention.doubts import Doubt, Witness
from usage.attention.rows import DOUBTS
from usage.attention.witnesses import Watched, hear_witnesses
from usage.jobs import Jobs
from usage.queries import DayFigures, DoorFigures
from usage.rollup import Figures
from usage.rows import DAILY, row_line

HUBS, SEEDS = 12, (1, 2, 3)
FEW = 5
START = 500
SINCE = DAYS[START]

Change = Callable[[DayFigures], Figures]


def doubts_after(days: Iterator[DayFigures], change: Change, doors: tuple[DoorFigures, ...] = ()) -> Watched:
    """What is said of simulated days with other figures on some of them."""
    return hear_witnesses(DAYS[0], DAYS[-1], (replace(day, figures=day.figures | change(day)) for day in days), doors)


@cache
def clean(seed: int) -> Watched:
    """What is said of an estate whose counters are right."""
    return hear(simulated(seed, hubs=HUBS))


# ----------------------------------------------------------------------------------------------------- the promise


def test_counters_that_are_right_are_doubted_at_most_once_a_hub_and_year() -> None:
    doubts = [doubt for seed in SEEDS for doubt in clean(seed).doubts]
    assert 0 < len(doubts) / watched_years(HUBS * len(SEEDS)) <= 1
    assert sum(doubt.is_sure for doubt in doubts) / watched_years(HUBS * len(SEEDS)) <= 0.1


def test_nine_of_ten_losses_are_found_within_fourteen_open_days() -> None:
    days = []
    for seed in SEEDS:
        losses = losses_of(seed, HUBS)
        people = simulated(seed, losses, HUBS)
        heard, before = hear(people), clean(seed)
        days += [
            found_after(people, loss, heard.doubts)
            for loss in losses
            if spread_of_wifi(before.ratios, loss.hub) <= SD_MAX
        ]
    assert len(days) >= 6
    assert share_soon(days) >= 0.9


def test_a_ratio_that_varies_more_says_what_it_can_find_instead_of_a_verdict() -> None:
    """The noisiest Wi-Fi of the estate, by itself: a loss gives no doubt, and the ratio says why."""
    noisy = max(range(HUBS), key=lambda row: spread_of_wifi(clean(1).ratios, row))
    people = simulated(1, (Loss(noisy, START, at_exits=True),), HUBS)
    heard = hear(people.without_others(noisy))
    (ratio,) = heard.ratios
    assert (heard.doubts, ratio.gives_verdict) == ((), False)
    assert "too much for a verdict: finds a loss of" in ratio_as_text(ratio)
    assert ratio.loss is not None
    assert ratio.loss > 0.3


# ------------------------------------------------------------------------------------------------- change and place


def test_size_and_start_are_those_of_the_loss() -> None:
    people = simulated(1, (Loss(3, START, at_exits=True),), FEW)
    doubt = next(doubt for doubt in hear(people).doubts if doubt.hub == "hub-03" and doubt.found >= SINCE)
    assert abs((doubt.since - SINCE).days) <= 3
    assert doubt.change == pytest.approx(-0.3, abs=0.06)
    assert doubt.sentence(SINCE).startswith(
        f"door-1 probably counts {-doubt.change:.0%}".replace("%", "\u00a0% too few")
    )


def steps(*changes: tuple[int, int, float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """A series with noise of 0.1, and changes over days."""
    ratios = np.random.default_rng(5).normal(0, 0.1, (1, len(DAYS)))
    for start, stop, change in changes:
        ratios[0, start:stop] += np.log(1 + change)
    return ratios


WEEKDAYS = np.arange(len(DAYS)) % 7
A_YEAR = np.array([365.0])


def test_a_change_that_is_over_has_an_end() -> None:
    (shift,) = watch(steps((400, 440, -0.3)), WEEKDAYS, A_YEAR).shifts
    assert abs(shift.start - 400) <= 1
    assert shift.end is not None
    assert abs(shift.end - 440) <= 2


def test_what_lasts_a_quarter_of_a_year_is_what_is_usual_and_its_end_is_a_change_again() -> None:
    first, second = watch(steps((300, 600, -0.3)), WEEKDAYS, A_YEAR).shifts
    assert (first.end, round(second.start, -1)) == (first.found + 91, 600)
    assert first.change < 0 < second.change


def test_one_day_that_is_quite_different_is_no_change() -> None:
    assert watch(steps((400, 401, -0.9)), WEEKDAYS, A_YEAR).shifts == ()


def test_days_that_cannot_be_compared_do_not_count() -> None:
    ratios = steps((400, 440, -0.3))
    ratios[0, 400:440] = np.nan
    assert watch(ratios, WEEKDAYS, A_YEAR).shifts == ()


def test_a_series_of_too_few_days_says_nothing() -> None:
    course = watch(steps()[:, :50], WEEKDAYS[:50], A_YEAR)
    assert course.shifts == ()
    assert np.isnan(course.spread).all()


def test_what_is_told_to_be_found_is_smaller_and_sooner_where_a_ratio_is_steady() -> None:
    losses = [detectable_loss(spread, 365) for spread in (0.15, 0.2, 0.3, 0.45)]
    days = [days_until_found(spread, 365) for spread in (0.15, 0.2, 0.3, 0.45)]
    assert losses == sorted(losses, key=lambda loss: loss or inf)
    assert days == sorted(days)
    assert days_until_found(0.3, 365, 0.05) == inf


# ------------------------------------------------------------------------------------------------ comparable days


def late(day: DayFigures, name: str = "hub-03") -> bool:
    return day.hub == name and SINCE <= day.date < SINCE + timedelta(days=30)


def test_an_outage_of_the_wifi_is_no_fault_of_the_door() -> None:
    """A quarter of the devices: where the access points say that they were silent, the days are left out."""
    days = simulated(1, hubs=FEW)

    def outage(day: DayFigures, covered: float) -> Figures:
        devices = day.figures["wifi_devices"]
        return {"wifi_devices": devices and devices // 4, "wifi_completeness": covered} if late(day) else {}

    def found(covered: float) -> list[Doubt]:
        heard = doubts_after(days.days(), lambda day: outage(day, covered))
        return [doubt for doubt in heard.doubts if doubt.hub == "hub-03" and doubt.found >= SINCE]

    assert found(0.5) == []
    (told,) = found(1.0)
    assert "entries or Wi-Fi changed" in told.sentence(SINCE)
    assert not told.is_sure


def test_days_counted_in_part_are_no_fault_of_the_door() -> None:
    def partial(day: DayFigures) -> Figures:
        entries = day.figures["entries"]
        return {"entries": entries and entries // 3, "people_state": PeopleState.PARTIAL} if late(day) else {}

    heard = doubts_after(simulated(1, hubs=FEW).days(), partial)
    assert not [doubt for doubt in heard.doubts if doubt.hub == "hub-03" and doubt.found >= SINCE]


def test_where_no_devices_are_told_clients_do() -> None:
    def clients(day: DayFigures) -> Figures:
        return {"wifi_devices": None, "wifi_mean_clients": day.figures["wifi_devices"]}

    days = simulated(1, hubs=FEW)
    by_clients, by_devices = doubts_after(days.days(), clients), doubts_after(days.days(), lambda _: {})
    assert by_clients == by_devices


@pytest.mark.parametrize("follows", [True, False])
def test_co2_is_a_witness_only_where_it_follows_the_people(follows: bool) -> None:
    noise = np.random.default_rng(4)

    def co2(day: DayFigures) -> Figures:
        people = (day.figures["entries"] or 0) if follows else 150
        return {"co2_mean_ppm": 420 + people * float(np.exp(noise.normal(0, 0.1))), "environment_completeness": 1.0}

    heard = doubts_after(simulated(1, hubs=3).days(), co2)
    assert (Witness.CO2 in {ratio.witness for ratio in heard.ratios}) == follows


# ------------------------------------------------------------------------------------------------------ several doors


def with_doors(people: SimulatedDays, first_door: Callable[[date], float], *, lost: bool) -> Watched:
    """A hub with two doors, of which the first takes a share of the people; the rest is lost, or comes by the other."""
    doors: list[DoorFigures] = []
    days: list[DayFigures] = []
    for day in people.days():
        total = day.figures["entries"]
        if day.hub == "hub-03" and total is not None:
            one = round(total * first_door(day.date))
            other = round(total * 0.4) if lost else int(total) - one
            for name, count in (("door-1", one), ("door-2", other)):
                known = {"entries": count, "exits": count, "footfall_completeness": 1.0}
                doors.append(DoorFigures("hub-03", name, day.date, {**dict.fromkeys(DOOR_FIELDS), **known}))
            days.append(replace(day, figures=day.figures | {"entries": one + other}))
        else:
            days.append(day)
    return hear_witnesses(DAYS[0], DAYS[-1], days, doors)


def less_later(day: date) -> float:
    return 0.6 * (0.6 if day >= SINCE else 1)


def test_people_who_use_another_door_are_no_fault_of_the_first() -> None:
    heard = with_doors(simulated(1, hubs=FEW), less_later, lost=False)
    found = [doubt for doubt in heard.doubts if doubt.hub == "hub-03" and doubt.found >= SINCE]
    assert {doubt.door for doubt in found} == {"door-1", "door-2"}
    assert not any(doubt.is_sure for doubt in found)
    assert "they may use another door" in found[0].sentence(SINCE)


def test_a_door_that_loses_people_is_named() -> None:
    heard = with_doors(simulated(1, hubs=FEW), less_later, lost=True)
    found = [doubt for doubt in heard.doubts if doubt.hub == "hub-03" and 0 <= (doubt.found - SINCE).days < 60]
    assert [(doubt.door, doubt.is_sure) for doubt in found] == [("door-1", True)]


# ------------------------------------------------------------------------------------------------- what is said of it


def doubt(*witnesses: Witness, change: float = -0.3, until: date | None = None, door: str | None = "door-1") -> Doubt:
    return Doubt("armley", door, date(2026, 11, 3), date(2026, 11, 9), until, change, witnesses)


BY_OTHERS = "fewer people than the other hubs let expect from 3 November until 20 November"


@pytest.mark.parametrize(
    "said, expected",
    [
        (doubt(Witness.WIFI, Witness.SISTERS), "door-1 probably counts 30\u00a0% too few since 3 November"),
        (doubt(Witness.WIFI, Witness.EXITS, change=0.4), "door-1 probably counts 40\u00a0% too many since 3 November"),
        (
            doubt(Witness.WIFI),
            "door-1 counts 30\u00a0% fewer people for its Wi-Fi since 3 November: entries or Wi-Fi changed",
        ),
        (
            doubt(Witness.SISTERS, door=None, until=date(2026, 11, 20)),
            f"armley counts 30\u00a0% {BY_OTHERS}: the counter, or the number of people, changed",
        ),
    ],
)
def test_a_doubt_says_no_more_than_its_witnesses(said: Doubt, expected: str) -> None:
    assert said.sentence(date(2026, 11, 20)) == expected


def test_other_hubs_alone_are_shown_and_call_nobody() -> None:
    assert not doubt(Witness.SISTERS).wants_attention
    assert doubt(Witness.WIFI).wants_attention
    assert not doubt(Witness.WIFI, until=date(2026, 11, 20)).wants_attention


# --------------------------------------------------------------------------------------------------------- in the store


NAMES = tuple(f"hub-{row:02}" for row in range(FEW))


def test_jobs_keep_doubts_beside_the_figures_and_take_them_back(store: Store, tmp_path: Path) -> None:
    known = estate(*(hub(name) for name in NAMES), timezone="UTC")
    people = simulated(1, (Loss(3, START, at_exits=True),), FEW)
    shown = {"final": True, "revision": 1}
    lines = [row_line(DAILY, day.hub, at(f"{day.date}T00:00"), day.figures | shown) for day in people.days()]
    put_lines(store, lines)
    now_ns = at(f"{SINCE + timedelta(days=40)}T12:00")
    jobs = Jobs(lambda: SqliteStore(tmp_path / "store.db"), lambda: known, lambda: 0)
    day = SINCE + timedelta(days=20)
    queries = Queries(store, known, now_ns=now_ns)
    before = list(queries.stored_daily(day, day))
    for _ in range(2):
        jobs.hear_witnesses(now_ns)
        found = [doubt for doubt in queries.stored_doubts(day, day) if doubt.hub == "hub-03"]
        assert [doubt.until for doubt in found] == [None]
    assert list(queries.stored_daily(day, day)) == before
    why = queries.why("hub-03", day)
    assert why is not None
    assert f"  in doubt: {found[0].sentence(day)}" in list(why_as_text(why))
    assert why_as_json(why)["doubts"][0]["since"] == found[0].since.isoformat()
    assert not [
        doubt
        for doubt in queries.stored_doubts(SINCE - timedelta(days=30), SINCE - timedelta(days=9))
        if doubt.hub == "hub-03" and doubt.since >= SINCE - timedelta(days=9)
    ]

    put_lines(
        store,
        [
            row_line(DAILY, day.hub, at(f"{day.date}T00:00"), day.figures | shown)
            for day in simulated(1, hubs=FEW).days()
            if day.date >= SINCE
        ],
    )
    jobs.hear_witnesses(now_ns)
    assert not [doubt for doubt in queries.stored_doubts(day, day) if doubt.hub == "hub-03"]


def test_without_any_day_nothing_is_said(store: Store, tmp_path: Path) -> None:
    Jobs(lambda: SqliteStore(tmp_path / "store.db"), estate, lambda: 0).hear_witnesses(at("2026-11-20T12:00"))
    assert list(store.read(DOUBTS, start_ns=0, stop_ns=2**62)) == []
