"""What goes wrong with one hub's figures is that hub's alone: the others' are made all the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from schemas import HubpulseError
from stores import Store, StoreError
from usage.rows import RowsRefusedError, write


class HubFaults:
    """Collects what went wrong in one run of a job, by hub."""

    def __init__(self) -> None:
        self._found: dict[str, Exception] = {}

    @contextmanager
    def of(self, hub: str) -> Iterator[None]:
        """Go on after a fault with a hub's figures. Raises StoreError where the store is away: it is so for all."""
        try:
            yield
        except RowsRefusedError as error:
            self._found[hub] = error
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - a hub sends what it likes; `report` tells it
            self._found[hub] = error

    def write(self, store: Store, lines: Mapping[str, list[str]]) -> None:
        """Write the lines of all hubs at once; one by one where they are refused, so that the others' are written."""
        try:
            if everything := [line for of_hub in lines.values() for line in of_hub]:
                write(store, everything)
        except RowsRefusedError:
            for hub, of_hub in lines.items():
                with self.of(hub):
                    write(store, of_hub)

    def report(self) -> None:
        """Raise what went wrong, once everything else is done: HubpulseError, and RuntimeError for a fault of ours."""
        if not self._found:
            return
        hub, error = next(iter(self._found.items()))
        others = f", and {len(self._found) - 1} more hubs" if len(self._found) > 1 else ""
        if isinstance(error, HubpulseError):
            raise HubpulseError(f"figures of hub {hub}{others}: {error}") from error
        raise RuntimeError(f"figures of hub {hub}{others}: {error!r}") from error
