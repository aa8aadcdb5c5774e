"""A refused message as a row of the quarantine: masked, with the reasons in a sentence."""

from __future__ import annotations

from ingest.batches import Refused
from ingest.privacy import masked_device, masked_message

Row = tuple[int, str, bytes, bool, str, str, int, int, str, str | None, str | None, str | None, bool]
"""A refused message, as a row but for its id."""

_DETAILS_SHOWN = 3


def row_of(refused: Refused) -> Row:
    """A message of which nothing, or not everything, was taken."""
    topic, payload, detail = masked_message(refused.message, refused.identity, _details(refused))
    unknown = refused.unknown
    device = masked_device(unknown.device, refused.message, refused.identity) if unknown else None
    return (
        refused.received_ns,
        topic,
        payload,
        refused.message.retained,
        refused.rejections[0].reason.value,
        detail,
        refused.readings,
        len(refused.rejections),
        refused.hub,
        device,
        unknown.format if unknown else None,
        " ".join(unknown.kinds) if unknown else None,
        refused.maybe_repeated,
    )


def _details(refused: Refused) -> str:
    total = len(refused.rejections) + refused.readings
    first, *others = refused.rejections
    if total == 1:
        return first.detail
    shown = "; ".join(f"{r.reason}: {r.detail}" for r in [first, *others][:_DETAILS_SHOWN])
    more = len(refused.rejections) - _DETAILS_SHOWN
    rest = f"; and {more} more" if more > 0 else ""
    return f"{len(refused.rejections)} of {total} readings refused: {shown}{rest}"
