"""What was left out of a replay or a recording, and why: nothing is dropped silently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class ReasonCounts:
    """Counts by reason, each with the first place where it happened."""

    _counts: Counter[str] = field(default_factory=Counter)
    _first: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, place: str, number: int = 1) -> None:
        """Count `number` things left out for a reason; reasons are few and fixed, `place` is kept for the first."""
        self._counts[reason] += number
        self._first.setdefault(reason, place)

    @property
    def counts(self) -> Mapping[str, int]:
        return dict(self._counts)

    def lines(self) -> list[str]:
        """A line for each reason, the most frequent first: `576 x duplicate (first: line 518650)`."""
        return [f"{number} x {reason} (first: {self._first[reason]})" for reason, number in self._counts.most_common()]
