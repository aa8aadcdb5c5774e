"""Messages per second of ingest: decoding alone, committing alone, and the whole way from the broker to the buffer.

python -m benchmarks.ingest [MESSAGES]

Seconds of splitting, receiving and decoding are those of the processor, which a busy machine does not lengthen; those
of commits and of the whole way are of the clock. The whole way takes from a real mosquitto what it kept for us at QoS 1
(MQTT 5): receive, decode, commit durably, acknowledge. Beside it, in the same round and from the same broker, stock
paho does nothing but count in `on_message`.
"""

from __future__ import annotations

import gc
import json
import random
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.buffer import Buffer
from ingest.decoder import Decoder
from mqtt.messages import Message
from mqtt.packets import PacketSplitter
from mqtt.publisher import Publisher
from mqtt.subscriber import Subscriber
from schemas import Estate
from schemas.localtime import rfc3339
from schemas.settings import IngestSettings, MqttSettings
from sensors.registry import Registry
from simulators.messages import TimedMessage as Sent
from tests.mqtt.packets import CONNACK_5
from tests.mqtt.packets import publish as publish_packet
from tests.real_parts import find
from tests.servers import Mosquitto

MESSAGES = 100_000
BATCH = 5000
ROUNDS = 5
HUBS, SENSORS = 22, 10
RECEIVE_MAX = 5000
IDLE_S = 0.05
LOCALHOST = "127.0.0.1"
NOW_S = 1_795_000_000
OPEN = Registry(Estate(open=True))
PLAUSIBLE = {"temperature": 21.5, "co2": 612.0, "humidity": 45.5, "pressure": 1013.25}


def topic(n: int, kind: str) -> str:
    return f"hubs/hub-{n % HUBS}/{kind}/sensor-{n % SENSORS}"


def single(n: int, time_text: str) -> Message:
    kind = list(PLAUSIBLE)[n % 4]
    body = f'{{"time": {time_text}, "value": {PLAUSIBLE[kind]}}}'
    return Message(topic(n, kind).encode(), body.encode(), n % 60_000 + 1)


def numeric(n: int) -> Message:
    return single(n, str(NOW_S - n % 600))


def text(n: int) -> Message:
    return single(n, f'"{rfc3339((NOW_S - n % 600) * 10**9)}"')


def history(n: int) -> Message:
    return single(n, str(NOW_S - 30 * 86_400 + n * 60))


def array(n: int) -> Message:
    """A hundred readings of today."""
    times = [rfc3339((NOW_S - at) * 10**9) for at in range(100)]
    parts = [f'{{"time": "{time}", "value": {18 + n % 7}.{at % 10}}}' for at, time in enumerate(times)]
    return Message(topic(n, "temperature").encode(), f"[{', '.join(parts)}]".encode(), n % 60_000 + 1)


def counts(n: int) -> Message:
    body = f'{{"time": {NOW_S - n % 600}, "entries": {n % 50}, "exits": {n % 40}}}'
    return Message(topic(n, "footfall").encode(), body.encode(), n % 60_000 + 1)


def bare(n: int) -> Message:
    return Message(topic(n, "temperature").encode(), b"21.5", n % 60_000 + 1)


def one_in_a_hundred_bad(n: int) -> Message:
    return numeric(n) if n % 100 else Message(topic(n, "temperature").encode(), b'{"value": "21"}', n % 60_000 + 1)


def uplink(n: int, now_s: int = NOW_S) -> Message:
    """An AM307's frame as The Things Stack publishes it, with what it adds: about 1.3 kB."""
    device = f"24e124707c48{n % (HUBS * SENSORS):04x}"
    content = {
        "end_device_ids": {
            "device_id": f"air-{n % (HUBS * SENSORS)}",
            "application_ids": {"application_id": "hubs"},
            "dev_eui": device.upper(),
            "join_eui": "800000000000000C",
            "dev_addr": "00BCB929",
        },
        "correlation_ids": ["as:up:01E0WZGT6Y7657CPFPE5WEYDSQ", "ns:uplink:01D2CV8HF6FYJHKZ45YY1DB3MR"],
        "received_at": rfc3339((now_s - n % 600) * 10**9 + 14_773_143),
        "uplink_message": {
            "session_key_id": "AXA50tHUGUucuzS/bCGMNw==",
            "f_port": 85,
            "f_cnt": n,
            "frm_payload": "A2fuAARofAUAAQbLAgd9qAMIfSUACXNmJw==",
            "rx_metadata": [
                {
                    "gateway_ids": {"gateway_id": "gtw1", "eui": "9C5C8E00001A05C4"},
                    "time": rfc3339((now_s - n % 600) * 10**9 + 123_456_789),
                    "timestamp": 2463457000,
                    "rssi": -35,
                    "channel_rssi": -35,
                    "snr": 5,
                    "uplink_token": "ChIKEAoEZ3R3MRIInFyOAAAaBcQQ6L3Vlgk=",
                    "channel_index": 2,
                }
            ],
            "settings": {
                "data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 7}},
                "coding_rate": "4/6",
                "frequency": "868300000",
                "timestamp": 2463457000,
            },
            "consumed_airtime": "0.056576s",
            "version_ids": {"brand_id": "milesight-iot", "model_id": "am307", "band_id": "EU_863_870"},
            "network_ids": {"net_id": "000013", "tenant_id": "hubs", "cluster_id": "eu1"},
            "received_at": rfc3339((now_s - n % 600) * 10**9),
        },
    }
    topic_ = f"v3/hubs@ttn/devices/air-{n % (HUBS * SENSORS)}/up"
    return Message(topic_.encode(), json.dumps(content, separators=(",", ":")).encode())


