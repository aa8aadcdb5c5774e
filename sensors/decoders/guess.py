"""Which model a device may be that nobody has named: by its network server's word, its maker's number, its frames."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

from schemas.kinds import Kind
from schemas.readings import Rejection
from sensors.decoders import built_in_models, find_decoder
from sensors.formats import Item, NoReading, Uplink

_MAKERS = {"24e124": "milesight/", "a81758": "elsys/"}
"""The first half of a maker's EUIs, as the IEEE gave them out."""

_NAMED = re.compile(rb'"(?:model_id|deviceProfileName)"\s*:\s*"([^"\\]{2,64})"')
_BRANDS = ("milesight-", "milesight ", "elsys-", "elsys ")


def guess_models(uplink: Uplink, payload: bytes) -> tuple[str, ...]:
    """The models that a device may be, those that measure least first; `payload` is its network server's message."""
    models = built_in_models()
    for name in _names(payload):
        if found := tuple(model for model in models if model.partition("/")[2] == name):
            return found
    maker = next((maker for start, maker in _MAKERS.items() if uplink.device.startswith(start)), None)
    return tuple(model for model in models if maker and model.startswith(maker) and _reads(model, uplink))


def _names(payload: bytes) -> Iterator[str]:
    for found in _NAMED.finditer(payload):
        text = str(from_json(b'"' + found[1] + b'"')).strip().lower()
        for brand in _BRANDS:
            text = text.removeprefix(brand)
        yield re.sub("[ _]+", "-", text)


def _reads(model: str, uplink: Uplink) -> bool:
    """Whether a model's decoder reads all of a frame."""
    found: Any = find_decoder(model).decode(uplink.frame, uplink.f_port)
    return not isinstance(found, (NoReading, Rejection)) and not any(isinstance(item, Rejection) for item in found)


def kinds_as(model: str, uplink: Uplink) -> tuple[Kind, ...]:
    """What a frame measures, if it is of that model."""
    found: Any = find_decoder(model).decode(uplink.frame, uplink.f_port)
    items = () if isinstance(found, (NoReading, Rejection)) else found
    return tuple(dict.fromkeys(item.kind for item in items if isinstance(item, Item)))
