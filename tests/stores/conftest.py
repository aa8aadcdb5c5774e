"""Every store behind one fixture: `settings` names it, `store` is opened from them, as a process would."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from schemas import Settings
from schemas.settings import InfluxSettings
from stores import Store, open_store
from tests.real_parts import require
from tests.servers import Influxd
from tests.stores.fake_influx2 import TOKEN, FakeInflux2
from tests.stores.loopback import Answering, LoopbackServer

STORES = ("sqlite", "influxdb-1", "influxdb-2")
SERVERS = ("influxdb-1", "influxdb-2")


@pytest.fixture(params=STORES)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """The settings of an empty store that nobody has prepared."""
    match request.param:
        case "sqlite":
            yield Settings(data_dir=tmp_path / "data", store="sqlite")
        case "influxdb-1":
            url, database = request.getfixturevalue("influxd").url, request.getfixturevalue("influx_database")
            yield Settings(store="influxdb", influx=InfluxSettings(url=url, bucket=database))
        case "influxdb-2":
            with LoopbackServer(FakeInflux2()) as server:
                yield influx2_settings(server)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    store = open_store(settings)
    yield store
    store.close()


@pytest.fixture(params=SERVERS)
def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Influxd | LoopbackServer, Settings]]:
    """A server of this test's own, to be stopped at will, and the settings to reach it."""
    if request.param == "influxdb-1":
        require("influxd")
        with Influxd(tmp_path / "influxd") as influxd:
            yield influxd, Settings(store="influxdb", influx=InfluxSettings(url=influxd.url))
    else:
        with LoopbackServer(FakeInflux2()) as server:
            yield server, influx2_settings(server)


@pytest.fixture
def serve() -> Iterator[Callable[[Answering], LoopbackServer]]:
    """Start a server whose answers are a function of the test's: `serve(lambda request: Answer(503))`."""
    servers: list[LoopbackServer] = []

    def start(answer: Answering) -> LoopbackServer:
        servers.append(LoopbackServer(answer))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def influx2_settings(server: LoopbackServer) -> Settings:
    return Settings(store="influxdb", influx=InfluxSettings(url=server.url, token=SecretStr(TOKEN)))
