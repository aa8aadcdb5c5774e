"""Milesight: frames of `channel, type, value`, one after the other, little-endian; what a pair holds, the model says.

Source: the user guides of the models, chapter "Uplink payload", and the maker's published examples. The port is 85
unless somebody changed it, and is not looked at.

    01 75 64   03 67 18 01   04 68 6D        battery 100 %, 28.0 C, 54.5 %
    20 CE <Unix s, 4 bytes> <record>         what was measured at that time and could not be sent
    FF .., FE .., F8 .., F9 ..               attributes, and answers to commands
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.localtime import NS_A_SECOND
from sensors.decoders.frames import Answer, FrameItems, Layout
from sensors.decoders.milesight_models import ATTRIBUTES, MODELS, Model, Part

_REPLIES = frozenset({0xF8, 0xF9, 0xFE, 0xFF})
_PAIR_BYTES, _TIME_BYTES = 2, 4

Layouts = Mapping[int, Layout]


class MilesightDecoder:
    """Reads the frames of one model."""

    def __init__(self, name: str, model: Model) -> None:
        self._name = f"a {name}"
        self._channels: Layouts = {pair: _layout(parts) for pair, parts in (ATTRIBUTES | model.channels).items()}
        self._records: Mapping[int, Layout | Layouts] = {
            pair: _layout(record) if isinstance(record, tuple) else {tag: _layout(p) for tag, p in record.items()}
            for pair, record in model.records.items()
        }

    def decode(self, frame: bytes, f_port: int) -> Answer:  # noqa: ARG002 - people change the port
        """The items of a frame; those of a record have a time of their own."""
        found = FrameItems()
        start, end = 0, len(frame)
        while start < end:
            if start + _PAIR_BYTES > end:
                found.refuse_rest(frame, start, _PAIR_BYTES, 1)
                break
            pair = frame[start] << 8 | frame[start + 1]
            layout = self._channels.get(pair)
            if layout is not None:
                after = start + _PAIR_BYTES + layout.length
                if after > end:
                    found.refuse_rest(frame, start, _PAIR_BYTES, layout.length)
                    break
                layout.read(frame, start + _PAIR_BYTES, found)
                start = after
            elif pair in self._records:
                start = self._read_record(frame, start, self._records[pair], found)
            else:
                # How long an answer to a command is, only the command tells.
                if frame[start] not in _REPLIES:
                    found.refuse_unknown(frame, start, _PAIR_BYTES, self._name)
                break
        return found.answer("nothing that is measured: attributes, an answer to a command")

    def _read_record(self, frame: bytes, start: int, record: Layout | Layouts, found: FrameItems) -> int:
        """Add what was measured earlier; returns where the frame goes on, its end where it can't be read further."""
        end, at = len(frame), start + _PAIR_BYTES + _TIME_BYTES
        if isinstance(record, Layout):
            layout: Layout | None = record
        else:
            layout = record.get(frame[at]) if at < end else next(iter(record.values()))
            at += 1
        if layout is None:
            found.refuse_unknown(frame, start, at - start, self._name)
            return end
        if at + layout.length > end:
            found.refuse_rest(frame, start, _PAIR_BYTES, at + layout.length - start - _PAIR_BYTES)
            return end
        time_at = start + _PAIR_BYTES
        time_s = int.from_bytes(frame[time_at : time_at + _TIME_BYTES], "little")
        layout.read(frame, at, found, time_s * NS_A_SECOND)
        return at + layout.length


def _layout(parts: Sequence[Part]) -> Layout:
    return Layout(parts, order="<")


def decoder_of(model: str) -> MilesightDecoder | None:
    """The decoder of a model, such as "am307"; None for one that is not known."""
    found = MODELS.get(model)
    return None if found is None else MilesightDecoder(f"Milesight {model.upper()}", found)
