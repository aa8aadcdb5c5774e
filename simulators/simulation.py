r"""A run of the simulated estate: days, faults, truth, and the messages that come of it.

estate -> hub days -> transmissions -> faults -> sending order -> messages -> broker
                                        \-> truth (people, injections, what must be shown)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from schemas import Estate
from simulators.estate import SimulatedEstate
from simulators.faults import Fault, FaultPlan, plan
from simulators.hub import HubDay
from simulators.messages import TimedMessage
from simulators.transmissions import SendingOrder, messages_of, transmissions_of
from simulators.truth.record import TruthRecord

Days = tuple[date, date | None]
"""First and last day; without a last one the days go on for ever."""


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
        simulated = SimulatedEstate(self.estate, seed=self.seed, crowds=dict(self.crowds))
        for first, last in self.spans:
            for day, hub_days in groupby(simulated.days(first, last), key=lambda hub_day: hub_day.day):
                for hub_day in hub_days:
                    self._send(hub_day, faults, order, truth)
                    on_hub_day()
                if truth is not None:
                    truth.end_of_day(day)
                next_ns = min(hub.bounds(day + timedelta(days=1)).start_ns for hub in simulated.hubs)
                yield from messages_of(order.until(next_ns), readings_max=readings_max(day))
            if truth is not None:
                truth.end_of_span()
        yield from messages_of(order.until(None), readings_max=readings_max(date.max))

    @staticmethod
    def _send(hub_day: HubDay, faults: Sequence[Fault], order: SendingOrder, truth: TruthRecord | None) -> None:
        for undisturbed in transmissions_of(hub_day):
            transmissions = undisturbed
            for fault in faults:
                transmissions = fault.apply(hub_day, transmissions)
            order.add(transmissions)
            if truth is not None:
                truth.take(hub_day, transmissions)
        if truth is not None:
            truth.people(hub_day)
            for fault in faults:
                truth.injections(fault.injections)
                fault.injections.clear()
