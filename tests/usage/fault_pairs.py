"""Months of two door counters with two kinds of fault at once, and how many of their days come out right."""

import json
from datetime import date, timedelta
from enum import StrEnum
from io import StringIO
from itertools import combinations, islice
from typing import NamedTuple

from ingest.decoder import Decoder
from mqtt.messages import Message
from schemas.localtime import day_span
from schemas.measures import PeopleState
from sensors.registry import Registry
from simulators.faults.counters import CounterResetMidnight, CounterResetReboot, Rollover, SwappedDevice
from simulators.faults.transport import DeadSensor, Duplicates, Gaps, Late, Outage, OutOfOrder
from simulators.scenarios import simulation
from simulators.simulation import SimulatedEstate, Simulation
from simulators.truth.record import TruthRecord
from stores import Store
from tests.usage.given import DAY_NS, put_lines
from usage import Queries
from usage.queries.figures import DayFigures

FAULTS = {
    # Often enough that most pairs of them meet within a month.
    Rollover: 1.0,
    SwappedDevice: 0.15,
    CounterResetMidnight: 1.0,
    CounterResetReboot: 0.2,
    Gaps: 0.3,
    DeadSensor: 0.1,
    Outage: 0.1,
    Late: 0.2,
    OutOfOrder: 0.2,
    Duplicates: 0.2,
}
COUNTERS = (Rollover, CounterResetMidnight, CounterResetReboot, SwappedDevice)
PAIRS = [
    (one.name, other.name)
    for one, other in combinations(FAULTS, 2)
    if one in COUNTERS  # what only happens on the way is tried by the year of test_year.py
]
SHARES = {fault.name: share for fault, share in FAULTS.items()}
LAST = date(2025, 11, 9)
"""A Sunday; the month before it holds the end of summer time."""
_OFF_MAX = 0.05
"""By the contract a counted day may lack, or have from a gap over midnight, so much of its people."""
_SAID = ("counter-reset-midnight", "dead-sensor")
"""What began again while the sensor was dead for days looks like growth: only `resets: daily` tells it apart."""
_SENSOR = {"id": "door", "kinds": ["footfall"], "every": "10m"}


class Outcome(StrEnum):
    """What a day's entries are worth against those that the counter noticed."""

    RIGHT = "right"
    MARKED = "marked"
    """Empty, or said to be incomplete."""
    WRONG = "wrong"


def month(pair: tuple[str, str], *, days: int, seed: int) -> Simulation:
    """Two hubs with a door each: one of 16 bits that sends totals, one of 32 that sends totals and interval counts."""
    opening = {"mon-fri": "09:00-17:00", "sat": "10:00-13:00"}
    sensor = _SENSOR | {"max_step": 2000, "resets": "daily" if pair == _SAID else "never"}
    hubs = [
        {"id": f"bits-{bits}", "opening": opening, "sensors": [sensor | {"counter_bits": bits}]} for bits in (16, 32)
    ]
    faults = tuple(f"{name}:{SHARES[name]}" for name in pair)
    document = {"timezone": "Europe/London", "hubs": hubs}
    return simulation(document, scenario="normal", last=LAST, days=days, seed=seed, faults=faults)


class CountedDay(NamedTuple):
    """A hub's day: how many its counter noticed, what is shown of them, and what that is worth."""

    hub: str
    date: date
    noticed: int
    entries: int | None
    state: PeopleState
    outcome: Outcome


def outcomes(run: Simulation, store: Store) -> list[CountedDay]:
    """What came of each hub's days."""
    received_ns = day_span(LAST, run.estate.zone_of("bits-16")).stop_ns + 10 * DAY_NS
    decoder = Decoder(Registry(run.estate), clock_ns=lambda: received_ns)
    truth = StringIO()
    record = TruthRecord(truth, run.estate, run.header())
    messages = run.messages(readings_max=lambda _day: 144, truth=record)
    while batch := list(islice(messages, 500)):
        found = decoder.decode([Message(message.topic.encode(), message.payload) for message in batch])
        if found.lines:
            put_lines(store, found.lines)
    record.close()
    rows = [json.loads(line) for line in truth.getvalue().splitlines()]
    told = {(row["hub"], row["date"]): row["entries"] for row in rows if row["type"] == "usage_daily"}
    # The last day's last people came after its last reading, and the first day's first before any.
    first, last = run.spans[0][0] + timedelta(days=1), LAST - timedelta(days=1)
    noticed = {
        (hub_day.hub.id, hub_day.day): sum(visit.counted_in for visit in hub_day.visits)
        for hub_day in SimulatedEstate(run.estate, seed=run.seed).days(first, last)
    }
    shown = Queries(store, run.estate, now_ns=received_ns).daily(first, last)
    return [_judged(row, noticed[row.hub, row.date], told.get((row.hub, row.date.isoformat()))) for row in shown]


def _judged(row: DayFigures, noticed: int, told: int | None) -> CountedDay:
    """A day is right, too, with all that the counter's messages tell: what it forgot when it began again, none does."""
    value, state = row.figures["entries"], PeopleState(int(row.figures["people_state"] or 0))
    entries = None if value is None else int(value)
    off = abs((entries or 0) - noticed)
    if state in (PeopleState.PARTIAL, PeopleState.NONE):
        outcome = Outcome.MARKED
    else:
        outcome = Outcome.RIGHT if off <= _OFF_MAX * noticed or entries == told else Outcome.WRONG
    return CountedDay(row.hub, row.date, noticed, entries, state, outcome)
