"""Text can be read: every colour that carries words stands out from what it lies on, in light and in dark."""

import re

import pytest

from dashboards.charts import Tone
from dashboards.web import assets

CSS = assets.load("board.css").content.decode()
LIGHT, DARK, PRINT = (
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\n *\}", CSS, re.DOTALL)
)
TEXT_ON = [
    (text, ground)
    for ground in ("card", "page")
    for text in ("ink", "quiet", "link", "alarm", "warn", "entries", "air")
] + [("warn", "warn-pale"), ("alarm", "alarm-pale"), ("card", "ink")]


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_is_the_greatest_contrast() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("scheme", [LIGHT, DARK, PRINT], ids=["light", "dark", "print"])
@pytest.mark.parametrize("text, ground", TEXT_ON)
def test_words_have_the_contrast_that_wcag_asks_for(scheme: dict[str, str], text: str, ground: str) -> None:
    assert contrast(scheme[text], scheme[ground]) >= 4.5


def test_all_schemes_have_the_same_colours() -> None:
    assert LIGHT.keys() == DARK.keys() == PRINT.keys()


@pytest.mark.parametrize("tone", Tone)
def test_every_tone_of_a_chart_has_its_colour(tone: Tone) -> None:
    (colours,) = re.findall(
        rf"^\.t-{tone} {{ --tone: var\(--([a-z-]+)\);(?: --tone-pale: var\(--([a-z-]+)\);)? }}", CSS, re.MULTILINE
    )
    assert {name for name in colours if name} <= LIGHT.keys()
