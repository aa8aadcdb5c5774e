"""Whether a broker that others connect to is set up so that none of them can harm what ingest receives."""

from __future__ import annotations

from collections.abc import Iterator

from mqtt.broker_state import BrokerState, look
from mqtt.connection import connect
from schemas.errors import HubpulseError
from schemas.settings import MqttSettings

_GUESSABLE_BELOW_CHARS = 20
_PACKET_BYTES_MAX = 4 * 1024**2
_MAKE_ONE = "`hubpulse init` makes one, HUBPULSE_MQTT__{}_FILE names it"


def broker_problems(settings: MqttSettings, *, timeout_s: float) -> list[str]:
    """What to mend, a sentence each. Raises HubpulseError where the broker does not let us in."""
    state = look(settings, timeout_s=timeout_s)
    problems = [*_of_state(state), *_of_names(settings)]
    if _lets_in_anybody(settings, timeout_s=timeout_s):
        problems.append("it lets in clients without a password: set `allow_anonymous false`")
    if state.packet_bytes_max is None or state.packet_bytes_max > _PACKET_BYTES_MAX:
        problems.append("one client may fill its memory with large messages: set `max_packet_size 1310720`")
    return problems


def _of_state(state: BrokerState) -> Iterator[str]:
    if state.messages_dropped:
        yield (
            f"it had no room for {state.messages_dropped} messages since it was started, and lost them: raise"
            " `max_queued_messages` and `max_queued_bytes`, and see who sends so much"
        )


def _of_names(settings: MqttSettings) -> Iterator[str]:
    if len(settings.client_id.get_secret_value()) < _GUESSABLE_BELOW_CHARS:
        hint = _MAKE_ONE.format("CLIENT_ID")
        yield f"ingest's client id can be guessed, and whoever has it can take its messages away: {hint}"
    if settings.share_group is not None and len(settings.share_group.get_secret_value()) < _GUESSABLE_BELOW_CHARS:
        yield "the share group can be guessed, and whoever joins is dealt a share: name it by 20 random letters or more"


def _lets_in_anybody(settings: MqttSettings, *, timeout_s: float) -> bool:
    stranger = settings.model_copy(update={"username": None, "password": None})
    try:
        connect(stranger, client_id="", timeout_s=timeout_s).close()
    except HubpulseError:
        return False
    return True
