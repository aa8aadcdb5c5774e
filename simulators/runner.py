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


def run(
    simulation: Simulation,
    publisher: Publisher,
    *,
    readings_max: Callable[[date], int] = lambda _day: READINGS_A_BATCH,
    pace: Pace | None = None,
    truth: TruthRecord | None = None,
    on_hub_day: Callable[[], None] = lambda: None,
    stop: Callable[[], bool] = lambda: False,
) -> Published:
    """Publish every message of a simulation, and wait until the broker has each of them."""
    shares = simulation.fault_plan().connection
    rng = seeded_rng(simulation.seed, "connection")
    messages = simulation.messages(readings_max=readings_max, truth=truth, on_hub_day=on_hub_day)
    taken = sent = acknowledged = cuts = 0
    last: deque[TimedMessage] = deque(maxlen=_REPEATED_MAX)
    again: list[TimedMessage] = []
    cut: list[str] = []

    def until_cut() -> Iterator[TimedMessage]:
        """Messages until a fault of the connection strikes, which is then named in `cut`."""
        nonlocal taken
        for message in messages:
            taken += 1
            last.append(message)
            yield message
            struck = [fault for fault, share in shares.items() if rng.random() < share]
            if struck:
                cut.append(struck[0])
                return

    while True:
        report = publisher.publish_all(chain(again, until_cut()), pace=pace, stop=stop)
        sent, acknowledged = sent + report.sent, acknowledged + report.acknowledged
        if not cut or stop():
            return Published(sent, acknowledged, cuts)
        publisher.abort()
        cuts += 1
        fault = cut.pop()
        again = list(last) if fault == "redelivery" else []
        if truth is not None:
            truth.connection(fault, after_messages=taken, repeated=len(again))
