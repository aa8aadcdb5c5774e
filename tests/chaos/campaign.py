r"""Rounds of faults: each sends readings while things go wrong, lets all be well again, and judges what is stored.

honest hubs -> broker -> line -> ingest -> store -> jobs -> figures      every reading that the broker took is stored
     faults strike at:  \-------\------\-------\------\                 exactly once, or in the quarantine; the ledger
                                                                        balances; the figures are of what is stored

A killed broker forgets at most what it had not saved, by the hubs' own record, and one whose file is gone all that it
held: ingest says so, with the window in doubt. A damaged file loses at most what its salvage names.
"""

import math
import shutil
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from threading import Event
from typing import TypeVar

from ingest.ledger import Ledger
from ingest.salvage import READINGS_LOST
from schemas import HubpulseError
from sensors.times import text_ns
from stores.salvage import Gap, Salvage, salvages
from tests.chaos.damage import gaps_of
from tests.chaos.faults import GROUPS, End
from tests.chaos.sent import ROUNDS_A_DAY, UNKNOWN_HUB, Honest, Message
from tests.chaos.verdict import Verdict, Window, judge, untimed_problem
from tests.chaos.world import World
from tests.waiting import wait_until

ALL = frozenset(name for names in GROUPS.values() for name in names)
FAULTS_MAX = 3
LULL_S, LASTS_S = (0.05, 0.5), (0.05, 0.8)
FIGURES_DEADLINE_S = 180
SUBSCRIBED_WITHIN_S = 2
"""So long after a session was found to be lost there may be no other one."""
CLEAR = {"broker", "store", "jobs", "disk", "hostile"}
"""Groups of faults beside which ingest can tell that its broker was restarted: it was connected long enough before."""
NOT_KEPT = "quarantine_not_kept"
LOOKS_MAX = 3
NS = 10**9
T = TypeVar("T")


@dataclass(slots=True)
class Tally:
    """What a campaign came to so far."""

    rounds: int = 0
    readings: int = 0
    in_doubt: int = 0
    named: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


