"""What to do about each reason of a refusal, in a sentence: pages and the command line print the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.readings import Reason
from schemas.texts import N_

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
