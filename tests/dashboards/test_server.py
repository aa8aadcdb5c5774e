"""The board's server: it starts, answers, stops, and says what to do where it can't."""

import socket
from collections.abc import Callable

import pytest
import requests
from fastapi import FastAPI

from dashboards.web.server import BoardServer
from schemas import HubpulseError
from tests.dashboards.conftest import Filled
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
