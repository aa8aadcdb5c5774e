"""Whatever was not believed because nobody could have come in such numbers says which limit it was beyond."""

import json
from datetime import date

import pytest

from cli.usage_views import why_as_json, why_as_text
from schemas import Estate, Kind
from stores import Store
from tests.usage.given import DAY_NS, MINUTE_NS, Reading, at, estate, hub, put, run_jobs
from usage import Queries
from usage.counters import Cause, CounterRules, Limit, LimitRule
from usage.jobs import Jobs
from usage.plan import HubPlan
from usage.totals import growth

DAY = date(2026, 11, 4)
NINE_NS = at(f"{DAY}T09:00")
NOW_NS = at("2026-11-05T12:00")
LIMITED = {"id": "s1", "kinds": ["footfall"], "every": "10m", "max_step": 400}
FREE = {"id": "s1", "kinds": ["footfall"], "every": "30m"}


def known(sensor: dict[str, object] | None) -> Estate:
    return estate(hub(sensors=[sensor] if sensor else [], opening={"mon-sun": "00:00-24:00"}))


def limits(sensor: dict[str, object] | None, *readings: tuple[int, int]) -> list[tuple[Cause, Limit | None]]:
    """The limits that corrections name of totals so many minutes after nine."""
    rules = HubPlan.of(known(sensor), "armley").people_rules("s1")
    times_ns = [NINE_NS + minutes * MINUTE_NS for minutes, _ in readings]
    return [(c.cause, c.limit) for c in growth(times_ns, [total for _, total in readings], rules).corrections]


@pytest.mark.parametrize(
    "sensor, readings, cause, limit",
    [
        (LIMITED, [(0, 500), (10, 901), (20, 902)], Cause.SWAPPED, Limit(400, LimitRule.MAX_STEP)),
        (LIMITED, [(0, 500), (10, 901), (20, 502)], Cause.GLITCH, Limit(400, LimitRule.MAX_STEP)),
        (LIMITED, [(0, 500), (10, 901)], Cause.UNSETTLED, Limit(400, LimitRule.MAX_STEP)),
        (LIMITED, [(0, 0), (360, 4001), (370, 4002)], Cause.SWAPPED, Limit(4000, LimitRule.MAX_STEP_OVER_GAP)),
        (LIMITED, [(0, 0), (30, 1201), (40, 1202)], Cause.SWAPPED, Limit(1200, LimitRule.MAX_STEP_OVER_GAP)),
        (LIMITED, [(0, 9000), (10, 500), (20, 501)], Cause.SWAPPED, Limit(400, LimitRule.MAX_STEP)),
        (FREE, [(0, 500), (30, 6501), (60, 6502)], Cause.SWAPPED, Limit(6000, LimitRule.STANDARD)),
        (FREE, [(0, 500), (600, 90_000), (630, 90_001)], Cause.SWAPPED, Limit(60_000, LimitRule.STANDARD_OVER_GAP)),
        (None, [(0, 500), (10, 2501), (20, 2502)], Cause.SWAPPED, Limit(2000, LimitRule.STANDARD)),
        (LIMITED, [(0, 500), (10, 65_535), (20, 502)], Cause.GLITCH, None),
        (LIMITED, [(0, 500), (10, 0), (20, 502)], Cause.GLITCH, None),
    ],
)
def test_a_correction_tells_the_limit_that_a_total_was_beyond(
    sensor: dict[str, object] | None, readings: list[tuple[int, int]], cause: Cause, limit: Limit | None
) -> None:
    assert limits(sensor, *readings) == [(cause, limit)]


def test_bytes_have_no_limit() -> None:
    rules = CounterRules(step_max=None)
    assert [c.limit for c in growth([0, 1, 2], [5, 2**40, 6], rules).corrections] == [None]


def why(store: Store, sensor: dict[str, object], *readings: Reading) -> tuple[str, dict[str, object]]:
    put(store, Kind.FOOTFALL, readings)
    found = Queries(store, known(sensor), now_ns=NOW_NS).why("armley", DAY)
    assert found is not None
    return "\n".join(why_as_text(found)), json.loads(json.dumps(why_as_json(found)))


def total(minutes: int, value: int) -> Reading:
    return NINE_NS + minutes * MINUTE_NS, {"entries_total": value}


def test_why_says_so_in_words_and_to_programs(store: Store) -> None:
    text, document = why(store, LIMITED, total(0, 500), total(10, 901), total(20, 902))
    assert "went from 500 to 901, too far to be people (at most 400: the max_step of the estate file)" in text
    (correction,) = document["counters"][0]["corrections"]  # type: ignore[index]
    assert correction["limit"] == {"people": 400, "rule": "max_step"}


@pytest.mark.parametrize(
    "sensor, readings, words",
    [
        (FREE, [(0, 0), (30, 6001), (60, 6002)], "at most 6,000: 2,000 people per 10 minutes without a max_step"),
        (LIMITED, [(0, 0), (300, 4001), (310, 4002)], "at most 4,000: by the max_step of the estate file per interval"),
        (FREE, [(0, 0), (600, 60_001), (630, 60_002)], "per interval, over a gap at most 10 times that"),
    ],
)
def test_each_limit_has_its_words(
    store: Store, sensor: dict[str, object], readings: list[tuple[int, int]], words: str
) -> None:
    assert words in why(store, sensor, *(total(*each) for each in readings))[0]


@pytest.mark.parametrize(
    "sensor, fields, words",
    [
        (LIMITED, {"entries": 401}, "entries 401 is above 400, the max_step of the estate file"),
        (FREE, {"exits": 6001}, "exits 6,001 is above 6,000, 2,000 people per 10 minutes without a max_step"),
        (LIMITED, {"entries": 65_535, "exits": 2}, "(65,535, 2): entries 65,535 stands for no value"),
        (LIMITED, {"entries": 3}, "it was doubted when it came"),
    ],
)
def test_why_says_what_made_a_reading_suspect(
    store: Store, sensor: dict[str, object], fields: dict[str, int], words: str
) -> None:
    text, document = why(store, sensor, (NINE_NS, {**fields, "suspect": True}))
    assert words in text
    (because,) = document["sensors"][0]["left_out_because"]  # type: ignore[index]
    assert because in text


def test_air_that_is_too_warm_to_be_true_says_so(store: Store) -> None:
    put(store, Kind.TEMPERATURE, [(NINE_NS, {"temperature_c": 60.5, "suspect": True})])
    found = Queries(store, known(None), now_ns=NOW_NS).why("armley", DAY)
    assert found is not None
    assert "1 reading left out (60.5): temperature_c 60.5 is above 50 Cel" in "\n".join(why_as_text(found))


def test_the_limit_is_kept_when_the_readings_have_expired(any_store: Store) -> None:
    put(any_store, Kind.FOOTFALL, [total(0, 500), total(10, 901), total(20, 902), total(24 * 60, 903)])
    run_jobs(Jobs(lambda: any_store, lambda: known(LIMITED), lambda: NOW_NS), NOW_NS + 3 * DAY_NS)
    any_store.delete(Kind.FOOTFALL, start_ns=0, stop_ns=2**62, where={"hub": "armley"})
    found = Queries(any_store, known(LIMITED), now_ns=NOW_NS + 3 * DAY_NS).why("armley", DAY)
    assert found is not None
    assert [(c.cause, c.limit) for counter in found.counters for c in counter.corrections] == [
        (Cause.SWAPPED, Limit(400, LimitRule.MAX_STEP))
    ]
