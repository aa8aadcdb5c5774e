"""How audits of simulated counters come out: what stands in docs/method.md.

    python -m benchmarks.audits [AUDITS]

Counters lose a share of the people and count others twice, at readings each minute, five and fifteen; the clocks of
phone and sensor are up to a minute apart.
"""

from __future__ import annotations

import random
import sys
from collections import Counter

from tests.usage.standing import PEOPLE, stand
from usage.audits import Verdict

COUNTERS = {
    "loses 12 %": (0.12, 0.0),
    "loses 1 %": (0.01, 0.0),
    "loses 5 %, the margin itself": (0.05, 0.0),
    "misses 8 % and counts 3 % twice, the margin itself": (0.08, 0.03),
}
EVERY_S = (60, 300, 900)
SEED = 12


def main(audits: int) -> None:
    title = f"simulated audits, {audits:,} each, {PEOPLE} people, readings each 1 / 5 / 15 minutes"
    print(f"| {title} | {' | '.join(Verdict)} |")
    print("|---|---|---|---|")
    for name, (miss, twice) in COUNTERS.items():
        found = [outcomes(audits, miss, twice, every_s) for every_s in EVERY_S]
        cells = (" / ".join(str(each[verdict]) for each in found) for verdict in Verdict)
        print(f"| {name} | {' | '.join(cells)} |")


def outcomes(audits: int, miss: float, twice: float, every_s: int) -> Counter[Verdict]:
    rng = random.Random(SEED)
    return Counter(stand(rng, miss=miss, twice=twice, every_s=every_s).judge().verdict for _ in range(audits))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
