"""Whoever reaches the board may look, and can change nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from dashboards.web.board import create_board
from schemas.localtime import to_ns
from stores.sqlite_store import SqliteStore
from tests.dashboards.conftest import ESTATE, NOW, Filled
from tests.dashboards.here import browser_of

PATHS = ("/", "/hubs/armley", "/hubs/nowhere", "/api/v1/usage/daily", "/healthz", "/readyz", "/static/board.css")


class ReadOnly(SqliteStore):
    """A store that fails the test where anybody changes it."""

    def _changed(self, *_: Any, **__: Any) -> Any:
        pytest.fail("a visitor changed the store")

    prepare = write = delete = expire = _changed


@pytest.mark.claim("S-30")
def test_no_visit_changes_anything(known: Filled) -> None:
    board = create_board(open_store=lambda: ReadOnly(known.path), estate=lambda: ESTATE, clock_ns=lambda: to_ns(NOW))
    client = browser_of(board)
    for path in PATHS:
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
            assert client.request(method, path, json={"entries": 1}).status_code in (401, 405)
        assert client.get(path).status_code in (200, 404)


@pytest.mark.claim("S-35")
def test_no_answer_names_a_file_a_secret_or_a_refused_message(
    known: Filled, board_over: Callable[..., FastAPI], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUBPULSE_INFLUX__TOKEN", "0123456789abcdef")
    client = browser_of(board_over(known), raise_server_exceptions=False)
    for path in (
        *PATHS,
        "/static/../board.py",
        "/static/%2e%2e/board.py",
        "/hubs/..%2f..%2fetc",
        "/docs",
        "/openapi.json",
    ):
        answer = client.get(path).text
        assert str(tmp_path) not in answer
        assert "0123456789abcdef" not in answer
        assert "import " not in answer
        assert "Traceback" not in answer
