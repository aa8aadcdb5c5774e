"""A chart as an image by itself: the same drawing, with its colours in it, for documents without a style sheet.

Colours come from the board's style sheet, so that a chart in a PDF is the chart of the page. Renderers of documents
know no CSS variables: each rule of a tone is written out with its colour.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path

from dashboards.charts.draw import HEIGHT_PX, draw
from dashboards.charts.model import Chart

_STYLE_SHEET = Path(__file__).parent.parent / "web" / "static" / "board.css"
_WIDTH_PX, _LEFT_PX, _RIGHT_PX, _BELOW_PX = 760, 46, 12, 40
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_VARIABLE = re.compile(r"var\(--([\w-]+)\)")
_OF_CHARTS = re.compile(r"\.(chart|bar|line|limit|dot|mark-at|shape|band|hatch-\w+)\b")
_MARK = re.compile(r'<svg x="([\d.]+)%" y="([\d.]+)" class="mark-at">(.*?)</svg>')
_HATCH = (
    '<pattern id="hatch" class="t-entries" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect class="hatch-ground" width="6" height="6"/>'
    '<rect class="hatch-line" width="3" height="6"/></pattern>'
)


def standalone(chart: Chart) -> str:
    """The chart as an SVG document."""
    height = HEIGHT_PX + _BELOW_PX
    width = _WIDTH_PX - _LEFT_PX - _RIGHT_PX
    drawn = re.sub(r"<title>.*?</title>", "", str(draw(chart)), flags=re.DOTALL)
    # Renderers of documents cut off what hangs over an svg element without a size.
    drawn = _MARK.sub(
        lambda found: f'<g transform="translate({float(found[1]) * width / 100:.1f} {found[2]})">{found[3]}</g>', drawn
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH_PX}" height="{height}" '
        f'viewBox="0 0 {_WIDTH_PX} {height}"><style>{_style()}</style><defs>{_HATCH}</defs>'
        f'<svg x="{_LEFT_PX}" y="0" width="{width}" height="{height}" overflow="visible">{drawn}</svg></svg>'
    )


@cache
def _style() -> str:
    """The rules of charts, as they are printed."""
    text = re.sub(r"/\*.*?\*/", "", _STYLE_SHEET.read_text("utf-8"), flags=re.DOTALL)
    printed = text[text.index("@media print") :]
    colours = dict(re.findall(r"--([\w-]+):\s*(#\w+)", text) + re.findall(r"--([\w-]+):\s*(#\w+)", printed))
    rules = [(selector.strip(), body) for selector, body in _RULE.findall(text)]
    tones = {
        selector: {name: colours[source] for name, source in re.findall(r"--([\w-]+): var\(--([\w-]+)\)", body)}
        for selector, body in rules
        if re.fullmatch(r"\.t-[\w-]+", selector)
    }
    wanted = [(selector, body) for selector, body in rules if _OF_CHARTS.search(selector) and ":" not in selector]
    return "".join(rule for selector, body in wanted for rule in _written_out(selector, body, colours, tones)) + (
        ".slot{fill:none}text{font-family:Libertinus Serif}"
    )


def _written_out(selector: str, body: str, colours: dict[str, str], tones: dict[str, dict[str, str]]) -> Iterator[str]:
    """A rule with colours for variables; one of tones, once for each."""
    if "--tone" not in body:
        yield f"{selector}{{{_VARIABLE.sub(partial(_colour, colours), body)}}}"
        return
    for name, tone in tones.items():
        each = ",".join(f"{part.strip()}{name}" for part in selector.split(","))
        own = {"tone-pale": tone["tone"]} | tone
        yield f"{each}{{{_VARIABLE.sub(partial(_colour, own), body)}}}"


def _colour(known: Mapping[str, str], found: re.Match[str]) -> str:
    return known[found[1]]
