"""Decoders: what the bytes of a LoRaWAN device mean, one for each `model:` of the estate file.

A network server's format takes the frame out of its message and asks the decoder of the device's model. An installed
package adds one by an entry point of the group `hubpulse.decoders`, named by maker and model: `acme/counter-2`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from schemas.plugins import load_plugin
from schemas.readings import Rejection
from sensors.formats import Item, NoReading

GROUP = "hubpulse.decoders"
BUILT_IN: Mapping[str, str] = {}


class FrameDecoder(Protocol):
    """How the frames of one model are read."""

    def decode(self, frame: bytes, f_port: int) -> Sequence[Item | Rejection] | NoReading | Rejection:
        """The items of a frame. One that is cut short keeps those before the cut and refuses the rest."""


def find_decoder(model: str) -> FrameDecoder:
    """The decoder of a model, as the estate file names it. Raises PluginError."""
    return cast("FrameDecoder", load_plugin(GROUP, model, method="decode", built_in=BUILT_IN))
