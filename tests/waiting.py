"""Waiting in tests: always on a condition, always with a deadline, never for a fixed time."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], deadline_s: float, what: str, *, poll_s: float = 0.02) -> T:
    """Return the condition's first truthy value.

    Fails the test, naming `what` was waited for and the last value seen, when `deadline_s` seconds pass first.
    """
    pause = threading.Event()
    deadline = time.monotonic() + deadline_s
    while not (value := condition()):
        if time.monotonic() >= deadline:
            message = f"waited {deadline_s:g} s in vain for {what}; last seen: {value!r}"
            raise AssertionError(message)
        pause.wait(poll_s)
    return value
