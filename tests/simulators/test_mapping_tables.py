"""Tables as they are found: odd headers, formats, blanks and repeats. What is left out is counted, never hidden."""

import gzip
import json
import re
import textwrap
from pathlib import Path

import pytest

from schemas import HubpulseError
from simulators import tables
from simulators.mapping import MappingError
from simulators.messages import TimedMessage
from tests.real_parts import REPOSITORY
from tests.simulators.tabulated import DATA, DOOR, payloads, readings, shipped, table


def by(fields: str, *, topic: str = "hubs/armley/footfall/door-1", more: str = "", time: str = "{column: time}") -> str:
    return f"time: {time}\nreadings:\n  - {{topic: {topic}, fields: {{{fields}}}{more}}}\n"


def test_a_row_becomes_a_native_message_with_its_own_time(tmp_path: Path) -> None:
    (message,) = table(tmp_path, "time,in\n2026-07-01 09:30,12\n").messages()
    assert message.topic == "hubs/armley/footfall/door-1"
    assert message.payload == b'{"time":"2026-07-01T08:30:00Z","entries":12}'


def test_a_gzipped_table_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    plain = table(tmp_path, "time,in\n2026-07-01 09:30,12\n")
    expected = list(plain.messages())
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert list(plain.messages()) == expected


@pytest.mark.parametrize(
    "text, utc",
    [
        ("31/12/2015", "2015-12-31T00:00:00Z"),
        ("2014-07-03", "2014-07-02T23:00:00Z"),
        ("03-Nov-14", "2014-11-03T00:00:00Z"),
        ("2021-09-07 00:05 +08:00", "2021-09-06T16:05:00Z"),
        ("2021-09-07T00:05:30.25Z", "2021-09-07T00:05:30.25Z"),
        ("1630944300", "2021-09-06T16:05:00Z"),
        ("1630944300123", "2021-09-06T16:05:00.123Z"),
        ('  31/12/2015 "', "2015-12-31T00:00:00Z"),
    ],
)
def test_several_time_formats_can_stand_in_one_file(tmp_path: Path, text: str, utc: str) -> None:
    formats = '["%d/%m/%Y", "%d-%b-%y", "%Y-%m-%d", iso, unix]'
    mapping = by("entries: in", time=f"{{column: time, format: {formats}, timezone: Europe/London}}")
    quoted = text.replace('"', '""')
    assert readings(table(tmp_path, f'time,in\n"{quoted}",1\n', mapping).messages()) == [(utc, 1)]


def test_formats_are_tried_in_their_order(tmp_path: Path) -> None:
    mapping = by("entries: in", time='{column: time, format: ["%m/%d/%Y", "%d/%m/%Y"], timezone: UTC}')
    found = readings(table(tmp_path, "time,in\n02/01/2026,1\n31/01/2026,2\n", mapping).messages())
    assert found == [("2026-02-01T00:00:00Z", 1), ("2026-01-31T00:00:00Z", 2)]


def test_date_and_hour_can_stand_in_columns_of_their_own(tmp_path: Path) -> None:
    mapping = by("entries: in", time='{column: [day, hour], format: "%Y-%m-%d %H", timezone: UTC}')
    found = readings(table(tmp_path, "day,in,hour\n2026-01-02,5,7\n2026-01-02,6,23\n", mapping).messages())
    assert found == [("2026-01-02T07:00:00Z", 5), ("2026-01-02T23:00:00Z", 6)]


def test_a_time_without_an_offset_or_a_zone_is_not_guessed(tmp_path: Path) -> None:
    counts = table(tmp_path, "time,in\n2026-01-02T03:04:05,1\n", by("entries: in"))
    assert list(counts.messages()) == []
    (line,) = counts.skipped.lines()
    assert line.startswith(f"1 x {tables.NO_TIME} (first: line 2, '2026-01-02T03:04:05' has no offset: name the file's")


def test_topics_are_made_of_cells_and_names(tmp_path: Path) -> None:
    mapping = (
        by("entries: in", topic='"hubs/{Place}/footfall/{Door}"') + "names: {Place: {Briggate: briggate-street}}\n"
    )
    text = "time,Place,Door,in\n2026-01-01T00:00Z,Briggate,Door 1,1\n2026-01-01T00:00Z,The Head-Row!,B,2\n"
    assert [message.topic for message in table(tmp_path, text, mapping).messages()] == [
        "hubs/briggate-street/footfall/door-1",
        "hubs/the-head-row/footfall/b",
    ]


