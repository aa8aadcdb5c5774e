"""A minute of the campaign, and that it finds mistakes: `make chaos` runs it for as long as you like."""

from pathlib import Path

import pytest

from tests.chaos.campaign import ALL, run
from tests.chaos.sent import Message, judge
from tests.chaos.world import World

SEED = 3


@pytest.mark.needs("mosquitto", "influxd")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("influxdb", [False, True])
def test_whatever_goes_wrong_every_reading_is_stored_once(tmp_path: Path, *, influxdb: bool) -> None:
    with World(tmp_path, influxdb=influxdb) as world:
        tally = run(world, SEED, lambda rounds: rounds == 6)
    assert tally.failures == []
    assert tally.readings > tally.in_doubt


@pytest.mark.needs("mosquitto", "influxd")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "mistake, fault",
    [
        ("acknowledge_before_commit", "ingest killed"),
        ("no_delivery_memory", "ingest killed before it acknowledged"),
        ("drop_what_the_store_does_not_take", "store killed"),
    ],
)
def test_a_campaign_finds_a_mistake(tmp_path: Path, mistake: str, fault: str) -> None:
    assert fault in ALL
    with World(tmp_path, influxdb=True, sabotage=mistake) as world:
        assert run(world, SEED, lambda rounds: rounds == 20, faults=[fault]).failures


def test_a_reading_is_lost_doubled_or_in_doubt() -> None:
    messages = [Message("", b"", {("alder", number): number}, taken_s=float(number)) for number in range(5)]
    messages.append(Message("", b"", {("alder", 9): 9}))  # never acknowledged: it may be there or not
    found = {("alder", 1): 1, ("alder", 3): 30, ("alder", 77): 7}
    verdict = judge(messages, found, [(1.5, 2.5)])
    assert [text.rpartition(": ")[2] for text in verdict.lost] == ["0, stored None", "3, stored 30", "4, stored None"]
    assert (len(verdict.invented), verdict.in_doubt) == (1, 1)
