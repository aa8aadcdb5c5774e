"""What a format answers, checked before ingest relies on it: anybody may have written the format."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import SupportsIndex

from ingest.validate import typed_fields
from mqtt.messages import Message
from schemas.kinds import Kind
from schemas.readings import Reason, Rejection
from sensors.formats import Answer, Decoded, Format, Item, NoReading, Other, Uplink, readings_max
from sensors.macs import quoted
from sensors.registry import Registry
from sensors.times import LocalTime, SinceReceipt
from sensors.uplinks import read_uplink

_LINE_MAX = 999


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
    if isinstance(answer, Other):
        return answer
    count, most = sum(len(decoded.items) for decoded in answer), readings_max(message)
    if count <= most:
        return answer
    return Rejection(Reason.TOO_LARGE, f"{count} readings: send at most {most} in a message of this length")


def _checked(name: str, answer: Answer) -> Answer:
    if isinstance(answer, Other):
        return answer
    decoded = [_checked_decoded(name, *part) for part in answer]
    return decoded if any(part.items for part in decoded) else NoReading("nothing in it")


def _checked_decoded(
    name: str, device: object, items: Sequence[Item | Rejection], also: Sequence[object] = ()
) -> Decoded:
    return Decoded(_text(device), _checked_items(f"format {name}", items), tuple(map(_text, also)))


def read_frame(uplink: Uplink, device: str, registry: Registry) -> Sequence[Item | Rejection] | NoReading | Rejection:
    """What the frame of a device of the estate file holds. Where its decoder fails, that frame alone is refused."""
    decoder = registry.decoder_of(device, uplink.model)
    if isinstance(decoder, Rejection):
        return decoder
    try:
        found = read_uplink(uplink, decoder)
        if isinstance(found, (NoReading, Rejection)):
            return found
        return _checked_items("a decoder", found) or NoReading("nothing in it")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - anybody may have written the decoder
        return _fault("the decoder of its model", quoted(error))


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