def test_two_names_that_would_become_the_same_hub_are_an_error(tmp_path: Path) -> None:
    mapping = by("entries: in", topic='"hubs/{Place}/footfall/door"')
    text = "time,Place,in\n2026-01-01T00:00Z,City Hall,1\n2026-01-01T00:00Z,city-hall,2\n"
    with pytest.raises(HubpulseError, match="'City Hall' and 'city-hall' both become 'city-hall': name them"):
        list(table(tmp_path, text, mapping).messages())


def test_a_cell_that_names_nothing_is_counted(tmp_path: Path) -> None:
    mapping = by("entries: in", topic='"hubs/{Place}/footfall/door"')
    counts = table(tmp_path, "time,Place,in\n2026-01-01T00:00Z,???,1\n2026-01-01T00:00Z,A,2\n", mapping)
    assert readings(counts.messages()) == [("2026-01-01T00:00:00Z", 2)]
    assert counts.skipped.counts == {tables.NO_NAME: 1}


def test_the_files_name_can_stand_in_a_topic_and_choose_a_reading(tmp_path: Path) -> None:
    mapping = (
        by("entries: n", topic='"hubs/{file}/footfall/door"', more=", where: {file: north}")
        + '  - {topic: "hubs/{file}/footfall/door", fields: {exits: n}, where: {file: south}}\n'
    )
    (message,) = table(tmp_path, "time,n\n2026-01-01T00:00Z,3\n", mapping, name="south.csv.gz").messages()
    assert (message.topic, payloads([message])[0]["exits"]) == ("hubs/south/footfall/door", 3)


def test_a_long_table_is_split_by_where(tmp_path: Path) -> None:
    mapping = (
        by("temperature_c: value", topic="hubs/a/temperature/air", more=", where: {what: temp}")
        + "  - {topic: hubs/a/co2/air, fields: {co2_ppm: value}, where: {what: co2}}\n"
    )
    text = "time,what,value\n2026-01-01T00:00Z,temp,21.5\n2026-01-01T00:00Z,co2,600\n2026-01-01T00:00Z,light,3\n"
    messages = list(table(tmp_path, text, mapping).messages())
    assert [message.topic for message in messages] == ["hubs/a/temperature/air", "hubs/a/co2/air"]
    assert [payload.get("temperature_c", payload.get("co2_ppm")) for payload in payloads(messages)] == [21.5, 600]


def test_constants_stand_beside_columns(tmp_path: Path) -> None:
    (payload,) = payloads(table(tmp_path, "time,n\n2026-01-01T00:00Z,3\n", by("entries: n, exits: 0")).messages())
    assert payload == {"time": "2026-01-01T00:00:00Z", "entries": 3, "exits": 0}


@pytest.mark.parametrize("text, count", [("7", 7), (" 7 ", 7), ("007", 7), ("3.0", 3), ("1e3", 1000), ("-2", -2)])
def test_counts_become_whole_numbers(tmp_path: Path, text: str, count: int) -> None:
    (payload,) = payloads(table(tmp_path, f"time,n\n2026-01-01T00:00Z,{text}\n", by("entries: n")).messages())
    assert payload["entries"] == count
    assert type(payload["entries"]) is int


def test_measures_keep_every_digit(tmp_path: Path) -> None:
    mapping = by("temperature_c: t", topic="hubs/a/temperature/air")
    (message,) = table(tmp_path, "time,t\n2026-01-01T00:00Z,26.399040000000003\n", mapping).messages()
    assert message.payload == b'{"time":"2026-01-01T00:00:00Z","temperature_c":26.399040000000003}'


@pytest.mark.parametrize("text", ["3.5", "many", "inf", "1_000", "--", "0x10", "1,5"])
def test_what_is_no_count_is_counted_and_left_out(tmp_path: Path, text: str) -> None:
    counts = table(tmp_path, f'time,n\n2026-01-01T00:00Z,"{text}"\n2026-01-01T00:01Z,1\n', by("entries: n"))
    assert readings(counts.messages()) == [("2026-01-01T00:01:00Z", 1)]
    assert counts.skipped.counts == {tables.NO_NUMBER: 1}
    assert counts.skipped.lines()[0].endswith(f"(first: line 2: {text!r})")


