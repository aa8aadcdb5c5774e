"""No MAC address is stored or logged: what the quarantine keeps has them masked."""

from __future__ import annotations

import re

_MAC = re.compile(
    rb"(?<![0-9A-Fa-f:.-])"
    rb"(?:[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2})"
    rb"(?![0-9A-Fa-f]|[:.-][0-9A-Fa-f])"
)
"""Six octets joined by colons or hyphens, or three groups joined by dots. Longer runs (an EUI-64) are devices."""

_MASK = b"**:**:**:**:**:**"


def mask_macs(text: bytes) -> bytes:
    """The text with every MAC address written as asterisks of the same length, so that JSON stays JSON."""
    return _MAC.sub(lambda match: _MASK[: len(match[0])], text)
