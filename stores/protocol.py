"""What a store is: the one interface behind which InfluxDB 2.x, InfluxDB 1.x and SQLite are the same.

A batch is bytes of line protocol as `stores.lines` writes it. Writing is idempotent: a point is addressed by
measurement, tags and time, and a repeat overwrites itself; fields of the same point that a later line does not name
stay. The answer to a write ends in accept, reject or keep, and never raises for anything that a server can answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from schemas import MEASUREMENTS, Measurement, Policy
from schemas.errors import HubpulseError

Number = int | float | bool


class Overwritten(NamedTuple):
    """A reading that was stored already, and that a line gave other values: those that differ, before and after."""

    series: str
    """As its line begins: `footfall,hub=armley,sensor=door-1`."""
    time_ns: int
    before: dict[str, Number]
    after: dict[str, Number]
    fields: int
    """How many fields it has now, beside `suspect`."""
    was_suspect: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """Every line of the batch is stored. `overwritten` has the readings that it gave other values, in order.

    SQLite knows all of them, InfluxDB those among the latest 75,000 that this process wrote.
    """

    overwritten: Sequence[Overwritten] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Rejected:
    """The store refused the batch for its content; some of its lines may be stored. Split it to find the bad ones."""

    detail: str


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The batch is larger than the store takes at once: split it."""

    detail: str


@dataclass(frozen=True, slots=True)
class Keep:
    """The store can't take it now: keep it and try again, after `retry_after_s` where the store named a time.

    `needs_operator` is set where waiting alone will not help (wrong token, missing database): hold and say so loudly.
    """

    detail: str
    retry_after_s: float | None = None
    needs_operator: bool = False


Outcome = Accepted | Rejected | TooLarge | Keep


@dataclass(frozen=True, slots=True)
class SeriesChunk:
    """Consecutive points of one series, in order of time: `columns[field][i]` belongs to `times_ns[i]`.

    Every field of the measurement is there; one that a point lacks is None. A long series comes as several chunks, one
    after the other, so that memory stays bounded.
    """

    tags: Mapping[str, str]
    times_ns: Sequence[int]
    columns: Mapping[str, Sequence[Number | None]]


class Asked(NamedTuple):
    """What a store is asked, as `Store.read` takes it; of a question for the latest points, `start_ns` is None."""

    measurement: str
    start_ns: int | None
    stop_ns: int
    where: tuple[tuple[str, str], ...]
    fields: frozenset[str] | None

    @classmethod
    def of(
        cls,
        measurement: str,
        stop_ns: int,
        where: Mapping[str, str] | None,
        *,
        start_ns: int | None = None,
        fields: Collection[str] | None = None,
    ) -> Asked:
        """In the form in which two of the same are equal."""
        tags = tuple(sorted((where or {}).items()))
        return cls(measurement, start_ns, stop_ns, tags, None if fields is None else frozenset(fields))

    @property
    def of_schema(self) -> Measurement:
        """The measurement, with the fields asked for."""
        return MEASUREMENTS[self.measurement].of(self.fields)

    def of_store(self, store: Store) -> Iterator[SeriesChunk]:
        """The answer of a store. Raises StoreError."""
        where = dict(self.where)
        if self.start_ns is None:
            return store.latest(self.measurement, before_ns=self.stop_ns, where=where)
        span = {"start_ns": self.start_ns, "stop_ns": self.stop_ns}
        return store.read(self.measurement, **span, where=where, fields=self.fields)


class StoreError(HubpulseError):
    """A store could not be read or prepared; the message says what happened, where, and what to do next."""


class Store(Protocol):
    """Where readings and roll-ups rest. Not shared between threads: open one for each."""

    def prepare(self) -> None:
        """Create what is missing (bucket with its retention, database, tables). Raises StoreError."""

    def write(self, lines: bytes) -> Outcome:
        """Write line protocol (one point a line, newline-separated). Never raises for a store's answer."""

    def read(
        self,
        measurement: str,
        *,
        start_ns: int,
        stop_ns: int,
        where: Mapping[str, str] | None = None,
        fields: Collection[str] | None = None,
    ) -> Iterator[SeriesChunk]:
        """Yield the points with start_ns <= time < stop_ns, series by series, each in order of time.

        Series come in order of their tags (those of `schemas.MEASUREMENTS`, a missing one before all others). `where`
        keeps the series whose tags equal it; with `fields`, chunks have these alone, and points that have none of them
        may be left out. Only fields of the schema come back, with their types. A store that
        nobody has prepared yet has no points. Raises StoreError.
        """

    def latest(
        self, measurement: str, *, before_ns: int, where: Mapping[str, str] | None = None
    ) -> Iterator[SeriesChunk]:
        """Yield the last point before `before_ns` of each series, as chunks of one point. Raises StoreError."""

    def answers(self, asked: Sequence[Asked]) -> Mapping[Asked, Sequence[SeriesChunk]]:
        """What `read` and `latest` would yield, as far as that can be had in one request: nothing, of a file.

        All of it is in memory then. Raises StoreError.
        """

    def delete(self, measurement: str, *, start_ns: int, stop_ns: int, where: Mapping[str, str]) -> bool:
        """Delete the points that `read` would yield; False where the store can't. Raises StoreError."""

    def expire(
        self, before_ns: int, policy: Policy = Policy.RAW, *, goes_on: Callable[[], bool] = lambda: True
    ) -> None:
        """Delete what a policy keeps, before `before_ns`, where the store does not do so by itself.

        That is done in bounded steps, between which others may write; `goes_on` is asked after each. Raises StoreError.
        """

    def forget(self, hub: str, sensors: Collection[str], *, goes_on: Callable[[], bool] = lambda: True) -> bool:
        """Delete every point of some sensors of a hub, in bounded steps as `expire` does; False where the store can't.

        Raises StoreError.
        """

    def kept_days(self) -> Mapping[Policy, int | None]:
        """How long the store by itself keeps what each policy is for, None for ever; nothing where it does not know.

        Raises StoreError.
        """

    def require(self) -> None:
        """Raise StoreError, naming the place, where nobody has prepared the store yet. Creates nothing."""

    def check(self) -> str:
        """Say in a line what the store is and that it answers ("InfluxDB 1.6.7 at ..."). Raises StoreError."""

    def probe(self, *, write: bool = True) -> Iterator[str]:
        """Try a read, and a write of nothing, wherever points are kept: what is missing or not allowed, and the fix."""

    def close(self) -> None:
        """Release files and connections."""
