r"""Lists of messages to a batch: which format, what it holds, whose it is, whether it can be taken, as a line.

    messages -> topic's format -> decode -> registry -> validate -> encode -> lines
                        \-> refused  \-> refused, or no reading  \-> refused, that one reading

Nothing is done per message that can be done once per batch, topic or series. A native topic names its series, so what
is fixed for it is found once (TopicRoute); the messages of its kind are decoded together (MessageBatch).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ingest.answers import answers_of, read_frame
from ingest.batches import Batch, Refused
from ingest.encode import HubDays, SeriesEncoder
from ingest.validate import RETAINED, ClockWindow
from mqtt.messages import Message
from schemas.kinds import Kind
from schemas.localtime import NS_A_SECOND
from schemas.readings import Reason, Rejection
from schemas.settings import Settings
from sensors.formats import Availability, Decoded, Fields, Format, Item, NoReading, Uplink, readings_max
from sensors.formats.native import NativeFormat, NativeParser
from sensors.macs import quoted
from sensors.registry import Registry, publisher_of

_TOPICS_MAX = 100_000
"""Topics and series that are remembered; a native topic is one of each."""

_DEFAULTS = Settings()

Placed = tuple[SeriesEncoder, int | None, Fields]
"""A reading of a known series: its time, if it names one, and its fields."""


@dataclass(slots=True)
class MessageBatch:
    """The messages at hand that are decoded together: native ones of one kind, or all of another format.

    `series` has the series of each message, where its topic names it: only native ones do.
    """

    format: str
    decoder: NativeParser | Format
    messages: list[Message] = field(default_factory=list)
    series: list[SeriesEncoder] = field(default_factory=list)


class TopicRoute(NamedTuple):
    """What never changes between two messages of a topic; only native topics have a series."""

    together: MessageBatch
    series: SeriesEncoder | None


class Decoder:
    """Decodes lists of messages for the estate in force. Not shared between threads."""

    def __init__(
        self,
        registry: Registry,
        settings: Settings = _DEFAULTS,
        *,
        clock_ns: Callable[[], int],
    ) -> None:
        self._clock_ns = clock_ns
        self._window = ClockWindow(settings)
        self._message_bytes_max = settings.ingest.message_bytes_max
        self._last_receive_ns = 0
        self._maybe_repeated = False
        self._now_ns = self._received_ns = 0
        self._routes: dict[bytes, TopicRoute] = {}
        self._series: dict[tuple[str, Kind, int], SeriesEncoder] = {}
        self._days: dict[str, HubDays] = {}
        self.use(registry)

    def use(self, registry: Registry) -> None:
        """Decode for another estate from here on."""
        self._registry = registry
        self._together: dict[tuple[str, Kind | None], MessageBatch] = {}
        self._forget_topics()

    def decode(
        self, messages: Sequence[Message], *, received_ns: int | None = None, maybe_repeated: bool = False
    ) -> Batch:
        """The batch of a list of messages; whatever a message holds, this does not raise.

        `maybe_repeated` says that they may have come before: what has no time of its own is marked so.

        `received_ns` is when they came, where that was not now: what has no time of its own gets exactly it, unless
        our clock was ahead then.
        """
        self._set_clock()
        self._maybe_repeated = maybe_repeated
        if received_ns is not None and received_ns <= self._window.latest_ns:
            self._received_ns, self._last_receive_ns = received_ns, received_ns - 1
        batch = Batch(messages=len(messages))
        for together in self._together.values():
            together.messages, together.series = [], []
        self._sort(messages, batch)
        for together in self._together.values():
            if not together.messages:
                continue
            if isinstance(together.decoder, NativeParser):
                self._accept_native(together, together.decoder, batch)
            else:
                self._accept_format(together, together.decoder, batch)
        return batch

    def refuse(self, message: Message, rejection: Rejection) -> Batch:
        """The batch of a message that is not to be decoded at all."""
        self._set_clock()
        batch = Batch(messages=1)
        self._refuse(message, rejection, batch)
        return batch

    def _set_clock(self) -> None:
        self._now_ns = self._received_ns = self._clock_ns()
        if self._last_receive_ns > self._now_ns + NS_A_SECOND:
            self._last_receive_ns = 0  # the clock was ahead, and what comes now came now
        self._window.move(self._now_ns)
        for days in self._days.values():
            days.refresh(self._now_ns)

    def _forget_topics(self) -> None:
        self._routes.clear()
        self._series.clear()
        self._days.clear()

    def _sort(self, messages: Sequence[Message], batch: Batch) -> None:
        """Put each message to those that are decoded together with it."""
        bytes_max, routes = self._message_bytes_max, self._routes
        for message in messages:
            if len(message.payload) > bytes_max or message.cut_from_bytes:
                self._refuse(message, self._too_large(message), batch)
                continue
            route = routes.get(message.topic) or self.resolve_topic(message.topic)
            if not isinstance(route, TopicRoute):
                self._refuse(message, route, batch)
                continue
            together, series = route
            together.messages.append(message)
            if series is not None:
                together.series.append(series)

    def resolve_topic(self, topic: bytes) -> TopicRoute | Rejection:
        """The route of a topic that was not seen yet; a topic that is refused is looked at anew each time."""
        try:
            text = topic.decode()
        except UnicodeDecodeError:
            return Rejection(Reason.BAD_TOPIC, "the topic is not UTF-8")
        found = self._registry.format_of(text)
        if isinstance(found, Rejection):
            return found
        self._bound_memory()
        name, format_ = found
        kind: Kind | None = None
        series: SeriesEncoder | None = None
        decoder: NativeParser | Format = format_
        if isinstance(format_, NativeFormat):
            identity = format_.identify(text)
            if isinstance(identity, Rejection):
                return identity
            device, kind = identity
            placed = self._series_of(device, kind, 1)
            if isinstance(placed, Rejection):
                return placed
            series, decoder = placed, format_.parsers[kind]
        together = self._together.setdefault((name, kind), MessageBatch(name, decoder))
        self._routes[topic] = route = TopicRoute(together, series)
        return route

    def _series_of(self, device: str, kind: Kind, line: int) -> SeriesEncoder | Rejection:
        known = self._series.get((device, kind, line))
        if known is not None:
            return known
        place = self._registry.locate(device, kind, line)
        if isinstance(place, Rejection):
            return place
        self._bound_memory()
        if place.hub not in self._days:
            self._days[place.hub] = HubDays(place.hub, place.zone_info, self._now_ns)
        self._series[device, kind, line] = series = SeriesEncoder(place, self._days[place.hub])
        return series

    def _bound_memory(self) -> None:
        if len(self._series) + len(self._routes) >= _TOPICS_MAX:
            self._forget_topics()

    def _too_large(self, message: Message) -> Rejection:
        problem = f"{message.payload_bytes} bytes: send at most {self._message_bytes_max} in one message"
        return Rejection(Reason.TOO_LARGE, problem)

    def _accept_native(self, together: MessageBatch, parser: NativeParser, batch: Batch) -> None:
        """Take what native messages hold; one reading with a time, which nearly all are, by the shortest path."""
        parsed = parser.parse([message.payload for message in together.messages])
        single, oldest_ns, latest_ns = parser.single_name, self._window.oldest_ns, self._window.latest_ns
        add_line, add_mark = batch.lines.append, batch.marks.add
        for series, message, samples in zip(together.series, together.messages, parsed, strict=True):
            if not isinstance(samples, list):
                self._refuse(message, samples, batch)
                continue
            if len(samples) == 1 and not isinstance(samples[0], Rejection):
                time_ns, fields = samples[0]
                if time_ns is not None and oldest_ns <= time_ns <= latest_ns:
                    if single is not None and series.plain_low <= (value := fields[single]) <= series.plain_high:
                        line: str | Rejection = f"{series.prefix}{value!r} {time_ns}"
                    else:
                        line = series.encode(fields, time_ns)
                    if isinstance(line, str):
                        add_line(line)
                        if time_ns < series.days.today_ns:
                            add_mark(series.days.mark(time_ns))
                        continue
            placed = [sample if isinstance(sample, Rejection) else (series, *sample) for sample in samples]
            self._accept(message, placed, batch)

    def _accept_format(self, together: MessageBatch, format_: Format, batch: Batch) -> None:
        answers = answers_of(together.format, format_, together.messages)
        for message, answer in zip(together.messages, answers, strict=True):
            if isinstance(answer, Rejection):
                self._refuse(message, answer, batch)
            elif isinstance(answer, NoReading):
                batch.no_reading.append(answer.what)
            elif isinstance(answer, Availability):
                batch.no_reading.append("a device is on line" if answer.online else "a device is off line")
            elif isinstance(answer, Uplink):
                self._accept_uplink(message, answer, batch)
            else:
                self._accept(message, list(self._placed(message, answer)), batch)

    def _accept_uplink(self, message: Message, uplink: Uplink, batch: Batch) -> None:
        answer = read_frame(uplink, self._registry)
        if isinstance(answer, Rejection):
            self._refuse(message, answer, batch)
        elif isinstance(answer, NoReading):
            batch.no_reading.append(answer.what)
        else:
            self._accept(message, list(self._placed(message, [Decoded(uplink.device, answer)])), batch)

    def _placed(self, message: Message, decoded: Sequence[Decoded]) -> Iterator[Placed | Rejection]:
        """Each item with its series, or why it is refused: a hub that publishes speaks for its own devices alone."""
        publisher = publisher_of(message.topic)
        for device, items in decoded:
            for item in items:
                if isinstance(item, Rejection):
                    yield item
                    continue
                series = self._series_of(device, item.kind, item.line)
                if isinstance(series, Rejection):
                    yield series
                elif publisher not in (None, series.hub):
                    problem = f"device {quoted(device)} is not one of hub {quoted(publisher)}, which the topic names"
                    yield Rejection(Reason.UNKNOWN_SENSOR, f"{problem}: correct the topic, or the device's hub")
                else:
                    yield series, self._time_of(item), item.fields

    def _time_of(self, item: Item) -> int | None:
        """The instant of an item; None where it counts from now or is not known."""
        return item.time_ns if isinstance(item.time_ns, int) else None

    def _accept(self, message: Message, readings: Sequence[Placed | Rejection], batch: Batch) -> None:
        """Take the readings of one message; a fault of one refuses that one alone."""
        rejections: list[Rejection] = []
        arrived_ns: int | None = None
        taken: dict[tuple[SeriesEncoder, int], int] = {}
        named = {(reading[0], reading[1]) for reading in readings if isinstance(reading, tuple)}
        share_times = len(named) < len(readings)
        oldest_ns, latest_ns = self._window.oldest_ns, self._window.latest_ns
        for number, reading in enumerate(readings):
            if not isinstance(reading, tuple):
                rejections.append(reading)
                continue
            series, time_ns, fields = reading
            is_its_own = time_ns is not None
            if time_ns is None:
                if message.retained:
                    rejections.append(RETAINED)
                    continue
                arrived_ns = arrived_ns or self._arrival_ns(len(readings))
                # By its place in the message: the same when the message is redriven and more of it is taken.
                time_ns = arrived_ns + number
            if time_ns < oldest_ns or (is_its_own and time_ns > latest_ns):
                rejections.append(self._window.refusal(time_ns))
                continue
            if share_times:
                time_ns = _free_time(series, time_ns, taken)
            line = series.encode(fields, time_ns, maybe_repeated=self._maybe_repeated and not is_its_own)
            if not isinstance(line, str):
                rejections.append(line)
                continue
            batch.lines.append(line)
            batch.maybe_repeated += self._maybe_repeated and not is_its_own
            if time_ns < series.days.today_ns:
                batch.marks.add(series.days.mark(time_ns))
        if rejections:
            # More of it may be taken when it is redriven, and needs times that no other message has.
            arrived_ns = arrived_ns or self._arrival_ns(readings_max(message))
            self._keep(message, rejections, len(readings) - len(rejections), arrived_ns, batch)

    def _refuse(self, message: Message, rejection: Rejection, batch: Batch) -> None:
        if rejection.reason is Reason.TOO_LARGE:
            message = message.cut()
        # When it is redriven, its readings may have no other time than these nanoseconds.
        self._keep(message, [rejection], 0, self._arrival_ns(readings_max(message)), batch)

    def _keep(
        self, message: Message, rejections: list[Rejection], readings: int, arrived_ns: int, batch: Batch
    ) -> None:
        identity, hub = self._registry.identity_of(message.topic), self._registry.hub_of(message.topic)
        batch.refused.append(Refused(message, rejections, readings, arrived_ns, identity, hub))

    def _arrival_ns(self, readings: int) -> int:
        """When a message came: the first of as many nanoseconds as it may have readings, which no other one has."""
        first_ns = max(self._received_ns, self._last_receive_ns + 1)
        self._last_receive_ns = first_ns + readings - 1
        return first_ns


def _free_time(series: SeriesEncoder, time_ns: int, taken: dict[tuple[SeriesEncoder, int], int]) -> int:
    """The first time from an instant on that no reading of the message has: two people in a second are two readings.

    `taken` has for each time the next one to look at; every look shortens the way, however many share a time.
    """
    passed = [time_ns]
    while (after_ns := taken.get((series, passed[-1]))) is not None:
        passed.append(after_ns)
    free_ns = passed[-1]
    taken.update(((series, passed_ns), free_ns + 1) for passed_ns in passed)
    return free_ns
