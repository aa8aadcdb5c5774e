"""Publishes a simulation: paced or at full speed, and with what happens to the connection.

simulation -> messages -> stretches between two cuts of the connection -> publisher -> broker
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import chain

from mqtt.publisher import Pace, Publisher
from schemas.localtime import NS_A_SECOND
from simulators.messages import TimedMessage
from simulators.seeded import seeded_rng
from simulators.simulation import Simulation
from simulators.truth.record import TruthRecord

READINGS_A_BATCH = 144
_REPEATED_MAX = 50


@dataclass(frozen=True, slots=True)
class Published:
    """What was sent and acknowledged, those included that were sent again."""

    sent: int
    acknowledged: int
    cuts: int


@dataclass(frozen=True, slots=True)
class RealTime:
    """A pace: what is past is sent at once, what is to come at its time. `clock_ns` is the clock."""

    clock_ns: Callable[[], int] = time.time_ns

    def due_s(self, message: TimedMessage) -> float:
        return time.monotonic() + (message.time_ns - self.clock_ns()) / NS_A_SECOND


class Runner:
    """Publishes one simulation."""

    def __init__(
        self,
        simulation: Simulation,
        publisher: Publisher,
        *,
        readings_max: Callable[[date], int] = lambda _day: READINGS_A_BATCH,
        pace: Pace | None = None,
        truth: TruthRecord | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._simulation = simulation
        self._publisher = publisher
        self._readings_max = readings_max
        self._pace = pace
        self._truth = truth
        self._stop = stop
        self._connection = simulation.fault_plan().connection
        self._rng = seeded_rng(simulation.seed, "connection")
        self._taken = 0
        self._last: deque[TimedMessage] = deque(maxlen=_REPEATED_MAX)

    def run(self, *, on_hub_day: Callable[[], None] = lambda: None) -> Published:
        """Publish every message, and wait until the broker has each of them."""
        messages = self._simulation.messages(readings_max=self._readings_max, truth=self._truth, on_hub_day=on_hub_day)
        sent = acknowledged = cuts = 0
        again: list[TimedMessage] = []
        cut: list[str] = []
        while True:
            stretch = chain(again, self._until_cut(messages, cut))
            report = self._publisher.publish_all(stretch, pace=self._pace, stop=self._stop)
            sent, acknowledged = sent + report.sent, acknowledged + report.acknowledged
            if not cut or self._stop():
                break
            self._publisher.abort()
            cuts += 1
            fault = cut.pop()
            again = list(self._last) if fault == "redelivery" else []
            if self._truth is not None:
                self._truth.connection(fault, after_messages=self._taken, repeated=len(again))
        return Published(sent, acknowledged, cuts)

    def _until_cut(self, messages: Iterator[TimedMessage], cut: list[str]) -> Iterator[TimedMessage]:
        """Messages until a fault of the connection strikes, which is then named in `cut`."""
        for message in messages:
            self._taken += 1
            self._last.append(message)
            yield message
            struck = [fault for fault, share in self._connection.items() if self._rng.random() < share]
            if struck:
                cut.append(struck[0])
                return
