"""Durations as files have them: `30s`, `5m`, `1h`, `1d`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from schemas.errors import shown

DURATION_S_MAX = 366 * 86400
DURATION_PATTERN = "([1-9][0-9]{0,7})([smhd])"
_DURATION = re.compile(DURATION_PATTERN)
_LOOSE_DURATION = re.compile(
    r"\s*0*([1-9][0-9]{0,7})\s*(s(?:ecs?|econds?)?|m(?:ins?|inutes?)?|h(?:rs?|ours?)?|d(?:ays?)?)\s*", re.IGNORECASE
)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration_s(value: object) -> object:
    """Seconds of a file's text; a number of seconds, as code has it, stays."""
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value)
    if match is None:
        raise ValueError(f"{shown(value)} is not a duration: {_duration_hint(value)}")
    seconds = int(match[1]) * _UNIT_S[match[2]]
    if seconds > DURATION_S_MAX:
        raise ValueError(f"{shown(value)} is more than a year: write 366d or less")
    return seconds


def _duration_hint(text: str) -> str:
    loose = _LOOSE_DURATION.fullmatch(text[:64])
    if loose is not None:
        return f"write {loose[1]}{loose[2][0].lower()}"
    if re.fullmatch(r"[1-9][0-9]{0,7}", text):
        return f"write {text}s for seconds, {text}m for minutes"
    return "write for example 30s, 5m, 1h or 1d"


DurationS = Annotated[
    int,
    Field(ge=1, le=DURATION_S_MAX),
    BeforeValidator(duration_s, json_schema_input_type=Annotated[str, Field(pattern=f"^{DURATION_PATTERN}$")]),
]
