"""What can go wrong: each fault begins, and ends when what it returns is called."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random

from cli.broker_accounts import SIMULATOR
from schemas import HubpulseError, Reason
from tests.chaos import damage, hostile
from tests.chaos.estates import BROKEN, OTHER_SOURCES, estate_text, with_unknown_hub
from tests.chaos.sent import HUBS
from tests.chaos.verdict import Window
from tests.chaos.world import World
from tests.cli.command import Running
from tests.line import Line, Mode

End = Callable[[], None]
Fault = Callable[[World, Random], End]

DAY_S = 86_400


def ingest_killed(world: World, _rng: Random) -> End:
    world.ingest.kill()
    return world.start_ingest


def ingest_stopped(world: World, _rng: Random) -> End:
    world.ingest.signal(signal.SIGTERM)
    world.ingest.wait()
    return world.start_ingest


def power_cut(world: World, _rng: Random) -> End:
    world.cut_power()

    def end() -> None:
        world.start_ingest()
        world.start_jobs()

    return end


def acknowledgements_lost(world: World, _rng: Random) -> End:
    world.line.set(Mode.ONE_WAY)

    def end() -> None:
        world.line.cut()
        world.line.set(Mode.OPEN)

    return end


def ingest_killed_before_it_acknowledged(world: World, rng: Random) -> End:
    cut = acknowledgements_lost(world, rng)

    def end() -> None:
        world.ingest.kill()
        cut()
        world.start_ingest()

    return end


def ingest_frozen(world: World, _rng: Random) -> End:
    return _frozen(world.ingest)


def jobs_killed(world: World, _rng: Random) -> End:
    world.jobs.kill()
    return world.start_jobs


def jobs_frozen(world: World, _rng: Random) -> End:
    return _frozen(world.jobs)


def broker_killed(world: World, _rng: Random) -> End:
    world.kill_broker()
    return _broker_back(world)


def broker_stopped(world: World, _rng: Random) -> End:
    world.broker.stop()
    return _broker_back(world)


def broker_forgets(world: World, _rng: Random) -> End:
    """Its file is gone: it has no session any more, until ingest makes a new one."""
    world.broker.stop()
    world.session_file.unlink()
    world.forget_from_s = time.monotonic()
    return _broker_back(world)


def broker_frozen(world: World, _rng: Random) -> End:
    pid = world.broker.pid
    os.kill(pid, signal.SIGSTOP)
    return lambda: os.kill(pid, signal.SIGCONT)


def store_killed(world: World, rng: Random) -> End:
    if world.influxd is None:
        return store_locked(world, rng)
    world.influxd.kill()
    return world.influxd.start


def store_frozen(world: World, rng: Random) -> End:
    if world.influxd is None:
        return store_locked(world, rng)
    pid = world.influxd.pid
    os.kill(pid, signal.SIGSTOP)
    return lambda: os.kill(pid, signal.SIGCONT)


def store_locked(world: World, _rng: Random) -> End:
    """Another process holds the embedded store."""
    world.hold_store()
    return world.let_store_go


def line_cut(world: World, _rng: Random) -> End:
    world.line.cut()
    return world.line.cut


def line_bad(mode: Mode) -> Fault:
    return lambda world, _rng: _bad(world.line, mode)


def store_line_bad(mode: Mode) -> Fault:
    def begin(world: World, rng: Random) -> End:
        return store_locked(world, rng) if world.store_line is None else _bad(world.store_line, mode)

    return begin


def disk_full(world: World, rng: Random) -> End:
    """Others take all the room that there is, or nearly."""
    if not world.has_small_disk:
        return _nothing
    ballast = world.data.parent / "ballast"
    with ballast.open("wb", buffering=0) as file:
        with suppress(OSError):
            while file.write(bytes(4096)):
                pass
        file.truncate(max(0, file.tell() - rng.choice((0, 4096, 200_000))))
    return lambda: ballast.unlink(missing_ok=True)


def clock_wrong(sign: int) -> Fault:
    def begin(world: World, _rng: Random) -> End:
        world.set_clock(sign * DAY_S)
        return lambda: world.set_clock(0)

    return begin


def estate_broken(world: World, rng: Random) -> End:
    world.may_end = True  # started anew with such a file it says so, and ends
    return _edited(world, rng.choice(BROKEN))


def sources_changed(world: World, rng: Random) -> End:
    return _edited(world, estate_text(sources=rng.choice(OTHER_SOURCES)))


def hub_adopted(world: World, _rng: Random) -> End:
    """A hub that was unknown is named, and what waits of it redriven; then it is taken out again."""
    end = _edited(world, with_unknown_hub())
    with suppress(HubpulseError):  # on a full disk it says so, and waits for another try
        world.redrive(Reason.UNKNOWN_HUB)
    return end


def sensor_at_fault(world: World, rng: Random) -> End:
    """An honest hub's sensor sends what nobody can use."""
    hostile.rubbish(world, rng, user=SIMULATOR, hub=rng.choice(HUBS))
    return _nothing


