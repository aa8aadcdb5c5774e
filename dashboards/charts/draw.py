"""A chart as SVG. It is as wide as its place: positions along it are shares, heights are pixels, texts keep their size.

Colours are classes; the style sheet gives them values. Labels of the scale hang over the left edge, where the page
leaves room for them. Nothing in it needs a script: each slot has its words as a title.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from typing import Final

from markupsafe import Markup

from dashboards.charts.heatmap import Heatmap, draw_heatmap, heatmap_legend
from dashboards.charts.model import Band, Bars, Chart, Dots, Fill, Layer, Limit, Line, Marks, Pattern, Shade, Shape
from dashboards.charts.scale import Scale, values_of
from dashboards.charts.svg import SWATCH_PX, swatch, text
from schemas.texts import number_text

HEIGHT_PX: Final = 200
_ABOVE_PX, _BELOW_PX, _LABEL_PX = 10, 26, 18
_DOT_PX, _MARK_PX = 3.5, 4
_LINE_UNITS: Final = 1000
"""The width of the drawing that lines are stretched from."""
_SHAPES: Final = {
    Shape.DASH: "M-4 0h8",
    Shape.RING: "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z",
    Shape.CROSS: "M-3.5 -3.5l7 7m0 -7l-7 7",
    Shape.DIAMOND: "M0 -4.5l4.5 4.5l-4.5 4.5l-4.5 -4.5z",
    Shape.FLAG: "M-3 5v-9.5l7 3l-7 3",
}


def draw(chart: Chart | Heatmap) -> Markup:
    """The SVG element of a chart."""
    if isinstance(chart, Heatmap):
        return draw_heatmap(chart)
    return Markup("".join(_Drawing(chart).parts()))  # noqa: S704 - every text in it went through _text


def legend(chart: Chart | Heatmap) -> list[tuple[Markup, str]]:
    """What each layer is called, with a sample of how it is drawn."""
    if isinstance(chart, Heatmap):
        return heatmap_legend(chart)
    return [(swatch(_sample(layer)), layer.name) for layer in chart.layers if _is_drawn(layer)]


def _is_drawn(layer: Layer) -> bool:
    match layer:
        case Bars(values=values) | Dots(values=values):
            return bool(values)
        case Line(points=points):
            return any(value is not None for _, value in points)
        case Marks(slots=slots):
            return bool(slots)
        case Shade(spans=spans):
            return bool(spans)
    return True


def _fill(tone: str, fill: Fill) -> str:
    """A bar's class; the hatching is a pattern of the page."""
    return f'class="bar {fill} t-{tone}"' + (' fill="url(#hatch)"' if fill is Fill.HATCHED else "")


def _stroke(pattern: Pattern) -> str:
    return "line" if pattern is Pattern.SOLID else f"line {pattern}"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


@lru_cache(maxsize=4096)
def _share(position: float, slots: int) -> str:
    """Where a position is along so many slots: the same in each chart of a page, and on the next one."""
    return f"{_number(100 * position / slots)}%"


