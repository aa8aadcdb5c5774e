"""What goes through the ingest room: the batch that one commit holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from mqtt.messages import Message
from schemas.readings import Rejection
from sensors.formats.identities import NO_IDENTITY, Identity


class Refused(NamedTuple):
    """A message of which nothing, or not everything, was taken."""

    message: Message
    rejections: list[Rejection]
    readings: int
    """How many readings of the message were taken all the same."""
    received_ns: int
    """When it came; no other message was given the same."""
    is_redelivery: bool = False
    """The broker delivered it before: the quarantine may have it already."""
    identity: Identity = NO_IDENTITY
    """Where the message has what is its device's own, which is kept."""


class Delivery(NamedTuple):
    """A message that may come again, and the receive time that it was given, so that it gets the same then."""

    packet_id: int
    digest: bytes
    time_ns: int


class DayMark(NamedTuple):
    """A past local day of a hub, by its midnight, that a reading fell on: its figures are to be recomputed."""

    hub: str
    midnight_ns: int


@dataclass(slots=True)
class Batch:
    """Everything that a list of messages became; committed as one."""

    lines: list[str] = field(default_factory=list)
    marks: set[DayMark] = field(default_factory=set)
    refused: list[Refused] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    messages: int = 0
    no_reading: list[str] = field(default_factory=list)
    """Of each message that carries no reading by its nature: what it is instead."""

    @property
    def messages_refused(self) -> int:
        """Messages of which no reading was taken."""
        return sum(1 for refused in self.refused if not refused.readings)

    def add(self, other: Batch) -> None:
        """Take in another batch, for one commit of both."""
        self.lines += other.lines
        self.marks |= other.marks
        self.refused += other.refused
        self.deliveries += other.deliveries
        self.messages += other.messages
        self.no_reading += other.no_reading
