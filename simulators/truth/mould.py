"""The mould index of a zone, hour by hour, written down from the paper on purpose apart from the pipeline.

Hukka and Viitanen 1999, pine sapwood: M grows by k1 k2 / (7 t_m) a day in air that is not dry, and falls by 0.032 a day
in the first six hours of dryness, not at all until the first day of it is over, and by 0.016 a day from then on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_HOURS_A_WEEK = 168


@dataclass(slots=True)
class Mould:
    """A zone's mould over time."""

    index: float = 0.0
    dry: float = 0.0
    """Hours since it last grew."""

    def live(self, hours: float, celsius: float, percent: float) -> None:
        """Take in the air of some hours."""
        critical = 80.0
        if celsius <= 20:  # noqa: PLR2004 - the paper's
            critical = 100 + celsius * (-3.13 + celsius * (0.160 - 0.00267 * celsius))
        if critical <= percent and critical < 100 and celsius < 50:  # noqa: PLR2004 - the paper's
            self.dry = 0.0
            self.index += hours * self._rate(celsius, percent, (critical - percent) / (critical - 100))
            return
        self.dry += hours
        if self.dry <= 6:  # noqa: PLR2004 - the paper's
            self.index -= hours * 0.032 / 24
        elif self.dry > 24:  # noqa: PLR2004 - the paper's
            self.index -= hours * 0.016 / 24
        self.index = max(self.index, 0.0)

    def _rate(self, celsius: float, percent: float, x: float) -> float:
        """Growth an hour."""
        t_m = math.exp(66.02) / (math.pow(celsius, 0.68) * math.pow(percent, 13.9))
        t_v = math.exp(61.50) / (math.pow(celsius, 0.74) * math.pow(percent, 12.72))
        k_1 = 1.0 if self.index < 1 else 2 * t_m / (t_v - t_m)
        k_2 = 1 - math.exp(2.3 * (self.index - (1 + x * (7 - 2 * x))))
        return k_1 * max(k_2, 0.0) / (t_m * _HOURS_A_WEEK)
