"""One worker as ingest sees it: started, given messages, started again where it ends.

A worker that ends over its messages is given them once more. Where it ends over them again, they are halved until the
one message is found that it can't be given, which is refused; all others are decoded.
"""

from __future__ import annotations

import os
import pickle
import random
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

import structlog

from ingest.batches import Batch, Refused
from ingest.decoder import ANNOUNCEMENTS_MAX
from ingest.decoding import log_fault
from ingest.new_sensors import NewSensor
from ingest.tasks import BEGUN, Answer, Setup, Share, Task
from mqtt.messages import Message
from schemas.backoff import Backoff
from schemas.readings import Reason, Rejection
from schemas.settings import InfluxSettings, MqttSettings, Settings
from sensors.formats import readings_max
from sensors.registry import Registry

log = structlog.get_logger("hubpulse.ingest")

_ENDS_MAX = 2
"""So often may a worker end over the same messages until they are halved, or the one of them refused."""
_ENDS_REPORTED = 3
_START_MAX_S, _ANSWER_MAX_S = 60.0, 300.0
_SOCKET_MAX_S = 10
_END_MAX_S = 2.0
_BACKOFF_FIRST_S, _BACKOFF_MAX_S = 0.1, 5.0
_FAILURES = (EOFError, OSError, pickle.PickleError)


