"""No MAC address is stored or logged: what the quarantine and the log keep has them masked.

A MAC address is six octets joined by colons, hyphens or underscores, or three groups of four digits joined by dots.
Longer runs are masked too, since text before an address may look like octets; only a run of exactly eight octets stays:
the EUI-64 of a LoRaWAN device, which nobody carries about. Twelve digits without anything between can't be told from a
number.
"""

from __future__ import annotations

import re
import traceback

_RUN = re.compile(
    rb"[0-9A-Fa-f]{2}(?:([:_-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4,}|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2,}"
)
_EUI_64 = re.compile(rb"[0-9A-Fa-f]{2}(?:[:_-][0-9A-Fa-f]{2}){7}|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){3}")
_DIGIT = re.compile(rb"[0-9A-Fa-f]")


def mask_macs(text: bytes) -> bytes:
    """The text with the digits of every MAC address written as asterisks, so that JSON stays JSON."""
    return _RUN.sub(_mask, text)


def masked_trace(error: BaseException) -> str:
    """Where an error came from, for a log: no values of variables, and no address in its message."""
    return mask_macs("".join(traceback.format_exception(error)).encode(errors="replace")).decode()


def _mask(found: re.Match[bytes]) -> bytes:
    run = found[0]
    return run if _EUI_64.fullmatch(run) else _DIGIT.sub(b"*", run)
