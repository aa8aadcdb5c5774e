"""UniFi access points, as UnPoller or the controller tell of them: how many clients each has (`num_sta`), nothing else.

Messages are JSON: what a controller's API gives of a device (`{"name", "num_sta", ...}`, alone, in an array or under
`data`), or what Telegraf makes of UnPoller's metrics (`{"name": "uap", "tags": {"name"}, "fields": {"num_sta"},
"timestamp"}`, alone or under `metrics`). Lists of who is connected are never read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mqtt.messages import Message
from sensors.formats import Answer, Decoded, NoReading
from sensors.formats.identities import without_client_lists
from sensors.formats.items import Readings, json_of, not_read, part_of, time_of

_ACCESS_POINTS = "uap"
_COUNT = "num_sta"
_LISTS = ("data", "metrics", "uaps")
_DEEP_MAX = 4


class UnpollerFormat:
    """Messages about UniFi access points."""

    def decode(self, messages: Sequence[Message]) -> list[Answer]:
        """What each message holds."""
        return [self._decode(message) for message in messages]

    def _decode(self, message: Message) -> Answer:
        try:
            sent = json_of(without_client_lists(message.payload))
            found = [decoded for point in _points(sent) if (decoded := _access_point(point))]
        except ValueError as error:
            return not_read("counts of access points", error)
        return found or NoReading("no number of clients of an access point")


def _points(sent: Any, deep: int = 0) -> Iterator[dict[str, Any]]:
    """The objects that may be access points."""
    if deep > _DEEP_MAX:
        return
    if isinstance(sent, list):
        for each in sent:
            yield from _points(each, deep + 1)
    elif isinstance(sent, dict):
        inner = [sent[key] for key in _LISTS if isinstance(sent.get(key), list)]
        for each in inner:
            yield from _points(each, deep + 1)
        if not inner:
            yield sent


def _access_point(point: dict[str, Any]) -> Decoded | None:
    """The clients of an access point; None of a metric of anything else."""
    fields, tags = part_of(point, "fields"), part_of(point, "tags")
    if fields and point.get("name") != _ACCESS_POINTS:
        return None
    name = (tags if fields else point).get("name")
    count = (fields or point).get(_COUNT)
    if not isinstance(name, str) or not name or count is None:
        return None
    readings = Readings(time_of(point.get("timestamp", point.get("time"))))
    readings.add("clients", count)
    return Decoded(name, readings.items())
