"""How large a change is usual: what such changes came to in a hub's own past.

Each week of the past is set against the one as many weeks before it as the two periods are apart, on days that both
have. Weeks are drawn from these in blocks of consecutive ones (moving block bootstrap: Kuensch 1989, doi
10.1214/aos/1176347265), as many as the comparison has, again and again; 19 of 20 of the changes they come to are at
most the usual one. So season and growth, as far as they come again at that distance, are usual too. The fewer blocks
the past has, the wider the bound (Student's t over the normal: Abramowitz and Stegun 1964, 26.7.5).
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from schemas.texts import N_

HISTORY_WEEKS = 156
SEED = 1971
USUAL_SHARE = 0.95
"""19 of 20."""
_DRAWS = 2000
_BLOCK_WEEKS_MAX = 13
_BLOCKS_MIN, _WEEKS_MIN = 4, 12
"""So much of the past is needed to tell what is usual."""
_WHOLE_WEEK_MIN = 0.5
"""A week of the past counts with this share of the days that weeks have."""
_NORMAL = 1.96
_HALF = 0.5
"""Added to each sum, so that a change from nobody has a size."""

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Verdict(StrEnum):
    """What a change is beside those of the past."""

    USUAL = N_("within the usual variation")
    UNUSUAL = N_("more than 19 of 20 such weeks")
    UNKNOWN = N_("too little history")


def size_of(now: float, before: float) -> float:
    """The size of a change: the logarithm of the ratio, the same up as down."""
    return float(abs(np.log((now + _HALF) / (before + _HALF))))


def usual_size(people: Numbers, term: Flags | None, lag_weeks: int, pairs: int, *, seed: int = SEED) -> float | None:
    """The size of change that 19 of 20 comparisons like this stay within; None where there is too little history.

    `people` is by hub and day, whole weeks up to the period, NaN where they were not all counted; `term` tells which of
    the days schools are in session. The comparison has `pairs` pairs of days, `lag_weeks` apart.
    """
    lag = 7 * lag_weeks
    if lag >= people.shape[1]:
        return None
    now, before = people[:, lag:], people[:, :-lag]
    known = np.isfinite(now) & np.isfinite(before)
    if term is not None:
        known &= term[lag:] == term[:-lag]
    weekly = (known, np.where(known, now, 0), np.where(known, before, 0))
    days, now, before = (each.sum(axis=0).reshape(-1, 7).sum(axis=1).astype(float) for each in weekly)
    if not days.any():
        return None
    whole = days >= _WHOLE_WEEK_MIN * np.median(days[days > 0])
    days, now, before = days[whole], now[whole], before[whole]
    length = max(1, round(pairs / float(days.mean())))
    block = min(length, _BLOCK_WEEKS_MAX)
    if len(days) < max(_WEEKS_MIN, _BLOCKS_MIN * block):
        return None
    drawn = _blocks(len(days), length, block, np.random.default_rng(seed))
    sums = [each[drawn].sum(axis=1) for each in (now, before)]
    sizes = np.abs(np.log((sums[0] + _HALF) / (sums[1] + _HALF)))
    # Fewer days vary more than as many weeks do, by the root of their number.
    sizes *= np.sqrt(days[drawn].sum(axis=1) / pairs)
    # Of n values of the past, a further one exceeds the k-th smallest in 1 - k / (n + 1) of all cases.
    share = min(1.0, USUAL_SHARE * (1 + 1 / len(days)))
    return float(np.quantile(sizes, share)) * _students(len(days) / block)


def _blocks(weeks: int, length: int, block: int, random: np.random.Generator) -> NDArray[np.int64]:
    """By draw: places of `length` weeks, in blocks of consecutive ones."""
    number = -(-length // block)
    starts = random.integers(0, weeks - block + 1, (_DRAWS, number))
    return (starts[..., None] + np.arange(block)).reshape(_DRAWS, -1)[:, :length]


def _students(blocks: float) -> float:
    """By how much a bound of so few independent values is wider than one of many."""
    z, n = _NORMAL, blocks
    return 1 + ((z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)) / z


def verdict(size: float, usual: float | None, counter_error: float) -> Verdict:
    """A change's verdict. `counter_error` is what either count may be off by, as a share of it."""
    if usual is None:
        return Verdict.UNKNOWN
    bound = float(np.sqrt(usual**2 + 2 * np.log1p(counter_error) ** 2))
    return Verdict.UNUSUAL if size > bound else Verdict.USUAL
