"""Notices of reports that were made by themselves, with links to their files on the board.

They go to those who are told of alerts, outside of quiet times, and again for a day where they did not go. What is to
be told follows from what was given out and what is in the outbox, so that none is forgotten where a process ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from dashboards.alerts.addresses import Address
from dashboards.alerts.notice import is_quiet
from dashboards.alerts.outbox import GIVEN_UP_NS, Subject, post, read_notices, send_due
from dashboards.reports import words
from dashboards.reports.shelf import GivenOut, Shelf, series_of
from schemas import Estate
from schemas.texts import _
from stores import Store
from usage.queries import DateRange

Addresses = Callable[[Estate], Sequence[Address]]


def tell(store: Store, estate: Estate, shelf: Shelf, addresses: Addresses, clock_ns: Callable[[], int]) -> None:
    """Send what is due. Raises StoreError; HubpulseError where an address can't be used."""
    now_ns = clock_ns()
    boards = {series_of(plan): plan.notice for plan in estate.reports if plan.notice is not None}
    recent = [each for each in shelf.given_out() if each.series in boards and now_ns - each.made_ns <= GIVEN_UP_NS]
    if not recent or is_quiet(estate, now_ns):
        return
    told_to = addresses(estate)
    begun = {sent.made_ns for sent in read_notices(store, now_ns - GIVEN_UP_NS, now_ns, Subject.REPORT)}
    for each in recent:
        if each.made_ns not in begun:
            post(store, told_to, each.made_ns, subject=Subject.REPORT)
    said: Mapping[int, tuple[str, str]] = {each.made_ns: _words(estate, each, boards[each.series]) for each in recent}
    send_due(store, told_to, said.get, clock_ns, Subject.REPORT)


def _words(estate: Estate, made: GivenOut, board: str) -> tuple[str, str]:
    """Title and text of a notice."""
    named = {hub.id: hub.name or hub.id for hub in estate.hubs}
    what = _("report of {period}, {hubs}").format(
        period=words.range_of(DateRange.parse(made.period)),
        hubs=_("all hubs") if made.hub is None else named.get(made.hub, made.hub),
    )
    title = f"{estate.name or 'Hubpulse'}: {what}"
    return title, "\n".join(_lines(made, board))


def _lines(made: GivenOut, board: str) -> Iterator[str]:
    if made.version > 1:
        yield _("Version {version}: figures changed since the one before; it says which.").format(version=made.version)
    for file in made.files:
        name = Path(file).name
        yield f"{name}: {board}/reports/made/{quote(name)}"
    yield _("The board asks you to sign in.")
