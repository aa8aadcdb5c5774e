"""A look at the store reads what a page shows, once for all who ask, and nothing of what the others show."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import timedelta
from itertools import count

import pytest

from dashboards.web.days import DayState
from dashboards.web.look import DAYS, FIGURES, Look
from dashboards.web.snapshot import KEPT_FOR_READ, Snapshot, SnapshotSource, Told, take
from schemas.localtime import NS_A_SECOND, midnight_ns, to_ns
from schemas.measures import PeopleState
from stores.lines import encode
from stores.protocol import SeriesChunk, Store, StoreError
from tests.dashboards.conftest import ESTATE, LONDON, NOW, TODAY, Filled

A_DAY = timedelta(days=1)


def test_a_day_on_which_only_what_is_not_shown_was_measured_has_begun_all_the_same(filled: Filled) -> None:
    damp, counted = TODAY - 5 * A_DAY, TODAY - 2 * A_DAY
    assert "damp_minutes_closed" not in FIGURES
    row = {"damp_minutes_closed": 30.0, "open_minutes": 480.0, "people_state": int(PeopleState.NONE), "final": True}
    filled.put(encode("usage_daily", {"hub": "armley"}, row, midnight_ns(damp, LONDON)))
    filled.put_day("armley", counted, 12)
    store = filled.open()
    states = {day.date: day.state for day in take(store, ESTATE, to_ns(NOW)).hubs[0].days}
    store.close()

    assert len(states) == DAYS + 1
    assert states[damp - A_DAY] is DayState.BEFORE
    assert states[damp] is DayState.SILENT
    assert states[counted] is DayState.COUNTED


def test_each_part_is_read_when_it_is_asked_for_and_once(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    filled.put_day("armley", TODAY - A_DAY, 12)
    filled.put_fresh_readings("armley")
    store, read = filled.open(), Counter[str]()

    def recording(asked: Callable[..., Iterator[SeriesChunk]]) -> Callable[..., Iterator[SeriesChunk]]:
        def ask(measurement: str, **more: object) -> Iterator[SeriesChunk]:
            read[measurement] += 1
            return asked(measurement, **more)

        return ask

    monkeypatch.setattr(store, "read", recording(store.read))
    monkeypatch.setattr(store, "latest", recording(store.latest))
    snapshot = take(store, ESTATE, to_ns(NOW))
    assert (snapshot.name, snapshot.names["armley"]) == (ESTATE.name, "Armley Community Hub")
    assert not read

    assert [state.id for state in snapshot.of({"armley"}).states] == ["armley"]
    assert read["temperature"] == 1
    assert not {"usage_estimates", "usage_profile", "usage_cases", "usage_daily_zone"} & read.keys()

    before = read.copy()
    assert [hub.days[-2].entries for hub in snapshot.of({"armley"}).hubs] == [12]
    assert {"usage_estimates", "usage_profile", "usage_cases", "usage_daily_zone"} <= read.keys()
    assert read["temperature"] == 1
    once = read.copy()
    assert len(snapshot.hubs) == len(snapshot.states) == len(ESTATE.hubs)
    store.close()
    assert before != once == read


def test_a_store_that_can_not_be_read_is_asked_once() -> None:
    asked = []

    def opened() -> nullcontext[Store]:
        asked.append(1)
        raise StoreError("the store is away")

    snapshot = Snapshot(Look(opened, ESTATE, to_ns(NOW)), Told())
    for _ in range(2):
        for part in ("states", "hubs", "days_to_compute", "jobs_run"):
            with pytest.raises(StoreError, match="the store is away"):
                getattr(snapshot, part)
    assert len(asked) == 1


@pytest.mark.parametrize("read_s, kept_s", [(0.1, 5), (2, 2 * KEPT_FOR_READ)])
def test_a_look_that_took_long_to_read_is_kept_for_longer(filled: Filled, read_s: float, kept_s: int) -> None:
    timer_ns = count(0, int(read_s * NS_A_SECOND))
    now = [to_ns(NOW)]
    source = SnapshotSource(
        open_store=filled.open,
        estate=lambda: ESTATE,
        clock_ns=lambda: now[0],
        max_age_s=5,
        told=Told(),
        timer_ns=lambda: next(timer_ns),
    )
    taken = source.get()
    assert taken.states is not None
    now[0] += kept_s * NS_A_SECOND
    assert source.get() is taken
    now[0] += 1
    assert source.get() is not taken