_STORE_MODES = (Mode.HELD, Mode.DROPPED, Mode.SLOW, Mode.DRIPPING, Mode.REFUSING)
GROUPS: Mapping[str, Mapping[str, Fault]] = {
    "ingest": {
        "ingest killed": ingest_killed,
        "ingest stopped": ingest_stopped,
        "ingest frozen": ingest_frozen,
        "ingest killed before it acknowledged": ingest_killed_before_it_acknowledged,
        "power cut": power_cut,
    },
    "jobs": {"jobs killed": jobs_killed, "jobs frozen": jobs_frozen},
    "broker": {
        "broker killed": broker_killed,
        "broker stopped": broker_stopped,
        "broker frozen": broker_frozen,
        "broker forgets": broker_forgets,
    },
    "store": {
        "store killed": store_killed,
        "store frozen": store_frozen,
        **{f"store's line {mode.value}": store_line_bad(mode) for mode in _STORE_MODES},
    },
    "line": {
        "line cut": line_cut,
        "acknowledgements lost": acknowledgements_lost,
        **{f"line {mode.value}": line_bad(mode) for mode in (Mode.HELD, Mode.DROPPED, Mode.SLOW, Mode.DRIPPING)},
    },
    "disk": {"disk full": disk_full},
    "clock": {"clock a day ahead": clock_wrong(1), "clock a day behind": clock_wrong(-1)},
    "estate": {"estate broken": estate_broken, "sources changed": sources_changed, "hub adopted": hub_adopted},
    "damage": {
        "buffer damaged": damage.buffer_damaged,
        "buffer's log damaged": damage.log_damaged,
        "quarantine damaged": damage.quarantine_damaged,
        "store damaged": damage.store_damaged,
        "session damaged": damage.session_damaged,
    },
    "hostile": {
        "sensor at fault": sensor_at_fault,
        "hostile flood": hostile.flood,
        "hostile takeover": hostile.take_over,
        "hostile half-open": hostile.half_open,
        "hostile size": hostile.too_large,
    },
}
"""One fault of a group at a time."""


def _nothing() -> None:
    pass


def _frozen(service: Running) -> End:
    service.signal(signal.SIGSTOP)

    def end() -> None:
        with suppress(ProcessLookupError):
            service.signal(signal.SIGCONT)

    return end


def _broker_back(world: World) -> End:
    away_s = time.monotonic()

    def end() -> None:
        world.broker.start()
        world.excuses.away_s.append(Window(away_s, time.monotonic()))

    return end


def _bad(line: Line, mode: Mode) -> End:
    line.set(mode)
    return lambda: line.set(Mode.OPEN)


def _edited(world: World, text: str) -> End:
    world.estate_file.write_text(text, encoding="latin-1")
    return lambda: world.edit_estate(estate_text())
