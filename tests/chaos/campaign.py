r"""Rounds of faults: each sends readings while things go wrong, lets all be well again, and judges what is stored.

honest hubs -> broker -> line -> ingest -> store        every reading that the broker took is stored exactly once
     faults strike at:  \-------\------\-------\         the ledger balances; a killed broker forgets at most what
                                                        it had not saved, by the hubs' own record
"""

import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from random import Random
from threading import Event

from tests.chaos.faults import GROUPS, End
from tests.chaos.sent import Honest, Message, judge
from tests.chaos.world import World

ALL = frozenset(name for names in GROUPS.values() for name in names)
FAULTS_MAX = 3
LULL_S, LASTS_S = (0.05, 0.5), (0.05, 0.8)
UNIQUE_ONLY_WITHOUT = "broker"
"""A publisher that lost its connection to the broker sends again what was not acknowledged: that may count twice."""


@dataclass(slots=True)
class Tally:
    """What a campaign came to so far."""

    rounds: int = 0
    readings: int = 0
    in_doubt: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def run(
    world: World,
    seed: int,
    is_over: Callable[[int], bool],
    *,
    faults: Collection[str] = ALL,
    on_round: Callable[[Tally], None] = lambda _tally: None,
) -> Tally:
    """Go on with rounds until it is over or one failed; `faults` are those that may strike."""
    groups = {group: [name for name in names if name in faults] for group, names in GROUPS.items()}
    groups = {group: names for group, names in groups.items() if names}
    tally = Tally()
    untimed_before = 0
    while not is_over(tally.rounds) and not tally.failures:
        number = tally.rounds
        rng = Random(f"{seed}:{number}")
        chosen = [(group, rng.choice(groups[group])) for group in _some(list(groups), rng)]
        killed_before = len(world.forgotten_s)
        messages = _disturbed(world, number, rng, chosen)
        ledger = world.settle()
        verdict = judge(messages, world.stored(number), world.forgotten_s[killed_before:])
        tally.rounds, tally.readings = number + 1, tally.readings + verdict.sent
        tally.in_doubt += verdict.in_doubt
        tally.faults.update(name for _, name in chosen)
        wrong = [f"lost: {reading}" for reading in verdict.lost] + [f"invented: {r}" for r in verdict.invented]
        untimed = world.untimed()
        taken = sum(message.untimed for message in messages)
        if UNIQUE_ONLY_WITHOUT not in {group for group, _ in chosen} and untimed - untimed_before != taken:
            wrong.append(f"counts without a time: {untimed - untimed_before} are stored of {taken}")
        untimed_before = untimed
        if not ledger.balanced:
            wrong.append(f"the ledger does not balance: {ledger}")
        where = f"seed {seed}, round {number} ({', '.join(name for _, name in chosen)}): "
        tally.failures += [where + fault for fault in wrong]
        on_round(tally)
    return tally


def _some(groups: list[str], rng: Random) -> list[str]:
    chosen = rng.sample(groups, min(len(groups), rng.randint(1, FAULTS_MAX)))
    return sorted(chosen, key=lambda group: group != "hostile")  # a hostile client needs a broker to send to


def _disturbed(world: World, number: int, rng: Random, chosen: list[tuple[str, str]]) -> list[Message]:
    """Send while faults strike, one after the other, and end them in any order; everything sent, all is well again."""
    pause = Event()
    honest = Honest(number, Random(rng.random()), world.broker.port)
    honest.start()
    under_way: list[End] = []
    try:
        for group, name in chosen:
            pause.wait(rng.uniform(*LULL_S))
            under_way.append(GROUPS[group][name](world, rng))
        while under_way:
            pause.wait(rng.uniform(*LASTS_S))
            under_way.pop(rng.randrange(len(under_way)))()
        pause.wait(rng.uniform(*LULL_S))
    finally:
        for end in under_way:
            end()
        honest.stop()
    return honest.messages


def clock(seconds: float) -> Callable[[int], bool]:
    """Over after so many seconds from now."""
    until_s = time.monotonic() + seconds
    return lambda _rounds: time.monotonic() >= until_s
