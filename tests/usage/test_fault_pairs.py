"""Two faults of a door counter at once: no day is wrong that anyone can know; every other one is empty or marked.

`make campaigns` is the long form: every pair over several months, with a table of their days.
"""

import sys
from collections import Counter

import pytest

from stores import Store
from tests.campaigns import IS_CAMPAIGN
from tests.usage.fault_pairs import PAIRS, Outcome, month, outcomes

DAYS = 30 if IS_CAMPAIGN else 8
SEEDS = range(1, 4) if IS_CAMPAIGN else range(1, 2)
SHORT = [
    ("rollover", "swapped-device"),
    ("swapped-device", "counter-reset-midnight"),
    ("swapped-device", "outage"),
    ("counter-reset-midnight", "dead-sensor"),
    ("counter-reset-reboot", "gaps"),
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("pair", PAIRS if IS_CAMPAIGN else SHORT, ids=" x ".join)
def test_no_day_of_two_faults_at_once_is_wrong(pair: tuple[str, str], seed: int, store: Store) -> None:
    found = outcomes(month(pair, days=DAYS, seed=seed), store)
    days = Counter(day.outcome for day in found)
    if IS_CAMPAIGN:
        sys.stdout.write(f"\n{' x '.join(pair):<48}" + "".join(f"{days[each]:>5} {each}" for each in Outcome))
    assert [day for day in found if day.outcome is Outcome.WRONG] == []
