"""ESP32-Paxcounter over LoRaWAN: the devices that it saw, big-endian, on port 1.

Source: the project's README, "Payload format: plain". Wi-Fi and Bluetooth are counted apart, and one telephone may be
in both: the first is kept, the second left out.
"""

from __future__ import annotations

from sensors.decoders.frames import Answer, FrameItems, Layout, Value
from sensors.formats import NoReading

MODELS = ("esp32",)

_COUNT_PORT = 1
_COUNT = Layout((Value("devices", "H"),), order=">")
_COUNTS_BYTES = (2, 4)


class PaxcounterDecoder:
    """Reads its frames."""

    def decode(self, frame: bytes, f_port: int) -> Answer:
        """The count of a frame; other ports have the device's own state."""
        if f_port != _COUNT_PORT or not frame:
            return NoReading("no count: state, position or settings")
        found = FrameItems()
        if len(frame) < _COUNT.length:
            found.refuse_rest(frame, 0, 0, _COUNT.length)
        else:
            _COUNT.read(frame, 0, found)
            if len(frame) == _COUNT.length + 1:
                found.refuse_rest(frame, _COUNT.length, 0, _COUNT.length)
            elif len(frame) not in _COUNTS_BYTES:
                found.refuse_unknown(frame, _COUNTS_BYTES[-1], 1, "a Paxcounter")
        return found.answer("no count")


def decoder_of(model: str) -> PaxcounterDecoder | None:
    """The decoder of `paxcounter/esp32`, the only one."""
    return PaxcounterDecoder() if model in MODELS else None
