"""The board's server: it starts, answers, stops, and says what to do where it can't."""

import contextlib
import gc
import socket
import warnings
from collections.abc import Callable
from threading import Event, Semaphore

import pytest
import requests
from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse

from dashboards.web.board import create_board
from dashboards.web.connections import ANSWERING_MAX, WAITING_MAX
from dashboards.web.server import BoardServer
from dashboards.web.turns import AT_ONCE
from schemas import HubpulseError
from tests.dashboards.conftest import ESTATE, Filled
from tests.dashboards.here import browser_of
from tests.waiting import wait_until


def test_it_answers_from_start_to_stop(known: Filled, board_over: Callable[..., FastAPI]) -> None:
    server = BoardServer(board_over(known), port=0)
    server.start()
    assert requests.get(f"{server.url}/healthz", timeout=5).status_code == 200
    server.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/healthz", timeout=5)
    server.stop()


def test_a_port_in_use_is_an_error_with_the_cure(known: Filled, board_over: Callable[..., FastAPI]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(HubpulseError, match=rf"can't listen on 127\.0\.0\.1:{port} .*--port"):
            BoardServer(board_over(known), port=port)


def test_a_stopped_server_that_never_started_releases_its_port(
    known: Filled, board_over: Callable[..., FastAPI]
) -> None:
    server = BoardServer(board_over(known), port=0)
    port = int(server.url.rsplit(":", 1)[1])
    server.stop()
    wait_until(lambda: socket.create_server(("127.0.0.1", port)), 5, "the port to be free").close()


def test_a_connection_that_is_still_open_when_it_stops_is_closed() -> None:
    """Of a browser that reads none of a long answer; the others are closed in order."""
    app = FastAPI()
    app.add_api_route("/long", lambda: StreamingResponse(b"x" * 65_536 for _ in range(1_000)))
    server = BoardServer(app, port=0)
    server.start()
    with (
        half_sent(server.port, b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n") as connection,
        warnings.catch_warnings(record=True) as said,
    ):
        warnings.simplefilter("always")
        connection.recv(1)
        server.stop()
        del server
        gc.collect()
    assert [str(warning.message) for warning in said if warning.category is ResourceWarning] == []


def half_sent(port: int, request: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(request)
    return connection


def is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@pytest.mark.claim("S-36")
@pytest.mark.parametrize(
    "request_start", [b"", b"GET / HTTP/1.1\r\nHost: local", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"]
)
def test_a_request_is_answered_however_many_others_are_half_sent(
    known: Filled, board_over: Callable[..., FastAPI], request_start: bytes
) -> None:
    """Also where they have been answered and hold on to their connections."""
    with BoardServer(board_over(known), port=0) as server, contextlib.ExitStack() as held:
        port = int(server.url.rsplit(":", 1)[1])
        for _ in range(WAITING_MAX + ANSWERING_MAX + 10):
            connection = held.enter_context(half_sent(port, request_start))
            if request_start.endswith(b"\r\n\r\n"):
                assert connection.recv(100).startswith(b"HTTP/1.1 200")
        assert requests.get(f"{server.url}/healthz", timeout=10).status_code == 200


def test_a_request_that_does_not_come_whole_is_given_up(
    known: Filled, board_over: Callable[..., FastAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboards.web.connections.REQUEST_MAX_S", 0.1)
    with BoardServer(board_over(known), port=0) as server:
        connection = half_sent(int(server.url.rsplit(":", 1)[1]), b"GET / HT")
        wait_until(lambda: is_closed(connection), 10, "the connection to be closed")
        connection.close()


@pytest.mark.claim("S-37")
def test_an_answer_that_nobody_takes_is_given_up(
    known: Filled, board_over: Callable[..., FastAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboards.web.connections.ANSWER_MAX_S", 0.1)
    app = board_over(known)
    app.add_api_route("/large", lambda: Response(b"x" * 50_000_000))
    with BoardServer(app, port=0) as server:
        connection = half_sent(int(server.url.rsplit(":", 1)[1]), b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: not server._server.server_state.connections, 10, "the connection to be closed")
        connection.close()


@pytest.mark.claim("S-87")
def test_questions_that_take_long_keep_nobody_from_a_page(known: Filled, board_over: Callable[..., FastAPI]) -> None:
    """Nor from the sign of life, which Docker and systemd ask for: at most so many are answered at a time."""
    app = board_over(known)
    asked, may_end = Semaphore(0), Event()

    def slow() -> Response:
        asked.release()
        assert may_end.wait(60)
        return Response(b"{}")

    app.add_api_route("/api/slow", slow)
    with BoardServer(app, port=0) as server, contextlib.ExitStack() as held:
        held.callback(may_end.set)
        port = int(server.url.rsplit(":", 1)[1])
        for _ in range(80):
            held.enter_context(half_sent(port, b"GET /api/slow HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        for _ in range(AT_ONCE):
            assert asked.acquire(timeout=60)
        for path in ("/healthz", "/", "/hubs/armley"):
            assert requests.get(server.url + path, timeout=30).status_code == 200
        refused = requests.get(f"{server.url}/api/v1/usage/daily", timeout=30)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        assert refused.headers["X-Content-Type-Options"] == "nosniff"
        assert not asked.acquire(blocking=False)
        may_end.set()
        wait_until(
            lambda: requests.get(f"{server.url}/api/v1/usage/daily", timeout=30).status_code == 200, 60, "its turn"
        )


@pytest.mark.claim("S-31")
@pytest.mark.parametrize(
    "host, status",
    [
        *(("127.0.0.1:8080", 200), ("[::1]:8080", 200), ("localhost", 200), ("board", 200), ("hubs.example.org", 200)),
        *((socket.gethostname(), 200), ("HUBS.example.org.", 200), ("a.localhost:1", 200)),
        *(("evil.example.com", 421), ("hubs.example.org.evil.com", 421), ("127.0.0.1.evil.com", 421), ("a b", 421)),
        *(("evil.com:80@127.0.0.1", 421), ("", 421), ("[evil.com]", 421)),
    ],
)
def test_only_who_asks_by_a_name_of_the_board_is_answered(known: Filled, host: str, status: int) -> None:
    board = create_board(open_store=known.open, estate=lambda: ESTATE, hosts=["hubs.example.org"])
    assert browser_of(board).get("/healthz", headers={"Host": host}).status_code == status
