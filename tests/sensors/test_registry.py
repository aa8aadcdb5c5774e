"""Where a topic leads, for the estate in force."""

import subprocess
import sys
from zoneinfo import ZoneInfo

import pytest

from schemas import Estate, Kind, Reason, Rejection
from schemas.sources import Source
from sensors.formats.native import NativeFormat
from sensors.registry import Registry, SensorPlace
from tests.real_parts import REPOSITORY
from tests.sensors.plugin import uninstall

ESTATE = Estate.model_validate(
    {
        "timezone": "Europe/London",
        "sources": [{"topic": "hubs/#", "format": "native"}, {"topic": "v3/+/devices/+/up", "format": "tts"}],
        "hubs": [
            {
                "id": "armley",
                "sensors": [
                    {"id": "door-1", "zone": "entrance", "every": "5m"},
                    {"id": "ap-3c-22-fb-a1-b2-c3"},
                ],
            },
            {"id": "calit2", "timezone": "America/Los_Angeles"},
        ],
    }
)


def resolve(topic: str, estate: Estate) -> SensorPlace | Rejection:
    registry = Registry(estate)
    found = registry.format_of(topic)
    identity = found if isinstance(found, Rejection) else NativeFormat().identify(topic)
    return identity if isinstance(identity, Rejection) else registry.locate(*identity)


def refusal(topic: str, estate: Estate = ESTATE) -> Rejection:
    answer = resolve(topic, estate)
    assert isinstance(answer, Rejection)
    return answer


def place_of(topic: str, estate: Estate = ESTATE) -> SensorPlace:
    answer = resolve(topic, estate)
    assert isinstance(answer, SensorPlace), answer
    return answer


def test_a_sensor_that_the_estate_file_names() -> None:
    assert place_of("hubs/armley/footfall/door-1") == SensorPlace(
        hub="armley",
        kind=Kind.FOOTFALL,
        sensor="door-1",
        zone="entrance",
        zone_info=ZoneInfo("Europe/London"),
        every_s=300,
        max_step=None,
    )


def test_a_sensor_that_it_does_not_name_is_taken_as_new() -> None:
    found = place_of("hubs/armley/co2/air-9")

    assert (found.sensor, found.zone, found.every_s) == ("air-9", None, None)


def test_a_hub_may_have_a_time_zone_of_its_own() -> None:
    assert place_of("hubs/calit2/footfall/door").zone_info == ZoneInfo("America/Los_Angeles")


def test_without_an_estate_file_every_hub_is_taken() -> None:
    assert place_of("hubs/anything/co2/air-1", Estate(open=True)).hub == "anything"


@pytest.mark.claim("S-62")
def test_an_unknown_hub_says_what_to_do() -> None:
    answer = refusal("hubs/nowhere/co2/air-1")

    assert answer.reason is Reason.UNKNOWN_HUB
    assert "'nowhere'" in answer.detail
    assert "redrive" in answer.detail


@pytest.mark.parametrize(
    "topic",
    [
        *("", "/", "hubs", "hubs/", "hubs/armley", "hubs/armley/co2", "hubs/armley/co2/", "hubs/armley/co2/air-1/x"),
        *("/hubs/armley/co2/air-1", "Hubs/armley/co2/air-1", "hubs/armley/co2/air-1/", "hubs//co2/air-1"),
        *("hubs/armley/CO2/air-1", "hubs/armley/day_marks/air-1", "hubs/armley/co2/Air-1", "hubs/armley/co2/-air"),
        *(
            "hubs/armley/co2/air,hub=x",
            "hubs/armley/co2/air 1",
            "hubs/armley/co2/air\n1",
            "hubs/armley/co2/" + "a" * 65,
        ),
        *("hubs/armley/co2/luft-ä", "hubs/+/co2/air-1", "hubs/armley/co2/air\x00"),
    ],
)
def test_a_topic_out_of_the_grammar_is_refused_in_a_line(topic: str) -> None:
    answer = refusal(topic)

    assert answer.reason is Reason.BAD_TOPIC
    assert "\n" not in answer.detail


@pytest.mark.claim("S-72")
@pytest.mark.parametrize("estate", [ESTATE, Estate(open=True)])
@pytest.mark.parametrize(
    "topic",
    [
        "hubs/armley/wifi/3c-22-fb-a1-b2-c3",
        "hubs/armley/wifi/3c_22_fb_a1_b2_c3",
        "hubs/armley/wifi/phone-3c-22-fb-a1-b2-c3",
        "hubs/3c-22-fb-a1-b2-c3/wifi/ap",
        "hubs/armley/wifi/3c22fba1b2c3",
        "hubs/armley/wifi/3c22-fba1-b2c3",
        "hubs/armley/wifi/3c22fb-a1b2c3",
        "hubs/armley/wifi/3c22fbfffea1b2c3",
        "hubs/3c22fba1b2c3/wifi/ap",
    ],
)
def test_a_mac_address_never_becomes_a_tag(topic: str, estate: Estate) -> None:
    assert refusal(topic, estate).reason is Reason.BAD_TOPIC
    assert "3c" not in refusal(topic, estate).detail


def test_unless_the_estate_file_names_the_sensor_so() -> None:
    assert place_of("hubs/armley/wifi/ap-3c-22-fb-a1-b2-c3").sensor == "ap-3c-22-fb-a1-b2-c3"


def test_a_format_that_is_not_installed_is_kept_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    uninstall(monkeypatch, "tts")
    answer = refusal("v3/app/devices/x/up")

    assert answer.reason is Reason.BAD_SCHEMA
    assert "tts" in answer.detail


def test_the_filters_are_those_of_the_sources() -> None:
    assert Registry(ESTATE).filters == ("hubs/#", "v3/+/devices/+/up")


def test_looking_at_an_estate_or_a_message_loads_nothing_that_receives() -> None:
    """`estate check`, `explain` and `ledger` start quickly."""
    code = "import sys, sensors.registry, ingest.batches; sys.exit(bool({'paho', 'structlog'} & sys.modules.keys()))"

    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0


@pytest.mark.parametrize(
    "topic, key",
    [
        ("hubs/armley/co2/air-1", "hubs/armley"),
        ("v3/my-app/devices/eui-1/up", "my-app/eui-1"),
        ("shellies/kitchen/sensor/temperature", "kitchen"),
        ("shellies/kitchen/online", "kitchen"),
        ("shellies", ""),
        ("home/sensor/air/config", "homeassistant"),
        ("home/air/state", "homeassistant"),
        ("elsewhere/x", "elsewhere/x"),
    ],
)
def test_messages_of_one_device_have_one_key_by_whichever_topic_they_come(topic: str, key: str) -> None:
    more = {"shellies/#": "shelly", "home/#": "homeassistant"}
    sources = [*ESTATE.sources, *(Source(topic=name, format=format_) for name, format_ in more.items())]

    assert Registry(ESTATE.model_copy(update={"sources": sources})).order_key(topic.encode()) == key.encode()
