"""A LoRaWAN frame becomes readings: by its model's decoder, else by what the network server made of it."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.kinds import Kind
from schemas.readings import Reason, Rejection
from sensors.decoders import FrameDecoder, UplinkDecoder
from sensors.decoders.aliases import read_objects
from sensors.formats import Item, NoReading, Uplink

Answer = Sequence[Item | Rejection] | NoReading | Rejection

FRAME_BYTES_MAX = 255
"""No frame of LoRaWAN is longer."""


def read_uplinks(uplinks: Sequence[Uplink], decoder: FrameDecoder | None) -> list[Answer]:
    """The items of frames of one model, each with a time; `decoder` is None where no model that we decode is named.

    What the decoder raises goes through.
    """
    fitting = [uplink for uplink in uplinks if len(uplink.frame) <= FRAME_BYTES_MAX]
    answers = iter(_decoded(fitting, decoder))
    return [
        _with_radio(uplink, next(answers)) if len(uplink.frame) <= FRAME_BYTES_MAX else _too_long(uplink)
        for uplink in uplinks
    ]


def _decoded(uplinks: Sequence[Uplink], decoder: FrameDecoder | None) -> Sequence[Answer]:
    if decoder is None:
        return [read_objects(uplink.objects) if uplink.objects else _unread(uplink) for uplink in uplinks]
    if isinstance(decoder, UplinkDecoder):
        return decoder.decode_uplinks(uplinks)
    return [decoder.decode(uplink.frame, uplink.f_port) for uplink in uplinks]


def kinds_of(uplink: Uplink) -> tuple[Kind, ...]:
    """What a device seems to measure whose model is not known, by what the network server made of its frame."""
    found = read_objects(uplink.objects)
    items = () if isinstance(found, (NoReading, Rejection)) else found
    return tuple(dict.fromkeys(item.kind for item in items if isinstance(item, Item)))


def _unread(uplink: Uplink) -> NoReading | Rejection:
    if not uplink.frame:
        return NoReading("an empty frame")
    problem = f"a frame of {len(uplink.frame)} bytes, which no decoder is named for"
    return Rejection(
        Reason.BAD_SCHEMA, f"{problem}: add `model:` to the sensor, or a payload formatter to the network server"
    )


def _too_long(uplink: Uplink) -> Rejection:
    problem = f"a frame of {len(uplink.frame)} bytes: LoRaWAN carries at most {FRAME_BYTES_MAX}"
    return Rejection(Reason.BAD_PAYLOAD, f"{problem}; does something else publish on this topic?")


def _with_radio(uplink: Uplink, items: Answer) -> Answer:
    """The items with the uplink's time where they have none, and all of kind `device` in one."""
    if isinstance(items, (NoReading, Rejection)):
        return items
    found: list[Item | Rejection] = []
    device, time_ns = uplink.radio, uplink.time_ns
    for item in items:
        if isinstance(item, Rejection) or item.time_ns is not None:
            found.append(item)
        elif item.kind is Kind.DEVICE:
            device = {**device, **item.fields}
        else:
            found.append(Item(item.kind, item.line, time_ns, item.fields))
    if device:
        found.append(Item(Kind.DEVICE, 1, time_ns, device))
    return found
