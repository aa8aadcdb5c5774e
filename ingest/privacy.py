"""No MAC address is stored or logged: what the quarantine and the log keep has them masked (see `sensors.macs`)."""

from __future__ import annotations

import re
import traceback

from sensors.macs import replace_macs

_DIGIT = re.compile(rb"[0-9A-Fa-f]")


def mask_macs(text: bytes) -> bytes:
    """The text with the digits of every MAC address written as asterisks, so that JSON stays JSON."""
    return replace_macs(text, lambda address: _DIGIT.sub(b"*", address))


def masked_trace(error: BaseException) -> str:
    """Where an error came from, for a log: no values of variables, and no address in its message."""
    return mask_macs("".join(traceback.format_exception(error)).encode(errors="replace")).decode()