def lorawan_estate() -> dict[str, Any]:
    """An estate file of an AM307 behind each uplink."""
    sensors = [
        {"id": f"air-{n}", "device": f"24e124707c48{n:04x}", "model": "milesight/am307", "zone": "hall", "every": "10m"}
        for n in range(HUBS * SENSORS)
    ]
    hubs = [{"id": f"hub-{n}", "sensors": sensors[n * SENSORS : (n + 1) * SENSORS]} for n in range(HUBS)]
    sources = [{"topic": "v3/+/devices/+/up", "format": "tts"}]
    return {"hubs": hubs, "sources": sources}


def processor_s(work: Callable[[], object]) -> float:
    """The least of several rounds."""
    measured = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        measured.append(time.process_time() - start)
    return min(measured)


def say(what: str, rate: float, note: str = "") -> None:
    print(f"{what:<44} {rate:>10,.0f}/s {1e6 / rate:>7.2f} us {note}")


def decoding() -> None:
    shapes: Sequence[tuple[str, Callable[[int], Message]]] = (
        ("one reading, Unix time", numeric),
        ("one reading, RFC 3339", text),
        ("one reading of a past day", history),
        ("a hundred readings", array),
        ("two counts", counts),
        ("a bare number", bare),
        ("one in a hundred malformed", one_in_a_hundred_bad),
    )
    lorawan = Registry(Estate.model_validate(lorawan_estate()))
    for name, make in (*shapes, ("an uplink of The Things Stack, AM307", uplink)):
        decoder = Decoder(lorawan if make is uplink else OPEN, clock_ns=lambda: NOW_S * 10**9)
        messages = [make(n) for n in range(BATCH)]
        decoder.decode(messages)
        say(f"decode: {name}", BATCH / processor_s(lambda: decoder.decode(messages)))  # noqa: B023 - called at once


def splitting() -> None:
    stream = b"".join(publish_packet(numeric(n)) for n in range(BATCH))
    splitter = PacketSplitter(version_5=True, hand_over=lambda _head, _body: 0)

    def split() -> None:
        splitter.feed(stream)
        splitter.take_messages()

    say("split packets", BATCH / processor_s(split))


def receiving() -> None:
    """Receive and acknowledge, without a decoder: the messages are in the socket before the clock starts."""
    with socket.create_server((LOCALHOST, 0)) as server:
        subscriber = Subscriber(
            mqtt_settings=MqttSettings(host=LOCALHOST, port=server.getsockname()[1]),
            ingest_settings=IngestSettings(),
            filters=["hubs/#"],
            rng=random.Random(1),
        )
        subscriber.receive(0)
        broker, _ = server.accept()
        broker.settimeout(5)
    for answer in (CONNACK_5, b"\x90\x04\x00\x01\x00\x01"):
        broker.recv(65_536)
        broker.sendall(answer)
        subscriber.receive(1)
        subscriber.receive(0)  # writes what the answer brought about
    for size in (500, 20, 1):
        stream = b"".join(publish_packet(numeric(n)) for n in range(size))
        seconds = []
        for _ in range(500):
            broker.sendall(stream)
            start, received = time.process_time(), 0
            while received < size:
                received += len(subscriber.receive(IDLE_S))
            subscriber.acknowledge()
            seconds.append(time.process_time() - start)
            broker.recv(4 * size, socket.MSG_WAITALL)  # so long is a PUBACK
        say(f"receive and acknowledge: {size} at a time", size / min(seconds))
    subscriber.close()
    broker.close()


