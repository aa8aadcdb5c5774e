"""The shape of every id: hubs, sensors, zones; and of text where only ids can stand."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from schemas.errors import shown

ID_PATTERN = r"[a-z0-9][a-z0-9_-]{0,63}"
_ID = re.compile(ID_PATTERN)
_ENCODED = re.compile(r"(?:[A-Za-z0-9_.~-]|%[0-9A-F]{2}){1,4096}")


def is_id(text: str) -> bool:
    """Whether `text` may be a hub, sensor or zone id."""
    return _ID.fullmatch(text) is not None


def is_encoded(text: str) -> bool:
    """Whether `text` is percent-encoded (RFC 3986), so that nothing in it ends a tag or a line."""
    return _ENCODED.fullmatch(text) is not None


def nearest_id(text: str) -> str:
    """An id that looks like `text`: `Café (West)` becomes `cafe-west`."""
    plain = unicodedata.normalize("NFKD", text[:256]).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:64] or "id-1"


def _check(text: str) -> str:
    if not is_id(text):
        raise ValueError(
            f"{shown(text)} is not an id (lower-case letters, digits, - and _, at most 64): write {nearest_id(text)}"
        )
    return text


Id = Annotated[str, AfterValidator(_check), WithJsonSchema({"type": "string", "pattern": f"^{ID_PATTERN}$"})]
