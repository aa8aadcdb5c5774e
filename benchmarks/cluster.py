"""Two nodes of an Apache Artemis cluster, an ingest on each, one shared subscription: one is killed, nothing is lost.

python -m benchmarks.cluster [MESSAGES]

Publishes at QoS 1: a part before a node is killed (SIGKILL), one while it is gone, one when it is back, to that node.
Each ingest has a store of its own; a reading that both have is one. Exits with 1 where one is missing. It needs Java
17 and Artemis (`tests/artemis.py` says how to get it).
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from benchmarks.costs import NOT_HERE
from ingest.buffer import BufferReader
from mqtt.publisher import Publisher
from schemas import HubpulseError, Kind
from schemas.settings import MqttSettings
from simulators.messages import TimedMessage
from stores.sqlite_store import SqliteStore
from tests.artemis import Artemis
from tests.cli.command import CommandLine
from tests.servers import LOOPBACK, free_port
from tests.waiting import wait_until

MESSAGES = 6000
_FIRST_S = 1_767_571_200
_DEADLINE_S = 120.0
_BRIDGED = "AMQ221027"
"""A node's log of it: it is connected to another."""


def publish(port: int, numbers: range) -> float:
    """Publish a reading for each number; how many messages a second were acknowledged."""
    began_s = time.monotonic()
    with Publisher(MqttSettings(host=LOOPBACK, port=port)) as publisher:
        publisher.publish_all(
            TimedMessage(0, f"hubs/armley/footfall/door-{n % 7}", b'{"time": %d, "entries": 1}' % (_FIRST_S + n))
            for n in numbers
        )
    return len(numbers) / (time.monotonic() - began_s)


def stored(data: Path) -> Iterator[tuple[str, int]]:
    """Sensor and time of each reading in the store of a data folder."""
    with closing(SqliteStore(data / "store.db")) as store:
        for chunk in store.read(Kind.FOOTFALL, start_ns=0, stop_ns=2**62):
            yield from ((chunk.tags["sensor"], time_ns) for time_ns in chunk.times_ns)


def received(data: Path) -> int:
    """Messages that an ingest has received, by its ledger."""
    try:
        with closing(BufferReader(data)) as reader:
            return reader.ledger.read().messages_received
    except HubpulseError:
        return 0


def is_subscribed(data: Path) -> bool:
    """Whether ingest has nothing to complain about: the broker keeps for it what is published."""
    try:
        with closing(BufferReader(data)) as reader:
            status = reader.status.get("subscriber")
            return bool(status) and status["problem"] is None
    except HubpulseError:
        return False


def run(folder: Path, messages: int) -> None:
    """Print what was published, received by each, and stored. Raises SystemExit where a reading is missing."""
    ports, part = [free_port(), free_port()], messages // 4
    with ExitStack() as parts:
        nodes = [
            parts.enter_context(Artemis(folder / f"node-{n}", core_ports=ports[::step]))
            for n, step in ((1, 1), (2, -1))
        ]
        wait_until(lambda: all(_BRIDGED in node.log for node in nodes), _DEADLINE_S, "the nodes to find each other")
        hosts = [
            CommandLine(
                folder / name,
                HUBPULSE_MQTT__HOST=LOOPBACK,
                HUBPULSE_MQTT__PORT=node.port,
                HUBPULSE_MQTT__CLIENT_ID=name,
                HUBPULSE_MQTT__INGEST_NAME=name,
                HUBPULSE_MQTT__SHARE_GROUP="a-group-of-two-nodes",
            )
            for name, node in zip(("ingest-1", "ingest-2"), nodes, strict=True)
        ]
        data = [host.folder / "data" for host in hosts]
        for host in hosts:
            parts.enter_context(host.start("ingest"))
        wait_until(lambda: all(map(is_subscribed, data)), _DEADLINE_S, "both subscriptions")
        rates = [publish(nodes[0].port, range(part))]
        wait_until(lambda: sum(map(received, data)) >= part, _DEADLINE_S, "the first messages")
        first = [received(each) for each in data]
        rates.append(publish(nodes[0].port, range(part, 2 * part)))
        nodes[1].kill()
        rates.append(publish(nodes[0].port, range(2 * part, 3 * part)))
        nodes[1].start()
        rates.append(publish(nodes[1].port, range(3 * part, 4 * part)))
        found: set[tuple[str, int]] = set()

        def is_whole() -> bool:
            found.update(*map(stored, data))
            return len(found) >= 4 * part

        try:
            wait_until(is_whole, _DEADLINE_S, "every reading")
        finally:
            print(f"published {4 * part}, at {', '.join(f'{rate:.0f}' for rate in rates)} messages a second")
            print(f"received by each: {first} of the first {part}, {[received(each) for each in data]} in all")
            print(f"stored: {len(found)}, missing: {4 * part - len(found)}")


def main() -> None:
    """Try it, where Artemis is there."""
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    with tempfile.TemporaryDirectory() as folder:
        try:
            run(Path(folder), messages)
        except pytest.skip.Exception as reason:
            print(reason)
            sys.exit(NOT_HERE)
        except AssertionError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
