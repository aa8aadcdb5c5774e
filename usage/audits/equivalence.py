"""Whether a counter is within a margin of what was counted by hand: two one-sided tests, and the factor between them.

A counter is accepted where both "it counts too few by the margin or more" and "it counts too many by it" are refuted,
each at 5 % (Schuirmann 1987, doi 10.1007/BF01068419; VDV 457 accepts counters so). The tests are exact: of the people
each is counted or not, a binomial number (Clopper and Pearson 1934, doi 10.1093/biomet/26.4.404). Where a counter both
missed people and counted some twice, the two cancel out in its total and not in its error: there Tango's score test for
paired counts (1998, Statistics in Medicine 17:891) is made as well, and the more cautious of the two holds. Two
independent Poisson counts would need 2,000 people for the same: here it is the same people.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from schemas.texts import N_

ALPHA = 0.05
"""How often each of the two tests may refute what is true."""
POWER = 0.95
"""How often a counter that loses what it is believed to lose is to pass."""
_PEOPLE_MAX = 3000
"""More than anybody counts by hand."""
_HALVINGS = 20


class Verdict(StrEnum):
    """What an audit found. `NOT_ENOUGH` is none: neither within the margin nor beyond it is shown."""

    PASS = N_("pass")
    FAIL = N_("fail")
    NOT_ENOUGH = N_("not enough")


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a counter did in one direction. `loss` is the share of people that it lost; below 0 it counts too many.

    `low` and `high` bound it in nine of ten cases.
    """

    people: int
    missed: int
    extra: int
    loss: float
    low: float
    high: float
    verdict: Verdict

    @property
    def counted(self) -> int:
        """What the counter counted."""
        return self.people - self.missed + self.extra

    @property
    def factor(self) -> tuple[float, float, float] | None:
        """What its counts are to be multiplied by, and the bounds in nine of ten cases; None where it is not known."""
        if not self.counted or self.high >= 1 or self.extra > self.people:
            return None
        return self.people / self.counted, 1 / (1 - self.low), 1 / (1 - self.high)


@lru_cache(maxsize=1024)
def judge(people: int, missed: int, extra: int, margin: float) -> Judgement:
    """Judge a counter that missed some of `people` and counted others twice. `margin` is a share, such as 0.05."""
    if not people:
        return Judgement(0, missed, extra, 0.0, -1.0, 1.0, Verdict.NOT_ENOUGH)
    high = _where(lambda loss: _p_of_more(people, missed, extra, loss) > ALPHA)
    low = -_where(lambda excess: _p_of_more(people, extra, missed, excess) > ALPHA)
    verdict = Verdict.NOT_ENOUGH
    if max(_p_of_more(people, missed, extra, margin), _p_of_more(people, extra, missed, margin)) <= ALPHA:
        verdict = Verdict.PASS
    elif min(_p_of_more(people, extra, missed, -margin), _p_of_more(people, missed, extra, -margin)) <= ALPHA:
        verdict = Verdict.FAIL
    return Judgement(people, missed, extra, (missed - extra) / people, low, high, verdict)


def people_needed(margin: float, loss: float) -> int | None:
    """How many people a counter that loses `loss` of them needs to pass the margin, in 19 of 20 audits.

    None where so many are not to be had: the loss is the margin, or close to it.
    """
    if loss >= margin:
        return None
    allowed = 0
    people = 1
    while people <= _PEOPLE_MAX:
        if at_most(people, allowed, margin) > ALPHA:
            people += 1
        elif at_most(people, allowed, loss) >= POWER:
            return people
        else:
            allowed += 1
    return None


def at_most(people: int, number: int, share: float) -> float:
    """The probability that at most `number` of `people` are of those whose share is `share`."""
    if number < 0:
        return 0.0
    if share <= 0 or number >= people:
        return 1.0
    if share >= 1:
        return 0.0
    log_odds = math.log(share) - math.log1p(-share)
    log_of_none = people * math.log1p(-share)
    return min(1.0, math.fsum(math.exp(_log_choose(people, i) + i * log_odds + log_of_none) for i in range(number + 1)))


def _log_choose(people: int, number: int) -> float:
    return math.lgamma(people + 1) - math.lgamma(number + 1) - math.lgamma(people - number + 1)


def _p_of_more(people: int, missed: int, extra: int, loss: float) -> float:
    """How likely a counter that loses `loss` or more would have lost no more than it did here."""
    net = missed - extra
    exact = at_most(people, max(net, 0), loss) if loss > 0 else 1 - at_most(people, max(-net, 0) - 1, -loss)
    return max(exact, _score(people, missed, extra, loss)) if missed and extra else exact


def _score(people: int, missed: int, extra: int, loss: float) -> float:
    """Tango's score test of the same: `b` and `c` are his discordant pairs, `q` the likeliest share of `c`."""
    b, c, n = missed, extra, people
    half = (b + c) * (1 - loss) - 2 * loss * (n - b)
    q = (half + math.sqrt(max(0.0, half * half + 8 * n * c * loss * (1 - loss)))) / (4 * n)
    variance = n * (2 * max(q, 0.0, -loss) + loss - loss * loss)
    if variance <= 0:
        return 0.0 if b - c < n * loss else 1.0
    return math.erfc(-(b - c - n * loss) / math.sqrt(2 * variance)) / 2


def _where(holds: Callable[[float], bool]) -> float:
    """Up to where something holds, between -1 and 1, that holds below and not above."""
    low, high = -1.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return (low + high) / 2
