"""Line protocol: writing, reading back, and turning batches into rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import MEASUREMENTS, FieldType
from schemas.ids import is_id
from stores.lines import Point as Parsed
from stores.lines import encode, oldest_since, parse, pieces, series_prefix
from stores.sqlite_lines import LineReader
from tests.stores.points import Point, lines, points


@given(points())
def test_a_line_reads_back_as_what_was_written(point: Point) -> None:
    line = encode(point.measurement, point.tags, point.fields, point.time_ns)
    assert parse(line) == Parsed(point.measurement, dict(sorted(point.tags.items())), point.fields, point.time_ns)


def test_a_line_is_written_as_influxdb_wants_it() -> None:
    tags = {"sensor": "door-1", "hub": "armley", "zone": None}
    fields = {"entries": 3, "temperature_c": 21.0, "suspect": True}
    assert encode("footfall", tags, fields, 1_700_000_000_000_000_000) == (
        "footfall,hub=armley,sensor=door-1 entries=3i,temperature_c=21.0,suspect=true 1700000000000000000"
    )


def test_a_series_without_tags_is_its_measurement() -> None:
    assert series_prefix("footfall", []) == "footfall"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "footfall",
        "footfall,hub=a entries=1i",
        "footfall,hub=a entries=1i 1 1",
        "footfall,hub= entries=1i 1",
        "footfall,hub entries=1i 1",
        "footfall,hub=a =1i 1",
        "footfall,hub=a entries= 1",
        "footfall,hub=a entries=i 1",
        "footfall,hub=a entries=1_0i 1",
        "footfall,hub=a entries=9223372036854775808i 1",
        "co2,hub=a co2_ppm=nan 1",
        "co2,hub=a co2_ppm=inf 1",
        "co2,hub=a co2_ppm=1e999 1",
        "co2,hub=a co2_ppm=4.5 1.0",
        "co2,hub=a co2_ppm=4.5 1\r",
        "co2,hub=a co2_ppm=4.5 1\n",
    ],
)
def test_what_is_no_line_of_ours_is_refused_and_named(line: str) -> None:
    with pytest.raises(ValueError, match="not a line of ours") as refused:
        parse(line)
    assert repr(line) in str(refused.value)


def rows(batch: bytes) -> list[tuple[str, dict[str, int | float | bool]]]:
    """What a LineReader makes of a batch: series and columns, in order of their storing."""
    names: dict[int, str] = {}

    def number(measurement: str, tags: str) -> int:
        names[len(names)] = f"{measurement},{tags}"
        return len(names) - 1

    found = []
    for upsert, columns in LineReader().read(batch, number):
        _, _, named = upsert.partition("(series, ")
        keys = [name.strip('"') for name in named.partition(")")[0].split(", ")]
        rows = zip(*columns, strict=True)
        found += [(names[int(row[0])], dict(zip(keys, row[1:], strict=True))) for row in rows]
    return found


@given(st.lists(points(), max_size=30))
def test_rows_hold_what_their_lines_say(written: list[Point]) -> None:
    wanted = [
        (series_prefix(point.measurement, point.tags.items()), point.fields | {"time_ns": point.time_ns})
        for point in written
    ]
    found = rows(lines(written))
    # Lines of several series may be stored in another order, those of one series may not.
    for series in {name for name, _ in wanted}:
        assert [row for name, row in found if name == series] == [row for name, row in wanted if name == series]
    assert len(found) == len(wanted)


@pytest.mark.parametrize(
    "line, why",
    [
        ("nothing,hub=a entries=1i 1", "'nothing' is not a measurement"),
        ("footfall,hub=a,floor=b entries=1i 1", "the tags of footfall are hub, sensor, zone"),
        ("footfall,hub=a,hub=b entries=1i 1", "there once"),
        ("footfall,hub=A entries=1i 1", "each an id"),
        ("footfall,hub=a visitors=1i 1", "no field 'visitors'"),
        ("footfall,hub=a entries=1i,entries=2i 1", "twice"),
        ("footfall,hub=a entries=1.0 1", "entries an integer such as 3i"),
        ("co2,hub=a co2_ppm=400i 1", "co2_ppm a float such as 21.5"),
        ("co2,hub=a suspect=t 1", "suspect true or false"),
        ("co2,hub=\u00e4 co2_ppm=400.5 1", "each an id"),
        ("wifi,hub=a clients=9223372036854775808i 1", "does not fit 64 bits"),
        ("co2,hub=a co2_ppm=1e999 1", "does not fit 64 bits"),
    ],
)
def test_a_line_that_no_row_can_be_made_of_says_why(line: str, why: str) -> None:
    with pytest.raises(ValueError, match="not a line of ours") as refused:
        rows(f"co2,hub=a,sensor=b co2_ppm=400.5 1\n{line}".encode())
    assert why in str(refused.value)
    assert line[:8] in str(refused.value)


def test_a_series_is_looked_up_once_by_a_reader() -> None:
    asked: list[tuple[str, str]] = []

    def number(measurement: str, tags: str) -> int:
        asked.append((measurement, tags))
        return len(asked)

    for reader in (LineReader(), LineReader()):
        for _ in range(2):
            list(reader.read(b"co2,sensor=b,hub=a co2_ppm=400.5 1\nco2,hub=a,sensor=b co2_ppm=400.5 2", number))
    assert asked == [("co2", "hub=a,sensor=b")] * 2


def test_more_series_than_are_cached_are_still_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stores.sqlite_lines.SERIES_CACHED_MAX", 3)
    monkeypatch.setattr("stores.sqlite_lines.SHAPES_CACHED_MAX", 2)
    reader = LineReader()
    batch = lines(
        Point(name, {"hub": f"hub-{n}"}, 1, {next(iter(measurement.fields)): 1.5})
        for n in range(9)
        for name, measurement in MEASUREMENTS.items()
        if next(iter(measurement.fields.values())) == "float"
    )
    for _ in range(2):
        found = [number for _, (numbers, *_) in reader.read(batch, lambda *_: 1) for number in numbers]
        assert len(found) == batch.count(b"\n") + 1


LINES = (
    b"co2,hub=a,sensor=b co2_ppm=400.5 1700000000000000000",
    b"co2,hub=a,sensor=b,zone=c co2_ppm=-1e5,suspect=true 7",
    b"pressure,hub=a,sensor=p pressure_hpa=.5 -1",
    b"footfall,hub=a,sensor=d entries=1i,exits=2i 5",
    b"footfall,hub=a,sensor=d exits=3i,suspect=false 7",
)
VALUE_TYPES = {FieldType.INTEGER: int, FieldType.FLOAT: float, FieldType.BOOLEAN: bool}
EDITS = st.tuples(st.integers(0, 60), st.sampled_from([b"", *(b"%c" % c for c in b"0159.,= -+eEi_a\n\ttrue\xff\x00")]))


@given(st.lists(st.sampled_from(LINES), min_size=1, max_size=4), st.lists(EDITS, max_size=2), st.booleans())
def test_a_batch_is_taken_only_if_each_line_is_ours(
    whole: list[bytes], edits: list[tuple[int, bytes]], grow: bool
) -> None:
    """However many lines are converted at once, one that is not ours never passes, torn or altered."""
    batch = b"\n".join(whole)
    for place, put in edits:
        batch = batch[:place] + put + batch[place if grow else place + 1 :]

    def is_ours(line: bytes) -> bool:
        try:
            point = parse(line.decode())
        except ValueError:
            return False
        known = MEASUREMENTS.get(point.measurement)
        names = [pair.partition("=")[0] for part in line.decode().split(" ")[:2] for pair in part.split(",")]
        return (
            known is not None
            and len(names) == len(set(names))
            and set(point.tags) <= set(known.tags)
            and all(map(is_id, point.tags.values()))
            and set(point.fields) <= set(known.fields)
            and all(VALUE_TYPES[known.fields[name]] is type(value) for name, value in point.fields.items())
        )

    try:
        taken = len(rows(batch))
    except ValueError:
        taken = -1
    lines_of_it = [line for line in batch.split(b"\n") if line]
    assert taken == (len(lines_of_it) if all(map(is_ours, lines_of_it)) else -1)


@pytest.mark.parametrize(
    "times, oldest",
    [
        ([1_700_000_000_000_000_003, 1_700_000_000_000_000_002], 1_700_000_000_000_000_002),
        ([1_600_000_000_000_000_000, 1_700_000_000_000_000_002], 1_700_000_000_000_000_002),
        ([1_700_000_000_000_000_000], 1_700_000_000_000_000_000),
        ([946_684_800_000_000_000, 1_699_999_999_999_999_999], None),
    ],
)
def test_the_oldest_time_since_a_time_is_found_without_reading_the_lines(times: list[int], oldest: int | None) -> None:
    written = [encode("co2", {"hub": "a", "sensor": "b"}, {"co2_ppm": 400.5}, time_ns) for time_ns in times]
    assert oldest_since(written, 1_700_000_000_000_000_000) == oldest


@pytest.mark.parametrize("bytes_at_least", [0, 1, 3, 4, 5, 100])
@pytest.mark.parametrize("lines", [b"", b"a", b"ab\ncd\nef", b"abcdef\nb\n\nc"])
def test_pieces_are_of_whole_lines_and_no_smaller_than_asked(lines: bytes, bytes_at_least: int) -> None:
    found = list(pieces(lines, bytes_at_least))
    assert b"\n".join(found) == lines
    assert all(len(piece) >= bytes_at_least for piece in found[:-1])
    assert all(piece.find(b"\n", bytes_at_least) < 0 for piece in found)
