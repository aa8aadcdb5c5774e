"""Notes on a day are kept beside its figures, shown with them, and taken back."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.usage import app
from stores import Store
from stores.sqlite_store import SqliteStore
from tests.usage.given import at, estate, hub
from usage import Queries
from usage.notes import CHARACTERS_MAX, NOTES_A_DAY_MAX, Note, NoteError, add_note, read_notes, remove_note

DAY = date(2026, 10, 20)
MADE_NS = at("2026-10-21T08:00")
HARD = "boiler repaired, 50 % of radiators = cold; \"caf\u00e9\" \\ 'hall' \u2014 \U0001f525"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = SqliteStore(tmp_path / "data" / "store.db")
    store.prepare()
    yield store
    store.close()


def test_a_note_comes_back_with_its_words_its_author_and_its_day(store: Store) -> None:
    note = add_note(store, "armley", DAY, HARD, author="mia@leeds", now_ns=MADE_NS)
    assert note == Note("armley", DAY, HARD, "mia@leeds", MADE_NS)
    assert read_notes(store, DAY, DAY) == [note]
    assert read_notes(store, DAY + timedelta(days=1), DAY + timedelta(days=9)) == []
    assert read_notes(store, DAY, DAY, "beeston") == []


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/London"])
def test_a_note_stays_on_its_date_whatever_the_hubs_zone(store: Store, zone: str) -> None:
    add_note(store, "armley", DAY, "flood", now_ns=MADE_NS)
    queries = Queries(store, estate(hub(timezone=zone)), now_ns=MADE_NS)
    assert [note.date for note in queries.notes(DAY, DAY, hub="armley")] == [DAY]
    why = queries.why("armley", DAY)
    assert why is not None
    assert [note.text for note in why.notes] == ["flood"]


def test_the_same_note_twice_is_one_and_one_taken_back_is_gone_until_it_is_written_again(store: Store) -> None:
    for _ in range(2):
        add_note(store, "armley", DAY, "  boiler \n repaired ", now_ns=MADE_NS)
    assert [note.text for note in read_notes(store, DAY, DAY)] == ["boiler repaired"]
    remove_note(store, "armley", DAY, "boiler  repaired")
    assert read_notes(store, DAY, DAY) == []
    with pytest.raises(NoteError, match="no such note"):
        remove_note(store, "armley", DAY, "boiler repaired")
    add_note(store, "armley", DAY, "boiler repaired", now_ns=MADE_NS + 1)
    assert [note.made_ns for note in read_notes(store, DAY, DAY)] == [MADE_NS + 1]


def test_notes_are_bounded(store: Store) -> None:
    for text, problem in ((" ", "needs words"), ("x" * (CHARACTERS_MAX + 1), "at most")):
        with pytest.raises(NoteError, match=problem):
            add_note(store, "armley", DAY, text, now_ns=MADE_NS)
    for number in range(NOTES_A_DAY_MAX):
        add_note(store, "armley", DAY, f"note {number}", now_ns=MADE_NS)
    with pytest.raises(NoteError, match="remove one first"):
        add_note(store, "armley", DAY, "one more", now_ns=MADE_NS)


def test_control_characters_are_shown_and_not_obeyed(store: Store) -> None:
    note = add_note(store, "armley", DAY, "\x1b[2Jred", now_ns=MADE_NS)
    assert note.text == "\\x1b[2Jred"


# ------------------------------------------------------------------------------------------------- the command line


def call(*words: str, data: Path) -> Result:
    return CliRunner().invoke(app, [*words, "--data", str(data)], catch_exceptions=False)


@pytest.mark.usefixtures("store")
def test_the_command_keeps_lists_explains_and_removes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "estate.yaml").write_text("timezone: UTC\nhubs: [{id: armley}]\n")
    data = tmp_path / "data"
    asked = ("armley", "2025-10-20", "=boiler repaired")
    assert call("note", *asked, "--author", "mia", data=data).stdout == "noted on armley 2025-10-20\n"
    days = ("--from", "2025-10-01", "--to", "2025-10-31")
    assert call("notes", *days, data=data).stdout == "armley 2025-10-20: =boiler repaired (mia)\n"
    assert "  note: =boiler repaired (mia)\n" in call("why", "--hub", "armley", "--date", asked[1], data=data).stdout
    (found,) = json.loads(call("notes", *days, "--json", data=data).stdout)
    assert (found["hub"], found["date"], found["text"], found["author"]) == (*asked, "mia")
    assert call("note", *asked, "--remove", data=data).exit_code == 0
    assert "No note on any day" in call("notes", *days, data=data).stdout
    assert call("note", "armley", "2199-01-01", "x", data=data).exit_code == 2
    assert call("note", "atlantis", "2025-10-20", "x", data=data).exit_code == 2
