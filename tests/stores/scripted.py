"""Servers whose every answer a test decides, and stores that ask them."""

from collections.abc import Callable

from pydantic import SecretStr

from schemas.settings import InfluxSettings
from stores.influx_store import InfluxStore
from tests.stores.fake_influx2 import TOKEN, Bucket, FakeInflux2
from tests.stores.loopback import Answer, Answering, LoopbackServer, Request
from tests.stores.points import co2, lines

NOW_S = 1_700_000_000.0
BATCH = lines([co2(400.5, 1), co2(500.5, 2)])
VERSIONS = {"1": "1.6.7", "2": "v2.7.11", "3": "3.4.2"}
WRITES = {"1": "/write", "2": "/api/v2/write", "3": "/api/v2/write"}

Serve = Callable[[Answering], LoopbackServer]


def server_of(major: str, write: Answer, query: Answer | None = None) -> Answering:
    """A server with its buckets in place that answers every write, and every query, in one way."""
    rest = FakeInflux2()
    rest.buckets |= {"hubs": Bucket([]), "hubs/usage": Bucket([])}

    def answer(request: Request) -> Answer:
        if request.path == "/ping":
            return Answer(204, headers={"X-Influxdb-Version": VERSIONS[major]})
        if request.path == WRITES[major]:
            return write
        if request.path == "/query":
            return query or Answer(200, b'{"results":[{"series":[{"columns":["name"],"values":[["hubs"]]}]}]}\n')
        return rest(request)

    return answer


def store_at(
    url: str, *, timeout_s: float = 5, token: str | None = TOKEN, retention_days: int | None = None
) -> InfluxStore:
    settings = InfluxSettings(url=url, token=SecretStr(token) if token else None, timeout_s=timeout_s)
    return InfluxStore(settings, retention_days=retention_days, now=lambda: NOW_S)
