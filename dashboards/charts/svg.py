"""What every drawing needs: text that is safe in it, numbers as people read them, samples for a legend."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup, escape

from schemas.printable import printable

SWATCH_PX: Final = (16, 12)
"""How wide and high a sample in a legend is."""


def text(words: str) -> str:
    """Words as they may stand in an SVG."""
    return str(escape(printable(words, keep="\n")))


def swatch(shapes: str) -> Markup:
    """A sample of how something is drawn; `shapes` are made of numbers and classes alone."""
    width, height = SWATCH_PX
    return Markup(f'<svg class="swatch" width="{width}" height="{height}" aria-hidden="true">{shapes}</svg>')  # noqa: S704
