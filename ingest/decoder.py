r"""Lists of messages to a batch: which format, what it holds, whose it is, whether it can be taken, as a line.

    messages -> topic's format -> decode -> registry -> validate -> encode -> lines
                        \-> refused  \-> refused, or no reading  \-> refused, that one reading

Nothing is done per message that can be done once per batch, topic or series. A native topic names its series, so what
is fixed for it is found once (TopicRoute); the messages of its kind are decoded together (MessageBatch).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ingest.answers import answers_of, read_frames
from ingest.batches import Batch, DeviceState, Refused, UnknownDevice
from ingest.dead_sensors import is_of_dead_sensor
from ingest.encode import SeriesEncoder
from ingest.native_messages import NativeMessages
from ingest.new_sensors import DAY_NS, NewSensors
from ingest.placed import MessageBatch, Placed, TopicRoute, frame_lines, free_time, past_days
from ingest.series import SERIES_MAX, SeriesIndex
from ingest.validate import RETAINED, ClockWindow, too_large
from mqtt.messages import Message
from schemas.kinds import Kind
from schemas.localtime import NS_A_SECOND
from schemas.readings import Reason, Rejection
from schemas.settings import Settings
from schemas.sources import Source
from sensors.formats import (
    Announcement,
    Availability,
    Decoded,
    Format,
    Item,
    NoReading,
    Uplink,
    readings_max,
)
from sensors.formats.native import NativeFormat, NativeParser
from sensors.macs import quoted
from sensors.registry import Registry, publisher_of
from sensors.times import LocalTime
from sensors.uplinks import Answer as FrameAnswer
from sensors.uplinks import kinds_of

ANNOUNCEMENTS_MAX = 10_000
"""Messages that say how others are to be read: one for each sensor of each device."""

_DEFAULTS = Settings()

DeviceFrame = tuple[str | Rejection, FrameAnswer]
"""The name by which the estate file knows a device, and what its frame holds."""


class Decoder:
    """Decodes lists of messages for the estate in force. Not shared between threads."""

    def __init__(
        self,
        registry: Registry,
        settings: Settings = _DEFAULTS,
        *,
        clock_ns: Callable[[], int],
        new_sensors: NewSensors | None = None,
    ) -> None:
        self._clock_ns = clock_ns
        self._new_sensors = new_sensors or NewSensors(settings.ingest.new_sensors_max)
        self._past_days_max = settings.ingest.past_days_max
        self._day = 0
        self._window = ClockWindow(settings)
        self._native = NativeMessages(self._window, self._past_days_max, accept=self._accept, refuse=self._refuse)
        self._message_bytes_max = settings.ingest.message_bytes_max
        self._last_receive_ns = 0
        self._maybe_repeated = False
        self._now_ns = self._received_ns = 0
        self._routes: dict[bytes, TopicRoute] = {}
        self._announcements: dict[bytes, Message] = {}
        self.use(registry)

    def use(self, registry: Registry) -> None:
        """Decode for another estate from here on."""
        self._registry = registry
        self._together: dict[tuple[str, Kind | None], MessageBatch] = {}
        self._forget_topics()
        self.remember(tuple(self._announcements.values()))

    def remember(self, announcements: Sequence[Message]) -> None:
        """Read other topics as these messages announced, in the past or to another estate's formats."""
        for message in announcements:
            found = self._registry.format_of(message.topic.decode(errors="replace"))
            if not isinstance(found, Rejection):
                answers_of(*found, [message])
                self._announced(message)

    def _announced(self, message: Message) -> None:
        if not message.payload:
            self._announcements.pop(message.topic, None)
        elif len(self._announcements) < ANNOUNCEMENTS_MAX:
            self._announcements[message.topic] = message

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
        last_ns = self._last_receive_ns
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
                self._native.take(together, together.decoder, self._series.today_ns, batch)
            else:
                self._accept_format(together, together.decoder, batch)
        batch.new_sensors = self._new_sensors.take_changed()
        self._last_receive_ns = max(last_ns, self._last_receive_ns)
        return batch

    def refuse(self, message: Message, rejection: Rejection) -> Batch:
        """The batch of a message that is not to be decoded at all."""
        self._set_clock()
        batch = Batch(messages=1)
        self._refuse(message, rejection, batch)
        return batch

    def reserve_ns(self, readings: int) -> int:
        """The first of so many nanoseconds from now on, which no reading without a time is given."""
        self._set_clock()
        return self._arrival_ns(readings)

    def _set_clock(self) -> None:
        self._now_ns = self._received_ns = self._clock_ns()
        if self._last_receive_ns > self._now_ns + NS_A_SECOND:
            self._last_receive_ns = 0  # the clock was ahead, and what comes now came now
        self._window.move(self._now_ns)
        if self._day != self._now_ns // DAY_NS:
            self._day = self._now_ns // DAY_NS
            self._forget_topics()  # so that each sensor is seen again
        self._series.refresh(self._now_ns)

    def _forget_topics(self) -> None:
        self._routes.clear()
        self._series = SeriesIndex(self._registry, self._new_sensors, self._now_ns)

    def _sort(self, messages: Sequence[Message], batch: Batch) -> None:
        """Put each message to those that are decoded together with it."""
        bytes_max, route_of = self._message_bytes_max, self._routes.get
        for message in messages:
            if message.cut_from_bytes or len(message.payload) > bytes_max:
                self._refuse(message, too_large(message, bytes_max), batch)
                continue
            route = route_of(message.topic)
            if route is None:
                found = self.resolve_topic(message.topic)
                if isinstance(found, Rejection):
                    self._refuse(message, found, batch)
                    continue
                route = found
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
        source = self._registry.source_of(text)
        if isinstance(found, Rejection) or source is None:
            return found if isinstance(found, Rejection) else Rejection(Reason.BAD_TOPIC, "no source covers it")
        self._bound_memory()
        _, format_ = found
        kind: Kind | None = None
        series: SeriesEncoder | None = None
        decoder: NativeParser | Format = format_
        if isinstance(format_, NativeFormat):
            identity = format_.identify(text)
            if isinstance(identity, Rejection):
                return identity
            device, kind = identity
            placed = self._series.series_of(device, kind, 1, source)
            if isinstance(placed, Rejection):
                return placed
            series, decoder = placed, format_.parsers[kind]
        together = self._together.setdefault((source.topic, kind), MessageBatch(source, decoder))
        if series is not None:
            together.narrow(series)
        self._routes[topic] = route = TopicRoute(together, series)
        return route

    def _bound_memory(self) -> None:
        if len(self._series) + len(self._routes) >= SERIES_MAX:
            self._forget_topics()

    def _accept_format(self, together: MessageBatch, format_: Format, batch: Batch) -> None:
        source = together.source
        self._bound_memory()
        answers = answers_of(source.format, format_, together.messages)
        frames = self._read_frames([answer for answer in answers if isinstance(answer, Uplink)], source)
        for message, answer in zip(together.messages, answers, strict=True):
            if isinstance(answer, Uplink):
                self._accept_frame(message, answer, next(frames), source, batch)
            elif isinstance(answer, Rejection):
                self._refuse(message, answer, batch)
            elif isinstance(answer, NoReading):
                batch.no_reading.append(answer.what)
            elif isinstance(answer, Announcement):
                self._announced(message)
                batch.announcements.append(message)
                batch.no_reading.append(answer.what)
            elif isinstance(answer, Availability):
                self._note_state(message, answer, source, batch)
            else:
                self._accept_decoded(message, answer, source, batch)

    def _note_state(self, message: Message, state: Availability, source: Source, batch: Batch) -> None:
        batch.no_reading.append(f"the device is {'on' if state.online else 'off'} line")
        found = self._registry.find(state.device, source)
        if not isinstance(found, Rejection) and publisher_of(message.topic) in (None, found[0]):
            batch.states.append(DeviceState(*found, state.online, self._received_ns))

    def _read_frames(self, uplinks: Sequence[Uplink], source: Source) -> Iterator[DeviceFrame]:
        names = [self._series.device_of((uplink.device, *uplink.also), source) for uplink in uplinks]
        return zip(names, read_frames(list(zip(uplinks, names, strict=True)), self._registry), strict=True)

    def _accept_frame(self, message: Message, uplink: Uplink, found: DeviceFrame, source: Source, batch: Batch) -> None:
        device, answer = found
        if isinstance(device, str) and isinstance(answer, (NoReading, Rejection)):
            told = Item(Kind.DEVICE, 1, uplink.time_ns, uplink.radio)
            batch.frames += frame_lines(self._placed(device, told, source, publisher_of(message.topic)), self._window)
        if isinstance(answer, Rejection):
            unknown = UnknownDevice(uplink.device or uplink.also[0], source.format, kinds_of(uplink))
            self._refuse(message, answer, batch, None if isinstance(device, str) else unknown)
        elif isinstance(answer, NoReading):
            batch.no_reading.append(answer.what)
        else:
            publisher = publisher_of(message.topic)
            self._accept(message, [self._placed(str(device), item, source, publisher) for item in answer], batch)

    def _accept_decoded(self, message: Message, decoded: Sequence[Decoded], source: Source, batch: Batch) -> None:
        unknown: UnknownDevice | None = None
        readings: list[Placed | Rejection] = []
        publisher = publisher_of(message.topic)
        for device, items, also in decoded:
            name = self._series.device_of((device, *also), source)
            if isinstance(name, Rejection):
                kinds = tuple(dict.fromkeys(item.kind for item in items if isinstance(item, Item)))
                unknown = unknown or UnknownDevice(device, source.format, kinds)
                readings += [item if isinstance(item, Rejection) else name for item in items]
            else:
                readings += [self._placed(name, item, source, publisher) for item in items]
        self._accept(message, readings, batch, unknown)

    def _placed(self, device: str, item: Item | Rejection, source: Source, publisher: str | None) -> Placed | Rejection:
        """An item with its series, or why it is refused: a hub that publishes speaks for its own devices alone."""
        if isinstance(item, Rejection):
            return item
        series = self._series.series_of(device, item.kind, item.line, source)
        if isinstance(series, Rejection):
            return series
        if publisher is not None and publisher != series.sensor[0]:
            problem = f"device {quoted(device)} is not one of hub {quoted(publisher)}, which the topic names"
            return Rejection(Reason.UNKNOWN_SENSOR, f"{problem}: correct the topic, or the device's hub")
        time_ns = item.time_ns
        if isinstance(time_ns, LocalTime):
            time_ns = series.days.instant(time_ns, self._received_ns)
        return series, time_ns, item.fields

    def _accept_each(
        self,
        message: Message,
        readings: Sequence[Placed | Rejection],
        batch: Batch,
        unknown: UnknownDevice | None = None,
    ) -> None:
        """Take the readings of one message; a fault of one refuses that one alone."""
        rejections: list[Rejection] = []
        arrived_ns: int | None = None
        taken: dict[tuple[SeriesEncoder, int], int] = {}
        share_times = len(readings) > 1 and len({r[:2] for r in readings if isinstance(r, tuple)}) < len(readings)
        oldest_ns, latest_ns = self._window.oldest_ns, self._window.latest_ns
        for number, reading in enumerate(readings):
            if not isinstance(reading, tuple):
                rejections.append(reading)
                continue
            series, time_ns, fields = reading
            is_its_own = names_ahead = isinstance(time_ns, int)
            if not isinstance(time_ns, int):
                if message.retained:
                    rejections.append(RETAINED)
                    continue
                arrived_ns = arrived_ns or self._arrival_ns(len(readings))
                names_ahead = bool(time_ns and time_ns.offset_ns > 0)
                # By its place in the message: the same when the message is redriven and more of it is taken.
                time_ns = arrived_ns + number + (time_ns.offset_ns if time_ns else 0)
            if time_ns < oldest_ns or (names_ahead and time_ns > latest_ns):
                rejections.append(self._window.refusal(time_ns))
                continue
            if share_times:
                time_ns = free_time(series, time_ns, taken)
            line = series.encode(
                fields,
                time_ns,
                maybe_repeated=self._maybe_repeated and not is_its_own,
                is_suspect=series.kind is Kind.HUMIDITY and is_of_dead_sensor(reading, readings),
            )
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
            self._keep(message, rejections, len(readings) - len(rejections), arrived_ns, batch, unknown)

    def _accept(
        self,
        message: Message,
        readings: Sequence[Placed | Rejection],
        batch: Batch,
        unknown: UnknownDevice | None = None,
    ) -> None:
        """Take the readings of one message, unless they are of too many past days: each is work for the jobs."""
        if len(readings) > 1:
            batch.more_readings[message.topic] += len(readings) - 1
        most = self._past_days_max
        if len(readings) > most and (days := past_days(readings)) > most:
            problem = f"readings of {days} past days: send those of at most {most} in a message"
            # Whole: it is not too large to keep, and can be redriven once more are allowed.
            arrived_ns = self._arrival_ns(readings_max(message))
            self._keep(message, [Rejection(Reason.TOO_LARGE, problem)], 0, arrived_ns, batch, unknown)
        else:
            self._accept_each(message, readings, batch, unknown)

    def _refuse(
        self, message: Message, rejection: Rejection, batch: Batch, unknown: UnknownDevice | None = None
    ) -> None:
        if rejection.reason is Reason.TOO_LARGE:
            message = message.cut()
        # When it is redriven, its readings may have no other time than these nanoseconds.
        self._keep(message, [rejection], 0, self._arrival_ns(readings_max(message)), batch, unknown)

    def _keep(
        self,
        message: Message,
        rejections: list[Rejection],
        readings: int,
        arrived_ns: int,
        batch: Batch,
        unknown: UnknownDevice | None,
    ) -> None:
        identity, hub = self._registry.identity_of(message.topic), self._registry.hub_of(message.topic)
        batch.refused.append(
            Refused(message, rejections, readings, arrived_ns, identity, hub, unknown, self._maybe_repeated)
        )

    def _arrival_ns(self, readings: int) -> int:
        """When a message came: the first of as many nanoseconds as it may have readings, which no other one has."""
        first_ns = max(self._received_ns, self._last_receive_ns + 1)
        self._last_receive_ns = first_ns + readings - 1
        return first_ns
