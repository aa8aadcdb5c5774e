r"""Decoding in processes beside the one that receives, commits and acknowledges.

    received work -> by sensor, one share to each worker -> decoded at once, each in its order -> one batch -> commit
                                              \-> a worker that ends is started again, and given the same once more

There is one session, one buffer and one ledger, whatever the number of workers. While they decode one work, ingest
commits the one before and receives the next: works are done in their order.

A sensor's messages always go to the same worker, so that they stay in their order. What has no time of its own gets one
of the nanoseconds that its share was given, which no other share ever is.
"""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Callable, Sequence

from ingest.batches import Batch
from ingest.buffer import Buffer
from ingest.decoding import Decoding, DecodingHere, Work, complete
from ingest.new_sensors import NewSensor
from ingest.tasks import Share
from ingest.worker_process import WorkerProcess
from mqtt.messages import Message
from schemas.localtime import NS_A_SECOND
from schemas.settings import Settings
from sensors.formats import readings_max
from sensors.registry import Registry

_STEP_S = 0.1
_TOPICS_MAX = 100_000


class Workers:
    """So many worker processes as the settings say, as one decoding. Not shared between threads."""

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        announced: Sequence[Message],
        new_sensors: Sequence[NewSensor] = (),
        *,
        clock_ns: Callable[[], int],
        rng: random.Random,
        meanwhile: Callable[[], bool],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`meanwhile` is called while they work, again and again; False where ingest is to stop."""
        self._clock_ns = clock_ns
        self._meanwhile = meanwhile
        self._last_ns = 0
        self._work: Work | None = None
        self._registry = registry
        self._worker_of: dict[bytes, int] = {}
        known = {message.topic: message for message in announced}
        seen = {(sensor.hub, sensor.sensor): sensor for sensor in new_sensors}
        self._workers = [
            WorkerProcess(number, registry, settings, known, seen, clock_ns=clock_ns, rng=rng, monotonic_s=monotonic_s)
            for number in range(1, settings.ingest.workers + 1)
        ]

    @property
    def is_busy(self) -> bool:
        return self._work is not None

    @property
    def problem(self) -> str | None:
        return next((worker.problem for worker in self._workers if worker.problem), None)

    def use(self, registry: Registry) -> None:
        self._registry = registry
        self._worker_of.clear()
        for worker in self._workers:
            worker.use(registry)

    def exchange(self, work: Work | None) -> tuple[Work, Batch] | None:
        done = self._finish()
        if work is not None and self._work is None:
            self._begin(work)
        return done

    def close(self) -> None:
        for worker in self._workers:
            worker.close()

    def _begin(self, work: Work) -> None:
        self._work = work
        if self._last_ns > self._clock_ns() + NS_A_SECOND:
            self._last_ns = 0  # the clock was ahead, and what comes now came now
        shares: list[list[Share]] = [[] for _ in self._workers]
        for parcel in work.parcels:
            earlier_ns = parcel.received_ns
            dealt: list[list[Message]] = [[] for _ in self._workers]
            for message in parcel.messages:
                index = self._worker_of.get(message.topic)
                dealt[self._find_worker(message.topic) if index is None else index].append(message)
            for index, messages in enumerate(dealt):
                if messages:
                    count = sum(map(readings_max, messages))
                    first_ns = self.reserve_ns(count) if earlier_ns is None else earlier_ns
                    earlier_ns = None if earlier_ns is None else earlier_ns + count
                    shares[index].append(Share(first_ns, parcel.maybe_repeated, messages))
        for worker, given in zip(self._workers, shares, strict=True):
            worker.give(given)

    def _find_worker(self, topic: bytes) -> int:
        if len(self._worker_of) >= _TOPICS_MAX:
            self._worker_of.clear()
        self._worker_of[topic] = index = zlib.crc32(self._registry.order_key(topic)) % len(self._workers)
        return index

    def reserve_ns(self, readings: int) -> int:
        first_ns = max(self._clock_ns(), self._last_ns + 1)
        self._last_ns = first_ns + readings - 1
        return first_ns

    def _finish(self) -> tuple[Work, Batch] | None:
        """The batch of the work that was begun, once all have answered; None where there is none, or we are to stop."""
        for worker in self._workers:
            while not worker.step(_STEP_S if self._work is not None else 0):
                if not self._meanwhile():
                    return None
        work, self._work = self._work, None
        if work is None:
            return None
        batch = Batch()
        for worker in self._workers:
            batch.add(worker.take())
        return work, complete(batch, work)


def open_decoding(
    registry: Registry,
    settings: Settings,
    buffer: Buffer,
    *,
    clock_ns: Callable[[], int],
    rng: random.Random,
    meanwhile: Callable[[], bool],
) -> Decoding:
    """Workers, or without any the thread that asks; with what the buffer remembers of devices."""
    announced, new_sensors = buffer.devices.announcements(), buffer.new_sensors.all()
    if settings.ingest.workers == 1:
        return DecodingHere(registry, settings, announced, new_sensors, clock_ns=clock_ns)
    return Workers(registry, settings, announced, new_sensors, clock_ns=clock_ns, rng=rng, meanwhile=meanwhile)
