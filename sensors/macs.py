"""Finds MAC addresses, which may be those of people's devices: none is ever stored, logged or recorded.

An address is six octets joined by colons, hyphens or underscores, or three groups of four digits joined by dots. Longer
runs count too, since text before an address may look like octets; only a run of exactly eight octets does not: the
EUI-64 of a LoRaWAN device, which nobody carries about. Twelve digits that stand alone (`bare`) are an address as well
where they are neither a plain number, nor a word, nor the end of a UUID; the ids of some sensors look the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_JOINED = (
    rb"[0-9A-Fa-f]{2}(?P<joint>[:_-])[0-9A-Fa-f]{2}(?:(?P=joint)[0-9A-Fa-f]{2}){4,}"
    rb"|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2,}"
)
_BARE = rb"(?<![0-9A-Za-z])(?<![0-9A-Fa-f]{4}-)(?=[0-9]*[A-Fa-f])(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{12}(?![0-9A-Za-z])"
_WITHOUT_BARE = re.compile(_JOINED)
_WITH_BARE = re.compile(_JOINED + rb"|" + _BARE)
_JOINTS = re.compile(rb"[:._-]")
_EUI64_DIGITS = 16


def replace_macs(text: bytes, replacement: Callable[[bytes], bytes], *, bare: bool = False) -> bytes:
    """The text with `replacement(address)` in the place of every MAC address, as it is spelled."""

    def replaced(found: re.Match[bytes]) -> bytes:
        return replacement(found[0]) if len(mac_digits(found[0])) != _EUI64_DIGITS else found[0]

    return (_WITH_BARE if bare else _WITHOUT_BARE).sub(replaced, text)


def mac_digits(address: bytes) -> bytes:
    """An address without what joins it, in lower case: the same however it is spelled."""
    return _JOINTS.sub(b"", address).lower()
