"""Keeps the judged cases in the store, for pages, which read them in milliseconds, and what people note of them."""

from __future__ import annotations

from datetime import datetime, timedelta

from schemas import Estate, HubpulseError
from schemas.localtime import Span, day_span
from schemas.printable import printable
from stores import Store
from usage.health.cases import Case, CaseNote
from usage.health.judging import JUDGED_DAYS, judge
from usage.health.rows import CASES, case_line, note_line, read_cases
from usage.queries import Queries
from usage.rows import replace_rows, write

CHARACTERS_MAX = 200
AUTHOR_CHARACTERS_MAX = 64
NOTES_A_CASE_MAX = 50


class CaseNoteError(HubpulseError):
    """A note of a case can't be kept."""


def write_cases(store: Store, estate: Estate, *, now_ns: int) -> None:
    """Judge the stored days and write the cases, in place of those before."""
    queries = Queries(store, estate, now_ns=now_ns)
    first = queries.today() - timedelta(days=JUDGED_DAYS)
    span = Span(day_span(first - timedelta(days=1), estate.zone_of("")).start_ns, now_ns + 1)
    fresh = {(case.hub, case_line(case, estate.zone_of(case.hub))) for case in judge(queries, estate)}
    stored = {(case.hub, case_line(case, estate.zone_of(case.hub))) for case in read_cases(store, span, estate.zone_of)}
    replace_rows(store, CASES, span, stored, fresh)


def note_case(store: Store, case: Case, text: str, *, by: str, at: datetime, closes: bool = False) -> CaseNote:
    """Keep a note on a case, which it may close. Raises CaseNoteError for one that is empty, too long or too many."""
    plain = printable(" ".join(text.split()))
    if not plain:
        raise CaseNoteError("a note needs words: what was seen, or done?")
    if len(plain) > CHARACTERS_MAX:
        raise CaseNoteError(f"a note has at most {CHARACTERS_MAX} characters, this one {len(plain)}: shorten it")
    if len(case.notes) >= NOTES_A_CASE_MAX:
        raise CaseNoteError(f"this case has {NOTES_A_CASE_MAX} notes already")
    note = CaseNote(case.kind, case.hub, case.zone, at, by[:AUTHOR_CHARACTERS_MAX], plain, closes)
    write(store, [note_line(note)])
    return note
