r"""What hubs ask a store for, one after the other, is asked once for all of them where it is little: fewer requests.

    the first hub asks          -> the store, for that hub alone
    the next one asks the same  -> was it little? the store, for all hubs -> kept for those to come
                                   else           the store, for that hub alone

Answers are those of a hub's own question. A hub that has written is asked for by itself from then on, so that its work
sees what it wrote; what others write of it meanwhile is seen by the next run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from stores import Outcome, SeriesChunk, Store

HUBS_MAX = 100
"""With more hubs each is asked for by itself: an answer would be old before the last of them has its turn."""
LITTLE_POINTS = 100
"""So many points of one hub at most are asked for with those of the others."""
KEPT_POINTS_MAX = 50_000
"""So many are kept at once, whatever the others' answers are."""

_Where = Mapping[str, str] | None
_Question = tuple[object, ...]


class SharedReads:
    """One run of work that goes hub by hub."""

    def __init__(self, store: Store, hubs: Collection[str]) -> None:
        self._store, self._is_shared = store, len(hubs) <= HUBS_MAX
        self._first: dict[_Question, str] = {}
        """Which hub's answer was little."""
        self._kept: dict[_Question, Mapping[str, Sequence[SeriesChunk]]] = {}
        self._points = 0

    def of(self, hub: str) -> Store:
        """The store for the work of one hub."""
        return cast("Store", _OfHub(self, self._store, hub)) if self._is_shared else self._store

    def answer(
        self, question: _Question, hub: str, ask: Callable[[_Where], Iterator[SeriesChunk]]
    ) -> Iterable[SeriesChunk]:
        """What the store has of a hub; `ask` asks it, for some tags alone."""
        if self._is_shared and question not in self._kept and self._first.get(question, hub) != hub:
            self._keep(question, ask(None))
        if question in self._kept:
            return self._kept[question].get(hub, ())
        return self._measured(question, hub, ask({"hub": hub}))

    def _measured(self, question: _Question, hub: str, chunks: Iterable[SeriesChunk]) -> Iterator[SeriesChunk]:
        """The chunks; where they are little, that is noted."""
        points = 0
        for chunk in chunks:
            points += len(chunk.times_ns)
            yield chunk
        if points <= LITTLE_POINTS:
            self._first.setdefault(question, hub)

    def _keep(self, question: _Question, chunks: Iterable[SeriesChunk]) -> None:
        """Keep what the store has of all hubs, unless it is too much."""
        found: dict[str, list[SeriesChunk]] = defaultdict(list)
        for chunk in chunks:
            self._points += len(chunk.times_ns)
            if self._points > KEPT_POINTS_MAX:
                self._is_shared = False
                return
            found[chunk.tags.get("hub", "")].append(chunk)
        self._kept[question] = found


class _OfHub:
    """A store whose reads of one hub are shared until it writes."""

    def __init__(self, shared: SharedReads, store: Store, hub: str) -> None:
        self._shared, self._store, self._hub = shared, store, hub
        self._has_written = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(
        self,
        measurement: str,
        *,
        start_ns: int,
        stop_ns: int,
        where: _Where = None,
        fields: Collection[str] | None = None,
    ) -> Iterator[SeriesChunk]:
        def ask(of: _Where) -> Iterator[SeriesChunk]:
            return self._store.read(measurement, start_ns=start_ns, stop_ns=stop_ns, where=of, fields=fields)

        names = None if fields is None else tuple(fields)
        return self._answer((measurement, start_ns, stop_ns, names), where, ask)

    def latest(self, measurement: str, *, before_ns: int, where: _Where = None) -> Iterator[SeriesChunk]:
        def ask(of: _Where) -> Iterator[SeriesChunk]:
            return self._store.latest(measurement, before_ns=before_ns, where=of)

        return self._answer((measurement, before_ns), where, ask)

    def write(self, lines: bytes) -> Outcome:
        self._has_written = True
        return self._store.write(lines)

    def delete(self, measurement: str, *, start_ns: int, stop_ns: int, where: Mapping[str, str]) -> bool:
        self._has_written = True
        return self._store.delete(measurement, start_ns=start_ns, stop_ns=stop_ns, where=where)

    def _answer(
        self, question: _Question, where: _Where, ask: Callable[[_Where], Iterator[SeriesChunk]]
    ) -> Iterator[SeriesChunk]:
        if self._has_written or where != {"hub": self._hub}:
            return ask(where)
        return iter(self._shared.answer(question, self._hub, ask))
