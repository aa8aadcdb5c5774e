"""Replaying: a recording or a table, at its own spacing, faster, or as fast as it goes.

source (recording | table + mapping) -> past what was sent before a break -> shifted -> paced -> publisher
                                               ^------------ bookmark <-- what is settled ------'
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from mqtt.publisher import Publisher
from mqtt.window import Report
from schemas import HubpulseError
from schemas.localtime import NS_A_SECOND, rfc3339
from simulators.mapping import TableMapping
from simulators.messages import TimedMessage, time_ns_of
from simulators.recordings import Recording
from simulators.source import MessageSource, ReasonCounts
from simulators.tables import Table

BOOKMARK_EVERY_S = 1.0
NOT_SHIFTED = "payload sent with its old times: only native JSON can be shifted"
_SAMPLE_BYTES = 64 * 1024


def open_source(path: Path, mapping: TableMapping | None = None, *, readings_per_message: int = 1) -> MessageSource:
    """A table where there is a mapping, else a recording. Raises HubpulseError where the file is not there."""
    return Recording(path) if mapping is None else Table(path, mapping, readings_per_message=readings_per_message)


class Extent(NamedTuple):
    """First and last time of a source, in UTC nanoseconds, and how many messages it has."""

    first_ns: int
    last_ns: int
    messages: int


def measure(source: MessageSource) -> Extent | None:
    """The span of a source, from a pass over it; None where it has no message."""
    span: Extent | None = None
    for time_ns, _topic, _payload in source.messages():
        first_ns, last_ns, messages = span or (time_ns, time_ns, 0)
        span = Extent(min(first_ns, time_ns), max(last_ns, time_ns), messages + 1)
    return span


def shift_to(now_ns: int, span: Extent, speed: float) -> int:
    """The shift, in nanoseconds, that brings a source to the present without ever sending a time of the future.

    At its own spacing or slower the first message is now; faster, the last message's time is when it will be sent.
    """
    duration_ns = span.last_ns - span.first_ns
    ahead_ns = duration_ns - round(duration_ns / speed) if speed > 1 else 0
    return now_ns - span.first_ns - ahead_ns


def parse_speed(text: str) -> float:
    """`max` (infinity) or how many times faster than the original. Raises HubpulseError."""
    if text == "max":
        return math.inf
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0 < speed < math.inf:
        raise HubpulseError(f"speed {text!r}: write max, or a number above 0 such as 1 or 60")
    return speed


class Spacing:
    """The original spacing, `speed` times faster; what is older than the first message is due at once."""

    def __init__(self, speed: float, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._speed = speed
        self._clock_s = clock_s
        self._start: tuple[int, float] | None = None

    def due_s(self, message: TimedMessage) -> float:
        if self._start is None:
            self._start = message.time_ns, self._clock_s()
        first_ns, start_s = self._start
        return start_s + (message.time_ns - first_ns) / NS_A_SECOND / self._speed


class Bookmark:
    """How far a replay got: a small file that lives from the first message sent to the last one acknowledged."""

    def __init__(self, folder: Path, source: MessageSource) -> None:
        self._path = folder / f"{_identity(source)}.json"
        self.settled = 0
        self.shift_ns = 0

    def load(self) -> bool:
        """Take up what an earlier replay of the same source left; False where it left nothing."""
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            self.settled, self.shift_ns = int(kept["settled"]), int(kept["shift_ns"])
        except FileNotFoundError:
            return False
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise HubpulseError(f"{self._path} is unreadable ({error}): remove it and replay from the start") from error
        return True

    def save(self) -> None:
        """Write it whole or not at all."""
        content = {"settled": self.settled, "shift_ns": self.shift_ns}
        new = self._path.with_suffix(".new")
        try:
            new.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps(content), encoding="utf-8")
            new.replace(self._path)
        except OSError as error:
            raise HubpulseError(
                f"can't write {self._path}: {error.strerror}; check --data, rights and space"
            ) from error

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)


def _identity(source: MessageSource) -> str:
    """A name for exactly this file, mapping and options."""
    digest = hashlib.sha256(f"{source.size_bytes} {source.fingerprint}".encode())
    try:
        with source.path.open("rb") as raw:
            digest.update(raw.read(_SAMPLE_BYTES))
            raw.seek(max(0, source.size_bytes - _SAMPLE_BYTES))
            digest.update(raw.read(_SAMPLE_BYTES))
    except OSError as error:
        raise HubpulseError(f"can't read {source.path}: {error.strerror}; check the path") from error
    return f"{source.stem}-{digest.hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class ReplayReport(Report):
    """What a replay did. `before` messages had been sent before the break that it took up."""

    before: int
    skipped: ReasonCounts
    notes: ReasonCounts
    seconds: float


def replay(
    source: MessageSource,
    publisher: Publisher,
    bookmark: Bookmark,
    *,
    speed: float = math.inf,
    on_progress: Callable[[int], None] = lambda _sent: None,
    stop: Callable[[], bool] = lambda: False,
    clock_s: Callable[[], float] = time.monotonic,
) -> ReplayReport:
    """Send the source's messages from the bookmark on, shifted by its `shift_ns`, and keep it up to date.

    `on_progress` is called with the number of further messages settled. When `stop()` or an error ends it early, the
    bookmark stays for the next time. Raises HubpulseError from the file or the broker.
    """
    start_s = saved_s = clock_s()
    before = bookmark.settled

    def progressed(more: int) -> None:
        nonlocal saved_s
        bookmark.settled = before + publisher.settled
        if clock_s() - saved_s >= BOOKMARK_EVERY_S:
            saved_s = clock_s()
            bookmark.save()
        on_progress(more)

    pace = None if math.isinf(speed) else Spacing(speed, clock_s)
    complete = False
    try:
        with closing(source.messages()) as whole:
            rest = itertools.islice(whole, before, None)
            messages = _shift_all(rest, source, bookmark.shift_ns) if bookmark.shift_ns else rest
            report = publisher.publish_all(messages, on_sent=progressed, pace=pace, stop=stop)
            complete = report.complete
    finally:
        bookmark.settled = before + publisher.settled
        if complete:
            bookmark.remove()
        else:
            bookmark.save()
    seconds = clock_s() - start_s
    return ReplayReport(**asdict(report), before=before, skipped=source.skipped, notes=source.notes, seconds=seconds)


def _shift_all(messages: Iterator[TimedMessage], source: MessageSource, shift_ns: int) -> Iterator[TimedMessage]:
    for number, message in enumerate(messages, start=1):
        moved, wholly = shifted(message, shift_ns)
        if not wholly:
            source.notes.add(NOT_SHIFTED, f"message {number}, {message.topic}")
        yield moved


def shifted(message: TimedMessage, shift_ns: int) -> tuple[TimedMessage, bool]:
    """The message, later by `shift_ns`, and whether every time in it was moved.

    False where the payload may hold times that were not moved: everything but native JSON.
    """
    payload = _shifted_native(message.payload, shift_ns) if message.topic.startswith("hubs/") else None
    moved = message._replace(time_ns=message.time_ns + shift_ns)
    return (moved, False) if payload is None else (moved._replace(payload=payload), True)


def _shifted_native(payload: bytes, shift_ns: int) -> bytes | None:
    """The native payload with its times moved; None where it is no JSON, or a time in it is none."""
    try:
        content = json.loads(payload)
        items = content if isinstance(content, list) else [content]
        timed = [item for item in items if isinstance(item, dict) and "time" in item]
        for item in timed:
            item["time"] = rfc3339(time_ns_of(item["time"]) + shift_ns)
    except (ValueError, OverflowError, RecursionError):
        return None
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode() if timed else payload
