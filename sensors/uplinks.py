"""A LoRaWAN frame becomes readings: by its model's decoder, else by what the network server made of it."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.kinds import Kind
from schemas.readings import Reason, Rejection
from sensors.decoders import FrameDecoder
from sensors.decoders.aliases import read_object
from sensors.formats import Item, NoReading, Uplink


def read_uplink(uplink: Uplink, decoder: FrameDecoder | None) -> Sequence[Item | Rejection] | NoReading | Rejection:
    """The items of a frame, each with a time; `decoder` is None where no model that we decode is named.

    What the decoder raises goes through.
    """
    if decoder is not None:
        found = decoder.decode(uplink.frame, uplink.f_port)
    elif uplink.objects:
        found = [item for values in uplink.objects for item in read_object(values)]
    else:
        found = _unread(uplink)
    if isinstance(found, (NoReading, Rejection)):
        return found
    return _with_radio(uplink, found)


def kinds_of(uplink: Uplink) -> tuple[Kind, ...]:
    """What a device seems to measure whose model is not known, by what the network server made of its frame."""
    items = (item for values in uplink.objects for item in read_object(values))
    return tuple(dict.fromkeys(item.kind for item in items if isinstance(item, Item)))


def _unread(uplink: Uplink) -> NoReading | Rejection:
    if not uplink.frame:
        return NoReading("an empty frame")
    problem = f"a frame of {len(uplink.frame)} bytes, which no decoder is named for"
    return Rejection(
        Reason.BAD_SCHEMA, f"{problem}: add `model:` to the sensor, or a payload formatter to the network server"
    )


def _with_radio(uplink: Uplink, items: Sequence[Item | Rejection]) -> list[Item | Rejection]:
    """The items with the uplink's time where they have none, and all of kind `device` in one."""
    found: list[Item | Rejection] = []
    device = dict(uplink.radio)
    for item in items:
        if isinstance(item, Rejection) or item.time_ns is not None:
            found.append(item)
        elif item.kind is Kind.DEVICE:
            device.update(item.fields)
        else:
            found.append(item._replace(time_ns=uplink.time_ns))
    if device:
        found.append(Item(Kind.DEVICE, 1, uplink.time_ns, device))
    return found
