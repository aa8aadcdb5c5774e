"""Cuts secrets out of text that others wrote: a server may send back what it was sent."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

_PART_CHARS = 8


class Redaction:
    """Replaces secrets, and any eight characters in a row of them, however they are spelled."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """`secrets` as they are sent: a token, a password, `user:password`."""
        self._parts: dict[int, set[str]] = {}
        for spelled in {text for secret in secrets if secret for text in _spellings(secret)}:
            size = min(_PART_CHARS, len(spelled))
            parts = (spelled[start : start + size] for start in range(len(spelled) - size + 1))
            self._parts.setdefault(size, set()).update(parts)

    def __call__(self, text: str) -> str:
        """The text with `***` in the place of each secret, and of each longer part of one."""
        hidden = bytearray(len(text))
        for size, parts in self._parts.items():
            for start in range(len(text) - size + 1):
                if text[start : start + size] in parts:
                    hidden[start : start + size] = b"\1" * size
        shown = "".join("\0" if is_hidden else char for char, is_hidden in zip(text, hidden, strict=True))
        while "\0\0" in shown:
            shown = shown.replace("\0\0", "\0")
        return shown.replace("\0", "***")


def _spellings(secret: str) -> Iterator[str]:
    """A secret as servers write it into headers, addresses, JSON and pages."""
    yield from (secret, quote(secret, safe=""), quote(secret), quote_plus(secret), quote(secret, safe="").lower())
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], html.escape(secret))
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
    yield base64.urlsafe_b64encode(secret.encode()).decode().rstrip("=")
