r"""The simulated estate as messages: a run of days, with faults and truth.

estate -> hub days -> transmissions -> faults -> window -> sending order -> messages -> broker
                                                   \-> truth (people, injections, what must be shown)

With the same seed, a window that begins where another ends neither repeats nor leaves out a reading, and windows that
overlap hold the same readings for the same time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

from schemas import Estate
from schemas.localtime import Span
from simulators.faults import Fault, FaultPlan, plan
from simulators.hub import HubDay, SimulatedHub
from simulators.messages import TimedMessage
from simulators.speech import Speech
from simulators.transmissions import Disturb, SendingOrder, Transmission, messages_of, transmissions_of
from simulators.truth.record import TruthRecord

LEEDS = Path(str(files("simulators") / "estates" / "leeds.yaml"))
"""The model estate's file: 22 digital health hubs of one city."""

Days = tuple[date, date | None]
"""First and last day; without a last one the days go on for ever."""

ALWAYS = Span(0, sys.maxsize)


class SimulatedEstate:
    """Every hub of an estate, behaving."""

    def __init__(self, estate: Estate, *, seed: int, crowds: dict[date, float] | None = None) -> None:
        """`crowds` multiplies the visitors of single days, all hubs alike."""
        self.estate = estate
        self.hubs = [SimulatedHub(estate, hub, seed=seed, crowds=crowds) for hub in estate.hubs]

    def days(self, first: date, last: date | None) -> Iterator[HubDay]:
        """Every hub's local days from first to last; without a last, for ever."""
        for step in range(((last or date.max) - first).days + (last is not None)):
            for hub in self.hubs:
                yield hub.day(first + timedelta(days=step))


def _undisturbed(transmissions: list[Transmission]) -> list[Transmission]:
    return transmissions


@dataclass(frozen=True, slots=True)
class Simulation:
    """What is simulated: the same simulation always gives the same messages and the same truth."""

    document: Mapping[str, Any]
    """The estate file's content."""
    spans: Sequence[Days]
    seed: int
    scenario: str = "normal"
    faults: Sequence[str] = ()
    crowds: Mapping[date, float] = field(default_factory=dict)
    disturb: Disturb = _undisturbed
    """What happens besides the faults that have a name."""
    window: Span = ALWAYS
    """Only what is sent in this time is simulated."""

    @property
    def estate(self) -> Estate:
        return Estate.model_validate(self.document)

    def header(self) -> dict[str, Any]:
        """The first line of the truth: the run itself."""
        return {
            "seed": self.seed,
            "scenario": self.scenario,
            "faults": list(self.faults),
            "crowds": {str(day): times for day, times in self.crowds.items()},
            "spans": self.spans,
            "estate": self.document,
        }

    def fault_plan(self) -> FaultPlan:
        """The faults, ready for one run. Raises HubpulseError for a fault that doesn't exist."""
        return plan(self.faults, seed=self.seed)

    def hub_days(self) -> int | None:
        """How many local days of a hub there are; None where they go on for ever."""
        lengths = [(last - first).days + 1 for first, last in self.spans if last is not None]
        return sum(lengths) * len(self.estate.hubs) if len(lengths) == len(self.spans) else None

    def messages(
        self,
        *,
        readings_max: Callable[[date], int],
        truth: TruthRecord | None = None,
        on_hub_day: Callable[[], None] = lambda: None,
    ) -> Iterator[TimedMessage]:
        """Every message in the order of sending; `readings_max` bounds a message's readings on each day."""
        faults = self.fault_plan().readings
        order = SendingOrder()
        speech = Speech(self.estate)
        simulated = SimulatedEstate(self.estate, seed=self.seed, crowds=dict(self.crowds))
        for first, last in self.spans:
            for day, hub_days in groupby(simulated.days(first, last), key=lambda hub_day: hub_day.day):
                for hub_day in hub_days:
                    self._send(hub_day, faults, order, truth, speech)
                    on_hub_day()
                if truth is not None:
                    truth.end_of_day(day)
                next_ns = min(hub.bounds(day + timedelta(days=1)).start_ns for hub in simulated.hubs)
                yield from messages_of(order.until(next_ns), readings_max=readings_max(day), speak=speech.message)
            if truth is not None:
                truth.end_of_span()
        yield from messages_of(order.until(None), readings_max=readings_max(date.max), speak=speech.message)

    def _send(
        self,
        hub_day: HubDay,
        faults: Sequence[Fault],
        order: SendingOrder,
        truth: TruthRecord | None,
        speech: Speech,
    ) -> None:
        start_ns, stop_ns = self.window
        for undisturbed in transmissions_of(hub_day):
            transmissions = undisturbed
            for fault in faults:
                transmissions = fault.apply(hub_day, transmissions)
            transmissions = [t for t in speech.cut(self.disturb(transmissions)) if start_ns <= t.sent_ns < stop_ns]
            order.add(transmissions)
            if truth is not None:
                truth.take(hub_day, transmissions)
        if truth is not None:
            truth.people(hub_day)
            for fault in faults:
                truth.injections(fault.injections)
                fault.injections.clear()
