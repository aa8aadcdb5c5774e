"""A subscription that survives its connections: it connects again, subscribes again, and reports why it can not.

One thread: `receive` connects, keeps alive and reads; a `receipt` answers what was received until it was made. A new
connection begins inside `receive` only; what was not acknowledged on the one before, the broker delivers again.
"""

from __future__ import annotations

import random
import select
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial

import structlog
from paho.mqtt.reasoncodes import ReasonCode

from mqtt.connection import Connection
from mqtt.copies import Copies
from mqtt.gathering import IN_FLIGHT_3_1_1, Gathering
from mqtt.messages import Message
from mqtt.probe import place_of
from mqtt.protocol import Ending, ProtocolFallback, State
from schemas.backoff import Backoff
from schemas.settings import IngestSettings, MqttSettings

log = structlog.get_logger("hubpulse.subscriber")

_TAKEN_OVER = "Session taken over"
_CLOSED_MAX = 2
"""So often may a broker close a connection of MQTT 5 until 3.1.1 is tried."""
_SUBSCRIBE_AGAIN_S = 30.0
_STABLE_AFTER_S = 10.0
"""A connection that lasted so long, or on which something was acknowledged, did good: the waits begin anew."""
_LOSSES_SUSPECT = 3
_NOT_OPEN = (State.DISCONNECTED, State.CLOSED)
_CONNECTED = State.CONNECTED  # looked up once and not with each receive


