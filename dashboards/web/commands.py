"""What sentences name between backquotes, as people read it on a page."""

from __future__ import annotations

import re

_NAMED = re.compile(
    r"<(textarea|title|option|pre|code|script|style|svg)\b.*?</\1>|<[^>]*>|`([^`<>\n]{1,200})`", re.DOTALL
)
"""What stays as it is (what is written for programs, and tags: what people wrote holds none), or what is named."""


def with_commands(page: str) -> str:
    """A page whose commands and keys (`hubpulse doctor`) are elements of code."""
    return _NAMED.sub(lambda found: f"<code>{found[2]}</code>" if found[2] else found[0], page) if "`" in page else page
