"""A client that has one hub's credentials, or none, and means harm."""

import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from random import Random

from cli.broker_accounts import hub_user
from mqtt.connection import connect
from mqtt.publisher import Publisher
from schemas import HubpulseError
from simulators.messages import TimedMessage
from tests.chaos.sent import FIRST_NS, HUBS
from tests.chaos.world import HOSTILE_HUB, World

RUBBISH_MESSAGES, HALF_OPEN = 200, 40
TURN_S, TURNS = 0.02, 5
TOO_LARGE_BYTES = 3 * 1024**2
_GUESSES = ("hubpulse-ingest", "hubpulse", "ingest")
_WANTED = ("hubs/#", "$share/ingest/hubs/#", "$share/hubpulse/hubs/#", "$SYS/#", "#")

End = Callable[[], None]


def rubbish(world: World, rng: Random, *, user: str, hub: str) -> None:
    """Send what nobody can use."""
    forms = (
        (f"hubs/{hub}/footfall/door", rng.randbytes(rng.randrange(2000))),
        (f"hubs/{hub}/footfall/door", b"[" + b"1," * 5000 + b"1]"),
        (f"hubs/{hub}/footfall/door", b'{"entries": -1}'),
        (f"hubs/{hub}/co2/{'x' * 60}", b'{"time": "yesterday", "co2_ppm": 500}'),
        (f"hubs/{hub}/{'deep/' * 30}", b"{}"),
        (f"hubs/{hub}/footfall/door", b'{"entries": ' + b"[" * 3000 + b"]" * 3000 + b"}"),
        (f"hubs/{hub}/temperature/sensor-{rng.randrange(10**6)}", b"21.5"),
    )
    messages = (TimedMessage(0, *rng.choice(forms)) for _ in range(RUBBISH_MESSAGES))
    with Publisher(world.mqtt(user)) as publisher:
        publisher.publish_all(messages)


def flood(world: World, rng: Random) -> End:
    """Rubbish below its own topics, and readings for hubs that are none of its business."""
    user = hub_user(HOSTILE_HUB)
    rubbish(world, rng, user=user, hub=HOSTILE_HUB)
    forged = b'{"time": %d, "entries": 40}' % (FIRST_NS + rng.randrange(86_400) * 10**9 + 1)
    others = (TimedMessage(0, f"hubs/{hub}/footfall/door", forged) for hub in HUBS for _ in range(10))
    with Publisher(world.mqtt(user)) as publisher:
        refused = publisher.publish_all(others).refused
    assert sum(refused.values()) == len(HUBS) * 10, f"the broker took another hub's readings: {refused}"
    return _nothing


def take_over(world: World, rng: Random) -> End:
    """Connect under ids that ingest may have, and ask for what is meant for it."""
    for user in (hub_user(HOSTILE_HUB), "nobody"):
        settings = world.mqtt(user)
        with suppress(HubpulseError):
            connection = connect(settings, client_id=rng.choice(_GUESSES), timeout_s=1)
            connection.subscribe(_WANTED)
            for _ in range(TURNS):
                connection.turn(TURN_S)
                assert not connection.take_messages(), "the broker gave a hub's client what is ingest's"
            connection.close()
    return _nothing


def half_open(world: World, rng: Random) -> End:
    """Connections that begin to say something, or nothing, and stay."""
    held = ExitStack()
    for _ in range(HALF_OPEN):
        with suppress(OSError):
            peer = held.enter_context(socket.create_connection((world.broker.host, world.broker.port), timeout=1))
            peer.sendall(b"\x10\x80\x80\x01\x00\x04MQTT"[: rng.randrange(10)])
    return held.close


def too_large(world: World, _rng: Random) -> End:
    """A message larger than the broker allows: it cuts the connection."""
    with suppress(HubpulseError, OSError):
        publisher = Publisher(world.mqtt(hub_user(HOSTILE_HUB)), patience_s=0.2)
        with publisher:
            publisher.publish_all([TimedMessage(0, f"hubs/{HOSTILE_HUB}/co2/a", bytes(TOO_LARGE_BYTES))])
    return _nothing


def _nothing() -> None:
    pass
