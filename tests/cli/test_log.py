"""What is logged goes where standard error leads at that moment."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest
import structlog

from cli.context import configure_log


@pytest.fixture(autouse=True)
def _defaults_afterwards() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_a_log_entry_survives_that_an_earlier_standard_error_was_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed, current = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", closed)
    configure_log("info")
    log = structlog.get_logger()
    closed.close()
    monkeypatch.setattr(sys, "stderr", current)
    log.info("still_here")
    assert "still_here" in current.getvalue()


def test_entries_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log("warning")
    structlog.get_logger().info("too_quiet")
    structlog.get_logger().warning("loud_enough")
    assert ("too_quiet" in (said := capsys.readouterr().err), "loud_enough" in said) == (False, True)