class WorkerProcess:
    """A worker of one number. `give`, then `step` until it is True, then `take`. Not shared between threads."""

    def __init__(
        self,
        number: int,
        registry: Registry,
        settings: Settings,
        announced: dict[bytes, Message],
        new_sensors: dict[tuple[str, str], NewSensor],
        *,
        clock_ns: Callable[[], int],
        rng: random.Random,
        monotonic_s: Callable[[], float],
    ) -> None:
        self.number = number
        self._registry = registry
        self._announced, self._new_sensors = announced, new_sensors
        self._settings = settings.model_copy(update={"mqtt": MqttSettings(), "influx": InfluxSettings()})
        self._clock_ns = clock_ns
        self._monotonic_s = monotonic_s
        self._backoff = Backoff(_BACKOFF_FIRST_S, _BACKOFF_MAX_S, rng)
        self._process: subprocess.Popen[bytes] | None = None
        self._line: Connection | None = None
        self._start_at_s = self._answer_by_s = 0.0
        self._is_set_up = self._is_asked = self._has_begun = False
        self._tasks: list[list[Share]] = []  # what is still to be decoded, the first of it last
        self._ends = 0
        self._batch = Batch()
        self._start()

    @property
    def problem(self) -> str | None:
        """Why it decodes nothing, where it ends again and again."""
        if self._backoff.tries < _ENDS_REPORTED:
            return None
        return f"worker {self.number} ended {self._backoff.tries} times in a row: see the log for why"

    def use(self, registry: Registry) -> None:
        """Decode for another estate from the next messages on."""
        self._registry = registry
        self._is_set_up = False

    def give(self, shares: list[Share]) -> None:
        """Have these decoded."""
        self._batch = Batch()
        self._tasks = [shares] if shares else []
        self._ends = 0
        self._ask()

    def take(self) -> Batch:
        """What became of them."""
        return self._batch

    def step(self, timeout_s: float) -> bool:
        """Go on for so long at most; whether nothing is left to decode."""
        if self._process is None:
            self._start_when_due(timeout_s)
        elif self._is_asked:
            self._listen(timeout_s)
        elif self._process.poll() is not None:
            self._ended()
        return not self._tasks

    def close(self) -> None:
        """Let it end."""
        if self._line is not None:
            self._line.close()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_MAX_S)
            self._process.kill()
            self._process.wait()

    def _start_when_due(self, timeout_s: float) -> None:
        wait_s = self._start_at_s - self._monotonic_s()
        if wait_s > 0:
            select.poll().poll(1000 * min(wait_s, timeout_s))
            return
        self._start()
        self._ask()

    def _start(self) -> None:
        ours, its = socket.socketpair()
        with its:
            limit = struct.pack("ll", _SOCKET_MAX_S, 0)
            for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):  # a worker that was stopped stops nobody else
                ours.setsockopt(socket.SOL_SOCKET, option, limit)
            self._line = Connection(ours.detach())
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", "-m", "ingest.worker", str(its.fileno()), str(os.getpid())],
                pass_fds=[its.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # Decoders are anybody's: our secrets are not for them.
                env={name: value for name, value in os.environ.items() if not name.upper().startswith("HUBPULSE_")},
            )
        self._is_set_up = self._is_asked = False

    def _ask(self) -> None:
        if self._line is None or not self._tasks:
            return
        self._is_asked, self._has_begun = True, False
        self._answer_by_s = self._monotonic_s() + _START_MAX_S
        try:
            if not self._is_set_up:
                self._line.send(self._setup())
                self._is_set_up = True
            self._line.send(Task(self._clock_ns(), [share.packed() for share in self._tasks[-1]]))
        except _FAILURES:
            self._ended()

    def _setup(self) -> Setup:
        announced, new_sensors = list(self._announced.values()), list(self._new_sensors.values())
        return Setup(self._registry, self._settings, announced, new_sensors)

    def _listen(self, timeout_s: float) -> None:
        if self._line is None:
            return
        try:
            if not self._line.poll(timeout_s):
                if self._monotonic_s() > self._answer_by_s:
                    limit_s = _ANSWER_MAX_S if self._has_begun else _START_MAX_S
                    self._ended(f"no answer within {limit_s:g} s")
                return
            found = self._line.recv()
        except _FAILURES:
            self._ended()
            return
        if found == BEGUN:
            self._has_begun = True
            self._answer_by_s = self._monotonic_s() + _ANSWER_MAX_S
            return
        self._answered(found)

    def _answered(self, answer: Answer) -> None:
        for trace in answer.faults:
            log_fault(trace)
        self._is_asked = False
        self._batch.add(answer.batch)
        for message in answer.batch.announcements:
            if message.payload and len(self._announced) < ANNOUNCEMENTS_MAX:
                self._announced[message.topic] = message
            elif not message.payload:
                self._announced.pop(message.topic, None)
        self._new_sensors.update({(seen.hub, seen.sensor): seen for seen in answer.batch.new_sensors})
        self._backoff.reset()
        self._tasks.pop()
        self._ends = 0
        self._ask()

    def _ended(self, problem: str = "") -> None:
        """It ended, or is ended since it does not go on: have it started again, and see what to give to it then."""
        if self._process is None or self._line is None:
            return
        if not problem:
            with suppress(subprocess.TimeoutExpired):  # it closed the line a moment before its end
                self._process.wait(_END_MAX_S)
            problem = _how_it_ended(self._process.poll())
        self._process.kill()
        self._process.wait()
        self._line.close()
        self._process = self._line = None
        wait_s = self._backoff.next_s()
        self._start_at_s = self._monotonic_s() + wait_s
        log.error("worker_restarted", worker=self.number, error=problem, wait_s=round(wait_s, 3))
        if self._is_asked and self._has_begun:
            self._ends += 1
            if self._ends >= _ENDS_MAX:
                self._halve(problem)
        self._is_asked = False

    def _halve(self, problem: str) -> None:
        shares = self._tasks.pop()
        self._ends = 0
        if len(shares) > 1:
            self._tasks += [shares[1:], shares[:1]]
            return
        [share] = shares
        first_ns, maybe_repeated, messages = share
        middle = len(messages) // 2
        if middle:
            later_ns = first_ns + sum(map(readings_max, messages[:middle]))
            self._tasks += [
                [Share(later_ns, maybe_repeated, messages[middle:])],
                [Share(first_ns, maybe_repeated, messages[:middle])],
            ]
            return
        [message] = messages
        rejection = Rejection(Reason.BAD_PAYLOAD, f"it ends the process that decodes it ({problem}): please report it")
        registry = self._registry
        identity, hub = registry.identity_of(message.topic), registry.hub_of(message.topic)
        self._batch.add(Batch(messages=1, refused=[Refused(message, [rejection], 0, first_ns, identity, hub)]))


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return "it does not read what it is given"
    return f"it was ended by signal {-code}" if code < 0 else f"it ended with exit code {code}"
