"""The way of a reading as an operator sets it up: a broker, `hubpulse ingest`, a store, and commands that ask it."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from ingest.buffer import BufferReader
from ingest.ledger import Ledger
from mqtt.publisher import Publisher
from schemas import HubpulseError
from schemas.settings import MqttSettings
from simulators.mapping import SHIPPED
from simulators.messages import TimedMessage
from tests.cli.command import CommandLine, Running
from tests.servers import Mosquitto
from tests.waiting import wait_until

READY_DEADLINE_S = 30.0
STORED_DEADLINE_S = 90.0
LAST_TOPIC = "hubs/last"

Figures = dict[str, dict[str, str]]
"""Cells of a usage export by local day."""


class Pipeline:
    """One data folder with its broker and its store; `settings` are environment variables."""

    def __init__(
        self, folder: Path, broker: Mosquitto, estate: Path, settings: Mapping[str, str | int | float]
    ) -> None:
        self.broker = broker
        self.data = folder / "data"
        self.command = CommandLine(
            folder,
            HUBPULSE_DATA_DIR=str(self.data),
            HUBPULSE_ESTATE=str(estate),
            HUBPULSE_MQTT__HOST=broker.host,
            HUBPULSE_MQTT__PORT=broker.port,
            **settings,
        )

    def start_ingest(self, **settings: str | int) -> Running:
        """Start `hubpulse ingest`; the broker may not know it yet."""
        return self.command.start("ingest", **settings)

    def wait_until_subscribed(self, ingest: Running) -> None:
        """Return once the broker keeps what is published for ingest: it says so in its own log."""

        def is_subscribed() -> bool:
            assert ingest.is_running, ingest.err
            return "hubpulse-ingest 1 hubs/#" in self.broker.log

        wait_until(is_subscribed, READY_DEADLINE_S, "ingest to subscribe")

    def replay(self, *arguments: str | Path) -> int:
        """Run `hubpulse replay` at full speed to its end; how many messages the broker acknowledged."""
        return int(self.command.run("replay", *arguments, "--speed", "max", "--json").json["acknowledged"])

    def ledger(self) -> Ledger | None:
        """The ledger as it stands, read from outside; None where there is none yet."""
        try:
            with closing(BufferReader(self.data)) as reader:
                return reader.ledger.read()
        except HubpulseError:
            return None

    def wait_until_all_stored(self, ingest: Running) -> Ledger:
        """The ledger once everything published so far is received and nothing is pending.

        What is delivered again is counted again, so no count says when all is there. Order is kept, so a last message
        does: one on no topic of ours, which is refused as `bad_topic`.
        """
        before = self.refused(LAST_TOPIC)
        with Publisher(MqttSettings(host=self.broker.host, port=self.broker.port)) as publisher:
            publisher.publish_all([TimedMessage(0, LAST_TOPIC, b"the end")])

        def stored() -> Ledger | None:
            assert ingest.is_running, ingest.err
            # The message first: a ledger of before it came says nothing of what came with it.
            ledger = self.ledger() if self.refused(LAST_TOPIC) > before else None
            return ledger if ledger and not ledger.readings_pending else None

        ledger = wait_until(stored, STORED_DEADLINE_S, "everything to be stored")
        assert ledger is not None
        return ledger

    def refused(self, topic: str) -> int:
        """How many messages of a topic are in the quarantine."""
        try:
            with closing(BufferReader(self.data)) as reader:
                return sum(refusal.topic == topic for refusal in reader.quarantine.find(limit=1000))
        except HubpulseError:
            return 0

    def export(self, first: str, last: str, hub: str) -> Figures:
        """What `hubpulse usage export` prints of a hub, by local day; cells without a figure are left out."""
        answer = self.command.run("usage", "export", "--from", first, "--to", last, "--hub", hub)
        assert answer.exit_code == 0, answer.err
        rows = csv.DictReader(io.StringIO(answer.out))
        return {row["date"]: {name: cell for name, cell in row.items() if cell} for row in rows}


def shipped_estate(mapping: str) -> Path:
    """The estate file that a shipped mapping needs."""
    return SHIPPED / f"{mapping}.estate.yaml"


def write_recording(path: Path, messages: Iterable[tuple[str, str]]) -> Path:
    """Write (topic, payload) pairs as a recording that `hubpulse replay` sends."""
    lines = (
        json.dumps({"time": "2026-01-05T09:00:00Z", "topic": topic, "payload": payload}) for topic, payload in messages
    )
    path.write_text("\n".join(lines) + "\n")
    return path
