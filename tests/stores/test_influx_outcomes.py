"""What becomes of a batch, for every answer of an InfluxDB and for every way to get none."""

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from stores import Accepted, Keep, Rejected, StoreError, TooLarge
from tests.servers import LOOPBACK, free_port
from tests.stores.fake_influx2 import FakeInflux2
from tests.stores.loopback import BREAK_OFF, Answer, Request
from tests.stores.points import read
from tests.stores.scripted import BATCH, NOW_S, VERSIONS, Serve, server_of, store_at

ANSWERS = [
    (204, Accepted, None),
    (200, Keep, True),
    (201, Keep, True),
    (301, Keep, True),
    (307, Keep, True),
    (400, Rejected, None),
    (401, Keep, True),
    (403, Keep, True),
    (404, Keep, True),
    (405, Keep, True),
    (408, Keep, False),
    (411, Keep, True),
    (413, TooLarge, None),
    (415, Keep, True),
    (422, Rejected, None),
    (429, Keep, False),
    (500, Keep, False),
    (502, Keep, False),
    (503, Keep, False),
    (504, Keep, False),
    (599, Keep, False),
]


@pytest.mark.parametrize("major", VERSIONS)
@pytest.mark.parametrize("status, outcome, needs_operator", ANSWERS, ids=[str(status) for status, _, _ in ANSWERS])
def test_every_status_has_its_outcome(
    serve: Serve, major: str, status: int, outcome: type[object], needs_operator: bool | None
) -> None:
    body = b'{"error": "because of this"}' if major == "1" else b'{"code": "x", "message": "because of this"}'
    server = serve(server_of(major, Answer(status, body, {"Location": "/elsewhere"})))
    found = store_at(server.url).write(BATCH)
    assert type(found) is outcome
    if isinstance(found, Keep):
        assert found.needs_operator == needs_operator
    if not isinstance(found, Accepted) and status >= 400:
        assert "because of this" in found.detail


@pytest.mark.parametrize(
    "retry_after, seconds",
    [
        ("7", 7.0),
        ("0.5", 0.5),
        (format_datetime(datetime.fromtimestamp(NOW_S + 90, UTC), usegmt=True), 90.0),
        (format_datetime(datetime.fromtimestamp(NOW_S - 90, UTC), usegmt=True), 0.0),
        ("-3", 0.0),
        ("999999999", 3600.0),
        ("soon", None),
        ("nan", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_server_may_say_when_to_try_again(serve: Serve, status: int, retry_after: str, seconds: float | None) -> None:
    server = serve(server_of("2", Answer(status, b"", {"Retry-After": retry_after})))
    outcome = store_at(server.url).write(BATCH)
    assert isinstance(outcome, Keep)
    assert outcome.retry_after_s == seconds


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"<html>no</html>", b"[]", b'{"message": null}', b"x" * 10**6])
@pytest.mark.parametrize("status", [400, 500])
def test_any_body_of_an_error_is_told_in_a_short_line(serve: Serve, status: int, body: bytes) -> None:
    server = serve(server_of("2", Answer(status, body)))
    outcome = store_at(server.url).write(BATCH)
    assert isinstance(outcome, (Rejected, Keep))
    assert 0 < len(outcome.detail) < 700
    assert "\n" not in outcome.detail


def broken_off(_: Request) -> Answer:
    return Answer(BREAK_OFF)


@pytest.fixture
def unused_url() -> str:
    return f"http://{LOOPBACK}:{free_port()}"


@pytest.fixture
def silent_url() -> Iterator[str]:
    """Someone who takes calls and says nothing."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        yield f"http://{LOOPBACK}:{listening.getsockname()[1]}"


@pytest.fixture
def strange_url() -> Iterator[str]:
    """Someone who does not speak HTTP."""

    def talk() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail.example ESMTP\r\n")

    with socket.create_server((LOOPBACK, 0)) as listening:
        threading.Thread(target=talk, daemon=True).start()
        yield f"http://{LOOPBACK}:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def breaking_url(serve: Serve) -> str:
    return serve(broken_off).url


@pytest.fixture
def nameless_url(monkeypatch: pytest.MonkeyPatch) -> str:
    def not_found(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", not_found)
    return "http://influxdb:8086"


@pytest.mark.parametrize(
    "url, said",
    [
        ("unused_url", "nothing is listening there"),
        ("silent_url", "did not answer within 0.3 s"),
        ("strange_url", "broke off the connection"),
        ("breaking_url", "broke off the connection"),
        ("nameless_url", "can't be found by that name"),
    ],
)
def test_no_answer_keeps_the_batch_and_passes_by_itself(request: pytest.FixtureRequest, url: str, said: str) -> None:
    store = store_at(request.getfixturevalue(url), timeout_s=0.3)
    outcome = store.write(BATCH)
    assert isinstance(outcome, Keep)
    assert not outcome.needs_operator
    assert said in outcome.detail
    for ask in (store.prepare, store.check, lambda: read(store, "co2")):
        with pytest.raises(StoreError, match=said):
            ask()


@pytest.mark.parametrize("url", ["http://", "http://[::1", "http://host:port", "http://:8086", "http://h:99999"])
def test_what_is_no_address_is_reported_at_once(url: str) -> None:
    with pytest.raises(StoreError, match="HUBPULSE_INFLUX__URL is no address"):
        store_at(url)


def test_a_server_that_is_no_influxdb_is_for_the_operator(serve: Serve) -> None:
    server = serve(lambda _: Answer(204))
    outcome = store_at(server.url).write(BATCH)
    assert isinstance(outcome, Keep)
    assert outcome.needs_operator
    assert "check HUBPULSE_INFLUX__URL" in outcome.detail
    assert {request.path for request in server.requests} == {"/ping"}


@pytest.mark.parametrize("status", [400, 413, 422, 500, 302, 404])
@pytest.mark.parametrize("path", ["/ping", "/api/v2/orgs", "/api/v2/buckets"])
def test_a_failure_before_the_batch_was_sent_is_never_the_batch_s_fault(serve: Serve, path: str, status: int) -> None:
    influx = FakeInflux2()
    server = serve(lambda request: Answer(status, b"{}") if request.path == path else influx(request))
    assert isinstance(store_at(server.url).write(BATCH), Keep)


@pytest.mark.parametrize("answer", [b"{}", b"null", b"[1]", b"not json", b'{"orgs": [], "buckets": null}', b"\xff"])
@pytest.mark.parametrize("path", ["/api/v2/orgs", "/api/v2/buckets"])
def test_any_answer_to_the_question_for_a_bucket_keeps_the_batch(serve: Serve, path: str, answer: bytes) -> None:
    influx = FakeInflux2()
    server = serve(lambda request: Answer(200, answer) if request.path == path else influx(request))
    store = store_at(server.url)
    assert isinstance(store.write(BATCH), Keep)
    with pytest.raises(StoreError):
        store.prepare()


def test_encryption_that_fails_is_the_operators_to_mend(serve: Serve) -> None:
    server = serve(server_of("1", Answer(204)))
    found = store_at(server.url.replace("http", "https")).write(BATCH)
    assert isinstance(found, Keep)
    assert found.needs_operator
    assert "has a certificate that is not accepted" in found.detail
