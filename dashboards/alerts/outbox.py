"""Notices on their way: what was composed goes to each address, again after a growing pause where it did not go.

What is to be sent is in the store before it goes: a process that takes over tries what is due, and no other at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import structlog

from dashboards.alerts.addresses import Address
from schemas.localtime import NS_A_SECOND, NS_AN_HOUR
from stores import Store
from stores.lines import encode
from usage.rows import write

log = structlog.get_logger()

_NOTICES = "alert_notices"
GIVEN_UP_NS = 24 * NS_AN_HOUR
_PAUSE_FIRST_S, _PAUSE_MAX_S = 60, 3600
SENDS_MAX = 6
"""So many at most in a run, each of which may take seconds: the rest goes a minute later."""

Words = Callable[[int], tuple[str, str] | None]
"""Title and text of the notice composed at an instant; None where there is nothing left to say."""


class Subject(StrEnum):
    """What a notice is of."""

    ALERTS = "alerts"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Sent:
    """A notice to an address; times are UTC in nanoseconds, `sent_ns` is 0 until it went."""

    address: str
    made_ns: int
    alerts: int
    """How many it tells of; 0 for that of a report."""
    tries: int = 0
    next_ns: int = 0
    sent_ns: int = 0
    subject: Subject = Subject.ALERTS

    @property
    def line(self) -> str:
        fields = {"tries": self.tries, "next_ns": self.next_ns, "sent_ns": self.sent_ns, "alerts": self.alerts}
        tags = {"address": self.address}
        if self.subject is not Subject.ALERTS:  # a tag that earlier versions did not write
            tags["subject"] = self.subject
        return encode(_NOTICES, tags, fields, self.made_ns)

    def is_given_up(self, now_ns: int) -> bool:
        """Whether it is tried no more."""
        return not self.sent_ns and now_ns - self.made_ns > GIVEN_UP_NS


def post(
    store: Store, addresses: Sequence[Address], made_ns: int, alerts: int = 0, *, subject: Subject = Subject.ALERTS
) -> None:
    """Put a notice into the outbox, once for each address. Raises StoreError."""
    sent = (Sent(address.name, made_ns, alerts, next_ns=made_ns, subject=subject) for address in addresses)
    write(store, [each.line for each in sent])


def read_notices(store: Store, since_ns: int, now_ns: int, subject: Subject | None = None) -> list[Sent]:
    """The notices composed since then, of a subject or of any, in order. Raises StoreError."""
    found = (sent for sent in _read(store, since_ns, now_ns) if subject in {None, sent.subject})
    return sorted(found, key=lambda sent: (sent.made_ns, sent.address))


def _read(store: Store, since_ns: int, now_ns: int) -> Iterator[Sent]:
    for chunk in store.read(_NOTICES, start_ns=since_ns, stop_ns=now_ns + NS_AN_HOUR):
        for i, made_ns in enumerate(chunk.times_ns):
            row = {name: int(column[i] or 0) for name, column in chunk.columns.items()}
            subject = Subject(chunk.tags.get("subject") or Subject.ALERTS)
            yield Sent(
                chunk.tags["address"], made_ns, row["alerts"], row["tries"], row["next_ns"], row["sent_ns"], subject
            )


def send_due(
    store: Store,
    addresses: Sequence[Address],
    words: Words,
    clock_ns: Callable[[], int],
    subject: Subject = Subject.ALERTS,
) -> None:
    """Send what is due of a subject. Raises StoreError."""
    now_ns, known = clock_ns(), {address.name: address for address in addresses}
    due = [
        sent
        for sent in read_notices(store, now_ns - GIVEN_UP_NS, now_ns, subject)
        if not sent.sent_ns and sent.next_ns <= now_ns and sent.address in known
    ]
    for sent in due[:SENDS_MAX]:
        _send(store, sent, known, words, clock_ns)


def _send(store: Store, sent: Sent, known: Mapping[str, Address], words: Words, clock_ns: Callable[[], int]) -> None:
    said = words(sent.made_ns)
    pause_s = min(_PAUSE_MAX_S, _PAUSE_FIRST_S << min(sent.tries, 10))
    tried = replace(sent, tries=sent.tries + 1, next_ns=clock_ns() + pause_s * NS_A_SECOND)
    write(store, [tried.line])
    problem = None if said is None else known[sent.address].send(*said)
    if problem is None:
        write(store, [replace(tried, sent_ns=clock_ns()).line])
        log.info("notice_sent", address=known[sent.address].label, alerts=sent.alerts)
    else:
        log.warning("notice_failed", address=known[sent.address].label, error=problem, wait_s=pause_s)
