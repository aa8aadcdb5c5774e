"""Opening times and closures changed in the text of an estate file: every other sign of it stays."""

import difflib

import pytest

from schemas import HubpulseError
from schemas.opening import parse_closure
from sensors.estate_file import parse_estate
from sensors.hours_edit import hours_of, with_hours

TEXT = """\
# The estate of Leeds: ask Sam before you change it.
name: 'Leeds'   # shown on pages
timezone: Europe/London
sources:
  - {topic: "v3/#", format: tts}   # the network server
hubs:
  - id: armley   # the old library
    name: "Armley"
    # agreed with the caretaker
    opening:
      mon-fri: '09:00-17:00'   # the caretaker's hours
      # market day
      sat: "10:00-13:00"
    closures:
      - 2026-12-25..2027-01-01   # Christmas
      - "2026-08-31"
    sensors: [{id: door-1, every: 5m}]  # north
  - {id: beeston, opening: {mon: "09:00-12:00"}, sensors: []}
  - id: otley
    sensors:
      - {id: door-1}
"""
OPENING, CLOSURES = hours_of(TEXT, "armley")


def changed_lines(opening: dict[str, str], closures: list[str], hub: str = "armley", text: str = TEXT) -> list[str]:
    changed = with_hours(text, hub, opening, closures)
    return [line for line in difflib.ndiff(text.splitlines(), changed.splitlines()) if line[0] in "+-"]


def test_what_is_asked_as_it_stands_changes_no_sign() -> None:
    assert with_hours(TEXT, "armley", OPENING, CLOSURES) == TEXT
    assert with_hours(TEXT, "otley", {}, []) == TEXT


def test_one_time_is_changed_where_it_stands() -> None:
    assert changed_lines(OPENING | {"mon-fri": "09:00-18:30"}, CLOSURES) == [
        "-       mon-fri: '09:00-17:00'   # the caretaker's hours",
        "+       mon-fri: '09:00-18:30'   # the caretaker's hours",
    ]


BRACKETS = (
    "hubs:\n  - {id: a, opening: {mon-wed: '09:00-17:00', fri: 09:00-12:00 }, closures: [2026-12-25, \"2026-12-27\"]}\n"
)
ON_LINES = """\
hubs:
  - id: a
    opening: {
      mon-fri: 09:00-17:00,  # agreed
      sat: 10:00-13:00,
    }
    closures: [
      2026-12-25,  # Christmas
      # the street is closed
      2026-12-27
    ]
"""
WEEK = {"mon-wed": "09:00-17:00", "fri": "09:00-12:00"}


@pytest.mark.parametrize(
    "text, opening, closures, changed",
    [
        (BRACKETS, WEEK | {"fri": "10:00-12:00"}, ["2026-12-25", "2026-12-27"], ("fri: 09:00", "fri: 10:00")),
        (BRACKETS, WEEK | {"mon-wed": "closed"}, ["2026-12-25", "2026-12-27"], ("'09:00-17:00'", "'closed'")),
        (
            BRACKETS,
            WEEK | {"fri": "09:00-10:00, 11:00-12:00"},
            ["2026-12-25", "2026-12-27"],
            ("09:00-12:00 ", '"09:00-10:00, 11:00-12:00" '),
        ),
        (BRACKETS, WEEK, ["2026-12-27"], ("2026-12-25, ", "")),
        (BRACKETS, WEEK, ["2026-12-25"], (', "2026-12-27"', "")),
        (BRACKETS, WEEK, ["2026-12-25", "2027-01-01"], ('"2026-12-27"', '"2027-01-01"')),
        (BRACKETS, WEEK, [], ('2026-12-25, "2026-12-27"', "")),
        (
            BRACKETS,
            {"fri": "09:00-12:00", "sat": "10:00-11:00"},
            ["2026-12-25", "2026-12-27"],
            ("mon-wed: '09:00-17:00', fri: 09:00-12:00 ", "fri: 09:00-12:00, sat: 10:00-11:00 "),
        ),
        (ON_LINES, {"mon-fri": "09:00-17:00"}, ["2026-12-25", "2026-12-27"], ("      sat: 10:00-13:00,\n", "")),
        (
            ON_LINES,
            {"mon-fri": "09:00-17:00", "sat": "10:00-13:00"},
            ["2026-12-27"],
            ("      2026-12-25,  # Christmas\n", ""),
        ),
        (
            ON_LINES,
            {"mon-fri": "09:00-17:00", "sat": "10:00-13:00"},
            ["2026-12-25", "2026-12-27", "2026-12-28"],
            ("2026-12-27\n", "2026-12-27, 2026-12-28\n"),
        ),
    ],
)
def test_within_brackets_each_is_changed_by_itself_in_the_quotes_of_the_file(
    text: str, opening: dict[str, str], closures: list[str], changed: tuple[str, str]
) -> None:
    assert with_hours(text, "a", opening, closures) == text.replace(*changed)


