"""The hostile client: MQTT 3.1.1 written by hand, so that nothing keeps it from what a library would not send.

A process of its own, `python -m tests.hostile.client`, that makes packets beforehand and sends each of them several
times, so that it takes little of the processor that the honest need. It reads what to do as JSON from the first line of
its input, floods until that ends, and then prints what came of it.
"""

import itertools
import json
import select
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Self

from tests.hostile.contents import CONTENTS, HUB, SELDOM, Made
from tests.mqtt.packets import packet
from tests.real_parts import REPOSITORY

CONNECTIONS = 4
SLICE_S = 0.02
RING_PACKETS, FRESH_A_SLICE = 2000, 10
"""So many packets are ready, and so many of them are made anew in each slice of time."""
UNSENT_BYTES_MAX = 2 * 1024**2
"""What the broker has not taken yet, of one connection: more is not given to it."""
SELDOM_EVERY_S, SUBSCRIBE_EVERY_S, AGAIN_AFTER_S = 0.5, 1.0, 0.1
CONNECT_TIMEOUT_S, END_DEADLINE_S = 10.0, 60.0
PUBLISH, PUBREC, ANSWER_BYTES = 3, 5, 4
_OTHERS = ("$share/ingest/hubs/#", "$share/hubpulse/#", "$share/hubpulse-ingest/hubs/#", "#", "$SYS/#", "hubs/+/#")


@dataclass(frozen=True)
class Orders:
    """What to do."""

    host: str
    port: int
    ca_file: str
    password: str
    rate: int
    content: str
    seed: int


@dataclass
class Outcome:
    """What came of it."""

    sent: Counter[str] = field(default_factory=Counter)
    bytes_sent: int = 0
    connections: int = 0
    swallowed: int = 0
    """How many messages of others the broker gave it."""
    flooded_s: float = 0.0
    cpu_s: float = 0.0
    """What all this took of the processor."""


