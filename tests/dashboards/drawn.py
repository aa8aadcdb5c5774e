"""Charts as a reader sees them: the words of each slot, and which shape is drawn in which."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

_SHAPES = {"bar": 0.5, "dot": 0.0, "mark-at": 0.0}
"""How far into its own width the middle of each shape is."""


@dataclass(frozen=True)
class Drawn:
    """A chart's slots, oldest first, and its shapes: class -> slots that have one."""

    svg: ET.Element
    legend: tuple[str, ...]

    @property
    def slots(self) -> list[list[str]]:
        """The lines of each slot."""
        return [
            (rect.findtext("title") or "").replace("\u202f", "").replace("\u00a0", " ").split("\n")
            for rect in self.svg.iter("rect")
            if rect.get("class") == "slot"
        ]

    def at(self, kind: str) -> list[int]:
        """The slots with a shape of these classes, such as `bar hatched`."""
        return [slot for classes, slot, _ in self._shapes() if set(kind.split()) <= classes]

    def heights(self, kind: str) -> dict[int, float]:
        """The height of each bar of these classes, in pixels."""
        return {slot: height for classes, slot, height in self._shapes() if set(kind.split()) <= classes}

    def _shapes(self) -> Iterator[tuple[set[str], int, float]]:
        width = 100 / len(self.slots)
        for element in self.svg.iter():
            classes = set((element.get("class") or "").split())
            if kind := classes & _SHAPES.keys():
                place = float((element.get("x") or element.get("cx") or "").rstrip("%"))
                own = float((element.get("width") or "0").rstrip("%"))
                inner = element.find("path")
                classes |= set((inner.get("class") or "").split()) if inner is not None else set()
                yield classes, int((place + own * _SHAPES[kind.pop()]) / width), float(element.get("height") or 0)


def charts_of(html: str) -> dict[str, Drawn]:
    """A page's charts by their id."""
    found = re.findall(
        r'<ul class="legend">(.*?)</ul>\s*<div class="plot" id="plot-([a-z0-9-]+)">(<svg class="chart".*?)</div>',
        html,
        flags=re.DOTALL,
    )
    return {
        name: Drawn(
            ET.fromstring(svg.strip().replace("&nbsp;", "\u00a0")),  # noqa: S314 - our own page
            tuple(re.sub(r"<[^>]+>", "", item).strip() for item in re.findall(r"<li>(.*?)</li>", legend, re.DOTALL)),
        )
        for legend, name, svg in found
    }
