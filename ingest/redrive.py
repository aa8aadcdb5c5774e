"""Sends refused messages through the decoder again, once the estate file or the store was corrected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

from ingest.buffer import Buffer
from ingest.decoder import Decoder
from mqtt.messages import KEPT_BYTES
from schemas.estate import Estate
from schemas.readings import Reason
from schemas.settings import Settings
from schemas.sources import Source
from sensors.estate_file import codecs_of
from sensors.registry import Registry

NATIVE_TOPICS = "hubs/#"
_CUT = "only its first bytes were kept, so it can't be decoded: have the sender send it again in smaller messages"


class Redriven(NamedTuple):
    """What became of one refusal."""

    id: int
    readings: int
    """Readings now on their way to the store."""
    refused_again: bool
    detail: str


def redrive(
    settings: Settings,
    estate: Estate,
    *,
    clock_ns: Callable[[], int],
    ids: Sequence[int] | None = None,
    reason: Reason | None = None,
    device: str | None = None,
) -> Iterator[Redriven]:
    """Take refusals the way of new messages: those of `ids`, else all of `reason` and `device`, else all.

    A message without a time keeps the time of its first receipt. What is refused again stays as it was. A running
    ingest takes the readings to the store within seconds; without one they wait in the buffer. Raises HubpulseError.
    """
    decoder = Decoder(Registry(estate, codecs=codecs_of(settings.estate)), settings, clock_ns=clock_ns)
    # What the store refused is a native message that we made of a line, whatever the estate's sources are.
    with_native = estate.model_copy(update={"sources": (Source(topic=NATIVE_TOPICS),)})
    native = Decoder(Registry(with_native), settings, clock_ns=clock_ns)
    with closing(Buffer(settings.data_dir, clock_ns=clock_ns, bytes_max=settings.ingest.buffer_bytes_max)) as buffer:
        decoder.remember(buffer.devices.announcements())
        for refusal in buffer.quarantine.messages(ids=ids, reason=reason, device=device):
            if refusal.reason is Reason.TOO_LARGE and len(refusal.message.payload) == KEPT_BYTES:
                yield Redriven(refusal.id, 0, refused_again=True, detail=_CUT)
                continue
            suited = native if refusal.reason is Reason.STORE_REJECTED else decoder
            batch = suited.decode(
                [refusal.message], received_ns=refusal.received_ns, maybe_repeated=refusal.maybe_repeated
            )
            batch.messages = 0
            taken = buffer.redrive(refusal.id, batch)
            details = [r.detail for refused in batch.refused for r in refused.rejections]
            details += [f"no reading: {what}" for what in batch.no_reading]
            yield Redriven(refusal.id, len(batch.lines) if taken else 0, not taken, "; ".join(details))
