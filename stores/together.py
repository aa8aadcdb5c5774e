"""What a page asks of a store that is elsewhere, in one request: most of a request is not its answer.

    what reads -> of a store without a point, which notes what it is asked -> Store.answers -> once more, of the answers

What was not noted, since it depends on an answer, is asked as ever. So nothing that reads need know of this.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar, cast

from schemas.errors import HubpulseError
from stores.protocol import Asked, SeriesChunk, Store

T = TypeVar("T")


def asked_together(store: Store, read: Callable[[Store], T]) -> T:
    """What `read` gives of a store. It only reads, and twice: at first it finds nothing. Raises what it raises."""
    noting = _Noting()
    with suppress(HubpulseError):  # of a hub that is not known, for one: then it is asked to the end the second time
        read(cast("Store", noting))
    return read(cast("Store", _Answered(store, store.answers(list(noting.asked)))))


class _Reading:
    """A store as far as it is read from: each question as a value."""

    def read(
        self,
        measurement: str,
        *,
        start_ns: int,
        stop_ns: int,
        where: Mapping[str, str] | None = None,
        fields: Collection[str] | None = None,
    ) -> Iterator[SeriesChunk]:
        return self.answer(Asked.of(measurement, stop_ns, where, start_ns=start_ns, fields=fields))

    def latest(
        self, measurement: str, *, before_ns: int, where: Mapping[str, str] | None = None
    ) -> Iterator[SeriesChunk]:
        return self.answer(Asked.of(measurement, before_ns, where))

    def answer(self, asked: Asked) -> Iterator[SeriesChunk]:
        raise NotImplementedError


class _Noting(_Reading):
    """A store without a point. What it is asked twice is noted once."""

    def __init__(self) -> None:
        self.asked: dict[Asked, None] = {}

    def answer(self, asked: Asked) -> Iterator[SeriesChunk]:
        self.asked[asked] = None
        return iter(())


class _Answered(_Reading):
    """A store with answers at hand."""

    def __init__(self, store: Store, answers: Mapping[Asked, Sequence[SeriesChunk]]) -> None:
        self._store, self._answers = store, answers

    def answer(self, asked: Asked) -> Iterator[SeriesChunk]:
        found = self._answers.get(asked)
        return asked.of_store(self._store) if found is None else iter(found)
