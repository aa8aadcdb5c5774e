"""Whatever a counter goes through, the people of its days add up to the truth, but for what no reading tells.

`make campaigns` is the long form: other walks each time, and thousands of them.
"""

import random
from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from schemas import Kind
from stores import Store
from stores.sqlite_store import SqliteStore
from tests.campaigns import IS_CAMPAIGN
from tests.usage.given import DAY_NS, Reading, lines, put_lines, run_of
from tests.usage.random_walks import Walk, bound_of, undisturbed, walks
from usage import Queries
from usage.calendar import HubCalendar, dates
from usage.plan import HubPlan
from usage.profile import UsualOpening
from usage.readings import by_sensor
from usage.rollup import roll_up


@pytest.fixture(scope="module", name="shared")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all walks: a file for each would cost more than its walk."""
    store = SqliteStore(tmp_path_factory.mktemp("walks") / "store.db")
    store.prepare()
    yield store
    store.close()


def readings_of(walk: Walk) -> list[Reading]:
    return [(sent.time_ns, {"entries_total": sent.total}) for sent in walk.sent]


def put_alone(walk: Walk, store: Store, chance: random.Random) -> None:
    """Store a walk's readings in any order, and nothing else."""
    store.delete(Kind.FOOTFALL, start_ns=0, stop_ns=2**62, where={"hub": "armley"})
    batch = lines(Kind.FOOTFALL, readings_of(walk))
    chance.shuffle(batch)
    put_lines(store, batch)


def days_of(walk: Walk) -> list[date]:
    first_ns, last_ns = walk.sent[0].time_ns, walk.sent[-1].time_ns
    calendar = HubCalendar(walk.estate, "armley")
    return list(dates(calendar.date_of(first_ns), calendar.date_of(last_ns)))


def counted(walk: Walk) -> int:
    """The entries of all the walk's days together."""
    usual, plan = UsualOpening(HubCalendar(walk.estate, "armley")), HubPlan.of(walk.estate, "armley")
    readings = {Kind.FOOTFALL: by_sensor([run_of(readings_of(walk))])}
    now_ns = walk.sent[-1].time_ns + 3 * DAY_NS
    days = (roll_up(readings, usual.calendar.day(day), usual, plan, now_ns=now_ns) for day in days_of(walk))
    return sum(int(day.figures["entries"] or 0) for day in days)


def counted_in(store: Store, walk: Walk) -> int:
    """The same, as an export of a store has it."""
    queries = Queries(store, walk.estate, now_ns=walk.sent[-1].time_ns + 3 * DAY_NS)
    days = days_of(walk)
    return sum(int(day.figures["entries"] or 0) for day in queries.daily(days[0], days[-1], hub="armley"))


@given(walk=walks())
@settings(max_examples=5000 if IS_CAMPAIGN else 100, derandomize=not IS_CAMPAIGN)
def test_days_add_up_to_the_truth_but_for_what_no_believed_reading_covers(walk: Walk) -> None:
    found, bound = counted(walk), bound_of(walk)
    note(f"{found} counted of {walk.people}, {bound}, {walk.sent}")
    assert abs(found - walk.people) <= bound.most


@given(walk=walks(), chance=st.randoms(use_true_random=False))
@settings(max_examples=200 if IS_CAMPAIGN else 10, derandomize=not IS_CAMPAIGN)
def test_days_add_up_alike_in_a_store_however_the_readings_came(
    walk: Walk, chance: random.Random, shared: Store
) -> None:
    put_alone(walk, shared, chance)
    assert counted_in(shared, walk) == counted(walk)


@given(walks().map(undisturbed))
@settings(max_examples=30)
def test_nothing_is_allowed_where_nothing_happens(walk: Walk) -> None:
    assert bound_of(walk).allowed == 0