def committing() -> None:
    decoder = Decoder(OPEN, clock_ns=lambda: NOW_S * 10**9)
    for size in (5000, 500, 50):
        with tempfile.TemporaryDirectory() as folder:
            buffer = Buffer(Path(folder), clock_ns=time.time_ns)
            batch = decoder.decode([numeric(n) for n in range(size)])
            seconds = []
            for _ in range(20):
                start = time.perf_counter()
                buffer.commit(batch)
                seconds.append(time.perf_counter() - start)
            buffer.close()
            say(f"commit: {size} messages at a time", size / statistics.median(seconds))


class Way:
    """Subscriber to buffer, as `ingest.pipeline` walks it, on a session of its own."""

    def __init__(self, port: int, folder: Path) -> None:
        self.buffer = Buffer(folder, clock_ns=time.time_ns)
        self.subscriber = Subscriber(
            mqtt_settings=MqttSettings(host=LOCALHOST, port=port, receive_max=RECEIVE_MAX),
            ingest_settings=IngestSettings(),
            filters=["hubs/#"],
            rng=random.Random(1),
        )
        self.decoder = Decoder(OPEN, clock_ns=time.time_ns)

    def walk(self, count: int) -> None:
        """Take so many messages the whole way, or none but make sure of the session."""
        received = 0
        while received < count or not self.subscriber.subscribed:
            messages = self.subscriber.receive(IDLE_S)
            if messages:
                self.buffer.commit(self.decoder.decode(messages))
                self.subscriber.acknowledge()
                received += len(messages)
        self.subscriber.close()
        self.buffer.close()


class StockPaho:
    """paho as its documentation shows it, counting."""

    def __init__(self, port: int, version: Any) -> None:
        self.received = self._wanted = 0
        self._subscribed = False
        session: dict[str, Any] = {"clean_session": False} if version != mqtt.MQTTv5 else {}
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"stock-{version}", protocol=version, **session
        )
        self.client.on_message = self._on_message
        self.client.on_subscribe = self._on_subscribe
        options: dict[str, Any] = {}
        if version == mqtt.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.ReceiveMaximum = RECEIVE_MAX
            properties.SessionExpiryInterval = 3600
            options = {"clean_start": False, "properties": properties}
        self.client.connect(LOCALHOST, port, **options)
        quality: Any = SubscribeOptions(qos=1) if version == mqtt.MQTTv5 else 1
        self.client.subscribe([("hubs/#", quality)])

    def walk(self, count: int) -> None:
        self._wanted = count
        while self.received < count or not self._subscribed:
            self.client.loop(IDLE_S)
        self.client.disconnect()

    def _on_message(self, *_: Any) -> None:
        self.received += 1

    def _on_subscribe(self, *_: Any) -> None:
        self._subscribed = True


def whole_way(messages: int) -> None:
    if find("mosquitto") is None:
        print("mosquitto is not installed: the whole way is not measured")
        return
    with tempfile.TemporaryDirectory() as folder, Mosquitto(Path(folder) / "broker", max_inflight_messages=0) as broker:
        walkers: dict[str, Callable[[], Way | StockPaho]] = {
            "ours, MQTT 5: receive, decode, commit": lambda: Way(broker.port, Path(folder) / "data"),
            "stock paho, MQTT 5: receive": lambda: StockPaho(broker.port, mqtt.MQTTv5),
            "stock paho, 3.1.1: receive": lambda: StockPaho(broker.port, mqtt.MQTTv311),
        }
        for make in walkers.values():
            make().walk(0)
        now_s = int(time.time())
        sent = [
            Sent(0, m.topic.decode(), m.payload.replace(b"%d" % NOW_S, b"%d" % now_s))
            for m in map(same, range(messages))
        ]
        gc.collect()
        gc.freeze()  # what is to be sent is no work of those who are measured
        rates: dict[str, list[tuple[float, float]]] = {name: [] for name in walkers}
        for _ in range(ROUNDS - 2):
            with Publisher(MqttSettings(host=LOCALHOST, port=broker.port)) as publisher:
                publisher.publish_all(sent)
            for name, make in walkers.items():
                walker = make()
                start_s, start_processor_s = time.perf_counter(), time.process_time()
                walker.walk(messages)
                seconds = time.perf_counter() - start_s
                rates[name].append((messages / seconds, (time.process_time() - start_processor_s) / messages))
    ours = statistics.median(rate for rate, _ in next(iter(rates.values())))
    for name, measured in rates.items():
        rate = statistics.median(rate for rate, _ in measured)
        processor_us = 1e6 * statistics.median(each for _, each in measured)
        say(name, rate, f"{processor_us:6.2f} us of processor; ours is {ours / rate:.1f} times that")


def same(n: int) -> Message:
    """A reading of now, whatever n is."""
    return single(n, str(NOW_S))


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    print(f"{'':<44} {'messages':>12} {'each':>10}")
    splitting()
    receiving()
    decoding()
    committing()
    whole_way(messages)


if __name__ == "__main__":
    main()