class Campaign:
    """Goes on with rounds until told or one failed; `faults` are those that may strike."""

    def __init__(self, world: World, seed: int, *, faults: Collection[str] = ALL) -> None:
        self._world, self._seed = world, seed
        groups = {group: [name for name in names if name in faults] for group, names in GROUPS.items()}
        self._groups = {group: names for group, names in groups.items() if names}
        self._untimed = 0, 0
        self._waiting: list[Message] = []
        """What is in the quarantine until its hub is named."""
        self._told_before: dict[str, str] = {}
        self._days_with_gaps: set[int] = set()
        self._readings_lost = self._not_kept = 0
        self.tally = Tally()

    def run(self, is_over: Callable[[int], bool], on_round: Callable[[Tally], None] = lambda _tally: None) -> Tally:
        """Go on until it is over by the number of rounds so far, or one failed."""
        tally = self.tally
        while not is_over(tally.rounds) and not tally.failures:
            number = tally.rounds
            rng = Random(f"{self._seed}:{number}")
            chosen = [(group, rng.choice(self._groups[group])) for group in self._some(rng)]
            names = [name for _, name in chosen]
            where = f"seed {self._seed}, round {number} ({', '.join(names)}): "
            try:
                wrong = list(self._round(number, rng, chosen))
            except AssertionError as error:
                wrong = [str(error)]
            tally.rounds += 1
            tally.faults.update(names)
            tally.failures += [where + fault for fault in wrong]
            on_round(tally)
        if not tally.failures:
            days = range((tally.rounds - 1) // ROUNDS_A_DAY + 1)
            tally.failures += [f"seed {self._seed}: {wrong}" for day in days for wrong in self._figures(day)]
        return tally

    def _some(self, rng: Random) -> list[str]:
        chosen = rng.sample(list(self._groups), min(len(self._groups), rng.randint(1, FAULTS_MAX)))
        return sorted(chosen, key=lambda group: group != "hostile")  # a hostile client needs a broker to send to

    def _round(self, number: int, rng: Random, chosen: list[tuple[str, str]]) -> Iterator[str]:
        """What went wrong in a round."""
        world, since_ns = self._world, time.time_ns()
        world.begin_round()
        messages = self._disturbed(number, rng, chosen)
        ledger = world.settle()
        yield from self._told(messages)
        self._excuse_salvages(ledger)
        found, excuses = self._once_mended(lambda: world.found(number, since_ns)), world.excuses
        verdict = judge([*messages, *self._waiting], found, excuses)
        if verdict.in_doubt and world.forget_from_s is None and number and {group for group, _ in chosen} <= CLEAR:
            yield from self._told_of(verdict)
        self._count(verdict)
        self._waiting = [
            m for m in (*self._waiting, *messages) if m.hub == UNKNOWN_HUB and found.quarantined[m.payload]
        ]
        for message in self._waiting:
            message.copies = max(message.copies, found.quarantined[message.payload])
        yield from (f"lost: {reading}" for reading in verdict.lost)
        yield from (f"doubled: {reading}" for reading in verdict.doubled)
        (before, marked_before), (untimed, marked) = self._untimed, self._once_mended(world.untimed)
        if problem := untimed_problem(messages, untimed - before, marked - marked_before, excuses):
            yield problem
        self._untimed = untimed, marked
        if not ledger.balanced:
            yield f"the ledger does not balance: {ledger}"
        if excuses.gaps:
            self._days_with_gaps |= set(range(number // ROUNDS_A_DAY + 1))
        if any(group == "jobs" for group, _ in chosen):
            yield from self._figures(number // ROUNDS_A_DAY)

    def _count(self, verdict: Verdict) -> None:
        self.tally.readings += verdict.sent
        self.tally.in_doubt += len(verdict.in_doubt)
        self.tally.named += verdict.named

    def _told(self, messages: list[Message]) -> Iterator[str]:
        """Excuse what a broker forgot where ingest says so, in the window that it names."""
        world, excuses = self._world, self._world.excuses
        if world.forget_from_s is None or not world.knows_session:
            if world.forget_from_s is not None:
                excuses.forgotten_s.append(Window(min((m.sent_s for m in messages), default=0.0), time.monotonic()))
            return
        window = world.told("session_lost")
        began_s = min((m.sent_s for m in messages), default=0.0)
        if not window or window == self._told_before:
            yield "the broker lost its sessions, and ingest does not say so"
            return
        self._told_before = window
        until_s = text_ns(window["until"]) / NS - (time.time() - time.monotonic()) + SUBSCRIBED_WITHIN_S
        # By a clock that was wrong in between nobody knows when that was.
        excuses.forgotten_s.append(
            Window(began_s, time.monotonic() if world.had_wrong_clock else until_s + SUBSCRIBED_WITHIN_S)
        )

    def _once_mended(self, look: Callable[[], T]) -> T:
        """What is found; damage that is met only now is mended first, and excused."""
        for _ in range(LOOKS_MAX):
            with suppress(HubpulseError):
                return look()
            self._excuse_salvages(self._world.settle())
        return look()

    def _told_of(self, verdict: Verdict) -> Iterator[str]:
        """What a killed broker forgot is in a window that ingest names."""
        told = self._world.told("broker_was_restarted")
        until_s = text_ns(told["until"]) / NS - (time.time() - time.monotonic()) if told else 0.0
        late = [m for m in verdict.in_doubt if m.taken_s is not None and m.taken_s > until_s + SUBSCRIBED_WITHIN_S]
        if late:
            yield f"the broker forgot {len(late)} messages, and ingest does not say so: {told}"

    def _excuse_salvages(self, ledger: Ledger) -> None:
        """What is set aside was looked at, and what it may be without is excused."""
        excuses = self._world.excuses
        for found in salvages(self._world.data):
            excuses.gaps += gaps_of(found)
            if found.file == "buffer.db":
                lost = ledger.notes.get(READINGS_LOST, 0) - self._readings_lost
                excuses.buffered_readings += math.inf if _has_lost(found, "ledger", "ledger_notes") else lost
            if found.file == "quarantine.db":
                excuses.quarantined += sum(_count(gap) for gap in found.gaps if gap.table == "quarantine")
                excuses.quarantined += sum(int(text.split()[0]) for text in found.missing if text.endswith("were kept"))
                # What came before the damage was found is counted.
                excuses.quarantined += ledger.notes.get(NOT_KEPT, 0) - self._not_kept
            shutil.rmtree(found.folder)
        self._readings_lost, self._not_kept = (ledger.notes.get(note, 0) for note in (READINGS_LOST, NOT_KEPT))

    def _figures(self, day: int) -> Iterator[str]:
        """The figures of a day are the sums of what is stored of it."""
        if day in self._days_with_gaps:
            return

        def are_right() -> bool:
            figures, stored = self._once_mended(lambda: self._world.figures(day))
            return figures == stored or bool(self._world.excuses.gaps)

        try:
            wait_until(are_right, FIGURES_DEADLINE_S, "the figures", poll_s=0.5)
        except AssertionError:
            figures, stored = self._world.figures(day)
            yield f"figures of day {day} are {figures}, of what is stored {stored}"

    def _disturbed(self, number: int, rng: Random, chosen: list[tuple[str, str]]) -> list[Message]:
        """Send while faults strike, one after the other, and end them in any order; then all is well again."""
        pause, world = Event(), self._world
        honest = Honest(number, Random(rng.random()), world.mqtt())
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


def _has_lost(found: Salvage, *tables: str) -> bool:
    return not found.rows or any(gap.table in tables for gap in found.gaps)


def _count(gap: Gap) -> float:
    return math.inf if gap.first is None or gap.last is None else gap.last - gap.first + 1


def clock(seconds: float) -> Callable[[int], bool]:
    """Over after so many seconds from now."""
    until_s = time.monotonic() + seconds
    return lambda _rounds: time.monotonic() >= until_s
