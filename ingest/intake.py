r"""What becomes of the messages at hand: decoded now, or surplus of a hub that sends more than its rate.

    messages -> within its hub's rate -> decoded
             \-> surplus -> rubbish    -> decoded, which is to say refused
                         -> live gauge -> thinned: another one comes soon
                         -> the rest   -> waits on the disk, undecoded, until the rate has room

What waits is bounded for each hub and for all; what a hub sends beyond that is refused (`too_large`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum, auto

from ingest.batches import Batch, Refused
from ingest.buffer import Buffer
from ingest.decoding import Decoding, Parcel, Work
from ingest.pending import LIVE_WITHIN_NS
from ingest.rates import HubRates
from ingest.surplus import Held, packed_bytes
from mqtt.messages import Message
from schemas.kinds import Kind
from schemas.readings import Reason, Rejection
from schemas.settings import IngestSettings
from sensors.formats import readings_max
from sensors.formats.native import NativeFormat, NativeParser, Parsed
from sensors.registry import Registry

_LOOKED_INTO_BYTES_MAX = 512
"""A longer message waits unread: reading it is what a flood of such would take time for."""
_ROW_MESSAGES, _ROW_BYTES = 500, 1024**2


class _Verdict(Enum):
    """What a message of the surplus is."""

    REFUSED = auto()
    LIVE = auto()
    WAITING = auto()


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

    def use(self, registry: Registry) -> None:
        """Take messages for those of another estate from here on."""
        self._registry = registry
        self._rates.use(registry)

    def split(self, parcels: Sequence[Parcel], decoding: Decoding) -> tuple[list[Parcel], Batch]:
        """What is to be decoded now, and what becomes of the surplus."""
        taken: list[Parcel] = []
        beside = Batch()
        for parcel in parcels:
            now, surplus = self._rates.split(parcel.messages)
            if surplus:
                now += self._hold_back(surplus, beside, decoding, maybe_repeated=parcel.maybe_repeated)
            if now:
                taken.append(parcel._replace(messages=now))
        return taken, beside

    def charge(self, batch: Batch) -> None:
        """Take tokens for what a batch turned out to hold."""
        self._rates.charge(batch.more_readings)

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
    ) -> list[Message]:
        """Sort the surplus into what becomes of it; return what is decoded all the same, since it is soon refused."""
        room = self._buffer.surplus_room(self._settings)
        fitting: dict[str, list[Message]] = {}
        refused: list[Message] = []
        for message, verdict in self._sift(surplus):
            owner = self._rates.owner_of(message.topic)
            if verdict is _Verdict.REFUSED:
                refused.append(message)
                continue
            beside.messages += 1
            if verdict is _Verdict.LIVE:
                beside.thinned[owner] += 1
            elif room.take(owner, packed_bytes(message)):
                fitting.setdefault(owner, []).append(message)
            else:
                received_ns = decoding.reserve_ns(readings_max(message))
                beside.refused.append(self._without_room(message, received_ns, maybe_repeated=maybe_repeated))
        for owner, messages in fitting.items():
            for some in _rows(messages):
                received_ns = decoding.reserve_ns(sum(map(readings_max, some)))
                beside.waiting.append(Held(owner, received_ns, some, maybe_repeated))
        return refused

    def _without_room(self, message: Message, received_ns: int, *, maybe_repeated: bool) -> Refused:
        most = self._settings.surplus_hub_bytes_max
        problem = f"the hub sends faster than it may, and {most} bytes of it wait already: have it send less"
        rejections = [Rejection(Reason.TOO_LARGE, problem)]
        identity, hub = self._registry.identity_of(message.topic), self._registry.hub_of(message.topic)
        return Refused(
            message.cut(), rejections, 0, received_ns, identity, hub, unknown=None, maybe_repeated=maybe_repeated
        )

    def _sift(self, surplus: Sequence[Message]) -> Iterator[tuple[Message, _Verdict]]:
        live_ns = self._clock_ns() - LIVE_WITHIN_NS
        together: dict[Kind, tuple[NativeParser, list[Message]]] = {}
        for message in surplus:
            if len(message.payload) > self._settings.message_bytes_max or message.cut_from_bytes:
                yield message, _Verdict.REFUSED
                continue
            found = self._reader_of(message.topic)
            if isinstance(found, _Verdict) or len(message.payload) > _LOOKED_INTO_BYTES_MAX:
                yield message, found if isinstance(found, _Verdict) else _Verdict.WAITING
                continue
            kind, parser = found
            together.setdefault(kind, (parser, []))[1].append(message)
        for kind, (parser, messages) in together.items():
            parsed = parser.parse([message.payload for message in messages])
            for message, samples in zip(messages, parsed, strict=True):
                yield message, _verdict(kind, message, samples, live_ns)

    def _reader_of(self, topic: bytes) -> tuple[Kind, NativeParser] | _Verdict:
        """How a native message is read; or what becomes of another one, unread."""
        text = topic.decode(errors="replace")
        found = self._registry.format_of(text)
        if isinstance(found, Rejection):
            return _Verdict.REFUSED
        _, format_ = found
        if not isinstance(format_, NativeFormat):
            return _Verdict.WAITING
        identity = format_.identify(text)
        if isinstance(identity, Rejection):
            return _Verdict.REFUSED
        device, kind = identity
        if isinstance(self._registry.locate(device, kind, 1, self._registry.source_of(text)), Rejection):
            return _Verdict.REFUSED
        return kind, format_.parsers[kind]


def _nothing_to_acknowledge() -> None:
    """It was, when it came."""


def _verdict(kind: Kind, message: Message, samples: Parsed, live_ns: int) -> _Verdict:
    if isinstance(samples, Rejection):
        return _Verdict.REFUSED
    if kind is Kind.FOOTFALL or message.retained:
        return _Verdict.WAITING
    for sample in samples:
        if isinstance(sample, Rejection) or (isinstance(sample[0], int) and sample[0] < live_ns):
            return _Verdict.WAITING
    return _Verdict.LIVE


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
