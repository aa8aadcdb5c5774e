"""A load is as steady as asked for, bounded, and measured honestly."""

import itertools
import math
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import HubpulseError
from simulators.load import Latencies, hold_rate
from simulators.messages import TimedMessage
from tests.servers import Mosquitto, free_port
from tests.simulators.listening import Listener, numbered, settings_of


def endless() -> Iterator[TimedMessage]:
    return itertools.cycle(numbered(1000))


def test_every_message_is_sent_once_over_all_connections(mosquitto: Mosquitto) -> None:
    told: list[int] = []
    with Listener(mosquitto.port) as listener:
        report = hold_rate(
            settings_of(mosquitto.port), numbered(2000), rate_per_s=1e6, connections=4, on_sent=told.append
        )
        listener.wait_for(2000)
    assert sorted(listener.payloads) == sorted(message.payload for message in numbered(2000))
    assert (report.sent, report.acknowledged, report.refused, report.connections) == (2000, 2000, {}, 4)
    assert sum(told) == 2000
    assert 0 < report.latency_p50_ms <= report.latency_p95_ms <= report.latency_p99_ms <= report.latency_max_ms


def test_the_rate_is_held_and_not_exceeded(mosquitto: Mosquitto) -> None:
    report = hold_rate(settings_of(mosquitto.port), endless(), rate_per_s=500, connections=3, messages_max=250)
    assert report.sent == report.acknowledged == 250
    assert report.seconds >= 249 / 500
    assert report.rate_per_s <= 505


def test_a_duration_bounds_the_load(mosquitto: Mosquitto) -> None:
    report = hold_rate(settings_of(mosquitto.port), endless(), rate_per_s=1000, duration_s=0.2)
    assert report.sent == 200


def test_a_stop_ends_every_connection(mosquitto: Mosquitto) -> None:
    sent = 0

    def count(more: int) -> None:
        nonlocal sent
        sent += more

    report = hold_rate(settings_of(mosquitto.port), endless(), rate_per_s=1e6, on_sent=count, stop=lambda: sent >= 500)
    assert report.sent == report.acknowledged == sent >= 500


def test_what_the_broker_refuses_is_in_the_report(make_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = make_mosquitto(settings="max_packet_size 100")
    messages = [TimedMessage(0, "hubs/large", bytes(500)) for _ in range(10)]
    report = hold_rate(settings_of(broker.port), messages, rate_per_s=1e6, connections=2)
    assert (report.sent, report.acknowledged, sum(report.refused.values())) == (10, 0, 10)


def test_an_error_of_one_connection_ends_the_load(mosquitto: Mosquitto) -> None:
    def broken() -> Iterator[TimedMessage]:
        yield from numbered(100)
        raise HubpulseError("the source broke")

    with pytest.raises(HubpulseError, match="the source broke"):
        hold_rate(settings_of(mosquitto.port), broken(), rate_per_s=1e6)


def test_no_broker_is_a_plain_error() -> None:
    with pytest.raises(HubpulseError, match="no broker answers"):
        hold_rate(settings_of(free_port()), endless(), rate_per_s=1)


@given(st.lists(st.floats(1e-5, 100), min_size=1, max_size=200), st.sampled_from([50, 95, 99, 100]))
def test_percentiles_are_right_to_two_percent(durations_s: list[float], percent: float) -> None:
    latencies = Latencies()
    latencies.add(durations_s)
    exact = sorted(durations_s)[math.ceil(len(durations_s) * percent / 100) - 1]
    assert exact * (1 - 1e-9) <= latencies.percentile_s(percent) <= exact * 1.0201
    assert latencies.longest_s == max(durations_s)


def test_no_latencies_are_no_percentile() -> None:
    assert Latencies().percentile_s(99) == 0
