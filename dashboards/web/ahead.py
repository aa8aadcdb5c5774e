"""What a page asks of a store while it asks for something else: of one that is elsewhere, half of a page is waiting."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from stores.protocol import Store
from stores.together import asked_together

T = TypeVar("T")

_AT_ONCE = ThreadPoolExecutor(4, "ahead")


class Ahead:
    """Begins to ask where the store is elsewhere; one in a file is asked when its answer is wanted.

    To read a file is work of this process: several threads at it take longer than one.
    """

    def __init__(self, *, is_elsewhere: bool) -> None:
        self._is_elsewhere = is_elsewhere

    def begin(self, ask: Callable[[], T]) -> Callable[[], T]:
        """What gives the answer, or raises what `ask` raised."""
        return _AT_ONCE.submit(ask).result if self._is_elsewhere else ask

    def together(self, store: Store, read: Callable[[Store], T]) -> T:
        """What `read` gives of a store, asked in one request where it is elsewhere. Raises what `read` raises."""
        return asked_together(store, read) if self._is_elsewhere else read(store)


IN_TURN = Ahead(is_elsewhere=False)
"""Asks for one thing after the other."""
