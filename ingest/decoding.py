"""From received messages to the batch that one commit holds: decoded here, or by workers (`ingest.workers`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import structlog

from ingest.batches import Batch
from ingest.decoder import Decoder
from ingest.new_sensors import NewSensor, NewSensors
from ingest.privacy import masked_trace
from mqtt.messages import Message
from schemas.readings import Reason, Rejection
from schemas.settings import Settings
from sensors.formats import readings_max
from sensors.macs import quoted
from sensors.registry import Registry

log = structlog.get_logger("hubpulse.ingest")


_NOTHING = Batch()


class Parcel(NamedTuple):
    """Messages that are decoded alike."""

    messages: Sequence[Message]
    maybe_repeated: bool
    """Whether they may have come before."""
    received_ns: int | None = None
    """The first of the nanoseconds that were theirs when they came, where that was not now."""


class Work(NamedTuple):
    """Messages that came together: they are committed together, and then acknowledged together."""

    parcels: Sequence[Parcel]
    acknowledge: Callable[[], object]
    deliveries: Sequence[Message] = ()
    """Those that the broker may deliver again until then."""
    redelivered: int = 0
    """How many more of them were committed before."""
    beside: Batch = _NOTHING
    """What became of more of them, which are not decoded."""


class Decoding(Protocol):
    """Turns works into batches, in their order."""

    @property
    def problem(self) -> str | None:
        """Why nothing is decoded, in a sentence for the operator; None while all is well."""

    @property
    def is_busy(self) -> bool:
        """Whether a work was given whose batch was not returned yet."""

    def use(self, registry: Registry) -> None:
        """Decode for another estate from the next work on."""

    def reserve_ns(self, readings: int) -> int:
        """The first of so many nanoseconds from now on, which no reading without a time is ever given."""

    def exchange(self, work: Work | None) -> tuple[Work, Batch] | None:
        """Give a work, if there is one, and get what is done: the one before, or this very one.

        None where nothing is, or where ingest is to stop.
        """

    def close(self) -> None:
        """Give up what is not done."""


class DecodingHere:
    """In the thread that asks for it, at once."""

    problem: str | None = None
    is_busy = False

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        announced: Sequence[Message],
        new_sensors: Sequence[NewSensor] = (),
        *,
        clock_ns: Callable[[], int],
    ) -> None:
        known = NewSensors(settings.ingest.new_sensors_max, new_sensors)
        self._decoder = Decoder(registry, settings, clock_ns=clock_ns, new_sensors=known)
        self._decoder.remember(announced)

    def use(self, registry: Registry) -> None:
        self._decoder.use(registry)

    def reserve_ns(self, readings: int) -> int:
        return self._decoder.reserve_ns(readings)

    def exchange(self, work: Work | None) -> tuple[Work, Batch] | None:
        if work is None:
            return None
        batch = Batch()
        for messages, maybe_repeated, received_ns in work.parcels:
            batch.add(
                decode(
                    self._decoder,
                    messages,
                    maybe_repeated=maybe_repeated,
                    report=log_fault,
                    received_ns=received_ns,
                )
            )
        return work, complete(batch, work)

    def close(self) -> None:
        """Nothing is left undone."""


def log_fault(trace: str) -> None:
    """Say that a fault of ours came to light."""
    log.error("decoding_failed", trace=trace)


def complete(batch: Batch, work: Work) -> Batch:
    """The batch of all messages of a work, with what is to be remembered of them."""
    batch.add(work.beside)
    taken = sum(len(parcel.messages) for parcel in work.parcels)
    batch.messages = taken + work.redelivered + work.beside.messages
    batch.redelivered, batch.deliveries = work.redelivered, work.deliveries
    return batch


def decode(
    decoder: Decoder,
    messages: Sequence[Message],
    *,
    maybe_repeated: bool,
    report: Callable[[str], None],
    received_ns: int | None = None,
) -> Batch:
    """Decode; should one message bring a fault of ours to light, it alone is refused, and `report` gets the trace."""
    try:
        return decoder.decode(messages, received_ns=received_ns, maybe_repeated=maybe_repeated)
    except Exception as error:  # noqa: BLE001 - as below
        report(masked_trace(error))
    whole = Batch()
    for message in messages:
        try:
            part = decoder.decode([message], received_ns=received_ns, maybe_repeated=maybe_repeated)
        except Exception as error:  # noqa: BLE001 - whatever it is, the message is kept and nothing else suffers
            detail = f"fault in the decoder ({quoted(error)}): please report it"
            part = decoder.refuse(message, Rejection(Reason.BAD_PAYLOAD, detail))
        if received_ns is not None:
            received_ns += readings_max(message)
        whole.add(part)
    return whole
