"""An estate in chaos: no day that lacks people is called counted, and none that has them is called thin."""

import sys
from dataclasses import replace
from datetime import date, timedelta

import pytest

from schemas.measures import PeopleState
from simulators.scenarios import estate_document, simulation
from stores import Store
from tests.campaigns import IS_CAMPAIGN
from tests.usage.lost_people import JudgedDay, judged_days

HUBS, DAYS = (22, 60) if IS_CAMPAIGN else (3, 30)
LAST = date(2026, 10, 31)
BUSY = 4.0
"""So many times the people: chance is small beside a share of two hundred."""
PEOPLE_MIN = 200
MISSING, CLOSE = 0.10, 0.05
WRONG_MAX = 0.01
THIN = 0.90


@pytest.mark.timeout(3600)
def test_what_a_day_is_called_fits_what_it_lacks(store: Store) -> None:
    asked = simulation(estate_document(None, hubs=HUBS), scenario="chaos", last=LAST, days=DAYS, seed=1)
    crowds = {LAST - timedelta(days=back): BUSY for back in range(DAYS)}
    days = [day for day in judged_days(replace(asked, crowds=crowds), store) if day.noticed >= PEOPLE_MIN]
    lacking = [day for day in days if day.missing > MISSING]
    right = [day for day in days if abs(day.missing) <= CLOSE]
    assert lacking, "chaos lost nobody: nothing is judged"
    assert len(right) > len(days) / 2
    assert _too_many(lacking, [day for day in lacking if day.state is PeopleState.COUNTED]) == []
    assert _too_many(right, [day for day in right if (day.completeness or 0) < THIN]) == []


def _too_many(days: list[JudgedDay], wrong: list[JudgedDay]) -> list[JudgedDay]:
    sys.stdout.write(f"{len(wrong)} of {len(days)} hub days are called what they are not\n")
    return wrong if len(wrong) > WRONG_MAX * len(days) else []
