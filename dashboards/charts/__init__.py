"""Charts as SVG, made on the server: a model of what is shown, and its drawing. Pages and reports use the same ones."""

from dashboards.charts.draw import draw, legend
from dashboards.charts.model import Band, Bars, Chart, Dots, Fill, Layer, Limit, Line, Marks, Shape, Slot, Tick, Tone

__all__ = [
    "Band", "Bars", "Chart", "Dots", "Fill", "Layer", "Limit", "Line", "Marks", "Shape", "Slot", "Tick", "Tone", "draw",
    "legend",
]  # fmt: skip
