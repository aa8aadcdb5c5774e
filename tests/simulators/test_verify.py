"""Reading a truth and holding figures against it."""

from datetime import date
from pathlib import Path

import pytest

from schemas import HubpulseError
from simulators.truth.verify import Difference, Truth, differences, read_truth, zone_differences
from tests.simulators.small_estate import played, week


@pytest.fixture(scope="module", name="text")
def _text() -> str:
    return played(week(days=2))[1]


@pytest.fixture(name="file")
def _file(text: str, tmp_path: Path) -> Path:
    file = tmp_path / "truth.jsonl"
    file.write_text(text)
    return file


@pytest.fixture(name="truth")
def _truth(file: Path) -> Truth:
    return read_truth(file)


SATURDAY, SUNDAY = date(2025, 5, 17), date(2025, 5, 18)


def test_the_truth_agrees_with_itself(truth: Truth) -> None:
    assert truth.spans == [(SATURDAY, SUNDAY)]
    assert len(truth.days) == 6
    assert differences(truth, [(hub, day, row) for (hub, day), row in truth.days.items()]) == []


def test_a_missing_row_a_wrong_count_and_a_wrong_mean_are_each_told(truth: Truth) -> None:
    rows = {key: dict(row) for key, row in truth.days.items()}
    del rows["south", SUNDAY]
    entries, mean = rows["north", SATURDAY]["entries"], rows["night", SUNDAY]["co2_mean_ppm"]
    assert isinstance(entries, int)
    assert isinstance(mean, float)
    rows["north", SATURDAY]["entries"] = entries + 1
    rows["night", SUNDAY]["co2_mean_ppm"] = mean + 0.01
    rows["night", SUNDAY]["temperature_min_c"] = None
    minimum = truth.days["night", SUNDAY]["temperature_min_c"]
    assert differences(truth, [(hub, day, row) for (hub, day), row in rows.items()]) == [
        Difference("night", SUNDAY, "temperature_min_c", minimum, None),
        Difference("night", SUNDAY, "co2_mean_ppm", mean, mean + 0.01),
        Difference("north", SATURDAY, "entries", entries, entries + 1),
        Difference("south", SUNDAY, None, None, None),
    ]


def test_a_wrong_zone_a_missing_one_and_one_too_many_are_each_told(truth: Truth) -> None:
    rows = {key: dict(row) for key, row in truth.zones.items()}
    assert len(rows) == 8

    def told() -> list[Difference]:
        return zone_differences(truth, [(*key, row) for key, row in rows.items()])

    assert told() == []
    mean = rows["south", SATURDAY, "cafe"]["temperature_mean_c"]
    assert isinstance(mean, float)
    rows["south", SATURDAY, "cafe"]["temperature_mean_c"] = mean + 0.01
    rows["south", SATURDAY, "attic"] = rows.pop(("north", SUNDAY, "hall"))
    assert told() == [
        Difference("north", SUNDAY, None, None, None, "hall"),
        Difference("south", SATURDAY, "rows", 0, 1, "attic"),
        Difference("south", SATURDAY, "temperature_mean_c", mean, mean + 0.01, "cafe"),
    ]
    assert str(told()[0]) == "north hall 2025-05-18: no figures at all"


def test_rounding_is_no_difference_and_zero_is_not_nothing(truth: Truth) -> None:
    rows = {key: dict(row) for key, row in truth.days.items()}
    for row in rows.values():
        row.update({name: value + 0.0004 for name, value in row.items() if isinstance(value, float)})
    assert differences(truth, [(hub, day, row) for (hub, day), row in rows.items()]) == []
    rows["south", SUNDAY]["entries"] = None if truth.days["south", SUNDAY]["entries"] == 0 else 0
    assert len(differences(truth, [(hub, day, row) for (hub, day), row in rows.items()])) == 1


def test_a_difference_is_told_in_words() -> None:
    assert (
        str(Difference("armley", SUNDAY, "entries", 3, None)) == "armley 2025-05-18 entries: expected 3, found nothing"
    )
    assert str(Difference("armley", SUNDAY, None, None, None)) == "armley 2025-05-18: no figures at all"


@pytest.mark.parametrize(
    "keep,complaint",
    [
        (slice(0, 0), "no truth of this version"),
        (slice(1, None), "no truth of this version"),
        (slice(0, 1), "covers no day"),
        (slice(0, -1), "has no end"),
    ],
)
def test_half_a_truth_is_refused(file: Path, text: str, keep: slice, complaint: str) -> None:
    file.write_text("".join(text.splitlines(keepends=True)[keep]))
    with pytest.raises(HubpulseError, match=complaint):
        read_truth(file)


@pytest.mark.parametrize("line,complaint", [("{", "2 is not JSON"), ("[1]", "2 is no line of a truth")])
def test_a_broken_line_is_named(file: Path, text: str, line: str, complaint: str) -> None:
    file.write_text(text.splitlines()[0] + f"\n{line}\n")
    with pytest.raises(HubpulseError, match=complaint):
        read_truth(file)


def test_a_missing_file_is_refused_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(HubpulseError, match="simulate with --truth"):
        read_truth(tmp_path / "none.jsonl")
