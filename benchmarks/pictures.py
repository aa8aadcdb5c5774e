"""What a benchmark measured as a picture for docs/performance.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dashboards.charts.model import Bars, Chart, Slot, Tick, Tone
from dashboards.charts.standalone import standalone


def draw_bars(file: Path, title: str, unit: str, values: Mapping[str, float]) -> None:
    """Write an SVG file of a bar for each, in their order."""
    chart = Chart(
        file.stem,
        title,
        unit,
        "; ".join(f"{name}: {value:,.4g}" for name, value in values.items()),
        [Slot((name,)) for name in values],
        [Tick(at + 0.5, name) for at, name in enumerate(values)],
        [Bars(unit, Tone.ENTRIES, dict(enumerate(values.values())))],
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(standalone(chart))