class Hostile:
    """Starts the process, and ends it."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    def start(self) -> None:
        """Return at once; it connects as soon as it can."""
        command = [sys.executable, "-m", "tests.hostile.client"]
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(self._orders)) + "\n")
        self._process.stdin.flush()

    def stop(self) -> Outcome:
        """What came of it until now."""
        out, _ = self._process.communicate(timeout=END_DEADLINE_S)
        found = json.loads(out)
        return Outcome(**{**found, "sent": Counter(found["sent"])})

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


class Packets:
    """Packets that are ready to be sent, the oldest of them made anew from time to time."""

    def __init__(self, content: str, rng: Random, sent: Counter[str]) -> None:
        self._rng, self._sent = rng, sent
        self._makers = itertools.cycle(CONTENTS[content].items())
        self._seldom = itertools.cycle(SELDOM.get(content, {}).items())
        self._numbers = itertools.count(1)
        self._ring = [self._made() for _ in range(RING_PACKETS)]
        self._next = self._oldest = 0

    def renew(self) -> None:
        """Make some anew: other times, other names."""
        for _ in range(FRESH_A_SLICE):
            self._ring[self._oldest] = self._made()
            self._oldest = (self._oldest + 1) % RING_PACKETS

    def take(self, count: int) -> bytes:
        """So many of them, one after the other."""
        taken = [self._ring[at % RING_PACKETS] for at in range(self._next, self._next + count)]
        self._next = (self._next + count) % RING_PACKETS
        self._sent.update(name for name, _ in taken)
        return b"".join(data for _, data in taken)

    def seldom(self) -> bytes:
        """A large one; nothing where there is none in this content."""
        for name, make in self._seldom:
            self._sent[name] += 1
            return self._publish(*make(self._rng, 0))
        return b""

    def _made(self) -> tuple[str, bytes]:
        name, make = next(self._makers)
        return name, self._publish(*make(self._rng, next(self._numbers)))

    def _publish(self, *made: *Made) -> bytes:
        topic, payload = made
        qos = self._rng.choice((0, 1, 1, 2))
        is_retained = self._rng.random() < 0.01
        body = _text(topic) + (self._rng.randrange(1, 60_000).to_bytes(2, "big") if qos else b"") + payload
        return packet(0x30 | qos << 1 | is_retained, body)


class Connection:
    """A connection by TLS that is made again as often as it is lost."""

    def __init__(self, orders: Orders, outcome: Outcome) -> None:
        self._place, self._outcome = (orders.host, orders.port), outcome
        self._tls = ssl.create_default_context(cafile=orders.ca_file)
        self._body = b"\x00\x04MQTT\x04\xc2\x00\x3c" + _text("") + _text(f"hub-{HUB}") + _text(orders.password)
        self._socket: ssl.SSLSocket | None = None
        self._unsent, self._unread = bytearray(), b""
        self._again_s = self._subscribe_s = 0.0

    def turn(self) -> bool:
        """Send what the broker takes, and read what it says; whether it may be given more."""
        now_s = time.monotonic()
        try:
            if self._socket is None:
                if now_s < self._again_s:
                    return False
                self._open()
            if now_s >= self._subscribe_s:
                self._subscribe_s = now_s + SUBSCRIBE_EVERY_S
                self._unsent += b"".join(packet(0x82, b"\x00\x01" + _text(name) + b"\x01") for name in _OTHERS)
            self._read()
            self._write()
        except OSError:
            self.close()
            self._again_s = now_s + AGAIN_AFTER_S
        return self._socket is not None and len(self._unsent) < UNSENT_BYTES_MAX

    def give(self, packets: bytes) -> None:
        self._unsent += packets

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._unsent, self._unread = bytearray(), b""

    def _open(self) -> None:
        raw = socket.create_connection(self._place, CONNECT_TIMEOUT_S)
        try:
            self._socket = self._tls.wrap_socket(raw, server_hostname=self._place[0])
        except OSError:
            raw.close()
            raise
        self._outcome.connections += 1
        self._socket.sendall(packet(0x10, self._body))
        self._socket.setblocking(False)

    def _write(self) -> None:
        assert self._socket is not None
        with suppress(ssl.SSLWantWriteError, ssl.SSLWantReadError):
            while self._unsent:
                # The same bytes again after it would have waited, as TLS wants them.
                count = self._socket.send(memoryview(self._unsent)[:16_384].tobytes())
                del self._unsent[:count]
                self._outcome.bytes_sent += count

    def _read(self) -> None:
        """Read what the broker says, so that it never waits for us; end what was begun at QoS 2."""
        assert self._socket is not None
        received = [self._unread]
        with suppress(ssl.SSLWantReadError):
            while data := self._socket.recv(65_536):
                received.append(data)
            raise ConnectionResetError
        unread = b"".join(received)
        at, size = 0, len(unread)
        while size - at >= ANSWER_BYTES:
            kind = unread[at] >> 4
            if unread[at + 1] == 2:  # every answer to a message
                if kind == PUBREC:
                    self._unsent += b"\x62\x02" + unread[at + 2 : at + 4]
                at += ANSWER_BYTES
                continue
            end = _end(unread, at)
            if end is None:
                break
            self._outcome.swallowed += kind == PUBLISH
            at = end
        self._unread = unread[at:]


def _text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2, "big") + data


def _end(data: bytes, start: int) -> int | None:
    """Where a packet ends; None where it is not whole yet."""
    length = shift = 0
    for at in range(start + 1, min(start + 5, len(data))):
        length |= (data[at] & 127) << shift
        shift += 7
        if data[at] < 128:
            end = at + 1 + length
            return end if len(data) >= end else None
    return None


def flood(orders: Orders) -> Outcome:
    """Send at the rate asked for, by all connections in turn, until the input ends."""
    outcome = Outcome()
    packets = Packets(orders.content, Random(orders.seed), outcome.sent)
    connections = [Connection(orders, outcome) for _ in range(CONNECTIONS)]
    ended = select.poll()
    ended.register(sys.stdin)
    began_s = seldom_s = time.monotonic()
    slices = 0
    while not ended.poll(1000 * max(0.0, began_s + slices * SLICE_S - time.monotonic())):
        slices += 1
        packets.renew()
        due = int(slices * SLICE_S * orders.rate) - int((slices - 1) * SLICE_S * orders.rate)
        ready = [connection for connection in connections if connection.turn()]
        for number, connection in enumerate(ready):
            connection.give(packets.take((due + number) // len(ready)))
        if ready and time.monotonic() >= seldom_s:
            seldom_s = time.monotonic() + SELDOM_EVERY_S
            ready[0].give(packets.seldom())
        for connection in ready:
            connection.turn()
    outcome.flooded_s, outcome.cpu_s = time.monotonic() - began_s, time.process_time()
    for connection in connections:
        connection.close()
    return outcome


if __name__ == "__main__":
    sys.stdout.write(json.dumps(vars(flood(Orders(**json.loads(sys.stdin.readline()))))))
