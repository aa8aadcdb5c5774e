"""Decoders: what the bytes of a LoRaWAN device mean, one for each `model:` of the estate file.

A network server's format takes the frame out of its message (`sensors.formats.Uplink`), and `sensors.uplinks` asks the
decoder of the device's model:

    decode(frame, f_port) -> [Item(kind, line, time, fields), ...]  without a time: it has that of the uplink
                           | NoReading (settings, attributes, a join)
                           | Rejection (nothing of it can be read)

A frame that is cut short keeps the items before the cut and has a Rejection after them. Fields of kind `device`, such
as the battery, may be among the items: what the network server knows of the radio is added to them.

An installed package adds a decoder by an entry point of the group `hubpulse.decoders`, named by maker and model:
`acme/counter-2`. A model `js/<name>` is the vendor's JavaScript, `codecs/<name>.js` beside the estate file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from schemas.plugins import load_plugin
from schemas.readings import Rejection
from sensors.formats import Item, NoReading, Uplink

GROUP = "hubpulse.decoders"
CODEC_MAKER = "js/"
FAMILIES: Mapping[str, str] = {
    "milesight": "sensors.decoders.milesight",
    "elsys": "sensors.decoders.elsys",
    "paxcounter": "sensors.decoders.paxcounter",
}
"""Our own, by maker: modules whose `decoder_of(model)` has a decoder or None, and whose `MODELS` are the names.

No package can replace them.
"""


class FrameDecoder(Protocol):
    """How the frames of one model are read."""

    def decode(self, frame: bytes, f_port: int) -> Sequence[Item | Rejection] | NoReading | Rejection:
        """The items of a frame. One that is cut short keeps those before the cut and refuses the rest."""


@runtime_checkable
class UplinkDecoder(FrameDecoder, Protocol):
    """A decoder that is quicker with many at once, or needs to know more of a frame: when it came, whose it is."""

    def decode_uplinks(self, uplinks: Sequence[Uplink]) -> Sequence[Sequence[Item | Rejection] | NoReading | Rejection]:
        """An answer for each uplink, in their order."""


def find_decoder(model: str, codecs: Path | None = None) -> FrameDecoder:
    """The decoder of a model, as the estate file names it; `codecs` is the folder of the vendors' JavaScript.

    Raises PluginError.
    """
    if model.startswith(CODEC_MAKER):
        # Here, since most estates need no process for JavaScript.
        from sensors.decoders.codecs import codec_of  # noqa: PLC0415

        return codec_of((codecs or Path("codecs")) / f"{model[len(CODEC_MAKER) :]}.js")
    maker, _, name = model.partition("/")
    found = import_module(FAMILIES[maker]).decoder_of(name) if maker in FAMILIES else None
    return cast("FrameDecoder", found or load_plugin(GROUP, model, method="decode", built_in={}))


def built_in_models() -> list[str]:
    """The models that Hubpulse itself decodes, as the estate file names them."""
    return [f"{maker}/{name}" for maker, module in FAMILIES.items() for name in import_module(module).MODELS]
