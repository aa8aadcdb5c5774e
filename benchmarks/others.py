"""Telegraf and Node-RED on the messages of the throughput benchmark, into the same InfluxDB, set up as it suits them.

Both come by a persistent session at QoS 1, make of a message the line that ingest makes of it, and write in large
batches. Telegraf acknowledges what InfluxDB has taken, as ingest does with what is on its disk. Node-RED acknowledges
what it has received, before anything is written: what it holds is lost when it ends.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import requests
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.costs import Cost, largest_resident_mb, processor_s
from tests.servers import LOOPBACK, Server

TOPIC_FILTER = "hubs/#"
_QUIET_S = 15.0
"""Nothing stored for so long: no more comes."""
_LOOK_S = 0.05
_ACKNOWLEDGED_S = 1.0
"""So long it may take to acknowledge what was stored; else it would get that again in the next round."""
_BATCH = 5000


class Other(Server):
    """A program that writes temperatures of `hubs/+/temperature/+` into a database of its own name."""

    connected: str
    """What its log says once it has taken up its session."""
    ready_deadline_s = 60.0

    def __init__(self, folder: Path, broker_port: int, influx_port: int, times: str) -> None:
        super().__init__(folder)
        self.broker_port = broker_port
        self.influx_port = influx_port
        self.times = times

    def is_ready(self) -> bool:
        return self.connected in self.log


class Telegraf(Other):
    """What took least of its processor: the json parser, its own compression, and many messages on their way."""

    name = "telegraf"
    connected = "Connected ["

    def command(self) -> list[str]:
        file = self.folder / "telegraf.conf"
        form = "unix" if self.times == "number" else "2006-01-02T15:04:05Z07:00"
        file.write_text(f"""
[agent]
  interval = "1s"
  flush_interval = "1s"
  metric_batch_size = {_BATCH}
  metric_buffer_limit = {20 * _BATCH}
  omit_hostname = true
[[outputs.influxdb]]
  urls = ["http://{LOOPBACK}:{self.influx_port}"]
  database = "{self.name}"
[[inputs.mqtt_consumer]]
  servers = ["tcp://{LOOPBACK}:{self.broker_port}"]
  topics = ["{TOPIC_FILTER}"]
  topic_tag = ""
  qos = 1
  persistent_session = true
  client_id = "{self.name}"
  max_undelivered_messages = {20 * _BATCH}
  data_format = "json"
  json_time_key = "time"
  json_time_format = "{form}"
  [[inputs.mqtt_consumer.topic_parsing]]
    topic = "hubs/+/+/+"
    measurement = "_/_/measurement/_"
    tags = "_/hub/_/sensor"
""")
        return [self.name, "--config", str(file)]


class NodeRed(Other):
    """A flow without an editor: mqtt in, a function that gathers points, InfluxDB batch out."""

    name = "node-red"
    connected = "Connected to broker"

    def command(self) -> list[str]:
        (self.folder / "settings.js").write_text(
            f"module.exports = {{uiHost: '{LOOPBACK}', uiPort: 0, httpAdminRoot: false, httpNodeRoot: false,"
            " telemetry: {enabled: false}}"
        )
        gather = f"""
