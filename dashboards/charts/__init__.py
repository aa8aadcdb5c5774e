"""Charts as SVG, made on the server: a model of what is shown, and its drawing. Pages and reports use the same ones."""

from dashboards.charts.draw import draw, legend
from dashboards.charts.heatmap import Heatmap
from dashboards.charts.model import (
    Band,
    Bars,
    Chart,
    Dots,
    Fill,
    Layer,
    Limit,
    Line,
    Marks,
    Pattern,
    Shade,
    Shape,
    Slot,
    Tick,
    Tone,
)
from dashboards.charts.table import Column, Table, to_csv, to_xlsx

__all__ = [
    "Band", "Bars", "Chart", "Column", "Dots", "Fill", "Heatmap", "Layer", "Limit", "Line", "Marks", "Pattern", "Shade",
    "Shape", "Slot", "Table", "Tick", "Tone", "draw", "legend", "to_csv", "to_xlsx",
]  # fmt: skip
