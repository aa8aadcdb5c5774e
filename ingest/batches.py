"""What goes through the ingest room: the batch that one commit holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ingest.new_sensors import NewSensor
from ingest.surplus import Held
from mqtt.messages import Message
from schemas.kinds import Kind
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
    identity: Identity = NO_IDENTITY
    """Where the message has what is its device's own, which is kept."""
    hub: str = ""
    """Whose quota of the quarantine it takes: a hub of the estate file, or the source that it came by."""
    unknown: UnknownDevice | None = None
    """The device that it is of, where that is no sensor's."""
    maybe_repeated: bool = False
    """Whether it may be there already."""


class UnknownDevice(NamedTuple):
    """A device that is no sensor's yet: what is known of it until it is adopted."""

    device: str
    format: str
    kinds: tuple[Kind, ...]
    """What it seems to measure; empty where its frames can't be read without its model."""


class DeviceState(NamedTuple):
    """Whether a sensor's device, or its broker, last said that it is on line."""

    hub: str
    sensor: str
    online: bool
    at_ns: int


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
    deliveries: Sequence[Message] = ()
    """All messages that came, for which the broker has no answer yet."""
    messages: int = 0
    redelivered: int = 0
    """How many of the messages were committed before."""
    maybe_repeated: int = 0
    """How many of the readings may be in the store already, at another time."""
    no_reading: list[str] = field(default_factory=list)
    """Of each message that carries no reading by its nature: what it is instead."""
    frames: list[str] = field(default_factory=list)
    """What the radio told of frames without a reading: lines of kind `device`. Their numbers are not lost by radio."""
    states: list[DeviceState] = field(default_factory=list)
    """Which devices are on line or off line since, the latest last."""
    announcements: list[Message] = field(default_factory=list)
    """Messages that say how others are to be read, the latest last: needed again after a restart."""

    more_readings: Counter[bytes] = field(default_factory=Counter)
    """Readings beyond the first of each message, by topic."""
    thinned: Counter[str] = field(default_factory=Counter)
    """Live gauges that were dropped, since their hub sends more than its rate; by hub."""
    waiting: list[Held] = field(default_factory=list)
    """Messages that are to be decoded later."""
    resumed: list[int] = field(default_factory=list)
    """The rows of such messages that the batch was made of."""
    unkept: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Refused messages that are counted alone, by hub and reason."""
    new_sensors: list[NewSensor] = field(default_factory=list)
    """Sensors that the estate file does not name, where they are to be remembered."""

    @property
    def points(self) -> list[str]:
        """All that is for the store."""
        return self.lines + self.frames if self.frames else self.lines

    @property
    def messages_refused(self) -> int:
        """Messages of which no reading was taken."""
        return sum(1 for refused in self.refused if not refused.readings) + self.unkept.total()

    def add(self, other: Batch) -> None:
        """Take in another batch, for one commit of both."""
        self.lines += other.lines
        self.frames += other.frames
        self.marks |= other.marks
        self.refused += other.refused
        self.messages += other.messages
        self.redelivered += other.redelivered
        self.maybe_repeated += other.maybe_repeated
        self.no_reading += other.no_reading
        self.states += other.states
        self.announcements += other.announcements
        self.more_readings += other.more_readings
        self.thinned += other.thinned
        self.unkept += other.unkept
        self.waiting += other.waiting
        self.resumed += other.resumed
        self.new_sensors += other.new_sensors
