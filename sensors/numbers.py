"""Numbers as devices send them: plain, or as text."""

from __future__ import annotations

import re

_NUMBER_TEXT = re.compile(r"[+-]?\d{1,300}(\.\d{0,300}(?:[eE][+-]?\d{1,3})?|[eE][+-]?\d{1,3})?", re.ASCII)


def as_number(value: object) -> int | float | None:
    """A number, also one written as text, as some devices do; None for anything else."""
    if type(value) is str:
        match = _NUMBER_TEXT.fullmatch(value.strip())
        return None if match is None else float(value) if match[1] else int(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
