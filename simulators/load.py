"""Load: a steady rate of messages from several connections, so that capacity can be measured.

messages -> message n due n / rate after the start -> dealt out to publishers, one thread each -> report
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from mqtt.publisher import Publisher
from mqtt.window import Report
from schemas.localtime import NS_A_SECOND
from schemas.settings import MqttSettings
from simulators.messages import TimedMessage
from simulators.runner import RealTime

_FIRST_S = 1e-5
_GROWTH = 1.02
_LOG_GROWTH = math.log(_GROWTH)


class Latencies:
    """Durations in buckets 2 % wide from 10 us on: any number of them in a few kilobytes."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.number = 0
        self.longest_s = 0.0

    def add(self, durations_s: Iterable[float]) -> None:
        for duration_s in durations_s:
            self._buckets[max(0, math.ceil(math.log(max(duration_s, _FIRST_S) / _FIRST_S) / _LOG_GROWTH))] += 1
            self.number += 1
            self.longest_s = max(self.longest_s, duration_s)

    def percentile_s(self, percent: float) -> float:
        """A duration, in seconds, that so many percent do not exceed (to 2 %); 0 where there is none."""
        wanted, seen = self.number * percent / 100, 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                return min(self.longest_s, _FIRST_S * _GROWTH**bucket)
        return 0.0


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What was sent and acknowledged; latencies are from sending to the broker's acknowledgement."""

    connections: int
    seconds: float
    sent: int
    acknowledged: int
    refused: Mapping[str, int]
    latency_p50_ms: float
    latency_p95_ms: float
    latency_p99_ms: float
    latency_max_ms: float

    @property
    def rate_per_s(self) -> float:
        """The rate that was held, in acknowledged messages per second."""
        return self.acknowledged / self.seconds if self.seconds else 0.0


def hold_rate(
    settings: MqttSettings,
    messages: Iterable[TimedMessage],
    *,
    rate_per_s: float,
    connections: int = 4,
    messages_max: int | None = None,
    duration_s: float | None = None,
    on_sent: Callable[[int], None] = lambda _more: None,
    stop: Callable[[], bool] = lambda: False,
) -> LoadReport:
    """Send messages at a steady rate until they end, or a number or duration of them is sent; wait for every answer.

    The messages are dealt out to the connections one by one, so those of a sensor may overtake each other. Where broker
    or machine are slower than the rate, `rate_per_s` of the report is below it: late messages are sent, not dropped.
    Raises HubpulseError from the broker.
    """
    limits = [messages_max, None if duration_s is None else math.ceil(duration_s * rate_per_s)]
    bounded = islice(messages, min((limit for limit in limits if limit is not None), default=None))
    latencies, noting, taking = Latencies(), threading.Lock(), threading.Lock()
    failed = threading.Event()

    def note(durations_s: list[float]) -> None:
        with noting:
            latencies.add(durations_s)
            on_sent(len(durations_s))

    publishers = [Publisher(settings) for _ in range(connections)]
    for publisher in publishers:
        publisher.connect()
    start_ns = time.monotonic_ns()
    steady = (
        message._replace(time_ns=start_ns + round(n * NS_A_SECOND / rate_per_s)) for n, message in enumerate(bounded)
    )
    pace = RealTime(time.monotonic_ns)

    def take() -> TimedMessage | None:
        """The next message, in whichever thread."""
        with taking:
            return next(steady, None)

    def publish(publisher: Publisher) -> Report:
        try:
            with publisher:
                return publisher.publish_all(
                    iter(take, None), pace=pace, on_latency_s=note, stop=lambda: failed.is_set() or stop()
                )
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(connections, thread_name_prefix="load") as pool:
        reports = list(pool.map(publish, publishers))
    refused = sum((Counter(report.refused) for report in reports), Counter[str]())
    return LoadReport(
        connections=connections,
        seconds=(time.monotonic_ns() - start_ns) / NS_A_SECOND,
        sent=sum(report.sent for report in reports),
        acknowledged=sum(report.acknowledged for report in reports),
        refused=dict(refused),
        latency_p50_ms=latencies.percentile_s(50) * 1000,
        latency_p95_ms=latencies.percentile_s(95) * 1000,
        latency_p99_ms=latencies.percentile_s(99) * 1000,
        latency_max_ms=latencies.longest_s * 1000,
    )
