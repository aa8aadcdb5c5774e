"""A store tells which readings a batch gave other values: each once, and nothing else."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from schemas.settings import IngestSettings
from stores import Accepted, Rejected, Store
from stores.overwritten import RecentReadings
from stores.protocol import Overwritten
from stores.sqlite_store import SqliteStore

DOOR = "footfall,hub=armley,sensor=door"
OTHER = "footfall,hub=armley,sensor=side"


def told(store: Store, *lines: str) -> Sequence[Overwritten]:
    outcome = store.write("\n".join(lines).encode())
    assert isinstance(outcome, Accepted)
    return outcome.overwritten


def changes(found: Sequence[Overwritten]) -> list[tuple[str, int, dict[str, float], dict[str, float]]]:
    return [(each.series, each.time_ns, dict(each.before), dict(each.after)) for each in found]


def test_another_value_for_a_time_is_told_with_both(store: Store) -> None:
    assert not told(store, f"{DOOR} entries=3i,exits=1i 1000", f"{DOOR} entries=4i,exits=1i 2000")
    found = told(store, f"{DOOR} entries=5i,exits=1i 1000")
    assert changes(found) == [(DOOR, 1000, {"entries": 3}, {"entries": 5})]
    assert (found[0].fields, found[0].was_suspect) == (2, False)


@pytest.mark.parametrize(
    "again",
    [
        f"{DOOR} entries=3i 1000",
        f"{DOOR} exits=2i 1000",
        f"{DOOR} entries=3i,exits=2i 1000",
        f"{DOOR} entries=4i 1001",
        f"{OTHER} entries=4i 1000",
        "wifi,hub=armley,sensor=door clients=4i 1000",
    ],
)
def test_the_same_again_more_of_it_another_time_or_sensor_is_no_correction(store: Store, again: str) -> None:
    told(store, f"{DOOR} entries=3i 1000")
    assert not told(store, again)


def test_what_was_added_in_between_can_be_corrected_too(store: Store) -> None:
    for line in (f"{DOOR} entries=3i 1000", f"{DOOR} exits=2i 1000"):
        assert not told(store, line)
    found = told(store, f"{DOOR} entries=4i,exits=9i 1000")
    assert changes(found) == [(DOOR, 1000, {"entries": 3, "exits": 2}, {"entries": 4, "exits": 9})]


def test_corrections_within_a_batch_are_told_in_order(store: Store) -> None:
    batch = [f"{DOOR} entries={count}i 1000" for count in (3, 4, 4, 5)]
    found = told(store, *batch, f"{OTHER} entries=1i 1000")
    assert changes(found) == [
        (DOOR, 1000, {"entries": 3}, {"entries": 4}),
        (DOOR, 1000, {"entries": 4}, {"entries": 5}),
    ]


def test_a_reading_that_was_suspect_is_told_as_such(store: Store) -> None:
    told(store, f"{DOOR} entries=65535i,suspect=true 1000")
    (found,) = told(store, f"{DOOR} entries=5i 1000")
    assert (found.was_suspect, found.fields) == (True, 1)


def test_figures_and_states_are_renewed_and_never_corrected(store: Store) -> None:
    for count in (3, 4):
        lines = (
            f"usage_daily,hub=armley entries={count}i 1000",
            f"sensor_status,hub=a,sensor=b silent=true 100{count}",
        )
        assert not told(store, *lines)


def test_floats_and_big_counts_are_compared_exactly(store: Store) -> None:
    told(store, f"wifi,hub=a,sensor=b rx_bytes_total={2**62}i 1", "co2,hub=a,sensor=b co2_ppm=0.1 1")
    found = told(store, f"wifi,hub=a,sensor=b rx_bytes_total={2**62 + 1}i 1", "co2,hub=a,sensor=b co2_ppm=0.1 1")
    assert [dict(each.after) for each in found] == [{"rx_bytes_total": 2**62 + 1}]


def test_a_batch_that_was_not_taken_overwrote_nothing(store: Store) -> None:
    told(store, f"{DOOR} entries=3i 1000")
    refused = store.write(f"{DOOR} entries=4i 1000\n{DOOR} entries=4 1000".encode())
    assert isinstance(refused, Rejected)
    # InfluxDB 1.x stores the good lines of a batch that it refuses; the writer sends them again.
    assert len(told(store, f"{DOOR} entries=4i 1000")) == 1


def test_sqlite_knows_what_was_stored_long_ago(tmp_path: Path) -> None:
    for count, number in ((3, 0), (4, 1)):
        store = SqliteStore(tmp_path / "store.db")
        assert len(told(store, f"{DOOR} entries={count}i 1000")) == number
        store.close()


def test_the_memory_of_recent_readings_is_bounded() -> None:
    recent = RecentReadings(kept_max=10)
    for time_ns in range(40):
        assert not recent.take(f"{DOOR} entries=3i {time_ns}".encode())
    assert len(recent.take(f"{DOOR} entries=4i 39".encode())) == 1
    assert len(recent.take(f"{DOOR} entries=4i 35".encode())) == 1
    assert not recent.take(f"{DOOR} entries=4i 0".encode())
    assert len(recent) <= 12


def test_of_the_largest_flushes_that_the_settings_allow_the_one_before_is_remembered() -> None:
    largest = 25_000
    IngestSettings(flush_lines_max=largest)
    with pytest.raises(ValidationError, match="flush_lines_max"):
        IngestSettings(flush_lines_max=largest + 1)
    recent = RecentReadings()
    for first in (0, largest):
        lines = [f"{DOOR} entries=3i {first + n}" for n in range(largest)]
        assert not recent.take("\n".join(lines).encode())
    assert len(recent.take(f"{DOOR} entries=4i 0".encode())) == 1


def test_of_many_readings_those_are_told_that_were_there(store: Store) -> None:
    assert not told(store, *(f"{DOOR} entries={n}i {1000 + n}" for n in range(250)))
    found = told(store, *(f"{DOOR} entries={n + (n % 100 == 7)}i {1000 + n}" for n in range(150, 400)))
    assert changes(found) == [(DOOR, 1207, {"entries": 207}, {"entries": 208})]
    found = told(store, *(f"{DOOR} entries={n}i {1000 + n}" for n in range(200, 400)))
    assert changes(found) == [(DOOR, 1000 + n, {"entries": n + 1}, {"entries": n}) for n in (207, 307)]


def test_of_readings_remembered_in_many_batches_each_is_known() -> None:
    recent = RecentReadings(kept_max=1600)
    sensors = [f"footfall,hub=armley,sensor=door-{n}" for n in range(5)]
    for minute in range(40):
        lines = [f"{sensor} entries={minute}i {1000 + minute + n}" for n in range(3) for sensor in sensors]
        assert len(recent.take("\n".join(lines).encode())) == (10 if minute else 0)
    for time_ns in (1000, 1020, 1041):
        (found,) = recent.take(f"{sensors[3]} entries=99i {time_ns}".encode())
        assert (found.time_ns, found.after) == (time_ns, {"entries": 99})
