"""What honest hubs sent in a round, what the broker took of it and when, and what must therefore be in the store."""

import itertools
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from mqtt.publisher import Publisher
from schemas.localtime import NS_A_SECOND, rfc3339
from schemas.settings import MqttSettings
from simulators.messages import TimedMessage

HUBS = ("alder", "birch", "cedar")
UNTIMED_HUB, LAST_HUB = "dogwood", "elder"
BATCH_MESSAGES = 40
BETWEEN_S = 0.05
CONNECTED_DEADLINE_S = 30
READINGS_MAX = 4
COUNTS = range(50)
UNTIMED_SHARE = 0.25
FIRST_NS = 1_767_600_000 * NS_A_SECOND  # 2026-01-05 08:00 UTC
ROUND_NS = 86_400 * NS_A_SECOND
"""Each round's readings are of a day of their own."""

Counts = dict[tuple[str, int], int]
"""Entries by hub and time."""


@dataclass(slots=True)
class Message:
    """One message: its readings by hub and time, or an untimed count; `taken_s` is when the broker acknowledged it."""

    topic: str
    payload: bytes
    readings: Counts = field(default_factory=dict)
    untimed: int = 0
    taken_s: float | None = None


class Honest:
    """Publishes at QoS 1, some hundred messages a second, until told to stop."""

    def __init__(self, number: int, rng: Random, port: int) -> None:
        self._rng, self._port = rng, port
        self._times = itertools.count(FIRST_NS + number * ROUND_NS, NS_A_SECOND)
        self.messages: list[Message] = []
        self._stopping, self._connected = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._publish, name="honest hubs")
        self.error: Exception | None = None

    def start(self) -> None:
        """Return once it is connected."""
        self._thread.start()
        assert self._connected.wait(CONNECTED_DEADLINE_S), "the honest hubs never got through to the broker"

    def stop(self) -> None:
        """Return once the broker has acknowledged all that was sent."""
        self._stopping.set()
        self._thread.join()
        if self.error is not None:
            raise self.error

    def _publish(self) -> None:
        try:
            settings = MqttSettings(host="127.0.0.1", port=self._port)
            with Publisher(settings, window_messages=BATCH_MESSAGES) as publisher:
                self._connected.set()
                while not self._stopping.wait(BETWEEN_S):
                    batch = list(itertools.islice(self._made(), BATCH_MESSAGES))
                    self.messages += batch
                    taken = iter(batch)

                    def on_sent(count: int, taken: Iterator[Message] = taken) -> None:
                        for message in itertools.islice(taken, count):
                            message.taken_s = time.monotonic()

                    publisher.publish_all([TimedMessage(0, m.topic, m.payload) for m in batch], on_sent=on_sent)
        except Exception as error:  # noqa: BLE001 - told to whoever stops it
            self.error = error

    def _made(self) -> Iterator[Message]:
        while True:
            if self._rng.random() < UNTIMED_SHARE:
                count = self._rng.randrange(3)
                payload = json.dumps({"entries": count}).encode()
                yield Message(f"hubs/{UNTIMED_HUB}/footfall/door", payload, untimed=count)
                continue
            hub = self._rng.choice(HUBS)
            readings = {
                (hub, next(self._times)): self._rng.choice(COUNTS) for _ in range(self._rng.randint(1, READINGS_MAX))
            }
            items = [{"time": rfc3339(time_ns), "entries": count} for (_, time_ns), count in readings.items()]
            yield Message(f"hubs/{hub}/footfall/door", json.dumps(items).encode(), readings)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a round came to."""

    sent: int
    lost: tuple[str, ...]
    invented: tuple[str, ...]
    in_doubt: int
    """Readings that a killed broker had acknowledged and not saved, and that are missing."""


def judge(messages: list[Message], found: Mapping[tuple[str, int], int], doubt_s: list[tuple[float, float]]) -> Verdict:
    """Compare what the broker took with what is stored; `doubt_s` are the times of what a killed broker forgets."""
    sent: Counts = {}
    lost, in_doubt = [], 0
    for message in messages:
        sent |= message.readings
        for (hub, time_ns), count in message.readings.items():
            if message.taken_s is None or found.get((hub, time_ns)) == count:
                continue
            if (hub, time_ns) not in found and any(first <= message.taken_s <= last for first, last in doubt_s):
                in_doubt += 1
            else:
                lost.append(f"{hub} {rfc3339(time_ns)}: {count}, stored {found.get((hub, time_ns))}")
    invented = [
        f"{hub} {rfc3339(time_ns)}: {count}" for (hub, time_ns), count in found.items() if (hub, time_ns) not in sent
    ]
    return Verdict(len(sent), tuple(lost), tuple(invented), in_doubt)
