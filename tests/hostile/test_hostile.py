"""A short form of the trial: `make hostile` floods for five minutes, at ten thousand messages a second."""

from pathlib import Path

import pytest

from tests.hostile.contents import HUB
from tests.hostile.trial import run

SECONDS, RATE = 10, 400


@pytest.mark.claim("S-81")
@pytest.mark.needs("mosquitto")
@pytest.mark.timeout(300)
def test_what_one_hub_sends_harms_no_other(tmp_path: Path) -> None:
    # Beyond its rate almost at once; how late readings are, a machine that does much else says nothing of.
    report = run(tmp_path, seconds=SECONDS, rate=RATE, burst=500, too_late_s=30)
    assert report.faults == []
    assert report.honest > 0
    assert report.ledger is not None
    held_back = report.ledger.by_hub
    assert set(held_back) >= {"thinned", "made_to_wait", "quarantine_not_kept"}
    assert set(held_back["thinned"]) == {HUB}
