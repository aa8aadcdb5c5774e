"""What can go wrong: each fault begins, and ends when what it returns is called."""

import os
import signal
import sqlite3
from collections.abc import Callable, Mapping
from random import Random

from mqtt.publisher import Publisher
from schemas.settings import MqttSettings
from simulators.messages import TimedMessage
from tests.chaos.sent import HUBS
from tests.chaos.world import World
from tests.line import Mode

End = Callable[[], None]
Fault = Callable[[World, Random], End]

RUBBISH_MESSAGES = 60


def _nothing() -> None:
    pass


def ingest_killed(world: World, _rng: Random) -> End:
    world.ingest.kill()
    return world.start_ingest


def ingest_stopped(world: World, _rng: Random) -> End:
    world.ingest.signal(signal.SIGTERM)
    world.ingest.wait()
    return world.start_ingest


def ingest_frozen(world: World, _rng: Random) -> End:
    return _frozen(world.ingest.pid)


def ingest_killed_before_it_acknowledged(world: World, _rng: Random) -> End:
    world.line.set(Mode.ONE_WAY)

    def end() -> None:
        world.ingest.kill()
        world.line.cut()
        world.line.set(Mode.OPEN)
        world.start_ingest()

    return end


def broker_killed(world: World, _rng: Random) -> End:
    world.kill_broker()
    return world.broker.start


def broker_stopped(world: World, _rng: Random) -> End:
    world.broker.stop()
    return world.broker.start


def broker_frozen(world: World, _rng: Random) -> End:
    return _frozen(world.broker.pid)


def store_killed(world: World, _rng: Random) -> End:
    if world.influxd is None:
        return _locked(world)
    world.influxd.kill()
    return world.influxd.start


def store_frozen(world: World, _rng: Random) -> End:
    return _locked(world) if world.influxd is None else _frozen(world.influxd.pid)


def line_cut(world: World, _rng: Random) -> End:
    world.line.cut()
    return world.line.cut


def line_bad(mode: Mode) -> Fault:
    def begin(world: World, _rng: Random) -> End:
        world.line.set(mode)
        return lambda: world.line.set(Mode.OPEN)

    return begin


def rubbish(world: World, rng: Random) -> End:
    """A client that sends what nobody can use, among what honest hubs send."""
    hub = rng.choice(HUBS)
    forms = (
        (f"hubs/{hub}/footfall/door", rng.randbytes(rng.randrange(2000))),
        (f"hubs/{hub}/footfall/door", b"[" + b"1," * 5000 + b"1]"),
        (f"hubs/{hub}/footfall/door", b'{"entries": -1}'),
        (f"hubs/{hub}/co2/{'x' * 60}", b'{"time": "yesterday", "co2_ppm": 500}'),
        (f"hubs/{'deep/' * 30}", b"{}"),
        (f"hubs/{hub}/footfall/door", b'{"entries": ' + b"[" * 3000 + b"]" * 3000 + b"}"),
    )
    messages = (TimedMessage(0, *rng.choice(forms)) for _ in range(RUBBISH_MESSAGES))
    with Publisher(MqttSettings(host=world.broker.host, port=world.broker.port)) as publisher:
        publisher.publish_all(messages)
    return _nothing


GROUPS: Mapping[str, Mapping[str, Fault]] = {
    "ingest": {
        "ingest killed": ingest_killed,
        "ingest stopped": ingest_stopped,
        "ingest frozen": ingest_frozen,
        "ingest killed before it acknowledged": ingest_killed_before_it_acknowledged,
    },
    "broker": {"broker killed": broker_killed, "broker stopped": broker_stopped, "broker frozen": broker_frozen},
    "store": {"store killed": store_killed, "store frozen": store_frozen},
    "line": {
        "line cut": line_cut,
        **{f"line {mode.value}": line_bad(mode) for mode in (Mode.HELD, Mode.DROPPED, Mode.SLOW, Mode.DRIPPING)},
    },
    "hostile": {"rubbish": rubbish},
}
"""One fault of a group at a time."""


def _frozen(pid: int) -> End:
    os.kill(pid, signal.SIGSTOP)
    return lambda: os.kill(pid, signal.SIGCONT)


def _locked(world: World) -> End:
    """Another process holds the embedded store."""
    other = sqlite3.connect(world.pipeline.data / "store.db", check_same_thread=False, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    def end() -> None:
        other.execute("ROLLBACK")
        other.close()

    return end
