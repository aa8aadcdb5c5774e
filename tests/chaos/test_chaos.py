"""A part of the campaign, and that it finds mistakes: `make chaos` runs it for as long as you like."""

from collections import Counter
from pathlib import Path

import pytest

from tests.chaos.campaign import ALL, Campaign
from tests.chaos.sent import NUMBERED_HUB, UNKNOWN_HUB, Message
from tests.chaos.verdict import Excuses, Found, Gap, Window, judge, untimed_problem
from tests.chaos.world import World

SEED = 3
ROUNDS = 3


@pytest.mark.needs("mosquitto", "influxd")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("influxdb", [False, True])
def test_whatever_goes_wrong_every_reading_is_stored_once(tmp_path: Path, *, influxdb: bool) -> None:
    with World(tmp_path, influxdb=influxdb) as world:
        tally = Campaign(world, SEED).run(lambda rounds: rounds == ROUNDS)
    assert tally.failures == []
    assert tally.readings > tally.in_doubt


@pytest.mark.needs("mosquitto", "influxd")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "mistake, fault",
    [
        ("acknowledge_before_commit", "ingest killed"),
        ("synchronous_normal", "power cut"),
        ("offset_instead_of_packet_id", "line cut"),
        ("drop_what_the_store_forbids", "store's line refusing"),
        ("drop_what_the_store_does_not_take", "store killed"),
        ("unsubscribe_first", "sources changed"),
        ("no_delivery_memory", "ingest killed before it acknowledged"),
    ],
)
def test_a_campaign_finds_a_mistake(tmp_path: Path, mistake: str, fault: str) -> None:
    assert fault in ALL
    with World(tmp_path, influxdb=True, sabotage=mistake) as world:
        assert Campaign(world, SEED, faults=[fault]).run(lambda rounds: rounds == 20).failures


def timed(*counts: int) -> list[Message]:
    return [Message("hubs/alder/footfall/door", b"%d" % n, {("alder", n): n}, taken_s=float(n)) for n in counts]


def test_a_reading_is_lost_in_doubt_or_in_the_quarantine() -> None:
    never_acknowledged = Message("hubs/alder/footfall/door", b"9", {("alder", 9): 9})
    found = Found(timed={("alder", 1): 1, ("alder", 3): 30, ("alder", 77): 7}, quarantined=Counter({b"5": 1}))
    excuses = Excuses(forgotten_s=[Window(1.5, 2.5)])
    verdict = judge([*timed(0, 1, 2, 3, 4), never_acknowledged], found, excuses)
    assert [text.rpartition("Z: ")[2] for text in verdict.lost] == ["3, stored 30", "0", "4"]
    assert [text.rpartition("Z: ")[2] for text in verdict.doubled] == ["7 was never sent"]
    assert len(verdict.in_doubt) == 1


def test_what_a_salvage_names_may_be_missing_and_nothing_else() -> None:
    excuses = Excuses(gaps=[Gap("alder", 2, 3), Gap("birch", 0, 9)], buffered_readings=1)
    verdict = judge(timed(1, 2, 3, 4), Found(), excuses)
    assert (verdict.named, [text.rpartition("Z: ")[2] for text in verdict.lost]) == (3, ["4"])


@pytest.mark.parametrize(
    "stored, refused, marked, away, is_doubled",
    [
        (1, 0, False, False, False),
        (2, 0, False, False, True),
        (1, 1, False, False, True),
        (2, 0, True, False, False),
        (2, 0, False, True, False),
    ],
)
def test_a_number_is_there_once_unless_it_is_marked_or_was_sent_again(
    *, stored: int, refused: int, marked: bool, away: bool, is_doubled: bool
) -> None:
    message = Message(f"hubs/{NUMBERED_HUB}/footfall/door", b"7", number=7, sent_s=1, taken_s=3)
    found = Found(quarantined=Counter({b"7": refused}), numbers=Counter({7: stored}), repeated={7} if marked else set())
    verdict = judge([message], found, Excuses(away_s=[Window(2, 2.5)] if away else []))
    assert bool(verdict.doubled) == is_doubled
    assert not verdict.lost


def test_of_what_waits_in_a_damaged_quarantine_as_much_may_be_missing_as_is_named() -> None:
    unknown = [
        Message(f"hubs/{UNKNOWN_HUB}/footfall/door", b"%d" % n, number=n, sent_s=1, taken_s=2) for n in (1, 2, 3)
    ]
    verdict = judge(unknown, Found(), Excuses(quarantined=2))
    assert (verdict.named, len(verdict.lost)) == (2, 1)


def test_counts_that_are_alike_add_up() -> None:
    alike = [Message("hubs/dogwood/footfall/door", b"", untimed=n, taken_s=float(n)) for n in (1, 2, 3)]
    assert untimed_problem(alike, 6, 0, Excuses()) is None
    assert untimed_problem(alike, 5, 0, Excuses()) == "counts without a time: 5 are stored of 6 to 6"
    assert untimed_problem(alike, 5, 0, Excuses(forgotten_s=[Window(0.5, 1.5)])) is None
    assert untimed_problem(alike, 7, 0, Excuses()) == "counts without a time: 7 are stored of 6 to 6"
    assert untimed_problem(alike, 7, 1, Excuses()) is None
    assert untimed_problem(alike, 7, 0, Excuses(away_s=[Window(0, 1)])) is None
