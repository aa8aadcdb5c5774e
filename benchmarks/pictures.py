"""What a benchmark measured as a picture for docs/performance.md: a bar for each, with its name and its figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

_WIDTH_PX, _NAMES_PX, _FIGURES_PX, _ROW_PX, _HEAD_PX = 760, 170, 80, 26, 34
_STYLE = (
    "text{font:13px sans-serif;fill:#1b2733}rect.bar{fill:#1d5fa8}rect.ground{fill:#fff}"
    "@media(prefers-color-scheme:dark){text{fill:#e6ebf0}rect.bar{fill:#6aa9ec}rect.ground{fill:#10161c}}"
)


def draw_bars(file: Path, title: str, values: Mapping[str, float]) -> None:
    """Write an SVG file of a bar for each, in their order."""
    height = _HEAD_PX + _ROW_PX * len(values)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH_PX}" height="{height}" role="img" '
        f'viewBox="0 0 {_WIDTH_PX} {height}"><title>{escape(title)}</title><style>{_STYLE}</style>'
        f'<rect class="ground" width="100%" height="100%"/><text x="8" y="20" font-weight="bold">{escape(title)}</text>'
        f"{''.join(_bars(values))}</svg>\n"
    )


def _bars(values: Mapping[str, float]) -> Iterator[str]:
    scale = (_WIDTH_PX - _NAMES_PX - _FIGURES_PX) / max(values.values())
    for at, (name, value) in enumerate(values.items()):
        top, width = _HEAD_PX + _ROW_PX * at, value * scale
        figure = f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
        yield f'<text x="{_NAMES_PX - 8}" y="{top + 14}" text-anchor="end">{escape(name)}</text>'
        yield f'<rect class="bar" x="{_NAMES_PX}" y="{top}" width="{width:.1f}" height="{_ROW_PX - 8}"/>'
        yield f'<text x="{_NAMES_PX + width + 6:.1f}" y="{top + 14}">{figure}</text>'