class _Drawing:
    """One chart on its scale."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.layers = [layer for layer in chart.layers if _is_drawn(layer)]
        values = list(values_of(self.layers))
        whole = all(float(value).is_integer() for value in values)
        self.scale = Scale.over(values, from_zero=chart.from_zero, whole=whole)

    def parts(self) -> Iterator[str]:
        height = HEIGHT_PX + _ABOVE_PX + _BELOW_PX
        name = f"c-{text(self.chart.id)}"
        yield f'<svg class="chart" width="100%" height="{height}" role="img" aria-labelledby="{name}-t {name}-d">'
        yield f'<title id="{name}-t">{text(self.chart.title)}, {text(self.chart.unit)}</title>'
        yield f'<desc id="{name}-d">{text(self.chart.summary)}</desc>'
        for layer in self.layers:
            if isinstance(layer, Band | Shade):
                yield from self._ground(layer)
        yield from self._axis()
        for layer in self.layers:
            if not isinstance(layer, Band | Shade):
                yield f"<g>{''.join(self._layer(layer))}</g>"
        yield from self._slots()
        yield "</svg>"

    def _x(self, position: float) -> str:
        return _share(position, len(self.chart.slots))

    def _y(self, value: float) -> float:
        return round(_ABOVE_PX + HEIGHT_PX * (1 - self.scale.share(value)), 1)

    def _axis(self) -> Iterator[str]:
        foot = _ABOVE_PX + HEIGHT_PX
        for value in self.scale.ticks:
            y, label = self._y(value), number_text(value, self.scale.decimals)
            yield f'<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>'
            yield f'<text class="value" x="-6" y="{y + 4}">{label}</text>'
        for tick in self.chart.ticks:
            x, spare = self._x(tick.at), " spare" if tick.spare else ""
            yield f'<line class="grid" x1="{x}" x2="{x}" y1="{foot}" y2="{foot + 4}"/>'
            yield f'<text class="tick{spare}" x="{x}" y="{foot + _LABEL_PX}">{text(tick.text)}</text>'

    def _slots(self) -> Iterator[str]:
        """What the pointer meets: the whole height of each slot."""
        width = self._x(1)
        for place, slot in enumerate(self.chart.slots):
            if not slot.words:
                continue
            words = text("\n".join(slot.words))
            yield (
                f'<rect class="slot" x="{self._x(place)}" y="0" width="{width}" height="{HEIGHT_PX + _ABOVE_PX}">'
                f"<title>{words}</title></rect>"
            )

    def _layer(self, layer: Layer) -> Iterator[str]:
        match layer:
            case Bars():
                yield from self._bars(layer)
            case Line():
                yield from self._line(layer)
            case Dots():
                for place, value in layer.values.items():
                    hollow = " hollow" if place in layer.hollow else ""
                    yield (
                        f'<circle class="dot{hollow} t-{layer.tone}" cx="{self._x(place + 0.5)}" '
                        f'cy="{self._y(value)}" r="{_DOT_PX}"/>'
                    )
            case Band() | Limit() | Shade():
                yield from self._ground(layer)
            case Marks():
                foot = _ABOVE_PX + _MARK_PX if layer.at_top else _ABOVE_PX + HEIGHT_PX - _MARK_PX
                for place in layer.slots:
                    # A path knows no shares: an svg element that hangs at one carries it.
                    yield (
                        f'<svg x="{self._x(place + 0.5)}" y="{foot}" class="mark-at">'
                        f'<path class="shape t-{layer.tone}" d="{_SHAPES[layer.shape]}"/></svg>'
                    )

    def _ground(self, layer: Band | Limit | Shade) -> Iterator[str]:
        match layer:
            case Limit():
                y = self._y(layer.value)
                yield f'<line class="limit t-{layer.tone}" x1="0" x2="100%" y1="{y}" y2="{y}"/>'
            case Band():
                top, bottom = self._y(layer.high), self._y(layer.low)
                yield (
                    f'<rect class="band t-{layer.tone}" x="0" width="100%" y="{top}" height="{_number(bottom - top)}"/>'
                )
            case Shade():
                for start, stop in layer.spans:
                    yield (
                        f'<rect class="shade t-{layer.tone}" x="{self._x(start)}" width="{self._x(stop - start)}" '
                        f'y="{_ABOVE_PX}" height="{HEIGHT_PX}"/>'
                    )

    def _bars(self, layer: Bars) -> Iterator[str]:
        width = self._x(layer.width)
        for place, value in layer.values.items():
            start = max(self.scale.low, 0.0) if layer.base is None else layer.base[place]
            top, foot = sorted((self._y(value), self._y(start)))
            yield (
                f'<rect {_fill(layer.tone, layer.fill)} x="{self._x(place + (1 - layer.width) / 2)}" '
                f'y="{top}" width="{width}" height="{_number(max(foot - top, 1))}"/>'
            )

    def _line(self, layer: Line) -> Iterator[str]:
        """Stretched to the chart's width, with strokes that keep theirs."""
        slots, height = len(self.chart.slots), HEIGHT_PX + _ABOVE_PX + _BELOW_PX
        path = []
        for is_known, run in groupby(layer.points, key=lambda point: point[1] is not None):
            if is_known:
                steps = (
                    f"{_number(_LINE_UNITS * at / slots)} {self._y(value)}" for at, value in run if value is not None
                )
                # One value alone is a line of no length, which its round ends make a dot.
                path.append("M" + "L".join(steps) + "h0")
        yield (
            f'<svg width="100%" height="{height}" viewBox="0 0 {_LINE_UNITS} {height}" preserveAspectRatio="none">'
            f'<path class="{_stroke(layer.pattern)} t-{layer.tone}" d="{"".join(path)}"/></svg>'
        )


def _sample(layer: Layer) -> str:
    width, height = SWATCH_PX
    middle = height / 2
    match layer:
        case Bars():
            return f'<rect {_fill(layer.tone, layer.fill)} x="2" y="1" width="12" height="10"/>'
        case Line() | Limit():
            kind = "limit" if isinstance(layer, Limit) else _stroke(layer.pattern)
            return f'<line class="{kind} t-{layer.tone}" x1="0" x2="{width}" y1="{middle}" y2="{middle}"/>'
        case Dots():
            hollow = " hollow" if layer.hollow and layer.hollow >= layer.values.keys() else ""
            return f'<circle class="dot{hollow} t-{layer.tone}" cx="{width / 2}" cy="{middle}" r="{_DOT_PX}"/>'
        case Marks():
            place = f'x="{width / 2}" y="{middle}"'
            return f'<svg {place} class="mark-at"><path class="shape t-{layer.tone}" d="{_SHAPES[layer.shape]}"/></svg>'
        case Band():
            return f'<rect class="band t-{layer.tone}" x="0" y="2" width="{width}" height="8"/>'
        case Shade():
            return f'<rect class="shade t-{layer.tone}" x="3" y="0" width="10" height="{height}"/>'
