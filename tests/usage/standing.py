"""Somebody who stands at a simulated door and presses, and what the door's counter makes of the same people."""

import random
from collections import Counter
from dataclasses import dataclass

from schemas.localtime import NS_A_SECOND, Span
from usage.audits.comparison import OFFSET_MAX_S, Sample, compare
from usage.audits.equivalence import Judgement
from usage.audits.finishing import judged

MARGIN = 0.05
PEOPLE = 181
RATE = 2 / 60
"""People a second."""
_AROUND = 60


@dataclass(frozen=True)
class Stand:
    """The presses of one count, when it was, and the door's samples of that time and around it."""

    presses_ns: list[int]
    counted: Span
    samples: list[Sample]

    def judge(self, people: int = PEOPLE) -> Judgement:
        reached, found = compare(self.samples, self.presses_ns, [self.counted], people)
        return judged(found, MARGIN, is_whole=reached >= people)


def stand(
    rng: random.Random, *, miss: float, twice: float = 0.0, every_s: int = 300, offset_s: float | None = None
) -> Stand:
    """Count until enough have come in for the edges, too; the clocks are a minute apart, a finger a second late."""
    offset_s = rng.uniform(-60, 60) if offset_s is None else offset_s
    edges = RATE * 2 * (every_s + OFFSET_MAX_S)
    pressed: list[float] = []
    door: list[float] = []
    at_s = start_s = rng.uniform(0, every_s)
    while len(pressed) < PEOPLE + edges + 2 * edges**0.5:
        at_s += rng.expovariate(RATE)
        pressed.append(at_s + rng.gauss(0, 1))
        door += [at_s] * ((rng.random() >= miss) + (rng.random() < twice))
    for edge_s, step in ((start_s, -1), (at_s, 1)):
        before_s = edge_s
        for _ in range(_AROUND):
            before_s += step * rng.expovariate(RATE)
            door.append(before_s)
    counts = Counter(int((time_s + offset_s) // every_s) for time_s in door)
    return Stand(
        sorted(int(time_s * NS_A_SECOND) for time_s in pressed),
        Span(int(start_s * NS_A_SECOND), int(at_s * NS_A_SECOND)),
        [
            Sample(Span(n * every_s * NS_A_SECOND, (n + 1) * every_s * NS_A_SECOND), counts[n])
            for n in range(min(counts), max(counts) + 1)
        ],
    )
