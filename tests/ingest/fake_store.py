"""A store in memory whose answers are one function of the lines, for what a real one answers only on a bad day."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from schemas import Kind, Policy
from stores import Accepted, Outcome, SeriesChunk
from stores.lines import parse

Answer = Callable[[list[str]], Outcome]


def accept(_lines: list[str]) -> Outcome:
    return Accepted()


class FakeStore:
    """Asks `answer` about every batch of readings, and keeps the points of those accepted; marks are kept apart."""

    def __init__(self, answer: Answer = accept) -> None:
        self.answer = answer
        self.writes: list[list[str]] = []
        self.points: dict[tuple[str, int], Mapping[str, Any]] = {}
        self.closed = False

    @property
    def marks(self) -> list[str]:
        """The lines of day marks, in the order in which they were written."""
        return [line for lines in self.writes for line in lines if line.startswith("day_marks,")]

    @property
    def readings(self) -> list[list[str]]:
        """The batches of readings that were asked about, in order."""
        return [lines for lines in self.writes if lines[0].split(",")[0] in set(Kind)]

    def write(self, lines: bytes) -> Outcome:
        batch = lines.decode().split("\n")
        if batch[0].startswith(("pipeline_status", "quarantine_status")):
            return Accepted()
        self.writes.append(batch)
        outcome = self.answer(batch)
        if isinstance(outcome, Accepted) and not batch[0].startswith("day_marks,"):
            for line in batch:
                self.points[line.split(" ")[0], parse(line).time_ns] = parse(line).fields
        return outcome

    def prepare(self) -> None:
        pass

    def read(self, measurement: str, **_where: Any) -> Iterator[SeriesChunk]:
        raise NotImplementedError(measurement)

    def latest(self, measurement: str, **_where: Any) -> Iterator[SeriesChunk]:
        raise NotImplementedError(measurement)

    def delete(self, measurement: str, *, start_ns: int, stop_ns: int, where: Mapping[str, str]) -> bool:
        raise NotImplementedError

    def forget(self, *_: object, **_more: object) -> bool:
        return False

    def kept_days(self) -> Mapping[Policy, int | None]:
        return {}

    def expire(
        self, before_ns: int, policy: Policy = Policy.RAW, *, goes_on: Callable[[], bool] = lambda: True
    ) -> None:
        pass

    def require(self) -> None:
        pass

    def check(self) -> str:
        return "a store in memory"

    def probe(self, **_how: bool) -> Iterator[str]:
        yield from ()

    def close(self) -> None:
        self.closed = True
