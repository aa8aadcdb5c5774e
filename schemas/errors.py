"""The root of every error that an operator may see: one line that says what happened, where, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN_MAX = 80
_LISTED_MAX = 20


class HubpulseError(Exception):
    """Something foreseeable went wrong; the command line prints the message alone and exits with 1."""


def shown(value: object) -> str:
    """A value as an error quotes it: on one line, without control characters, cut in the middle where it is long."""
    text = repr(value)
    half = _SHOWN_MAX // 2
    return text if len(text) <= _SHOWN_MAX else f"{text[: half - 2]}...{text[1 - half :]}"


def choices(names: Sequence[str]) -> str:
    """Names to choose from, as an error lists them."""
    more = f" and {len(names) - _LISTED_MAX} more" if len(names) > _LISTED_MAX else ""
    return ", ".join(names[:_LISTED_MAX]) + more
