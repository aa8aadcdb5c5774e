"""Each reason of a refusal in words, and what to do about it, in a sentence: the same wherever people read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.readings import Reason
from schemas.texts import N_

REFUSAL_WORDS: Final[Mapping[Reason, str]] = {
    Reason.BAD_TOPIC: N_("to a topic that no source takes"),
    Reason.BAD_PAYLOAD: N_("not readable"),
    Reason.BAD_SCHEMA: N_("of another shape than their format"),
    Reason.OUT_OF_RANGE: N_("with a value that can't be measured"),
    Reason.UNKNOWN_HUB: N_("of a hub that the estate file does not name"),
    Reason.UNKNOWN_SENSOR: N_("of a device that no hub has"),
    Reason.CLOCK_AHEAD: N_("from the future: the device's clock is ahead"),
    Reason.TOO_OLD: N_("older than what is kept"),
    Reason.TOO_LARGE: N_("too large"),
    Reason.STORE_REJECTED: N_("not taken by the store"),
}
"""What is wrong with the messages."""

REFUSAL_ADVICE: Final[Mapping[Reason, str]] = {
    Reason.BAD_TOPIC: N_("Correct the topic that the device sends to, or add it to `sources` of the estate file."),
    Reason.BAD_PAYLOAD: N_("See that the device sends what its format expects, and that `sources` name that format."),
    Reason.BAD_SCHEMA: N_("Compare the keys and types with docs/formats.md, then correct the sender."),
    Reason.OUT_OF_RANGE: N_("Look at the sensor: no room has such a value; check unit and wiring."),
    Reason.UNKNOWN_HUB: N_("Add the hub to the estate file, then send these again: hubpulse quarantine redrive."),
    Reason.UNKNOWN_SENSOR: N_("Adopt the device: hubpulse sensors pending, then hubpulse sensors adopt."),
    Reason.CLOCK_AHEAD: N_("Set the clock of the device, or its time zone: it is ahead."),
    Reason.TOO_OLD: N_("Nothing, if it is a device's old memory; else set its clock."),
    Reason.TOO_LARGE: N_("Let the device send fewer readings at once."),
    Reason.STORE_REJECTED: N_("Read the answer of the store in the detail, correct what it names, then redrive."),
}
_OF_LATER: Final = N_("Bring this version up to that of ingest, which knows the reason.")


def refusal_in_words(reason: str) -> tuple[str, str]:
    """A reason in words, and what to do about it; the code itself where a later version of ingest gave it."""
    try:
        known = Reason(reason)
    except ValueError:
        return reason, _OF_LATER
    return REFUSAL_WORDS[known], REFUSAL_ADVICE[known]
