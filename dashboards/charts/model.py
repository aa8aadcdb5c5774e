"""What a chart shows: slots side by side (days, hours), layers of values over them, and the same in words.

A position along the chart is counted in slots: slot i reaches from i to i + 1, its middle is i + 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Tone(StrEnum):
    """A colour by what it stands for; the style sheet has its value for light, dark and paper."""

    ENTRIES = "entries"
    WIFI = "wifi"
    HEAT = "heat"
    COLD = "cold"
    DAMP = "damp"
    AIR = "air"
    AIR_MASS = "air-mass"
    GOOD = "good"
    QUIET = "quiet"
    ALARM = "alarm"


class Fill(StrEnum):
    """How a bar is filled."""

    SOLID = "solid"
    HATCHED = "hatched"
    PALE = "pale"


class Shape(StrEnum):
    """A mark at the foot of a slot that has no bar."""

    DASH = "dash"
    RING = "ring"
    CROSS = "cross"
    DIAMOND = "diamond"
    FLAG = "flag"


class Pattern(StrEnum):
    """How a line is drawn, so that several on one chart are told apart without their colours."""

    SOLID = "solid"
    DASHED = "dashed"
    DOTTED = "dotted"
    LONG = "long"
    MIXED = "mixed"


class Slot(NamedTuple):
    """One place of the chart, and what it says under the pointer: lines of text."""

    words: tuple[str, ...]


class Tick(NamedTuple):
    """A label under the chart."""

    at: float
    text: str
    spare: bool = False
    """Whether it is left out on a phone."""


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar in each slot that has a value: from zero, or from `base` where that is given."""

    name: str
    tone: Tone
    values: Mapping[int, float]
    fill: Fill = Fill.SOLID
    base: Mapping[int, float] | None = None
    width: float = 0.75
    """Of the slot."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points `(position, value)`; it is broken where a value is None."""

    name: str
    tone: Tone
    points: Sequence[tuple[float, float | None]]
    pattern: Pattern = Pattern.SOLID


@dataclass(frozen=True, slots=True)
class Dots:
    """A dot in the middle of each slot that has a value; hollow for the slots named."""

    name: str
    tone: Tone
    values: Mapping[int, float]
    hollow: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Marks:
    """The same shape at the foot of each slot named, or at its top."""

    name: str
    tone: Tone
    shape: Shape
    slots: Sequence[int]
    at_top: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """A dashed line across."""

    name: str
    tone: Tone
    value: float


@dataclass(frozen=True, slots=True)
class Band:
    """A pale stripe across, from `low` to `high`."""

    name: str
    tone: Tone
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Shade:
    """The ground between positions, from top to foot: the times that something holds for."""

    name: str
    tone: Tone
    spans: Sequence[tuple[float, float]]


Layer = Bars | Line | Dots | Marks | Limit | Band | Shade


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: layers are drawn in their order, the first at the back; a layer without values is left out."""

    id: str
    title: str
    unit: str
    """What the numbers are, in words."""
    summary: str
    """What it shows, in a sentence: for those who can't see it."""
    slots: Sequence[Slot]
    ticks: Sequence[Tick]
    layers: Sequence[Layer]
    from_zero: bool = True
