"""What the jobs ask of whoever raises alerts, which is a room above."""

from __future__ import annotations

from typing import Protocol

from schemas import Estate
from stores import Store


class Alerts(Protocol):
    """Raises alerts and has people told, while the lease is ours."""

    def run(self, store: Store, estate: Estate, now_ns: int) -> None:
        """Look for what is wrong. Raises HubpulseError."""

    def store_away(self, estate: Estate, now_ns: int) -> None:
        """The store can't be used. Raises HubpulseError."""
