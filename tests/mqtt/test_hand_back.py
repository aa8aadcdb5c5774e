"""Whether a broker hands on what a dead member of a shared subscription had not answered: on a real mosquitto."""

from collections.abc import Callable

import pytest

from mqtt.hand_back import TRY_TOPIC, share_problem
from schemas import HubpulseError
from schemas.settings import MqttSettings
from tests.servers import Mosquitto, free_port


def settings(port: int, **more: str) -> MqttSettings:
    return MqttSettings.model_validate({"host": "127.0.0.1", "port": port, **more})


@pytest.mark.needs("mosquitto")
def test_mosquitto_hands_nothing_on_and_is_refused_with_the_reason(make_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = make_mosquitto(settings="log_type all")

    problem = share_problem(settings(broker.port))

    assert problem is not None
    assert "handed to nobody" in problem
    assert "--workers" in problem
    for number in (1, 2):  # its sessions are ended: the last connection of each began anew, and left nothing
        clients = [line for line in broker.log.splitlines() if f"-{number} (p5" in line and "hubpulse-try" in line]
        assert "c1" in clients[-1]


@pytest.mark.needs("mosquitto")
def test_where_our_user_may_not_try_that_is_said(
    make_mosquitto: Callable[..., Mosquitto], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rights = tmp_path_factory.mktemp("rights") / "acl"
    rights.write_text("topic read hubs/#\n")
    rights.chmod(0o700)
    broker = make_mosquitto(settings=f"acl_file {rights}")

    problem = share_problem(settings(broker.port))

    assert problem is not None
    assert f"publish and to subscribe below {TRY_TOPIC}/" in problem


def test_a_broker_that_is_away_is_no_answer() -> None:
    with pytest.raises(HubpulseError, match="no broker answers"):
        share_problem(settings(free_port()))
