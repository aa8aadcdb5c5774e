r"""What becomes of the messages at hand: decoded now, or surplus of a hub that sends more than its rate.

    messages -> within its hub's rate -> decoded
             \-> surplus -> rubbish    -> refused, and counted; one of a hundred is kept, with what is wrong of it
                         -> live gauge -> thinned: another one comes soon
                         -> the rest   -> waits on the disk, undecoded, until the rate has room

What waits is bounded for each hub and for all; what a hub sends beyond that is refused (`too_large`).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum, auto
from typing import NamedTuple

from ingest.batches import Batch, Refused
from ingest.buffer import Buffer
from ingest.decoding import Decoding, Parcel, Work
from ingest.pending import LIVE_WITHIN_NS
from ingest.rates import HubRates
from ingest.surplus import Held, packed_bytes
from ingest.validate import too_large
from mqtt.messages import Message
from schemas.kinds import Kind
from schemas.readings import Reason, Rejection
from schemas.settings import IngestSettings
from sensors.formats import readings_max
from sensors.formats.native import NativeFormat, NativeParser, Parsed
from sensors.registry import Registry

_LOOKED_INTO_BYTES_MAX = 512
"""A longer message waits unread: reading it is what a flood of such would take time for."""
_TOPICS_MAX = 20_000
_TIMED = re.compile(rb"time|\\")
"""What a payload with a time has in it, however it is spelled."""
_REFUSAL_COST = 19
_SAMPLED = 100
_ROW_MESSAGES, _ROW_BYTES = 500, 1024**2


class Surplus(Enum):
    """What a message of the surplus is, where it is not refused."""

    LIVE = auto()
    WAITING = auto()


class NativeReader(NamedTuple):
    """How messages of a topic are read."""

    kind: Kind
    parser: NativeParser


class Intake:
    """Sorts what came, in the thread that receives."""

    def __init__(
        self,
        registry: Registry,
        buffer: Buffer,
        rates: HubRates,
        *,
        settings: IngestSettings,
        clock_ns: Callable[[], int],
    ) -> None:
        self._registry, self._buffer, self._rates = registry, buffer, rates
        self._settings = settings
        self._clock_ns = clock_ns
        self._brief = NativeFormat(quote=_unquoted)
        """What is refused by the thousand is not quoted: to mask it would take most of the time."""
        self._readers: dict[bytes, NativeReader | Surplus | Rejection] = {}
        self._refusals = itertools.count()
        most = settings.surplus_hub_bytes_max
        problem = f"the hub sends faster than it may, and {most} bytes of it wait already: have it send less"
        self._no_room = Rejection(Reason.TOO_LARGE, problem)

    def use(self, registry: Registry) -> None:
        """Take messages for those of another estate from here on."""
        self._registry = registry
        self._readers.clear()
        self._rates.use(registry)

    def split(self, parcels: Sequence[Parcel], decoding: Decoding) -> tuple[list[Parcel], Batch]:
        """What is to be decoded now, and what becomes of the surplus."""
        taken: list[Parcel] = []
        beside = Batch()
        for parcel in parcels:
            now, surplus = self._rates.split(parcel.messages)
            if surplus:
                self._hold_back(surplus, beside, decoding, maybe_repeated=parcel.maybe_repeated)
            if now:
                taken.append(parcel._replace(messages=now))
        return taken, beside

    def charge(self, batch: Batch) -> None:
        """Take tokens for what a batch turned out to hold: further readings, and rubbish, which takes more time."""
        costs = batch.more_readings
        refused = [entry.message for entry in batch.refused if not entry.readings]
        for message in refused:
            costs[message.topic] += _REFUSAL_COST
        self._rates.charge(costs)
        self._rates.refused(refused)

    def held(self, decoding: Decoding) -> Iterator[Work]:
        """What waited and can be taken now, one by one; nothing while another work is under way."""
        for hub in () if decoding.is_busy else self._buffer.held_messages():
            row = self._buffer.surplus.oldest(hub) if self._rates.has_room(hub) else None
            if row is not None and not decoding.is_busy:
                held = row.held
                self._rates.owe(hub, len(held.messages))
                parcel = Parcel(held.messages, held.maybe_repeated, held.received_ns)
                yield Work([parcel], _nothing_to_acknowledge, beside=Batch(resumed=[row.id]))

    def _hold_back(
        self, surplus: Sequence[Message], beside: Batch, decoding: Decoding, *, maybe_repeated: bool
    ) -> None:
        """Sort the surplus into what becomes of it."""
        beside.messages += len(surplus)
        room = self._buffer.surplus_room(self._settings)
        fitting: dict[str, list[Message]] = {}
        for message, found in self._sift(surplus):
            owner, verdict = self._rates.owner_of(message.topic), found
            if verdict is Surplus.WAITING and not room.take(owner, packed_bytes(message)):
                verdict = self._no_room
            if verdict is Surplus.LIVE:
                beside.thinned[owner] += 1
            elif verdict is Surplus.WAITING:
                fitting.setdefault(owner, []).append(message)
            elif next(self._refusals) % _SAMPLED:
                beside.unkept[owner, verdict.reason.value] += 1
            else:
                received_ns = decoding.reserve_ns(readings_max(message))
                beside.refused.append(self._refused(message, verdict, received_ns, maybe_repeated=maybe_repeated))
        for owner, messages in fitting.items():
            for some in _rows(messages):
                received_ns = decoding.reserve_ns(sum(map(readings_max, some)))
                beside.waiting.append(Held(owner, received_ns, some, maybe_repeated))

    def _refused(self, message: Message, brief: Rejection, received_ns: int, *, maybe_repeated: bool) -> Refused:
        rejection = self._in_full(message, brief)
        identity, hub = self._registry.identity_of(message.topic), self._registry.hub_of(message.topic)
        is_itself_too_large = rejection.reason is Reason.TOO_LARGE and rejection is not self._no_room
        kept = message.cut() if is_itself_too_large else message
        return Refused(kept, [rejection], 0, received_ns, identity, hub, unknown=None, maybe_repeated=maybe_repeated)

    def _in_full(self, message: Message, brief: Rejection) -> Rejection:
        """Why a message is refused, with what is wrong quoted."""
        found = self._registry.format_of(message.topic.decode(errors="replace"))
        if brief.reason is Reason.TOO_LARGE or isinstance(found, Rejection) or not isinstance(found[1], NativeFormat):
            return brief
        [answer] = found[1].decode([message])
        return answer if isinstance(answer, Rejection) else brief

    def _sift(self, surplus: Sequence[Message]) -> Iterator[tuple[Message, Surplus | Rejection]]:
        """Each message with what it is, or why it is refused."""
        live_ns = self._clock_ns() - LIVE_WITHIN_NS
        together: dict[Kind, tuple[NativeParser, list[Message]]] = {}
        for message in surplus:
            bytes_max = self._settings.message_bytes_max
            is_too_large = message.cut_from_bytes or len(message.payload) > bytes_max
            reader = too_large(message, bytes_max) if is_too_large else self._reader_of(message.topic)
            if not isinstance(reader, NativeReader):
                yield message, reader
            elif len(message.payload) > _LOOKED_INTO_BYTES_MAX:
                yield message, Surplus.WAITING
            elif reader.kind is not Kind.FOOTFALL and not message.retained and not _TIMED.search(message.payload):
                yield message, Surplus.LIVE
            else:
                together.setdefault(reader.kind, (reader.parser, []))[1].append(message)
        for kind, (parser, messages) in together.items():
            parsed = parser.parse([message.payload for message in messages])
            for message, samples in zip(messages, parsed, strict=True):
                yield message, _verdict(kind, message, samples, live_ns)

    def _reader_of(self, topic: bytes) -> NativeReader | Surplus | Rejection:
        found = self._readers.get(topic)
        if found is None:
            if len(self._readers) >= _TOPICS_MAX:
                self._readers.clear()
            found = self._readers[topic] = self._find_reader(topic.decode(errors="replace"))
        return found

    def _find_reader(self, topic: str) -> NativeReader | Surplus | Rejection:
        """How messages of a native topic are read; or what becomes of others, unread."""
        found = self._registry.format_of(topic)
        if isinstance(found, Rejection):
            return found
        _, format_ = found
        if not isinstance(format_, NativeFormat):
            return Surplus.WAITING
        identity = self._brief.identify(topic)
        if isinstance(identity, Rejection):
            return identity
        device, kind = identity
        place = self._registry.locate(device, kind, 1, self._registry.source_of(topic))
        return place if isinstance(place, Rejection) else NativeReader(kind, self._brief.parsers[kind])


def _unquoted(_value: object, _chars_max: int = 0) -> str:
    return "..."


def _nothing_to_acknowledge() -> None:
    """It was, when it came."""


def _verdict(kind: Kind, message: Message, samples: Parsed, live_ns: int) -> Surplus | Rejection:
    if isinstance(samples, Rejection):
        return samples
    if kind is Kind.FOOTFALL or message.retained:
        return Surplus.WAITING
    for sample in samples:
        if isinstance(sample, Rejection) or (isinstance(sample[0], int) and sample[0] < live_ns):
            return Surplus.WAITING
    return Surplus.LIVE


def _rows(messages: Iterable[Message]) -> Iterator[list[Message]]:
    """In parts that are decoded at once."""
    some: list[Message] = []
    size = 0
    for message in messages:
        if len(some) >= _ROW_MESSAGES or (some and size + len(message.payload) > _ROW_BYTES):
            yield some
            some, size = [], 0
        some.append(message)
        size += len(message.payload)
    if some:
        yield some