PLAIN = """\
hubs:
  - id: a
    opening:
      mon-fri: 09:00-17:00   # no quotes in this file
      sat: 10:00-13:00
    closures:   # of the council
      - 2026-12-25   # Christmas
      # the street is closed
      - 2026-12-27
"""


def test_a_file_without_quotes_gets_none() -> None:
    assert changed_lines(
        {"mon-fri": "09:00-12:00, 13:00-17:00", "sat": "10:00-13:00", "sun": "closed"},
        ["2026-12-25", "2026-12-27", "2027-01-01..2027-01-03"],
        "a",
        PLAIN,
    ) == [
        "-       mon-fri: 09:00-17:00   # no quotes in this file",
        "+       mon-fri: 09:00-12:00, 13:00-17:00   # no quotes in this file",
        "+       sun: closed",
        "+       - 2027-01-01..2027-01-03",
    ]
    assert changed_lines({"mon-fri": "09:00-17:00", "sat": "10:00-13:00"}, [], "a", PLAIN) == [
        "-     closures:   # of the council",
        "+     closures: []   # of the council",
        "-       - 2026-12-25   # Christmas",
        "-       - 2026-12-27",
    ]


def test_days_and_closures_come_and_go_line_by_line() -> None:
    found = changed_lines(
        {"mon-fri": "09:00-17:00", "sun": "10:00-12:00, 13:00-16:00"}, ["2026-12-25..2027-01-01", "2027-04-02"]
    )
    assert sorted(found) == sorted(
        [
            '-       sat: "10:00-13:00"',
            '+       sun: "10:00-12:00, 13:00-16:00"',
            '-       - "2026-08-31"',
            '+       - "2027-04-02"',
        ]
    )


def test_keys_that_a_hub_does_not_have_are_put_in() -> None:
    assert changed_lines({"mon-sun": "closed"}, ["2026-12-25"], "otley") == [
        '+     opening: {mon-sun: "closed"}',
        '+     closures: ["2026-12-25"]',
    ]
    changed = with_hours(TEXT, "beeston", {"mon": "09:00-12:00"}, ["2026-12-25"])
    assert '- {id: beeston, closures: ["2026-12-25"], opening: {mon: "09:00-12:00"}, sensors: []}' in changed


def test_all_closures_can_go() -> None:
    changed = with_hours(TEXT, "armley", OPENING, [])
    assert parse_estate(changed).hubs[0].closures == ()
    assert "# agreed with the caretaker" in changed


def test_line_ends_and_a_missing_last_one_stay() -> None:
    windows = TEXT.replace("\n", "\r\n").removesuffix("\r\n")
    changed = with_hours(windows, "armley", {"sun": "10:00-12:00"} | OPENING, CLOSURES)
    assert changed.count("\n") == changed.count("\r\n") == TEXT.count("\n")


HOSTILE = (
    'mon-fri": "09:00-17:00"}\nsources: [{topic: "#", format: native}]\n#',
    "09:00-17:00}, sources: []",
    "closed # ",
    "&a closed",
    "!!python/object:os.system closed",
    "09:00-17:00\n    sensors: []",
    "\u202e09:00-17:00",
    "9" * 100_000,
)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_but_times_and_days_is_taken(text: str) -> None:
    for opening, closures in (({text: "09:00-17:00"}, []), ({"mon": text}, []), ({}, [text])):
        with pytest.raises(HubpulseError) as refused:
            with_hours(TEXT, "armley", opening, closures)
        assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    "opening, closures, said",
    [
        ({"mon-fri": "09:00-17:00", "wed": "10:00-12:00"}, [], "wed has opening times twice"),
        ({"mon": "9-5"}, [], 'write "09:00-17:00"|is not an opening time'),
        ({}, ["2026-13-01"], "not in the calendar"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(opening: dict[str, str], closures: list[str], said: str) -> None:
    with pytest.raises(HubpulseError, match=said):
        with_hours(TEXT, "armley", opening, closures)


@pytest.mark.parametrize(
    "text",
    [
        "hubs:\n  - {id: a, opening: &week {mon: '09:00-17:00'}}\n  - {id: b, opening: *week}\n",
        "hubs:\n  - id: a\n    opening: &week\n      mon: 09:00-17:00\n  - id: b\n    opening: *week\n",
    ],
)
def test_what_would_change_another_hub_as_well_is_refused(text: str) -> None:
    with pytest.raises(HubpulseError, match="written in a way that can't be changed here: change b in it yourself"):
        with_hours(text, "b", {"mon": "10:00-17:00"}, [])
    with pytest.raises(HubpulseError, match="hub 'x' is not in"):
        with_hours(text, "x", {}, [])


def test_what_is_written_is_what_was_meant() -> None:
    changed = parse_estate(
        with_hours(TEXT, "armley", {"mon": "9:00 - 12:00,13:00-24:00"}, ["2027-01-01 .. 2027-01-03"])
    )
    hub = changed.hubs[0]
    assert hub.opening is not None
    assert hub.opening.week[0] == ((540, 720), (780, 1440))
    assert hub.closures == (parse_closure("2027-01-01..2027-01-03"),)
