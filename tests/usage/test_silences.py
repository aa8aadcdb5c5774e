"""What a silent counter costs: how well this month can still be stated, now and in a week."""

from collections.abc import Iterable
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

from schemas import Kind
from schemas.measurements import DOOR_FIELDS
from schemas.measures import PeopleState
from stores import Store
from stores.lines import encode
from stores.sqlite_store import SqliteStore
from tests.usage.given import at, estate, hub, put, put_lines
from tests.usage.test_estimates import DAYS, HUBS, figures, noisy
from usage import Queries
from usage.attention.silence_costs import silences
from usage.attention.silences import Silence, ranked
from usage.jobs import Jobs
from usage.queries import DayFigures
from usage.rows import DAILY, DAILY_DOOR, row_line

TODAY = date(2026, 2, 13)  # a Friday; its month is over within three weeks
NOON_NS = at(f"{TODAY}T12:00")
OPENING = {"mon-sat": "09:00-17:00"}


def known(*doors: str) -> list[dict[str, object]]:
    return [
        hub(name, [{"id": door, "kinds": ["footfall"], "every": "10m"} for door in doors], opening=OPENING)
        for name in HUBS
    ]


def put_days(store: Store, silent_since: date, *, shares: Iterable[float] = (1.0,), hubs: Iterable[str] = HUBS) -> None:
    """Two doors or one, by their shares; armley's first door is silent from a day on."""
    count, shares = noisy(3), tuple(shares)
    lines: list[str] = []
    for name in hubs:
        for day in (day for day in DAYS if day < TODAY):
            people = count(name, day) or 0
            missing = shares[0] if name == "armley" and day >= silent_since else 0.0
            closed = day.weekday() == 6
            state = PeopleState.COUNTED if not missing else PeopleState.NONE if missing == 1 else PeopleState.PARTIAL
            counted = None if missing == 1 else round(people * (1 - missing))
            row = figures(counted, PeopleState.CLOSED if closed else state, 1 - missing)
            lines.append(row_line(DAILY, name, at(f"{day}T00:00"), row))
            for i, share in enumerate(shares):
                gone = i == 0 and missing
                of_door = (
                    {"footfall_completeness": 0.0}
                    if gone
                    else {"entries": round(people * share), "footfall_completeness": 1.0}
                )
                assert of_door.keys() <= DOOR_FIELDS.keys()
                if not closed:
                    lines.append(
                        encode(DAILY_DOOR, {"hub": name, "sensor": f"door-{i + 1}"}, of_door, at(f"{day}T00:00"))
                    )
    put_lines(store, lines)
    for name in hubs:
        for i in range(len(shares)):
            seen_ns = at(f"{silent_since}T11:10") if name == "armley" and i == 0 else NOON_NS
            put(store, Kind.FOOTFALL, [(seen_ns, {"entries": 1})], hub=name, sensor=f"door-{i + 1}")


def found(store: Store, now_ns: int = NOON_NS, doors: Iterable[str] = ("door-1",)) -> list[Silence]:
    within = estate(*known(*doors), timezone="UTC")
    return silences(Queries(store, within, now_ns=now_ns), within)


def test_a_silent_counter_widens_the_month_with_each_day(store: Store) -> None:
    put_days(store, TODAY - timedelta(days=3))
    (silence,) = found(store)
    assert (silence.hub, silence.door, silence.is_silent) == ("armley", "door-1", True)
    assert silence.within_now is not None
    assert silence.within_then is not None
    assert silence.people is not None
    assert 0 < silence.within_now < silence.within_then < 0.3
    assert silence.sentence(TODAY).startswith(
        "door-1 silent since Tuesday 11:10; from Friday on February can only be stated within "
    )
    assert silence.then == TODAY + timedelta(days=7)


def test_a_door_costs_its_part_of_the_hub(store: Store, tmp_path: Path) -> None:
    put_days(store, TODAY - timedelta(days=3))
    (whole,) = found(store)
    with closing(SqliteStore(tmp_path / "other.db")) as other:
        other.prepare()
        put_days(other, TODAY - timedelta(days=3), shares=(0.1, 0.9))
        (part,) = found(other, doors=("door-1", "door-2"))
    assert part.door == "door-1"
    assert part.within_then is not None
    assert whole.within_then is not None
    assert part.within_then < whole.within_then / 2


def test_the_month_ends_where_it_ends(store: Store) -> None:
    put_days(store, TODAY - timedelta(days=3))
    at_the_end = at("2026-02-25T12:00")
    silence = found(store, at_the_end)[0]
    assert (silence.month, silence.then) == (date(2026, 2, 1), date(2026, 3, 1))


def test_counters_that_send_cost_nothing(store: Store) -> None:
    put_days(store, TODAY)
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 1})], sensor="door-1")
    assert found(store) == []


def test_too_little_history_says_so_and_ranks_first(store: Store) -> None:
    days = [DayFigures("armley", TODAY - timedelta(days=2), figures(20, PeopleState.COUNTED))]
    put_lines(store, [row_line(DAILY, day.hub, at(f"{day.date}T00:00"), day.figures) for day in days])
    silence = next(each for each in found(store) if each.hub == "armley")
    assert silence.within_then is None
    assert silence.consequence() == "too little history to tell how far off February will be"
    assert ranked([_silence(9_999), silence])[0] == silence


def _silence(people: int, door: str = "door-1") -> Silence:
    return Silence("armley", door, True, None, date(2026, 11, 1), date(2026, 11, 27), 0.01, 0.053, people)


def test_the_one_that_costs_most_people_comes_first_and_is_rounded_up() -> None:
    assert [each.people for each in ranked([_silence(3), _silence(40), _silence(7)])] == [40, 7, 3]
    assert _silence(3).sentence(TODAY) == "door-1 silent; from Friday on November can only be stated within 6\u00a0%"


@pytest.mark.parametrize("back", [False, True])
def test_jobs_keep_what_it_costs_until_the_counter_sends_again(store: Store, tmp_path: Path, back: bool) -> None:
    put_days(store, TODAY - timedelta(days=3))
    within = estate(*known("door-1"), timezone="UTC")
    jobs = Jobs(lambda: SqliteStore(tmp_path / "store.db"), lambda: within, lambda: 0)
    jobs.rank_silences(NOON_NS)
    queries = Queries(store, within, now_ns=NOON_NS)
    (stored,), (fresh,) = queries.stored_silences(), silences(queries, within)
    assert stored == fresh
    if back:
        put(store, Kind.FOOTFALL, [(NOON_NS + 1, {"entries": 1})], sensor="door-1")
        day = TODAY - timedelta(days=1)
        whole = {"entries": 100, "footfall_completeness": 1.0}
        put_lines(store, [encode(DAILY_DOOR, {"hub": "armley", "sensor": "door-1"}, whole, at(f"{day}T00:00"))])
        jobs.rank_silences(NOON_NS + 1)
    assert len(queries.stored_silences()) == (0 if back else 1)
