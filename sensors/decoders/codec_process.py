"""Runs vendors' JavaScript in a process of its own (`codec_child`), and kills it where it takes too long.

What counts is the CPU time that the process took, since a busy machine is nobody's fault; one that owes an answer and
sleeps waits for what never comes, and a wall clock is the bound of last resort. Frames go over in batches. Where the
process died over one, the frames are sent again one by one, so that only the one at fault is refused; a new process is
started beside what is at hand.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from schemas.errors import HubpulseError

FRAME_CPU_MAX_S = 0.05
"""For one frame, and the few ms before it: the process answers every 5 ms."""

_LOAD_CPU_MAX_S, _START_CPU_MAX_S = 1.0, 10.0
_WALL_TIMES = 100
"""So many times the CPU time may pass by the clock of the wall, on a machine that has others to serve."""

IDLE_MAX_S = 0.2
"""So long may every thread of the process sleep while an answer is due."""

CODECS_MAX = 16
"""So many codecs a process has at a time, each with some 20 MB; for a further one it begins anew."""

ANSWER_BYTES_MAX = 16 * 1024**2
_HEAD_BYTES = 4
_POLL_S = 0.02
_CHILD = Path(__file__).with_name("codec_child.py")


class CodecError(HubpulseError):
    """A codec that can't be loaded, or a frame that it failed on; the sentence says why."""


class Frame(NamedTuple):
    """A frame, its port, and when it came, in ms since 1970."""

    data: bytes
    f_port: int
    time_ms: int


class _DiedError(Exception):
    """The process took too long, or is gone."""


class CodecProcess:
    """One process for all codecs, started when it is needed first. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._sources: dict[str, str] = {}
        self._loaded: set[str] = set()

    def load(self, name: str, source: str) -> None:
        """Run this source under that name from here on. Raises CodecError; what ran before goes on then."""
        with self._lock:
            try:
                problem = self._load(name, source)
            except _DiedError as error:
                self._stop()
                problem = str(error)
            if problem:
                raise CodecError(problem)
            self._sources[name] = source

    def run(self, name: str, frames: Sequence[Frame]) -> list[Any]:
        """What the codec made of each frame, or a CodecError in its place."""
        with self._lock:
            results: list[Any] = []
            careful = 0
            while len(results) < len(frames):
                rest = frames[len(results) :]
                try:
                    results += self._run(name, rest[:1] if careful else rest)
                    careful = max(careful - 1, 0)
                except _PartError as part:
                    results += part.results
                    self._stop()
                    if careful:
                        results.append(CodecError(str(part)))
                        careful -= 1
                    else:
                        careful = min(len(frames) - len(results), _CAREFUL_FRAMES)
            return results

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._stop()

    def _run(self, name: str, frames: Sequence[Frame]) -> list[Any]:
        """What became of all these frames. Raises _PartError with those before the process died."""
        found: list[Any] = []
        try:
            if name not in self._loaded and (problem := self._load(name, self._sources[name])):
                return [CodecError(problem)] * len(frames)
            sent = [[frame.data.hex(), frame.f_port, frame.time_ms] for frame in frames]
            self._send({"codec": name, "frames": sent})
            while len(found) < len(frames):
                done, results = self._receive(FRAME_CPU_MAX_S)
                if not done or done != len(results):
                    raise ValueError(done)  # noqa: TRY301 - as whatever else is no answer
                found += map(_result, results)
        except _DiedError as error:
            raise _PartError(str(error), found) from error
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise _PartError("its answer can't be read", found) from error
        return found

    def _load(self, name: str, source: str) -> str:
        if name not in self._loaded and len(self._loaded) >= CODECS_MAX:
            self._stop()
        self._start()
        self._send({"codec": name, "source": source})
        problem = str(self._receive(_LOAD_CPU_MAX_S)["error"])
        if not problem:
            self._loaded.add(name)
        return problem

    def _start(self) -> None:
        if self._child is not None:
            return
        self._loaded = set()
        # Isolated: no environment, no user's packages; its own session, so that no signal of a terminal reaches it.
        self._child = subprocess.Popen(  # noqa: S603 - this interpreter, a file of ours
            [sys.executable, "-I", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )
        self._receive(_START_CPU_MAX_S)

    def _stop(self) -> None:
        child, self._child = self._child, None
        self._loaded = set()
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _send(self, request: Mapping[str, object]) -> None:
        self._start()
        data = json.dumps(request).encode()
        child = self._child
        if child is None or child.stdin is None:
            raise _DiedError("its process could not be started")
        try:
            child.stdin.write(len(data).to_bytes(_HEAD_BYTES, "big") + data)
            child.stdin.flush()
        except OSError as error:
            raise _DiedError("its process ended") from error

    def _receive(self, cpu_max_s: float) -> Any:
        """The next answer, within so much CPU time of the process."""
        child = self._child
        if child is None or child.stdout is None:
            raise _DiedError("its process could not be started")
        pipe, clock = child.stdout.fileno(), _cpu_clock(child.pid)
        cpu_until_s = _cpu_s(clock) + cpu_max_s
        wall_until_s = time.monotonic() + cpu_max_s * _WALL_TIMES
        idle_from_s: float | None = None
        data, needed = bytearray(), _HEAD_BYTES
        while len(data) < needed:
            if not select.select([pipe], [], [], _POLL_S)[0]:
                now_s = time.monotonic()
                if _cpu_s(clock) > cpu_until_s or now_s > wall_until_s:
                    raise _DiedError(f"it took more than {cpu_max_s * 1000:.0f} ms")
                idle_from_s = (idle_from_s or now_s) if _is_asleep(child.pid) else None
                if idle_from_s is not None and now_s - idle_from_s > IDLE_MAX_S:
                    raise _DiedError("it waited for what never comes")
                continue
            piece = os.read(pipe, min(needed - len(data), 1 << 20))
            if not piece:
                raise _DiedError("its process ended: it took more memory than it may, or failed")
            data += piece
            if needed == _HEAD_BYTES == len(data):
                needed += int.from_bytes(data, "big")
                if needed > ANSWER_BYTES_MAX:
                    raise _DiedError("its answer is too large")
        return json.loads(data[_HEAD_BYTES:])


_CAREFUL_FRAMES = 64
"""So many frames are sent one by one after the process died over a batch: those that it may have had in hand."""


class _PartError(Exception):
    """The process died over a frame; `results` has those before."""

    def __init__(self, why: str, results: list[Any]) -> None:
        super().__init__(why)
        self.results = results


def _result(result: Any) -> Any:
    state, value = result
    return value if state == "ok" else CodecError(str(value))


def _cpu_clock(pid: int) -> int:
    """The clock of another process's CPU time: what Linux's clock_getcpuclockid makes of its number."""
    return (~pid << 3) | 2


def _cpu_s(clock: int) -> float:
    try:
        return time.clock_gettime(clock)
    except OSError:
        return 0.0


def _is_asleep(pid: int) -> bool:
    """Whether no thread of a process runs, or would if the machine had time for it (proc_pid_stat(5))."""
    try:
        states = [file.read_text().rpartition(") ")[2][:1] for file in Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:
        return False
    return bool(states) and all(state == "S" for state in states)
