"""What goes through the ingest room: messages in, and the batch that one commit holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.readings import Rejection


class Message(NamedTuple):
    """A PUBLISH as it came: packet id 0 at QoS 0."""

    topic: bytes
    payload: bytes
    packet_id: int = 0
    dup: bool = False
    retained: bool = False


class Refused(NamedTuple):
    """A message of which nothing, or not everything, was taken."""

    message: Message
    rejections: list[Rejection]
    readings: int
    """How many readings of the message were taken all the same."""


class Delivery(NamedTuple):
    """The receive time given to a message without a time of its own, so that its redelivery gets the same."""

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
