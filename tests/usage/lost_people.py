"""Hub days of a simulated estate: how many people its doors noticed, how many the figure has, how the day is called."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from typing import Any, NamedTuple

from ingest.decoder import Decoder
from mqtt.messages import Message
from schemas import Kind
from schemas.measures import PeopleState
from sensors.registry import Registry
from simulators.faults import Injection
from simulators.hub import HubDay
from simulators.simulation import Simulation
from simulators.truth.record import TruthRecord
from stores import Store
from tests.usage.given import DAY_NS, put_lines
from usage.calendar import HubCalendar, dates
from usage.rollup_writer import RollupWriter

BATCH_MESSAGES = 500
READINGS_A_MESSAGE = 144
SETTLED_DAYS = 40


class JudgedDay(NamedTuple):
    """One hub and local day."""

    hub: str
    day: date
    noticed: int
    """People that the doors noticed coming in, whatever became of the readings that say so."""
    entries: int | None
    state: PeopleState
    completeness: float | None

    @property
    def missing(self) -> float:
        """The share of those noticed that the figure lacks."""
        return 1 - (self.entries or 0) / self.noticed


class _Noticed(TruthRecord):
    """Takes of a simulation's truth only what its doors noticed."""

    def __init__(self) -> None:
        self.people_in: Counter[tuple[str, date]] = Counter()

    def people(self, hub_day: HubDay) -> None:
        noticed = (
            observation.counted.entries
            for series in hub_day.series
            if series.kind is Kind.FOOTFALL
            for observation in series.observations
            if observation.counted is not None
        )
        self.people_in[hub_day.hub.id, hub_day.day] += sum(noticed)

    def take(self, hub_day: HubDay, transmissions: object) -> None:
        pass

    def injections(self, injections: Iterable[Injection]) -> None:
        pass

    def end_of_day(self, day: date) -> None:
        pass

    def end_of_span(self) -> None:
        pass


def judged_days(run: Simulation, store: Store) -> Iterator[JudgedDay]:
    """Send the doors' readings through ingest into the store, all of them late, and roll every hub's days up."""
    (first, last), *_ = run.spans
    assert last is not None
    record = _Noticed()
    settled_ns = HubCalendar(run.estate, run.estate.hubs[0].id).day(last).span.stop_ns + SETTLED_DAYS * DAY_NS
    decoder = Decoder(Registry(run.estate), clock_ns=lambda: settled_ns)
    messages = run.messages(readings_max=lambda _day: READINGS_A_MESSAGE, truth=record)
    of_doors = (Message(m.topic.encode(), m.payload) for m in messages if f"/{Kind.FOOTFALL}/" in m.topic)
    while batch := list(islice(of_doors, BATCH_MESSAGES)):
        if lines := decoder.decode(batch).lines:
            put_lines(store, lines)
    for hub in run.estate.hubs:
        writer = RollupWriter(store, run.estate, hub.id, now_ns=settled_ns)
        for rollup, _ in writer.recompute(dates(first, last)):
            found: dict[str, Any] = rollup.figures
            state = PeopleState(int(found["people_state"]))
            noticed = record.people_in[hub.id, rollup.day.date]
            yield JudgedDay(hub.id, rollup.day.date, noticed, found["entries"], state, found["footfall_completeness"])
