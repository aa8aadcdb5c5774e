"""What people wrote about a hub's day ("boiler repaired"), kept in the store beside the figures and as long as they.

A point's fields are numbers, so the text is a tag, percent-encoded (RFC 3986): the same note written twice is one, in
every store. One that is taken back stays, marked, as a store may not be able to delete it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from schemas import HubpulseError
from schemas.localtime import Span, from_ns, to_ns
from schemas.printable import printable
from stores import Store
from stores.lines import encode
from usage.rows import write

NOTES: Final = "usage_notes"
CHARACTERS_MAX: Final = 200
NOTES_A_DAY_MAX: Final = 20
AUTHOR_CHARACTERS_MAX: Final = 64


class NoteError(HubpulseError):
    """A note can't be kept, or there is none to take back."""


class Note(NamedTuple):
    """A note on a hub's local day; `author` is "" where nobody signed in."""

    hub: str
    date: date
    text: str
    author: str
    made_ns: int


def read_notes(store: Store, first: date, last: date, hub: str | None = None) -> list[Note]:
    """The notes on the days, both ends included, by hub and day in the order in which they were made."""
    span = Span(_time_ns(first), _time_ns(last + timedelta(days=1)))
    return sorted(_read(store, span, hub), key=lambda note: (note.hub, note.date, note.made_ns, note.text))


def add_note(store: Store, hub: str, day: date, text: str, *, author: str = "", now_ns: int) -> Note:
    """Keep a note. Raises NoteError for one that is empty, too long, or one too many; StoreError."""
    note = Note(hub, day, _plain(text), author[:AUTHOR_CHARACTERS_MAX], now_ns)
    if not note.text:
        raise NoteError("a note needs words: what happened on that day?")
    if len(note.text) > CHARACTERS_MAX:
        raise NoteError(f"a note has at most {CHARACTERS_MAX} characters, this one {len(note.text)}: shorten it")
    if len(read_notes(store, day, day, hub)) >= NOTES_A_DAY_MAX:
        raise NoteError(f"{hub} has {NOTES_A_DAY_MAX} notes on {day}: remove one first")
    _write(store, note, removed=False)
    return note


def remove_note(store: Store, hub: str, day: date, text: str) -> None:
    """Take back the notes with that text, whoever wrote them. Raises NoteError where there is none; StoreError."""
    found = [note for note in read_notes(store, day, day, hub) if note.text == _plain(text)]
    if not found:
        raise NoteError(f"{hub} has no such note on {day}: `hubpulse usage notes --hub {hub}` lists those that it has")
    for note in found:
        _write(store, note, removed=True)


def _plain(text: str) -> str:
    return printable(" ".join(text.split()))


def _write(store: Store, note: Note, *, removed: bool) -> None:
    tags = {"hub": note.hub, "note": quote(note.text, safe=""), "author": quote(note.author, safe="")}
    write(store, [encode(NOTES, tags, {"made_ns": note.made_ns, "removed": removed}, _time_ns(note.date))])


def _read(store: Store, span: Span, hub: str | None) -> Iterator[Note]:
    where = None if hub is None else {"hub": hub}
    for chunk in store.read(NOTES, start_ns=span.start_ns, stop_ns=span.stop_ns, where=where):
        tags = {name: unquote(value or "") for name, value in chunk.tags.items()}
        made, removed = chunk.columns["made_ns"], chunk.columns["removed"]
        for i, time_ns in enumerate(chunk.times_ns):
            if not removed[i]:
                day = from_ns(time_ns).date()
                yield Note(tags["hub"], day, tags["note"], tags.get("author", ""), int(made[i] or 0))


def _time_ns(day: date) -> int:
    return to_ns(datetime.combine(day, time(), UTC))
