"""An intake with small limits, and two hubs that send to it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ingest.buffer import Buffer
from ingest.decoding import DecodingHere, Parcel, Work
from ingest.intake import Intake
from ingest.rates import HubRates
from mqtt.messages import Message
from schemas.localtime import NS_A_SECOND
from schemas.settings import IngestSettings, Settings
from sensors.registry import Registry
from tests.ingest.given import Clock, estate, message

ESTATE = estate(
    {"id": "armley", "sensors": [{"id": "door-1", "kinds": ["footfall"]}]},
    {"id": "beeston", "sensors": [{"id": "door-1", "kinds": ["footfall"]}]},
)


class Hubs:
    """An intake under a clock of its own, and messages for it."""

    def __init__(self, folder: Path, **limits: Any) -> None:
        self.clock = Clock()
        self.limits = IngestSettings(
            **{"hub_messages_per_s_max": 10, "hub_messages_burst": 10, "sensor_messages_burst": 5, **limits}
        )
        self.folder = folder
        self.open()

    def open(self) -> None:
        self.buffer = Buffer(self.folder, clock_ns=self.clock)
        registry = Registry(ESTATE)
        self.decoding = DecodingHere(
            registry, Settings(ingest=self.limits), (), self.buffer.new_sensors.all(), clock_ns=self.clock
        )
        rates = HubRates(registry, self.limits, monotonic_s=lambda: self.clock.now_ns / NS_A_SECOND)
        self.intake = Intake(registry, self.buffer, rates, settings=self.limits, clock_ns=self.clock)

    def send(self, topic: str, *payloads: str, **flags: bool) -> None:
        self.take([message(topic, payload, number, **flags) for number, payload in enumerate(payloads, start=1)])

    def take(self, messages: Sequence[Message]) -> None:
        taken, beside = self.intake.split([Parcel(messages, maybe_repeated=False)], self.decoding)
        self.exchange(Work(taken, lambda: None, messages, beside=beside))

    def take_held(self) -> None:
        for work in self.intake.held(self.decoding):
            self.exchange(work)

    def exchange(self, work: Work) -> None:
        done = self.decoding.exchange(work)
        assert done is not None
        self.intake.charge(done[1])
        self.buffer.commit(done[1])

    def drain(self) -> int:
        """Take what waits, second by second; how many seconds that takes."""
        for second in range(10_000):
            self.take_held()
            if not self.buffer.held_messages():
                return second
            self.clock.forward(1)
        raise AssertionError("it never ends")

    @property
    def lines(self) -> list[str]:
        return [line for row in self.buffer.pending.oldest(10**9) for line in row.lines.decode().splitlines()]

    def lines_of(self, hub: str) -> list[str]:
        return [line for line in self.lines if f"hub={hub}," in line]
