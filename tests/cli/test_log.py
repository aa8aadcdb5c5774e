"""What is logged goes where standard error leads at that moment."""

from __future__ import annotations

import errno
import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from cli.log import configure_log
from schemas import Settings


@pytest.fixture(autouse=True)
def _defaults_afterwards() -> Iterator[None]:
    before = logging.getLogger().handlers
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers = before


def test_a_log_entry_survives_that_an_earlier_standard_error_was_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed, current = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", closed)
    configure_log(Settings())
    log = structlog.get_logger()
    closed.close()
    monkeypatch.setattr(sys, "stderr", current)
    log.info("still_here")
    assert "still_here" in current.getvalue()


def test_work_goes_on_where_no_line_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread whose work logs on a full disk, and then how that failed, would end by it."""

    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    configure_log(Settings())
    structlog.get_logger().warning("jobs_waiting")
    logging.getLogger("apscheduler").error("failed")


def test_entries_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(Settings(log_level="warning"))
    structlog.get_logger().info("too_quiet")
    structlog.get_logger().warning("loud_enough")
    assert ("too_quiet" in (said := capsys.readouterr().err), "loud_enough" in said) == (False, True)


def test_programs_get_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(Settings(log_format="json"))
    structlog.get_logger().info("estate_reloaded", hubs=22)

    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {"event": "estate_reloaded", "level": "info", "hubs": 22}


class Ratio(float):
    """A float of another class, as libraries have them."""


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), Ratio("nan")], ids=str)
def test_programs_get_null_for_a_number_that_json_can_not_hold(
    capsys: pytest.CaptureFixture[str], number: float
) -> None:
    configure_log(Settings(log_format="json"))
    structlog.get_logger().info("rates_seen", rate=number, hubs={"armley": [1.5, (number, "nan")]}, last=2)

    entry = json.loads(capsys.readouterr().err, parse_constant=pytest.fail)
    assert (entry["rate"], entry["hubs"], entry["last"]) == (None, {"armley": [1.5, [None, "nan"]]}, 2)


def test_programs_get_what_libraries_log_as_objects_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(Settings(log_format="json"))
    logging.getLogger("uvicorn.error").warning("Invalid %s", "request")
    logging.getLogger("uvicorn.error").info("started")
    logging.getLogger("asyncio").error("a task failed", exc_info=ValueError("two\nlines"))

    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["library"], first["error"], first["level"]) == ("uvicorn.error", "Invalid request", "warning")
    assert second["error"] == "a task failed\nValueError: two\nlines"


@pytest.mark.claim("S-74")
@pytest.mark.parametrize("log_format", ["console", "json"])
def test_nothing_that_is_logged_is_obeyed_by_a_terminal_or_names_a_person_s_device(
    capsys: pytest.CaptureFixture[str], log_format: Literal["console", "json"]
) -> None:
    configure_log(Settings(log_format=log_format))
    said = "\x1b]0;owned\x07\x9b2J\u202e\ud800a4:c1:38:0b:1c:2d"
    try:
        int(said)
    except ValueError:
        structlog.get_logger().exception("board_page_failed", path=said, trace={"deep": [said]})

    shown = capsys.readouterr().err
    assert "x1b]0;owned" in shown
    assert not set("\x1b\x07\x9b\u202e") & set(shown)
    assert ("a4:c1" in shown, "ValueError" in shown) == (False, True)


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_shows_no_values(
    capsys: pytest.CaptureFixture[str], log_format: Literal["console", "json"]
) -> None:
    configure_log(Settings(log_format=log_format))
    secret, empty = f"se{log_format[:0]}same", 0
    try:
        empty = len(secret) // empty
    except ZeroDivisionError:
        structlog.get_logger().exception("board_page_failed", path="/")

    shown = capsys.readouterr().err
    assert ("ZeroDivisionError" in shown, "sesame" in shown) == (True, False)