class Subscriber:
    """A subscription at QoS 1 with a session that the broker keeps. Not shared between threads.

    `filters_before` are those of the session that the broker should have already. `on_session_resumed` says whether
    what it delivers now may have been delivered before, although nothing marks it.
    """

    def __init__(
        self,
        *,
        mqtt_settings: MqttSettings,
        ingest_settings: IngestSettings,
        filters: Sequence[str],
        rng: random.Random,
        filters_before: Collection[str] = (),
        on_new_session: Callable[[], None] = lambda: None,
        on_session_resumed: Callable[[], bool] = lambda: False,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = mqtt_settings
        self._limits = ingest_settings
        self._filters = tuple(filters)
        self._copies = Copies(self._filters)
        self._on_new_session = on_new_session
        self._on_session_resumed = on_session_resumed
        self._monotonic_s = monotonic_s
        self._gathering = Gathering(ingest_settings.commit_every_s)
        self._enough = min(mqtt_settings.receive_max, ingest_settings.batch_messages_max)
        self._backoff = Backoff(ingest_settings.backoff_first_s, ingest_settings.backoff_max_s, rng)
        self._protocol = ProtocolFallback(closed_max=_CLOSED_MAX)
        self._wait_until_s = self._connected_at_s = self._subscribed_at_s = 0.0
        self._did_good = self._asked_for_rest = False
        self._had_session = bool(filters_before)
        self._may_repeat = False
        self._abandoned = set(filters_before) - set(filters)
        self._leaving: frozenset[str] = frozenset()
        """Those of the abandoned that the broker was asked to forget, and has not answered for."""
        self._has_new = self._had_session and not set(filters) <= set(filters_before)
        self._is_changing = False
        self._connection = self._new_connection()
        self.problem: str | None = "not connected yet"
        """Why nothing is received, in a sentence for the operator; None while all is well."""

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us."""
        return self._connection.is_open

    @property
    def subscribed(self) -> bool:
        """Whether the broker took every subscription: from here on it keeps what is published for us."""
        return self._connection.state is State.SUBSCRIBED

    @property
    def in_doubt(self) -> bool:
        """Whether what was received last may have been delivered before, although nothing marks it."""
        return self._may_repeat or self._is_changing or (self._copies.may_come and not self._protocol.version_5)

    @property
    def filters_at_broker(self) -> tuple[str, ...]:
        """What the broker may keep for us: the filters, and those that it does not yet know to be abandoned."""
        return (*self._filters, *sorted(self._abandoned))

    @property
    def version(self) -> str:
        """The version of MQTT that is spoken."""
        return "5" if self._protocol.version_5 else "3.1.1"

    @property
    def place(self) -> str:
        """The broker's address."""
        return place_of(self._settings)

    def receive(self, timeout_s: float) -> list[Message]:
        """The messages that came, waiting up to `timeout_s` for the first, and a little for more; [] where none did.

        With 0, what is there is taken at once.
        """
        connection = self._connection
        if connection.state in _NOT_OPEN and not connection.waiting:
            self._connect(timeout_s)
            return []
        if connection.waiting:
            connection.turn(timeout_s)
        else:
            began_s = self._monotonic_s()
            connection.turn(timeout_s)
            self._gathering.had_nothing(self._monotonic_s() - began_s)
        if timeout_s and connection.waiting and not self._has_gathered(connection, timeout_s):
            return []
        if connection.state is _CONNECTED and self._monotonic_s() > self._subscribed_at_s + _SUBSCRIBE_AGAIN_S:
            self._subscribe()
        if connection.state is State.SUBSCRIBED and not connection.is_unsubscribing:
            self._unsubscribe_abandoned()
        had_unanswered = connection.has_unanswered
        messages = connection.take_messages()
        if self._may_repeat or self._is_changing:
            self._look_for_the_end_of_doubt(has_messages=bool(messages))
        if messages and self._copies.may_come and not (self._may_repeat or self._is_changing):
            messages = self._copies.without(messages)
            if not messages and not had_unanswered:
                connection.acknowledge()
        return messages

    def receipt(self) -> Callable[[], None]:
        """To be called once all that was received until now is durable: acknowledges it, on its own connection."""
        return partial(self._acknowledge, self._connection, self._connection.taken)

    def acknowledge(self) -> None:
        """Answer every message received so far on this connection: their commit is durable."""
        self.receipt()()

    def keep_alive(self) -> None:
        """Keep the connection alive while nothing is received; what comes meanwhile waits for `receive`."""
        if self.connected:
            self._connection.turn(0)

    def resubscribe(self, filters: Sequence[str]) -> None:
        """Take other topic filters; the session and what the broker holds for it stay.

        The old ones are kept until the broker has taken the new ones, so that nothing falls between them.
        """
        if tuple(filters) == self._filters:
            return
        self._has_new = not set(filters) <= set(self.filters_at_broker) - self._leaving
        self._abandoned = (self._abandoned | set(self._filters)) - set(filters)
        self._leaving -= set(filters)
        self._filters = tuple(filters)
        self._copies = Copies(self._filters)
        if self.connected:
            self._subscribe()

    def close(self) -> None:
        """Send what is still queued and disconnect; the session stays with the broker."""
        self._connection.close()

    def _has_gathered(self, connection: Connection, timeout_s: float) -> bool:
        """Wait a little for more; whether what came is to be taken now."""
        enough = self._enough if self._protocol.version_5 else IN_FLIGHT_3_1_1
        waited_s = 0.0
        while connection.is_open:
            wait_s = self._gathering.wait_s(connection.waiting, enough=0 if connection.is_full else enough)
            if not wait_s:
                return True
            if waited_s >= timeout_s:
                return False
            select.poll().poll(1000 * wait_s)
            connection.turn(0)
            waited_s += wait_s
        return True

    def _acknowledge(self, connection: Connection, taken: int) -> None:
        self._did_good = connection.acknowledge(taken) or self._did_good

    def _new_connection(self) -> Connection:
        connection = Connection(
            self._settings,
            client_id=self._settings.client_id.get_secret_value(),
            version_5=self._protocol.version_5,
            keeps_session=True,
            limits=self._limits,
            monotonic_s=self._monotonic_s,
        )
        connection.on_state = self._on_state
        connection.on_subscribed = self._on_subscribed
        return connection

    def _connect(self, timeout_s: float) -> None:
        """Open a connection, or wait for the time of the next try."""
        now_s = self._monotonic_s()
        if now_s < self._wait_until_s:
            select.poll().poll(1000 * min(timeout_s, self._wait_until_s - now_s))
            return
        if self._connection.state is State.CLOSED:
            self._connection = self._new_connection()
        self._connection.open()

    def _on_state(self, before: State, state: State) -> None:
        if before is State.CONNECTING and state is State.CONNECTED:
            self._on_accepted()
        elif state is State.CLOSED and self._connection.ending not in (None, Ending.OURS):
            self._on_ended(self._connection.ending)

    def _on_accepted(self) -> None:
        session_present = self._connection.session_present
        self._connected_at_s, self._did_good = self._monotonic_s(), False
        self._protocol.accepted()
        self.problem = None
        log.info(
            "broker_connected",
            broker=self.place,
            mqtt="5" if self._protocol.version_5 else "3.1.1",
            session=session_present,
        )
        self._asked_for_rest = False
        self._leaving = frozenset()
        if session_present:
            self._look_for_a_change()  # first, so that whoever remembers the session remembers the doubt
            self._may_repeat = self._on_session_resumed()
        else:
            self._may_repeat = self._is_changing = self._has_new = False
            self._abandoned.clear()
            if self._had_session:
                log.error(
                    "session_lost",
                    hint="give the broker `persistence true`, or raise HUBPULSE_MQTT__SESSION_EXPIRY_S",
                )
            self._on_new_session()
        self._had_session = True
        self._subscribe()

    def _look_for_the_end_of_doubt(self, *, has_messages: bool) -> None:
        """Ask for a sign of life once all is answered: where nothing comes before it, the broker has nothing left."""
        connection = self._connection
        if has_messages or connection.has_unanswered or connection.is_unsubscribing or not self.subscribed:
            self._asked_for_rest = False
        elif not self._asked_for_rest:
            self._asked_for_rest = self._connection.ping()
        elif self._connection.ping_answered:
            self._may_repeat = self._is_changing = False

    def _on_ended(self, ending: Ending) -> None:
        connection = self._connection
        hint = ""
        if ending is Ending.LOST:
            # Two clients of one id would take the session from each other as fast as they can.
            taken_over = connection.disconnect_reason == _TAKEN_OVER
            did_good = self._did_good or self._monotonic_s() - self._connected_at_s >= _STABLE_AFTER_S
            if did_good and not taken_over:
                self._backoff.reset()
            if taken_over or (not did_good and self._backoff.tries >= _LOSSES_SUSPECT):
                hint = ": has another client our client id? Give each ingest its own HUBPULSE_MQTT__CLIENT_ID"
        try_3_1_1 = self._protocol.ended(ending)
        problem = connection.problem + hint
        if problem != self.problem:
            log.warning("receiving_failed", error=problem)
        self.problem = problem
        wait_s = self._backoff.next_s()
        self._wait_until_s = 0.0 if try_3_1_1 else self._monotonic_s() + wait_s

    def _unsubscribe_abandoned(self) -> None:
        """Have the broker forget them; until it has answered they may be there, and are remembered."""
        self._abandoned -= self._leaving
        self._leaving = frozenset(self._abandoned)
        if self._leaving:
            self._connection.unsubscribe([self._shared(f) for f in sorted(self._leaving)])

    def _look_for_a_change(self) -> None:
        """What waits was kept for the filters before: it has no copy by a new one that covers its topic first."""
        if (self._abandoned or self._has_new) and Copies(self.filters_at_broker).may_come:
            self._is_changing, self._asked_for_rest = True, False
        self._has_new = False

    def _subscribe(self) -> None:
        self._look_for_a_change()
        if self._copies.may_come and not self._protocol.version_5:
            log.error("sources_overlap", hint="MQTT 3.1.1 delivers a message once for each: make them disjoint")
        self._connection.subscribe([self._shared(f) for f in self._filters], identifiers=self._copies.identifiers)
        self._subscribed_at_s = self._monotonic_s()

    def _shared(self, topic_filter: str) -> str:
        group = self._settings.share_group
        return f"$share/{group.get_secret_value()}/{topic_filter}" if group else topic_filter

    def _on_subscribed(self, answers: dict[str, ReasonCode]) -> None:
        refused = [f for f, reason in answers.items() if reason.is_failure]
        unsure = [f for f, reason in answers.items() if reason.value == 0]
        problem = None
        if refused:
            problem = f"the broker at {self.place} refuses the subscription to {', '.join(refused)}: check its ACL"
        elif unsure:
            log.warning("subscription_at_qos_0", filters=unsure, hint="allow QoS 1 at the broker")
        if problem is not None and problem != self.problem:
            log.error("subscription_refused", error=problem)
        self.problem = problem
