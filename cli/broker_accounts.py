"""Who may do what at the broker: mosquitto's password file and its list of rights, made from the estate.

    ingest         reads the topics that the estate listens to, and how the broker is
    hub-<id>       publishes below hubs/<id>/, for the sensors of that hub
    gateway        publishes on the topics of other formats, where the estate listens to such
    simulator      publishes what the simulated estate does
    health         connects, and nothing else: the container's health check

mosquitto refuses whatever no line allows.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterator, Mapping

from mqtt.broker_state import STATE_TOPICS
from schemas import Estate, HubpulseError
from schemas.errors import shown

INGEST, SIMULATOR, GATEWAY, HEALTH = "ingest", "simulator", "gateway", "health"

_NATIVE = "hubs/"
# mosquitto's own number. More would slow connecting down and protect nothing: the passwords are random, 256 bits.
_ROUNDS = 101
_SALT_BYTES = 12

_HEAD = """\
# Who may do what at the broker. `hubpulse init` makes this file from the estate: change that, and run it again.
"""


def hub_user(hub: str) -> str:
    """The user name of a hub's sensors."""
    return f"hub-{hub}"


def gateway_topics(estate: Estate) -> list[str]:
    """The topic filters of the estate that are not below hubs/."""
    return [source.topic for source in estate.sources if not source.topic.startswith(_NATIVE)]


def rights(estate: Estate) -> str:
    """The access control list, as mosquitto's `acl_file` has it. Raises HubpulseError where a topic can't be in it."""
    for source in estate.sources:
        if not source.topic.isprintable():
            raise HubpulseError(f"the source {shown(source.topic)} has a topic that no line can hold: change it")
    return _HEAD + "".join(
        f"\nuser {user}\n" + "".join(f"topic {right}\n" for right in allowed) for user, allowed in _allowed(estate)
    )


def _allowed(estate: Estate) -> Iterator[tuple[str, list[str]]]:
    topics = [source.topic for source in estate.sources]
    yield INGEST, [f"read {topic}" for topic in (*topics, *STATE_TOPICS)]
    yield SIMULATOR, [f"write {topic}" for topic in topics]
    if others := gateway_topics(estate):
        yield GATEWAY, [f"write {topic}" for topic in others]
    for hub in estate.hubs:
        yield hub_user(hub.id), [f"write {_NATIVE}{hub.id}/#"]


def password_file(passwords: Mapping[str, str], *, before: str = "") -> str:
    """A line for each user, as mosquitto's `password_file` has it; lines of `before` that are still right are kept."""
    known = dict(line.split(":", 1) for line in before.splitlines() if ":" in line)
    lines = (
        f"{user}:{known[user] if fits(password, known.get(user, '')) else _hashed(password, _salt())}"
        for user, password in passwords.items()
    )
    return "".join(f"{line}\n" for line in lines)


def fits(password: str, entry: str) -> bool:
    """Whether `entry`, the part of a line behind the user, is made of this password."""
    try:
        _, _, _, salt, _ = entry.split("$")
        return secrets.compare_digest(entry, _hashed(password, base64.b64decode(salt, validate=True)))
    except ValueError:
        return False


def _salt() -> bytes:
    return secrets.token_bytes(_SALT_BYTES)


def _hashed(password: str, salt: bytes) -> str:
    """What mosquitto 2 calls type 7: PBKDF2 with SHA-512, rounds, salt and digest between dollar signs."""
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS)
    return f"$7${_ROUNDS}${_encoded(salt)}${_encoded(digest)}"


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
