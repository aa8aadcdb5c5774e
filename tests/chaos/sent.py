"""What honest hubs sent in a round, and what the broker took of it and when."""

import itertools
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from mqtt.publisher import Publisher
from schemas.localtime import NS_A_SECOND, rfc3339
from schemas.settings import MqttSettings
from simulators.messages import TimedMessage

HUBS = ("alder", "birch", "cedar")
UNTIMED_HUB, LAST_HUB = "dogwood", "elder"
NUMBERED_HUB, UNKNOWN_HUB, LIVE_HUB = "hazel", "juniper", "larch"
"""Each message of these has a number of its own for a count: without a time, of a hub that the estate does not name,
and with the time at which it is sent."""
BATCH_MESSAGES = 40
BETWEEN_S = 0.05
CONNECTED_DEADLINE_S = 30
READINGS_MAX = 4
COUNTS = range(50)
FIRST_NS = 1_578_268_800 * NS_A_SECOND  # 2020-01-06
DAY_NS, ROUNDS_A_DAY = 86_400 * NS_A_SECOND, 10
ROUND_NS = DAY_NS // ROUNDS_A_DAY
"""Each round's readings have a part of a day of their own."""
BETWEEN_READINGS_NS = NS_A_SECOND // 100
NUMBERS_A_ROUND = 1_000_000

Counts = dict[tuple[str, int], int]
"""Entries by hub and time."""


@dataclass(slots=True)
class Message:
    """One message: its readings by hub and time, or a number, or an untimed count that is like others.

    `sent_s` and `taken_s` are when it was first sent and when the broker acknowledged it.
    """

    topic: str
    payload: bytes
    readings: Counts = field(default_factory=dict)
    number: int = 0
    untimed: int | None = None
    copies: int = 1
    """So many may be there: more where it was sent again, and both wait in the quarantine."""
    sent_s: float = 0.0
    taken_s: float | None = None

    @property
    def hub(self) -> str:
        return self.topic.split("/")[1]


class Honest:
    """Publishes at QoS 1, some hundred messages a second, until told to stop."""

    def __init__(self, number: int, rng: Random, settings: MqttSettings) -> None:
        self._rng, self._settings = rng, settings
        self._times = itertools.count(FIRST_NS + number * ROUND_NS, BETWEEN_READINGS_NS)
        self._numbers = itertools.count(number * NUMBERS_A_ROUND + 1)
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
            with Publisher(self._settings, window_messages=BATCH_MESSAGES) as publisher:
                self._connected.set()
                while not self._stopping.wait(BETWEEN_S):
                    batch = [self._made() for _ in range(BATCH_MESSAGES)]
                    self.messages += batch
                    taken = iter(batch)

                    def on_sent(count: int, taken: Iterator[Message] = taken) -> None:
                        for message in itertools.islice(taken, count):
                            message.taken_s = time.monotonic()

                    publisher.publish_all([TimedMessage(0, m.topic, m.payload) for m in batch], on_sent=on_sent)
        except Exception as error:  # noqa: BLE001 - told to whoever stops it
            self.error = error

    def _made(self) -> Message:
        message = self._rng.choice(_MAKERS)(self)
        message.sent_s = time.monotonic()
        return message

    def _timed(self) -> Message:
        hub = self._rng.choice(HUBS)
        readings = {
            (hub, next(self._times)): self._rng.choice(COUNTS) for _ in range(self._rng.randint(1, READINGS_MAX))
        }
        items = [{"time": rfc3339(time_ns), "entries": count} for (_, time_ns), count in readings.items()]
        return Message(_topic(hub), json.dumps(items).encode(), readings)

    def _untimed(self) -> Message:
        count = self._rng.randrange(3)
        return Message(_topic(UNTIMED_HUB), b'{"entries": %d}' % count, untimed=count)

    def _numbered(self) -> Message:
        hub, number = self._rng.choice((NUMBERED_HUB, NUMBERED_HUB, UNKNOWN_HUB)), next(self._numbers)
        return Message(_topic(hub), b'{"entries": %d}' % number, number=number)

    def _live(self) -> Message:
        number, time_ns = next(self._numbers), time.time_ns()
        return Message(_topic(LIVE_HUB), b'{"time": %d, "entries": %d}' % (time_ns, number), number=number)


_MAKERS = (*(Honest._timed,) * 10, *(Honest._untimed,) * 3, *(Honest._numbered,) * 3, Honest._live)


def _topic(hub: str) -> str:
    return f"hubs/{hub}/footfall/door"