const [, hub, measurement, sensor] = msg.topic.split("/");
const points = context.get("points") ?? [];
for (const {{time, value}} of [msg.payload].flat()) {{
  const timestamp = new Date({"time * 1000" if self.times == "number" else "time"});
  points.push({{measurement, tags: {{hub, sensor}}, fields: {{value}}, timestamp}});
}}
const send = () => {{
  clearTimeout(context.get("timer"));
  context.set("timer", undefined);
  if (points.length) node.send({{payload: points.splice(0)}});
}};
context.set("points", points);
if (points.length >= {_BATCH}) send();
else if (!context.get("timer")) context.set("timer", setTimeout(send, 100));
"""
        session = {"clientid": self.name, "cleansession": False, "autoUnsubscribe": False}
        broker = {"broker": LOOPBACK, "port": self.broker_port, "protocolVersion": "4", "keepalive": "60", **session}
        source = {"topic": TOPIC_FILTER, "qos": "1", "datatype": "json", "broker": "broker", "inputs": 0}
        influx = {"hostname": LOOPBACK, "port": self.influx_port, "database": self.name, "influxdbVersion": "1.x"}
        flow = [
            {"id": "tab", "type": "tab", "label": "Hubs"},
            {"id": "broker", "type": "mqtt-broker", **broker},
            {"id": "influx", "type": "influxdb", **influx},
            {"id": "in", "type": "mqtt in", "z": "tab", **source, "wires": [["gather"]]},
            {"id": "gather", "type": "function", "z": "tab", "func": gather, "outputs": 1, "wires": [["out"]]},
            {"id": "out", "type": "influxdb batch", "z": "tab", "influxdb": "influx", "precision": "ms", "wires": []},
        ]
        file = self.folder / "flows.json"
        file.write_text(json.dumps(flow))
        return [self.name, "--userDir", str(self.folder), str(file)]


OTHERS: tuple[type[Other], ...] = (Telegraf, NodeRed)


def run_other(
    kind: type[Other], broker_port: int, influx_port: int, folder: Path, times: str, readings: int, messages: int
) -> Cost:
    """Start it and end it when so many messages' readings are stored, or no more come.

    With no message its session is made, and what it takes to start is told: a program of one's own is there before
    the messages.
    """
    influx = _Looking(kind.name, influx_port)
    if not messages:
        _make_session(kind.name, broker_port)
        influx.make_database()
    before = influx.stored()
    other = kind(Path(tempfile.mkdtemp(dir=folder)), broker_port, influx_port, times)
    wanted = messages * readings
    start_s = changed_s = time.perf_counter()
    with other:
        cost = Cost(time.perf_counter() - start_s, processor_s(other.pid), largest_resident_mb(other.pid))
        to_come, written = wanted, influx.points_written()
        while to_come and time.perf_counter() < changed_s + _QUIET_S:
            time.sleep(_LOOK_S)
            if (now := influx.points_written()) > written:
                to_come -= now - written
                written, changed_s = now, time.perf_counter()
                cost = Cost(changed_s - start_s, processor_s(other.pid), largest_resident_mb(other.pid))
                if to_come <= 0:
                    to_come = wanted - (influx.stored() - before)
        time.sleep(_ACKNOWLEDGED_S)
        other.stop()
    return cost._replace(lost=wanted - (influx.stored() - before))


class _Looking:
    """At the database of a program."""

    def __init__(self, database: str, port: int) -> None:
        self._database = database
        self._url = f"http://{LOOPBACK}:{port}"

    def make_database(self) -> None:
        self._query(f'CREATE DATABASE "{self._database}"')

    def stored(self) -> int:
        """Readings that are there, each counted once: what was written again replaced what was there."""
        series = self._query('SELECT count("value") FROM "temperature"').get("series")
        return int(series[0]["values"][0][1]) if series else 0

    def points_written(self) -> int:
        """By whomever, since InfluxDB began: it costs next to nothing to ask."""
        counted = requests.get(f"{self._url}/debug/vars", timeout=10).json()
        return sum(part["values"]["pointsWrittenOK"] for name, part in counted.items() if name.startswith("httpd"))

    def _query(self, statement: str) -> dict[str, Any]:
        answer = requests.post(f"{self._url}/query", params={"q": statement, "db": self._database}, timeout=60)
        answer.raise_for_status()
        result: dict[str, Any] = answer.json()["results"][0]
        return result


def _make_session(client_id: str, broker_port: int) -> None:
    """As the program itself would at its first start, which begins to keep messages for it."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
    client.connect(LOOPBACK, broker_port)
    subscribed: list[object] = []
    client.on_subscribe = lambda *answer: subscribed.append(answer)
    client.subscribe(TOPIC_FILTER, qos=1)
    while not subscribed:
        client.loop(0.2)
    client.disconnect()
