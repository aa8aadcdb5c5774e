"""Answers to queries that are none, and what an operator is shown of secrets."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from schemas.kinds import INT64_MAX
from schemas.settings import InfluxSettings
from stores import Accepted, StoreError
from stores.influx_store import InfluxStore
from tests.servers import LOOPBACK, free_port
from tests.stores.fake_influx2 import TOKEN, FakeInflux2
from tests.stores.loopback import Answer
from tests.stores.points import co2, lines, read
from tests.stores.scripted import BATCH, Serve, server_of, store_at

PASSWORD = "pa55 w0rd"


@pytest.mark.parametrize(
    "body, said",
    [
        (b'{"results":[{"statement_id":0,"error":"engine is closed"}]}\n', "engine is closed"),
        (b'{"error":"timeout"}\n', "timeout"),
        (b"<html>sign in</html>\n", "can't be read"),
        (b"[]\n", "can't be read"),
        (b'{"results":[{"series":[{"columns":["time"],"values":[[1]]}]}]}\n', "no points of co2"),
        (b'{"results":[{"series":[{"columns":["time","co2_ppm"],"values":[[1]]}]}]}\n', "no points of co2"),
        (b'{"results":[{"partial":true}]}\n', "ends in the middle"),
        (b'{"results":[{"ser', "can't be read"),
    ],
)
def test_a_query_without_a_proper_answer_is_an_error(serve: Serve, body: bytes, said: str) -> None:
    server = serve(server_of("2", Answer(204), Answer(200, body)))
    with pytest.raises(StoreError, match=said):
        read(store_at(server.url), "co2")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_a_query_that_is_refused_is_an_error(serve: Serve, status: int) -> None:
    server = serve(server_of("2", Answer(204), Answer(status, b'{"message": "because of this"}')))
    store = store_at(server.url)
    with pytest.raises(StoreError, match="because of this"):
        read(store, "co2")
    with pytest.raises(StoreError, match="because of this"):
        list(store.latest("co2", before_ns=5))
    with pytest.raises(StoreError, match="because of this"):
        store.check()


def test_an_answer_that_is_cut_off_is_an_error(serve: Serve) -> None:
    def cut_off() -> Iterator[bytes]:
        yield (
            b'{"results":[{"series":[{"tags":{"hub":"a","sensor":"b","zone":""},'
            b'"columns":["time","co2_ppm","suspect"],"values":[[1,400.5,null]]}],"partial":true}]}\n'
        )
        server.stop()
        yield b" " * 100_000

    server = serve(server_of("2", Answer(204), Answer(200, cut_off())))
    runs = store_at(server.url).read("co2", start_ns=0, stop_ns=INT64_MAX)
    with pytest.raises(StoreError, match="broke off"):
        list(runs)


def test_a_read_that_is_given_up_leaves_the_store_usable(serve: Serve) -> None:
    server = serve(FakeInflux2())
    store = store_at(server.url)
    store.write(lines([co2(400.5, time_ns) for time_ns in range(20_000)]))
    for _ in range(20):
        assert len(next(iter(store.read("co2", start_ns=0, stop_ns=INT64_MAX))).times_ns) == 5000
    assert len(read(store, "co2")) == 20_000


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 500, 200])
def test_no_secret_is_in_what_an_operator_sees(serve: Serve, status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    echo = f'{{"message": "you sent {TOKEN} and {PASSWORD}"}}'.encode()
    server = serve(server_of("2", Answer(status, echo), Answer(status, echo)))
    url = server.url.replace("http://", f"http://admin:{PASSWORD.replace(' ', '%20')}@")
    settings = InfluxSettings(url=url, token=SecretStr(TOKEN), password=SecretStr(PASSWORD))
    store = InfluxStore(settings)
    outcome = store.write(BATCH)
    with pytest.raises(StoreError) as failure:
        read(store, "co2")
    for told in (repr(outcome), str(failure.value), *caplog.messages):
        assert TOKEN not in told
        assert PASSWORD not in told
        assert "pa55" not in told


def test_a_token_that_no_header_can_hold_is_reported_without_it() -> None:
    with pytest.raises(StoreError, match="HUBPULSE_INFLUX__TOKEN") as failure:
        store_at("http://127.0.0.1:8086", token="abc\ndef")
    assert "abc" not in str(failure.value)


def test_a_user_and_password_are_sent_where_there_is_no_token(serve: Serve) -> None:
    server = serve(server_of("1", Answer(204)))
    settings = InfluxSettings(url=server.url, username="ingest", password=SecretStr("gr\u00fcn"))
    assert InfluxStore(settings).write(BATCH) == Accepted()
    assert server.asked("/write")[0].headers["Authorization"] == "Basic aW5nZXN0Omdyw7xu"


def test_nothing_is_asked_for_before_it_is_needed() -> None:
    store = store_at(f"http://{LOOPBACK}:{free_port()}")
    store.expire(5)
    assert store.write(b"\n") == Accepted()
    store.close()