def test_a_semicolon_table_with_decimal_commas_is_read(tmp_path: Path) -> None:
    mapping = (
        by("temperature_c: t", topic="hubs/a/temperature/air") + 'delimiter: ";"\ndecimal: ","\nencoding: latin-1\n'
    )
    path = tmp_path / "counts.csv"
    rooms = table(tmp_path, "", mapping)
    path.write_bytes("time;t;Raum\n2026-01-01T00:00Z;21,5;Küche\n".encode("latin-1"))
    assert [payload["temperature_c"] for payload in payloads(rooms.messages())] == [21.5]


def test_a_blank_field_is_left_out_and_a_reading_of_blanks_is_counted(tmp_path: Path) -> None:
    text = "time,in,out\n2026-01-01T00:00Z,,4\n2026-01-01T00:01Z,NA,\n2026-01-01T00:02Z,5,NaN\n"
    counts = table(tmp_path, text, by("entries: in, exits: out"))
    assert [list(payload)[1:] for payload in payloads(counts.messages())] == [["exits"], ["entries"]]
    assert counts.skipped.lines() == [f"1 x {tables.BLANK} (first: line 3)"]


def test_a_blank_time_is_counted(tmp_path: Path) -> None:
    counts = table(tmp_path, "time,in\n,4\n2026-01-01 00:01,5\n")
    assert len(list(counts.messages())) == 1
    assert counts.skipped.counts == {tables.NO_TIME: 1}


def test_exact_duplicates_are_counted_and_not_sent_again(tmp_path: Path) -> None:
    text = "time,in\n" + "2026-01-01 00:01,5\n2026-01-01 00:02,6\n" * 3
    counts = table(tmp_path, text)
    assert [count for _, count in readings(counts.messages())] == [5, 6]
    assert counts.skipped.lines() == [f"4 x {tables.DUPLICATE} (first: line 4)"]


def test_rows_that_disagree_about_a_sensor_and_time_are_counted_and_the_first_is_kept(tmp_path: Path) -> None:
    counts = table(tmp_path, "time,in\n2026-01-01 00:01,5\n2026-01-01 00:02,6\n2026-01-01 00:01,7\n")
    assert [count for _, count in readings(counts.messages())] == [5, 6]
    assert counts.skipped.lines() == [f"1 x {tables.CONFLICT} (first: line 4)"]


def test_duplicates_are_found_in_a_table_that_runs_backwards(tmp_path: Path) -> None:
    rows = [f"2026-01-01 00:{minute:02},5\n" for minute in range(59, 30, -1)]
    counts = table(tmp_path, "time,in\n" + "".join(rows) + "".join(rows))
    assert len(list(counts.messages())) == len(rows)
    assert counts.skipped.counts == {tables.DUPLICATE: len(rows)}


def test_a_second_pass_gives_the_same_messages_and_counts(tmp_path: Path) -> None:
    counts = table(tmp_path, "time,in\n2026-01-01 00:01,5\n2026-01-01 00:01,5\n")
    assert list(counts.messages()) == list(counts.messages())
    assert counts.skipped.counts == {tables.DUPLICATE: 1}


def test_a_headerless_table_is_named_by_the_mapping(tmp_path: Path) -> None:
    counts = table(tmp_path, "2026-01-01 00:01,5\n2026-01-01 00:02,6\n", DOOR + "header: false\ncolumns: [time, in]\n")
    assert [count for _, count in readings(counts.messages())] == [5, 6]


def test_a_row_number_without_a_name_asks_for_the_column_names(tmp_path: Path) -> None:
    text = "time,in\n1,2026-01-01 00:01,5\n"
    with pytest.raises(MappingError, match=r"counts.csv:2: 3 fields, but 2 columns \(time, in\): name the columns"):
        list(table(tmp_path, text).messages())
    named = table(tmp_path, text, DOOR + "columns: [row, time, in]\n")
    assert readings(named.messages()) == [("2026-01-01T00:01:00Z", 5)]


def test_a_row_of_another_width_is_counted(tmp_path: Path) -> None:
    counts = table(tmp_path, "time,in\n2026-01-01 00:01,5\n2026-01-01 00:02\n\n2026-01-01 00:03,7\n")
    assert [count for _, count in readings(counts.messages())] == [5, 7]
    assert counts.skipped.lines() == [f"1 x {tables.WRONG_WIDTH} (first: line 3: 1 instead of 2)"]


