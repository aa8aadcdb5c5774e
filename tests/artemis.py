"""Apache Artemis, a broker with MQTT 5 and shared subscriptions, where Java and its distribution are there."""

import os
import shutil
import socket
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.servers import LOOPBACK, Server, free_port

_STORED = "repository/org/apache/activemq/apache-artemis/*/apache-artemis-*-bin.zip"
_HOW = "mvn dependency:get -Dartifact=org.apache.activemq:apache-artemis:2.40.0:zip:bin"


def distribution() -> Path:
    """The zip file in Maven's folder, or ARTEMIS_ZIP; without it or without Java, skip the test."""
    named = os.environ.get("ARTEMIS_ZIP")
    found = [Path(named)] if named else sorted((Path.home() / ".m2").glob(_STORED))
    if not found or shutil.which("java") is None:
        pytest.skip(f"Apache Artemis is not there (Java 17, and {_HOW})")
    return found[-1]


class Artemis(Server):
    """A broker that hands on what a dead member of a shared subscription had not answered."""

    name = "artemis"
    ready_deadline_s = 90.0

    def __init__(self, folder: Path, *, core_ports: Sequence[int] = ()) -> None:
        """`core_ports` are those by which the nodes of a cluster find each other, this one's first."""
        super().__init__(folder)
        self.host = LOOPBACK
        self.port = free_port()
        with zipfile.ZipFile(distribution()) as packed:
            packed.extractall(folder / "unpacked")
        [home] = (folder / "unpacked").iterdir()
        artemis = home / "bin" / "artemis"
        artemis.chmod(0o755)
        self._instance = folder / "instance"
        ports = ("--no-amqp-acceptor", "--no-hornetq-acceptor", "--no-stomp-acceptor", "--no-web", "--silent")
        where = ("--user", "a", "--password", "a", "--allow-anonymous", "--host", LOOPBACK, "--nio")
        own, *others = core_ports or (free_port(),)
        port = ["--default-port", str(own), "--no-autotune"]
        if others:
            nodes = ",".join(f"tcp://{LOOPBACK}:{other}" for other in others)
            port += ["--clustered", "--cluster-user", "a", "--cluster-password", "a", "--static-cluster", nodes]
        subprocess.run([artemis, "create", *ports, *where, *port, self._instance], check=True, capture_output=True)
        settings = self._instance / "etc" / "broker.xml"
        settings.write_text(settings.read_text().replace(":1883?", f":{self.port}?"))

    def command(self) -> list[str]:
        return [str(self._instance / "bin" / "artemis"), "run"]

    def environment(self) -> dict[str, str]:
        return {"JAVA_ARGS": "-Xms128M -Xmx384M -XX:+UseSerialGC"}

    def is_ready(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.port)) == 0
