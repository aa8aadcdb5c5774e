"""The shape of every id: hubs, sensors, zones."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

ID_PATTERN = r"[a-z0-9][a-z0-9_-]{0,63}"
_ID = re.compile(ID_PATTERN)


def is_id(text: str) -> bool:
    """Whether `text` may be a hub, sensor or zone id."""
    return _ID.fullmatch(text) is not None


def _check(text: str) -> str:
    if not is_id(text):
        cure = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:64] or "hub-1"
        raise ValueError(f"{text!r} is not an id (lower-case letters, digits, - and _, at most 64): write {cure!r}")
    return text


Id = Annotated[str, AfterValidator(_check)]
