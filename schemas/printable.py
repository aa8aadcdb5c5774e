"""Text that others wrote, safe to show: on a terminal, in a log line, on a page."""

from __future__ import annotations

import re
import unicodedata

_PLAIN = re.compile(r"[ -~]*")
_SPACES = "\u00a0\u202f"
"""Those in figures; Python calls no space printable but one."""
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of controls (escape sequences begin with one), of marks that show nothing or turn the direction
of writing, of half characters, of what no font knows, and of separators of lines."""


def printable(text: str, *, keep: str = "") -> str:
    r"""The text with every character that does more than stand there written as its escape, such as `\x1b`.

    Everything from a device, a broker or a store that a person may see goes through here. `keep` are characters to
    leave all the same: line feeds where lines are shown as lines.
    """
    if _PLAIN.fullmatch(text):
        return text
    shown = text
    for char in (*_SPACES, *keep):
        shown = shown.replace(char, " ")
    if shown.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in _UNSAFE and char not in keep else char
        for char in text
    )
