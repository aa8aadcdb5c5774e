"""Elsys: frames of `type, value`, one after the other, big-endian; all models of the family send the same types.

Source: the maker's "Sensor payload" description. The port is 5 unless somebody changed it, settings come on the next
one, and neither is looked at: a frame of settings begins with 3E.
"""

from __future__ import annotations

from sensors.decoders.frames import Answer, FrameItems, Layout, Value

MODELS = ("ers", "ers-co2", "ers-co2-lite", "ers-eye", "ers-sound", "ers-vocs", "elt-2", "ems", "generic")
"""Any other name of the maker's is read in the same way."""

_SETTINGS = 0x3E

_TYPES: dict[int, tuple[Value | int, ...]] = {
    0x01: (Value("temperature_c", "h", 10),),
    0x02: (Value("relative_humidity_pct", "B", absent=0xFF),),
    0x03: (3,),  # acceleration
    0x04: (2,),  # light
    0x05: (1,),  # movements
    0x06: (Value("co2_ppm", "H", absent=0xFFFF),),
    0x07: (Value("battery_v", "H", 1000, absent=0xFFFF),),
    0x08: (2,),  # analog input
    0x09: (6,),  # position
    0x0A: (2,),  # pulses, which may be anything
    0x0B: (4,),
    0x0C: (2,),  # a probe's temperature, which may be anywhere
    0x0D: (1,),  # digital input
    0x0E: (2,),  # distance
    0x0F: (1,),  # vibrations
    0x10: (4,),  # infrared: own and surface temperature
    0x11: (1,),  # whether the place is taken: 0, 1 or 2, no number of people
    0x12: (1,),  # a leak
    0x13: (65,),  # infrared picture
    0x14: (Value("pressure_hpa", "i", 1000),),
    0x15: (2,),  # sound
    0x16: (2,),
    0x17: (4,),  # pulses of the second input
    0x18: (2,),  # second analog input
    0x19: (2,),  # further probes
    0x1A: (1,),  # second digital input
    0x1B: (4,),  # analog input in uV
    0x1C: (2,),  # volatile compounds
    0x3D: (4,),  # for the maker
}


class ElsysDecoder:
    """Reads the frames of the family."""

    def __init__(self) -> None:
        self._types = {number: Layout(parts, order=">") for number, parts in _TYPES.items()}

    def decode(self, frame: bytes, f_port: int) -> Answer:  # noqa: ARG002 - people change the port
        """The items of a frame."""
        found = FrameItems()
        start, end = 0, len(frame)
        while start < end and frame[start] != _SETTINGS:
            layout = self._types.get(frame[start])
            if layout is None:
                found.refuse_unknown(frame, start, 1, "an Elsys")
                break
            if start + 1 + layout.length > end:
                found.refuse_rest(frame, start, 1, layout.length)
                break
            layout.read(frame, start + 1, found)
            start += 1 + layout.length
        return found.answer("settings, or nothing that is measured")


def decoder_of(model: str) -> ElsysDecoder:  # noqa: ARG001 - any of them
    """The decoder of a model, such as "ers-co2"."""
    return ElsysDecoder()
