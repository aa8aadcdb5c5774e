"""The hostile client: MQTT 3.1.1 written by hand, so that nothing keeps it from what a library would not send."""

import itertools
import json
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random

from tests.mqtt.packets import packet

HUB = "beeston"
SLICE_S = 0.1
PART_PACKETS = 200
PUBLISH, PUBREC = 3, 5
CONNECT_TIMEOUT_S = 10.0
_DAY_S = 86_400
_OTHERS = ("$share/ingest/hubs/#", "$share/hubpulse/#", "$share/hubpulse-ingest/hubs/#", "#", "$SYS/#", "hubs/+/#")

Made = tuple[str, bytes]
Maker = Callable[[Random, int], Made]


def _topic(kind: str, sensor: str) -> str:
    return f"hubs/{HUB}/{kind}/{sensor}"


def _timed(**fields: float) -> bytes:
    return json.dumps({"time": time.time_ns(), **fields}).encode()


def _mac(rng: Random) -> str:
    pairs = [f"{rng.randrange(256):02x}" for _ in range(6)]
    return rng.choice(
        [":".join(pairs), "-".join(pairs), "".join(pairs), " ".join(pairs), "%3A".join(pairs), "\\u003a".join(pairs)]
    )


OFTEN: Mapping[str, Maker] = {
    "gauges": lambda rng, n: (_topic("temperature", f"air-{n % 5}"), _timed(value=rng.uniform(15, 30))),
    "bare gauges": lambda rng, n: (_topic("co2", f"air-{n % 5}"), b"%d" % rng.randrange(400, 2000)),
    "counts": lambda rng, n: (_topic("footfall", f"gate-{n % 3}"), _timed(entries=rng.randrange(5))),
    "counts without a time": lambda rng, n: (
        _topic("footfall", f"gate-{n % 3}"),
        b'{"entries": %d}' % rng.randrange(5),
    ),
    "wifi": lambda rng, _n: (_topic("wifi", "ap"), _timed(clients=rng.randrange(90))),
    "invented sensors": lambda rng, n: (_topic("humidity", f"new-{n}"), b"%d" % rng.randrange(100)),
    "rubbish": lambda rng, _n: (_topic("footfall", "gate-1"), rng.randbytes(rng.randrange(300))),
    "nested": lambda _rng, _n: (_topic("footfall", "gate-1"), b'{"entries": ' + b"[" * 500),
    "addresses": lambda rng, _n: (
        _topic("wifi", "ap"),
        json.dumps({"mac": _mac(rng), "seen": [_mac(rng)] * 3}).encode(),
    ),
    "an address in the topic": lambda rng, _n: (
        _topic("co2", "".join(f"{rng.randrange(256):02x}" for _ in range(6))),
        b"9",
    ),
    "past times": lambda rng, _n: (
        _topic("pressure", "air-1"),
        json.dumps({"time": int(time.time()) - rng.randrange(900 * _DAY_S), "value": 1000}).encode(),
    ),
    "other hubs": lambda _rng, _n: ("hubs/armley/footfall/door", b'{"entries": 1000}'),
    "out of range": lambda _rng, _n: (_topic("footfall", "gate-2"), b'{"entries": -5}'),
    "deep topics": lambda rng, _n: (f"hubs/{HUB}/" + "x/" * rng.randrange(60), b"1"),
}
SELDOM: Mapping[str, Maker] = {
    "huge arrays": lambda _rng, _n: (_topic("footfall", "gate-1"), b"[" + b"1," * 500_000 + b"1]"),
    "arrays": lambda rng, _n: (
        _topic("co2", "air-1"),
        json.dumps([{"time": time.time_ns() - n, "value": 500} for n in range(rng.randrange(3000))]).encode(),
    ),
    "thousands of past days": lambda _rng, _n: (
        _topic("footfall", "gate-1"),
        json.dumps([{"time": int(time.time()) - n * _DAY_S, "entries": 1} for n in range(9000)]).encode(),
    ),
    "beyond every limit": lambda _rng, _n: (_topic("footfall", "gate-1"), bytes(3 * 1024**2)),
}
SELDOM_EVERY_S = 0.5
SUBSCRIBE_EVERY_S = 1.0


