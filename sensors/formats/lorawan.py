"""What the messages of LoRaWAN network servers share: identity, port, frame, and what the radio tells."""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.devices import device_key
from sensors.formats import Fields
from sensors.macs import quoted

_PORT_MAX = 255
_SPREADING_FACTORS = range(5, 13)
_NUMBERS = (int, float)


def eui_of(eui: object, names: Sequence[str]) -> str:
    """The device's EUI, else what the network server calls it. Raises ValueError where it has neither."""
    if isinstance(eui, str) and eui:
        return device_key(eui)
    if not names:
        raise ValueError("it names no device")
    return names[0]


def port_of(port: object) -> int:
    """The frame's port. Raises ValueError."""
    if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= _PORT_MAX:
        raise ValueError(f"port {quoted(port)} is not one of 0..{_PORT_MAX}")
    return port


def frame_of(text: object) -> bytes:
    """The frame's bytes, which are base64. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("the frame is not text")  # noqa: TRY004 - one kind of error for the message
    try:
        return binascii.a2b_base64(text, strict_mode=True) if text else b""
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"the frame is not base64 ({error})") from error


def radio_of(gateways: object, frame_count: object, spreading_factor: object) -> Fields:
    """The signal at the gateway that heard the device best, the frame's number, and the spreading factor of LoRa."""
    radio: Fields = {}
    best: Mapping[str, Any] = {}
    for gateway in gateways if isinstance(gateways, list) else ():
        if isinstance(gateway, dict) and type(gateway.get("rssi")) in _NUMBERS:
            best = gateway if not best or gateway["rssi"] > best["rssi"] else best
    if best:
        radio["rssi_dbm"] = float(best["rssi"])
        if type(snr := best.get("snr", 0)) in _NUMBERS:
            radio["snr_db"] = float(snr)
    if type(frame_count) is int and frame_count >= 0:
        radio["frame_count"] = frame_count
    if type(spreading_factor) is int and spreading_factor in _SPREADING_FACTORS:
        radio["spreading_factor"] = spreading_factor
    return radio
