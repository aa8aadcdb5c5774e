"""The scale of a chart's values: round numbers, a few of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dashboards.charts.model import Band, Bars, Dots, Layer, Limit, Line

_STEPS_ABOUT = 4
_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """From `low` to `high` in steps, all three of them round."""

    low: float
    high: float
    step: float

    @classmethod
    def over(cls, values: Iterable[float], *, from_zero: bool, whole: bool) -> Scale:
        """The scale that holds the values; `whole` where the numbers between them would mean nothing."""
        found = list(values) or [0.0]
        low, high = min(found), max(found)
        if from_zero:
            low, high = min(low, 0.0), max(high, 0.0)
        if low == high:
            high = low + 1
        step = _round_step((high - low) / _STEPS_ABOUT)
        if whole:
            step = max(1.0, float(math.ceil(step)))
        return cls(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, step)

    @property
    def ticks(self) -> list[float]:
        """The values that are labelled."""
        return [self.low + self.step * i for i in range(round((self.high - self.low) / self.step) + 1)]

    @property
    def decimals(self) -> int:
        """How many a label needs."""
        return next(n for n in range(4) if n == 3 or math.isclose(self.step, round(self.step, n)))  # noqa: PLR2004 - enough

    def share(self, value: float) -> float:
        """How far up a value lies: 0 at the foot, 1 at the top."""
        return (value - self.low) / (self.high - self.low)


def _round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return power * next(one for one in _ROUND if one * power >= least * (1 - 1e-9))


def values_of(layers: Iterable[Layer]) -> Iterator[float]:
    """Every value that has to be on the scale."""
    for layer in layers:
        match layer:
            case Bars(values=values, base=base):
                yield from values.values()
                yield from (base or {}).values()
            case Dots(values=values):
                yield from values.values()
            case Line(points=points):
                yield from (value for _, value in points if value is not None)
            case Limit(value=value):
                yield value
            case Band(low=low, high=high):
                yield from (low, high)
