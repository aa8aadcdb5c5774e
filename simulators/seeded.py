"""Reproducible randomness: every part of the model draws from a generator of its own, named by what it is for.

So a value depends on the seed and on what it describes (a hub, a day, a sensor), never on what was drawn before it.
"""

from __future__ import annotations

import math
from functools import lru_cache
from random import Random

from schemas.localtime import NS_AN_HOUR


def seeded_rng(seed: int, *name: object) -> Random:
    """A generator that is the same for the same seed and name, on every machine."""
    return Random("/".join(map(str, (seed, *name))))


_MEAN_MAX = 500


def poisson(mean: float, rng: Random) -> int:
    """A Poisson number, by inverting the distribution; a large mean is the sum of smaller ones."""
    if mean > _MEAN_MAX:
        return poisson(_MEAN_MAX, rng) + poisson(mean - _MEAN_MAX, rng)
    term = math.exp(-mean)
    below = term
    draw = rng.random()
    number = 0
    while below < draw and term > 0:
        number += 1
        term *= mean / number
        below += term
    return number


@lru_cache(maxsize=65536)
def _knot(seed: int, name: str, index: int) -> float:
    return seeded_rng(seed, name, index).gauss(0, 1)


def smooth_noise(seed: int, name: str, time_ns: int, every_h: float) -> float:
    """A smooth random course around 0 with a spread of about 1: a draw every `every_h` hours, cosine in between."""
    index, within = divmod(time_ns, round(every_h * NS_AN_HOUR))
    share = (1 - math.cos(math.pi * within / (every_h * NS_AN_HOUR))) / 2
    return _knot(seed, name, index) * (1 - share) + _knot(seed, name, index + 1) * share