class Hostile(threading.Thread):
    """Sends at a rate until told to stop, and connects again as often as it is thrown out."""

    def __init__(self, host: str, port: int, *, ca_file: Path, password: str, rate: int, seed: int) -> None:
        super().__init__(name="hostile", daemon=True)
        self._place, self._password, self._rate = (host, port), password, rate
        self._tls = ssl.create_default_context(cafile=str(ca_file))
        self._rng = Random(seed)
        self._stopping = threading.Event()
        self._numbers = itertools.count(1)
        self._seldom = itertools.cycle(SELDOM.items())
        self.sent: Counter[str] = Counter()
        self.connections = 0
        self.swallowed = 0
        """How many messages of others the broker gave it."""
        self.flooded_s = 0.0

    def stop(self) -> None:
        self._stopping.set()
        self.join()

    def run(self) -> None:
        began_s = time.monotonic()
        while not self._stopping.is_set():
            try:
                with socket.create_connection(self._place, CONNECT_TIMEOUT_S) as raw, self._wrapped(raw) as connection:
                    self.connections += 1
                    self._flood(connection)
            except OSError:
                self._stopping.wait(SLICE_S)
        self.flooded_s = time.monotonic() - began_s

    def _wrapped(self, raw: socket.socket) -> ssl.SSLSocket:
        return self._tls.wrap_socket(raw, server_hostname="localhost")

    def _flood(self, connection: ssl.SSLSocket) -> None:
        user = f"hub-{HUB}"
        body = b"\x00\x04MQTT\x04\xc2\x00\x3c" + _text("") + _text(user) + _text(self._password)
        connection.sendall(packet(0x10, body))
        connection.recv(4)
        connection.settimeout(CONNECT_TIMEOUT_S)
        began_s = time.monotonic()
        sent = 0
        seldom_s = subscribe_s = began_s
        unread = b""
        while not self._stopping.is_set():
            now_s = time.monotonic()
            due = min(int((now_s - began_s) * self._rate) - sent, self._rate)
            parts = list(itertools.islice(self._packets(), max(0, due)))
            if now_s - subscribe_s >= SUBSCRIBE_EVERY_S:
                subscribe_s = now_s
                parts += [packet(0x82, b"\x00\x01" + _text(name) + b"\x01") for name in _OTHERS]
            if now_s - seldom_s >= SELDOM_EVERY_S:
                seldom_s = now_s
                name, make = next(self._seldom)
                parts.append(self._publish(name, *make(self._rng, 0)))
            for first in range(0, len(parts), PART_PACKETS):
                connection.sendall(b"".join(parts[first : first + PART_PACKETS]))
                unread = self._answer(connection, unread)
            sent += due
            self._stopping.wait(max(0.0, SLICE_S - (time.monotonic() - now_s)))

    def _packets(self) -> Iterator[bytes]:
        for name, make in itertools.cycle(OFTEN.items()):
            yield self._publish(name, *make(self._rng, next(self._numbers)))

    def _publish(self, name: str, topic: str, payload: bytes) -> bytes:
        self.sent[name] += 1
        qos = self._rng.choice((0, 1, 1, 2))
        retained = self._rng.random() < 0.01
        body = _text(topic) + (self._rng.randrange(1, 60_000).to_bytes(2, "big") if qos else b"") + payload
        return packet(0x30 | qos << 1 | retained, body)

    def _answer(self, connection: ssl.SSLSocket, unread: bytes) -> bytes:
        """Read what the broker says, so that it never waits for us; end what was begun at QoS 2.

        In the thread that sends: a TLS connection is not for two at a time.
        """
        connection.settimeout(0)
        try:
            while received := connection.recv(65536):
                unread += received
            raise ConnectionResetError
        except ssl.SSLWantReadError:
            pass
        finally:
            connection.settimeout(CONNECT_TIMEOUT_S)
        released = []
        while (found := _split(unread)) is not None:
            head, body, unread = found
            self.swallowed += head >> 4 == PUBLISH
            if head >> 4 == PUBREC:
                released.append(packet(0x62, body[:2]))
        connection.sendall(b"".join(released))
        return unread


def _text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2, "big") + data


def _split(data: bytes) -> tuple[int, bytes, bytes] | None:
    """The first packet of a stream, and what follows."""
    length = shift = 0
    for at in range(1, min(5, len(data))):
        length |= (data[at] & 127) << shift
        shift += 7
        if data[at] < 128:
            end = at + 1 + length
            return (data[0], data[at + 1 : end], data[end:]) if len(data) >= end else None
    return None
