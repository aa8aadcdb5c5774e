"""What a format answers, checked before ingest relies on it: anybody may have written the format."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import SupportsIndex

from ingest.validate import typed_fields
from mqtt.messages import Message
from schemas.kinds import Kind
from schemas.readings import Reason, Rejection
from sensors.decoders import FrameDecoder, UplinkDecoder
from sensors.formats import OTHERS, Answer, Decoded, Format, Item, NoReading, Uplink, readings_max
from sensors.macs import quoted
from sensors.registry import Registry
from sensors.times import LocalTime, SinceReceipt
from sensors.uplinks import Answer as FrameAnswer
from sensors.uplinks import read_uplinks

_LINE_MAX = 999
_FRAME_READINGS_MAX = 256
"""More than any frame of 242 bytes holds."""
_OURS = "sensors.decoders."


def answers_of(name: str, format_: Format, messages: Sequence[Message]) -> list[Answer]:
    """The answer to each message. Where the format fails, the message at fault alone is refused."""
    answers = _try_decode(name, format_, messages)
    if not isinstance(answers, Rejection):
        return answers
    alone = (_try_decode(name, format_, [message]) for message in messages)
    return [answer if isinstance(answer, Rejection) else answer[0] for answer in alone]


def _try_decode(name: str, format_: Format, messages: Sequence[Message]) -> list[Answer] | Rejection:
    try:
        # A tuple: a format that takes messages out of a list would take them from us, too.
        answers = [_checked(name, answer) for answer in format_.decode(tuple(messages))]
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the message is kept, nothing else suffers
        return _fault(f"format {name}", quoted(error))
    if len(answers) != len(messages):
        return _fault(f"format {name}", f"{len(answers)} answers to {len(messages)} messages")
    return [_bounded(message, answer) for message, answer in zip(messages, answers, strict=True)]


def _bounded(message: Message, answer: Answer) -> Answer:
    """The answer, where it has no more readings than a message may hold."""
    if isinstance(answer, OTHERS):
        return answer
    count, most = sum(len(decoded.items) for decoded in answer), readings_max(message)
    if count <= most:
        return answer
    return Rejection(Reason.TOO_LARGE, f"{count} readings: send at most {most} in a message of this length")


def _checked(name: str, answer: Answer) -> Answer:
    if isinstance(answer, OTHERS):
        return answer
    decoded = [_checked_decoded(name, *part) for part in answer]
    return decoded if any(part.items for part in decoded) else NoReading("nothing in it")


def _checked_decoded(
    name: str, device: object, items: Sequence[Item | Rejection], also: Sequence[object] = ()
) -> Decoded:
    return Decoded(_text(device), _checked_items(f"format {name}", items), tuple(map(_text, also)))


def read_frames(uplinks: Sequence[tuple[Uplink, str | Rejection]], registry: Registry) -> list[FrameAnswer]:
    """What the frames of devices hold, those of one model together; each has its device's name, or why it has none."""
    answers: dict[int, FrameAnswer] = {}
    together: dict[int, tuple[FrameDecoder | None, list[int]]] = {}
    for number, (uplink, device) in enumerate(uplinks):
        decoder = device if isinstance(device, Rejection) else registry.decoder_of(device, uplink.model)
        if isinstance(decoder, Rejection):
            answers[number] = decoder
        else:
            together.setdefault(id(decoder), (decoder, []))[1].append(number)
    for decoder, numbers in together.values():
        found = _try_frames([uplinks[number][0] for number in numbers], decoder)
        answers.update(zip(numbers, found, strict=True))
    return [answers[number] for number in range(len(uplinks))]


def _try_frames(uplinks: Sequence[Uplink], decoder: FrameDecoder | None) -> list[FrameAnswer]:
    """The answer to each frame. Where the decoder fails, the frame at fault alone is refused."""
    try:
        is_ours = type(decoder).__module__.startswith(_OURS) and not isinstance(decoder, UplinkDecoder)
        found = [_checked_frame(answer, is_ours=is_ours) for answer in read_uplinks(uplinks, decoder)]
    except (Exception, SystemExit) as error:  # noqa: BLE001 - anybody may have written the decoder
        if len(uplinks) == 1:
            return [_fault("the decoder of its model", quoted(error))]
        return [answer for uplink in uplinks for answer in _try_frames([uplink], decoder)]
    return found


def _checked_frame(found: FrameAnswer, *, is_ours: bool) -> FrameAnswer:
    if isinstance(found, (NoReading, Rejection)):
        return found
    if len(found) > _FRAME_READINGS_MAX:
        return Rejection(Reason.TOO_LARGE, f"{len(found)} readings in a frame: no more than {_FRAME_READINGS_MAX}")
    # Ours make fields in their types by construction, which tests of every model hold them to.
    return (found if is_ours else _checked_items("a decoder", found)) or NoReading("nothing in it")


def _text(device: object) -> str:
    if not isinstance(device, str):
        raise TypeError(f"device {quoted(device)} is not text")
    return device


def _line(number: SupportsIndex) -> int:
    line = int(operator.index(number))
    if not 1 <= line <= _LINE_MAX:
        raise ValueError(f"line {quoted(line)} is not one of 1..{_LINE_MAX}")
    return line


def _checked_items(name: str, items: Sequence[Item | Rejection]) -> list[Item | Rejection]:
    return [_checked_item(name, item) for item in items]


def _checked_item(name: str, item: Item | Rejection) -> Item | Rejection:
    if isinstance(item, Rejection):
        return item
    try:
        kind = Kind(item.kind)
        time_ns = item.time_ns
        if not (time_ns is None or isinstance(time_ns, (LocalTime, SinceReceipt))):
            time_ns = int(operator.index(time_ns))
        return Item(kind, _line(item.line), time_ns, typed_fields(kind, item.fields))
    except (TypeError, ValueError) as error:
        return _fault(name, str(error))


def _fault(name: str, what: str) -> Rejection:
    return Rejection(Reason.BAD_PAYLOAD, f"fault in {name} ({what}): report it to its makers")
