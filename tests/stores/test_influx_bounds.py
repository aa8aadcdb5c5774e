"""Whatever a server sends, however slowly, an answer ends: in time, and in memory."""

import base64
import itertools
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest
from pydantic import SecretStr

from schemas.settings import InfluxSettings
from stores import Keep, Rejected, StoreError
from stores.bounded_http import ANSWER_BYTES_MAX
from stores.influx_store import InfluxStore
from tests.servers import LOOPBACK
from tests.stores.fake_influx2 import TOKEN
from tests.stores.loopback import Answer, Request
from tests.stores.points import read
from tests.stores.scripted import BATCH, NOW_S, VERSIONS, Serve, server_of, store_at

HEAD = b"HTTP/1.1 %b\r\nX-Influxdb-Version: 1.6.7\r\nContent-Type: application/json\r\n"
DRIPS = {
    "status": b"HTTP/1.1 200 O" + b"K" * 10**6,
    "headers": HEAD % b"204 No Content" + b"X-A: b\r\n" * 10**6,
    "body": HEAD % b"200 OK" + b"Content-Length: 1000000\r\n\r\n" + b" " * 10**6,
    "chunks": HEAD % b"200 OK" + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 10**6,
    "error": HEAD % b"503 Service Unavailable" + b"Content-Length: 1000000\r\n\r\n" + b"x" * 10**6,
}
TIMEOUT_S = 0.4
Drip = Callable[[bytes], str]


@pytest.fixture
def drip() -> Iterator[Drip]:
    """Make a server whose every answer comes a byte at a time, sooner than any wait of a client ends."""
    ended = threading.Event()
    listeners: list[socket.socket] = []

    def answer(connection: socket.socket, text: bytes) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            for byte in text:
                connection.sendall(bytes((byte,)))
                if ended.wait(TIMEOUT_S / 20):
                    return

    def listen(listener: socket.socket, text: bytes) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=answer, args=(connection, text), daemon=True).start()

    def serve(text: bytes) -> str:
        listener = socket.create_server((LOOPBACK, 0))
        listeners.append(listener)
        threading.Thread(target=listen, args=(listener, text), daemon=True).start()
        return f"http://{LOOPBACK}:{listener.getsockname()[1]}"

    yield serve
    ended.set()
    for listener in listeners:
        listener.close()


@pytest.mark.claim("S-66")
@pytest.mark.parametrize("text", DRIPS.values(), ids=DRIPS)
def test_a_server_that_drips_is_one_that_does_not_answer(drip: Drip, text: bytes) -> None:
    store = store_at(drip(text), timeout_s=TIMEOUT_S)
    asked_s = time.monotonic()
    outcome = store.write(BATCH)
    with pytest.raises(StoreError):
        store.check()

    assert isinstance(outcome, Keep)
    assert not outcome.needs_operator or "204" in outcome.detail
    assert time.monotonic() - asked_s < 20 * TIMEOUT_S


def test_a_query_whose_answer_drips_ends(serve: Serve) -> None:
    """Longer than a wait for each part of it."""
    ended = threading.Event()

    def parts() -> Iterator[bytes]:
        for _ in itertools.count():
            yield b" " * 300
            if ended.wait(TIMEOUT_S / 10):
                return

    server = serve(server_of("1", Answer(204), Answer(200, parts())))
    with (
        closing(store_at(server.url, timeout_s=TIMEOUT_S)) as store,
        pytest.raises(StoreError, match=r"did not answer within 0\.4 s"),
    ):
        read(store, "co2")
    ended.set()


def endless() -> Iterator[bytes]:
    return itertools.repeat(b"x" * 65536)


@pytest.mark.claim("S-65")
@pytest.mark.parametrize("major", VERSIONS)
@pytest.mark.parametrize("status, outcome", [(400, Rejected), (401, Keep), (503, Keep)])
def test_of_an_error_without_end_the_beginning_is_enough(
    serve: Serve, major: str, status: int, outcome: type[object]
) -> None:
    server = serve(server_of(major, Answer(status, endless())))
    store = store_at(server.url)
    tracemalloc.start()
    found = store.write(BATCH)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert type(found) is outcome
    assert peak < 4 * ANSWER_BYTES_MAX


@pytest.mark.parametrize("path", ["/ping", "/api/v2/orgs", "/api/v2/buckets", "/query"])
@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
def test_an_answer_without_end_is_for_the_operator(serve: Serve, path: str, headers: dict[str, str]) -> None:
    usual = server_of("2", Answer(204))

    def answer(request: Request) -> Answer:
        return Answer(200, endless(), headers) if request.path == path else usual(request)

    def ask(store: InfluxStore) -> None:
        store.prepare()
        read(store, "co2")

    with closing(store_at(serve(answer).url)) as store, pytest.raises(StoreError, match="check HUBPULSE_INFLUX__URL"):
        ask(store)


@pytest.mark.claim("S-67")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_a_server_that_sends_back_the_request_shows_no_credentials(serve: Serve, status: int) -> None:
    def reflect(request: Request) -> Answer:
        text = " ".join(f"{name}: {value}" for name, value in request.headers.items())
        return Answer(status, f"<p>{text}</p>".encode(), {"X-Influxdb-Version": "1.6.7"})

    url = serve(lambda request: reflect(request) if request.path == "/write" else usual(request)).url
    basic = InfluxSettings(url=url, username="hubs", password=SecretStr("never-to-be-seen"))
    for store in (store_at(url), InfluxStore(basic, now=lambda: NOW_S)):
        outcome = store.write(BATCH)
        assert isinstance(outcome, Keep | Rejected)
        for secret in (TOKEN, "never-to-be-seen", base64.b64encode(b"hubs:never-to-be-seen").decode()):
            assert not any(secret[start : start + 8] in outcome.detail for start in range(len(secret) - 7))


usual = server_of("1", Answer(204))
