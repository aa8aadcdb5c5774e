"""Points as a test writes them and gets them back, and any points that the schema allows."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from hypothesis import strategies as st

from schemas import MEASUREMENTS, FieldType
from schemas.kinds import INT64_MAX
from stores import Accepted, SeriesChunk, Store
from stores.lines import encode

NS_A_DAY = 86_400 * 10**9
Value = int | float | bool


class Point(NamedTuple):
    """A point; fields that it does not have are not there."""

    measurement: str
    tags: dict[str, str]
    time_ns: int
    fields: dict[str, Value]


def lines(points: Iterable[Point]) -> bytes:
    return "\n".join(encode(p.measurement, p.tags, p.fields, p.time_ns) for p in points).encode()


def write(store: Store, points: Iterable[Point]) -> None:
    assert store.write(lines(points)) == Accepted()


def points_of(measurement: str, runs: Iterable[SeriesChunk]) -> list[Point]:
    """The points of runs, in their order."""
    return [
        Point(
            measurement,
            dict(run.tags),
            time_ns,
            {name: values[index] for name, values in run.columns.items() if values[index] is not None},  # type: ignore[misc]
        )
        for run in runs
        for index, time_ns in enumerate(run.times_ns)
    ]


def read(store: Store, measurement: str, where: Mapping[str, str] | None = None) -> list[Point]:
    return points_of(measurement, store.read(measurement, start_ns=0, stop_ns=INT64_MAX, where=where))


def co2(ppm: float, time_ns: int, *, hub: str = "armley", sensor: str = "air-1", zone: str | None = None) -> Point:
    tags = {"hub": hub, "sensor": sensor} | ({"zone": zone} if zone else {})
    return Point("co2", tags, time_ns, {"co2_ppm": ppm})


VALUES = {
    FieldType.INTEGER: st.integers(-INT64_MAX - 1, INT64_MAX),
    FieldType.FLOAT: st.floats(allow_nan=False, allow_infinity=False),
    FieldType.BOOLEAN: st.booleans(),
}
IDS = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,4}", fullmatch=True)
FEW_IDS = st.sampled_from(["a", "a-b", "a_b", "ab", "b1"])
TIMES_NS = st.integers(0, 5) | st.integers(0, 60 * 366 * NS_A_DAY)


@st.composite
def points(draw: st.DrawFn, hub: str | None = None) -> Point:
    """Any point of any measurement; of one hub, where that is given, and of the measurements that have hubs."""
    possible = [name for name, known in MEASUREMENTS.items() if hub is None or "hub" in known.tags]
    measurement = MEASUREMENTS[draw(st.sampled_from(sorted(possible)))]
    tags = {tag: draw(FEW_IDS) for tag in measurement.tags if tag != "zone" or draw(st.booleans())}
    names = draw(st.lists(st.sampled_from(sorted(measurement.fields)), min_size=1, max_size=4, unique=True))
    fields = {name: draw(VALUES[measurement.fields[name]]) for name in names}
    return Point(measurement.name, tags | ({"hub": hub} if hub else {}), draw(TIMES_NS), fields)


def merged(written: Iterable[Point]) -> list[Point]:
    """What a store holds of points written in this order: one per series and time, the last value of each field."""
    found: dict[tuple[str, tuple[str, ...], int], Point] = {}
    for point in written:
        key = (point.measurement, _order(point), point.time_ns)
        earlier = found.get(key)
        found[key] = point._replace(fields=earlier.fields | point.fields) if earlier else point
    return [found[key] for key in sorted(found)]


def _order(point: Point) -> tuple[str, ...]:
    return tuple(point.tags.get(tag, "") for tag in MEASUREMENTS[point.measurement].tags)
