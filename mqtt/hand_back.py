r"""Whether a broker hands on what a dead member of a shared subscription had not answered: tried, since no broker says.

    publisher -> $share/<group>/<topic>/# -> one member    takes its part, answers nothing, and its connection is cut
                                         \-> another one   has to be given that part, too

MQTT leaves it open (5.0, 4.8.2): mosquitto keeps such messages for the session of the dead member alone. Topics and
group have random names, and the two sessions are ended afterwards.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

from paho.mqtt.reasoncodes import ReasonCode

from mqtt.connection import Connection, connect
from mqtt.messages import Message
from mqtt.probe import place_of
from mqtt.protocol import State
from mqtt.publisher import Publisher
from schemas.errors import HubpulseError
from schemas.settings import MqttSettings

TRY_TOPIC = "hubpulse/try"
_MESSAGES = 20
_TURN_S = 0.02
_EXPIRY_S = 60
_RIGHTS = f"allow our user to publish and to subscribe below {TRY_TOPIC}/"


class _Sent(NamedTuple):
    topic: str
    payload: bytes


class _Member:
    """One member of the group."""

    def __init__(self, settings: MqttSettings, client_id: str, *, version_5: bool) -> None:
        self._settings = settings
        self._client_id = client_id
        self._refused: list[str] = []
        self.received: set[bytes] = set()
        self.connection = Connection(settings, client_id=client_id, version_5=version_5, keeps_session=True)
        self.connection.on_subscribed = self._on_subscribed

    def turn(self) -> None:
        """Go on for a moment, and take what came without an answer."""
        self.connection.turn(_TURN_S)
        messages: Sequence[Message] = self.connection.take_messages()
        self.received.update(message.payload for message in messages)

    def join(self, topic_filter: str, until: Callable[[], bool]) -> str | None:
        """Subscribe; why that is not possible, or None."""
        self.connection.open()
        while self.connection.state is State.CONNECTING:
            self.turn()
        if not self.connection.is_open:
            raise HubpulseError(self.connection.problem)
        self.connection.subscribe([topic_filter])
        while self.connection.state is not State.SUBSCRIBED:
            self.turn()
            if self._refused or until() or not self.connection.is_open:
                return f"it refuses the subscription to {topic_filter}: {_RIGHTS}"
        return None

    def end(self) -> None:
        """Let the broker forget the session."""
        self.connection.abort()
        with suppress(HubpulseError):
            connect(self._settings, client_id=self._client_id, timeout_s=1).close()

    def _on_subscribed(self, answers: dict[str, ReasonCode]) -> None:
        self._refused = [name for name, reason in answers.items() if reason.is_failure]


def problem_of_hand_back(
    settings: MqttSettings, *, timeout_s: float = 5.0, monotonic_s: Callable[[], float] = time.monotonic
) -> str | None:
    """Why `$share` would lose messages at this broker, or why that can't be tried; None where it would not.

    Each of three steps waits so long at most. Raises HubpulseError where the broker does not answer or let us in.
    """
    name = secrets.token_hex(8)
    topic = f"{TRY_TOPIC}/{name}"
    settings = settings.model_copy(update={"session_expiry_s": _EXPIRY_S})

    def within() -> Callable[[], bool]:
        until_s = monotonic_s() + timeout_s
        return lambda: monotonic_s() > until_s

    with _members(settings, name, timeout_s=timeout_s) as members:
        for member in members:
            if problem := member.join(f"$share/hubpulse-try-{name}/{topic}/#", within()):
                return problem
        return _deal(settings, topic, members) or _look(members, within)


@contextmanager
def _members(settings: MqttSettings, name: str, *, timeout_s: float) -> Iterator[list[_Member]]:
    asked = connect(settings, client_id=f"hubpulse-try-{name}", timeout_s=timeout_s)
    version_5 = asked.terms.is_v5
    asked.close()
    members = [_Member(settings, f"hubpulse-try-{name}-{number}", version_5=version_5) for number in (1, 2)]
    try:
        yield members
    finally:
        for member in members:
            member.end()


def _deal(settings: MqttSettings, topic: str, members: list[_Member]) -> str | None:
    """Publish, on topics of their own, since some brokers deal by topic."""
    with Publisher(settings, patience_s=5) as publisher:
        report = publisher.publish_all(_Sent(f"{topic}/{n}", b"%d" % n) for n in range(_MESSAGES))
    for member in members:
        member.turn()
    return f"it refuses test messages ({', '.join(report.refused)}): {_RIGHTS}" if report.refused else None


def _look(members: list[_Member], within: Callable[[], Callable[[], bool]]) -> str | None:
    """Cut off the one that was dealt more, and see whether the other one is given that."""
    is_late = within()
    while sum(len(member.received) for member in members) < _MESSAGES:
        for member in members:
            member.turn()
        if is_late():
            count = sum(len(member.received) for member in members)
            return f"of {_MESSAGES} test messages only {count} were dealt out: {_RIGHTS}"
    alive, dead = sorted(members, key=lambda member: len(member.received))
    had = set(dead.received)
    dead.connection.abort()
    is_late = within()
    while not had <= alive.received:
        alive.connection.acknowledge()
        alive.turn()
        if is_late() or not alive.connection.is_open:
            count = len(had - alive.received)
            return (
                f"what a member of the group had not answered when it died is handed to nobody ({count} of {_MESSAGES})"
            )
    return None


def share_problem(settings: MqttSettings) -> str | None:
    """Why several ingests can't share this broker's messages, as a sentence with what to do; None where they can."""
    problem = problem_of_hand_back(settings)
    if problem is None:
        return None
    return (
        f"HUBPULSE_MQTT__SHARE_GROUP can't be used with the broker at {place_of(settings)}: {problem}. Leave it out and"
        " use `ingest --workers N` on one machine, or take a broker that hands them on (Artemis, EMQX, HiveMQ)"
    )
