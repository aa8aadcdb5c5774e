"""A heatmap: a number in each cell of a grid, on a ground that is the stronger the more it is.

The number stands in its cell, so that no colour has to be told from another. A cell of a closed hour has a dash, one
that nobody measured is empty within a broken border.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from markupsafe import Markup

from dashboards.charts.scale import Scale
from dashboards.charts.svg import SWATCH_PX, swatch, text
from schemas.texts import _, number_text

STEPS: Final = 5
"""How many grounds there are: `heat-0` to `heat-4` of the style sheet."""
_HEAD_PX, _ROW_PX, _BASELINE_PX = 20, 22, 15
_GAP_PX = 1.5
_DASH: Final = "\u2013"

Place = tuple[int, int]
"""A cell: its row and its column."""


@dataclass(frozen=True)
class Heatmap:
    """A grid of values. A cell that is neither in `values` nor in `closed` has no data."""

    id: str
    title: str
    unit: str
    summary: str
    """What it shows, in a sentence: for those who can't see it."""
    rows: Sequence[str]
    columns: Sequence[str]
    values: Mapping[Place, float]
    closed: frozenset[Place] = frozenset()
    decimals: int = 0
    words: Mapping[Place, str] = field(default_factory=dict)
    """What a cell says under the pointer: lines of text."""

    @cached_property
    def top(self) -> float:
        """The end of the strongest ground, a round number."""
        return Scale.over(self.values.values(), from_zero=True, whole=not self.decimals).high

    def step(self, value: float) -> int:
        """Which of the grounds a value has."""
        return min(int(STEPS * value / self.top), STEPS - 1)

    def number(self, value: float) -> str:
        """A value as its cell says it."""
        return number_text(value, self.decimals)


def draw_heatmap(chart: Heatmap) -> Markup:
    """The SVG element of a heatmap, as wide as its place."""
    return Markup("".join(_parts(chart)))  # noqa: S704 - every text in it went through text()


def heatmap_legend(chart: Heatmap) -> list[tuple[Markup, str]]:
    """What the grounds and marks mean, those that are there."""
    width, height = SWATCH_PX
    box = f'x="0.5" y="0.5" width="{width - 1}" height="{height - 1}"'
    steps = sorted({chart.step(value) for value in chart.values.values()})
    top = chart.top / STEPS
    known = [
        (
            swatch(f'<rect class="heat-{step}" {box}/>'),
            _("{low} to {high}").format(low=chart.number(step * top), high=chart.number((step + 1) * top)),
        )
        for step in steps
    ]
    if chart.closed:
        dash = f'<text class="cell" x="{width / 2}" y="{height - 2}">{_DASH}</text>'
        known.append((swatch(dash), _("closed")))
    if len(chart.values.keys() | chart.closed) < len(chart.rows) * len(chart.columns):
        known.append((swatch(f'<rect class="no-data" {box}/>'), _("no data")))
    return known


def _parts(chart: Heatmap) -> Iterator[str]:
    name = f"c-{text(chart.id)}"
    height = _HEAD_PX + _ROW_PX * len(chart.rows)
    width = 100 / len(chart.columns)
    yield f'<svg class="chart" width="100%" height="{height}" role="img" aria-labelledby="{name}-t {name}-d">'
    yield f'<title id="{name}-t">{text(chart.title)}, {text(chart.unit)}</title>'
    yield f'<desc id="{name}-d">{text(chart.summary)}</desc>'
    for column, label in enumerate(chart.columns):
        yield f'<text class="tick" x="{(column + 0.5) * width:.2f}%" y="{_BASELINE_PX - 2}">{text(label)}</text>'
    for row, label in enumerate(chart.rows):
        y = _HEAD_PX + row * _ROW_PX
        yield f'<text class="value" x="-6" y="{y + _BASELINE_PX}">{text(label)}</text>'
        for column in range(len(chart.columns)):
            yield from _cell(chart, (row, column), column * width, width, y)
    yield "</svg>"


def _cell(chart: Heatmap, place: Place, x: float, width: float, y: float) -> Iterator[str]:
    box = f'x="{x:.2f}%" y="{y + _GAP_PX}" width="{width - 0.4:.2f}%" height="{_ROW_PX - 2 * _GAP_PX}"'
    value = chart.values.get(place)
    middle = f'x="{x + width / 2:.2f}%" y="{y + _BASELINE_PX}"'
    if value is not None:
        step = chart.step(value)
        strong = " strong" if step == STEPS - 1 else ""
        yield f'<rect class="heat-{step}" {box}/><text class="cell{strong}" {middle}>{chart.number(value)}</text>'
    elif place in chart.closed:
        yield f'<text class="cell" {middle}>{_DASH}</text>'
    else:
        yield f'<rect class="no-data" {box}/>'
    yield f'<rect class="slot" {box}><title>{text(chart.words.get(place, ""))}</title></rect>'