@pytest.mark.parametrize(
    "text, problem",
    [
        ("date,in\n", "column 'time' is not in the table; it has date, in"),
        ("time,in,in\n", "column 'in' is there twice"),
        ("", "column 'time' is not in the table"),
    ],
)
def test_a_mapping_that_does_not_fit_the_header_is_an_error(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(MappingError, match=problem):
        list(table(tmp_path, text).messages())


def test_a_wrong_encoding_says_what_to_write(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    counts = table(tmp_path, "")
    path.write_bytes(b"time,in\n2026-01-01 00:01,5\xe9\n")
    with pytest.raises(MappingError, match=r"counts.csv:.*not utf-8-sig: write for example `encoding: latin-1`"):
        list(counts.messages())


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert len(list(table(tmp_path, "\ufefftime,in\n2026-01-01 00:01,5\n").messages())) == 1


def test_an_open_quote_is_an_error_and_not_a_giant_cell(tmp_path: Path) -> None:
    text = 'time,in\n2026-01-01 00:01,5\n2026-01-01 00:02,"5\n' + "2026-01-01 00:03,5\n" * 20_000
    with pytest.raises(HubpulseError, match="is a quote left open"):
        list(table(tmp_path, text).messages())


def test_a_damaged_gzip_file_is_an_error_after_what_could_be_read(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    counts = table(tmp_path, "")
    rows = "".join(f"2026-01-01 {n // 60:02}:{n % 60:02},{n * 7919 % 1000}\n" for n in range(1440))
    path.write_bytes(gzip.compress(f"time,in\n{rows}".encode())[:-2000])
    found: list[TimedMessage] = []
    with pytest.raises(HubpulseError, match="the gzip data are cut short or damaged"):
        found.extend(counts.messages())
    assert len(found) > 0


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HubpulseError, match=r"can't read .*none.csv: No such file or directory; check the path"):
        shipped(tmp_path / "none.csv", "calit2")


def test_readings_can_be_sent_in_arrays_of_one_topic_each(tmp_path: Path) -> None:
    mapping = by("entries: in") + "  - {topic: hubs/armley/wifi/ap, fields: {clients: out}}\n"
    rows = "".join(f"2026-01-01T00:{minute:02}Z,{minute},{minute}\n" for minute in range(7))
    messages = list(table(tmp_path, "time,in,out\n" + rows, mapping, readings_per_message=3).messages())
    arrays = [json.loads(message.payload) for message in messages]
    sizes = [(message.topic.split("/")[2], len(array)) for message, array in zip(messages, arrays, strict=True)]
    assert sizes == [("footfall", 3), ("wifi", 3), ("footfall", 3), ("wifi", 3), ("footfall", 1), ("wifi", 1)]
    assert [reading["entries"] for array in arrays[::2] for reading in array] == list(range(7))


def test_the_occupancy_rooms_rows_have_one_field_more_than_its_header() -> None:
    for name in ("datatest_part.txt", "datatest2_part.txt"):
        rooms = shipped(DATA / "uci_occupancy" / name, "uci_occupancy")
        messages = list(rooms.messages())
        assert len(messages) == 60 * 3
        assert rooms.skipped.counts == {}
    assert payloads(messages)[:3] == [
        {"time": "2015-02-11T13:48:00Z", "temperature_c": 21.76},
        {"time": "2015-02-11T13:48:00Z", "relative_humidity_pct": 31.1333333333333},
        {"time": "2015-02-11T13:48:00Z", "co2_ppm": 1029.66666666667},
    ]


def test_a_stray_line_break_in_a_quoted_time_loses_no_count() -> None:
    path = DATA / "uci_calit2" / "cal-inflow.csv"
    expected = sum(int(line.rpartition(",")[2]) for line in path.read_text().splitlines() if "," in line)
    raw = shipped(path, "calit2-raw")
    messages = list(raw.messages())
    assert sum(payload["entries"] for payload in payloads(messages)) == expected
    assert (len(messages), raw.skipped.counts) == (100, {})


def test_the_example_of_the_manual_runs_as_written(tmp_path: Path) -> None:
    manual = (REPOSITORY / "docs" / "replay.md").read_text()
    blocks = [textwrap.dedent(block) for block in re.findall(r"(?:^(?: {4}.+)\n)+", manual, flags=re.MULTILINE)]
    rows = next(block for block in blocks if block.startswith("Date,"))
    mapping = next(block for block in blocks if block.startswith("time:"))
    (message,) = table(tmp_path, rows, mapping).messages()
    assert message.topic == "hubs/armley/footfall/front-door"
    assert payloads([message]) == [{"time": "2026-10-31T09:00:00Z", "entries": 12, "exits": 3}]
