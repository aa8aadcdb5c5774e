"""collectd, as OpenWrt access points send it: `collectd/<host>/<plugin>[-<instance>]/<type>`, `epoch:value`, a zero.

Source: collectd's documentation, "Plugin:MQTT" and "Plugin:iwinfo". `iwinfo-<interface>/stations` is how many clients
an interface has now. Those of an access point count apart: `wlan0` and `phy0-ap0` are line 1, `wlan1` and `phy1-ap0`
line 2, a second network of the first radio (`wlan0-1`, `phy0-ap1`) line 11.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mqtt.messages import Message
from schemas.readings import Reason, Rejection
from sensors.formats import Answer, Decoded, NoReading
from sensors.formats.items import Readings, not_read, text_of
from sensors.numbers import as_number
from sensors.times import number_ns

_TOPIC = re.compile(r"(?:.*/)?([^/]+)/([^/-]+)(?:-([^/]*))?/([^/]+)")
_UNKNOWN = ("u", "nan", "-nan")
_RADIOS_MAX = 10
_LINE_MAX = 999


class CollectdFormat:
    """Messages of collectd's MQTT plugin."""

    def decode(self, messages: Sequence[Message]) -> list[Answer]:
        """What each message holds."""
        return [self._decode(message) for message in messages]

    def _decode(self, message: Message) -> Answer:
        found = _TOPIC.fullmatch(message.topic.decode(errors="replace"))
        if found is None:
            return Rejection(Reason.BAD_TOPIC, "not a topic of collectd: collectd/<host>/<plugin>/<type>")
        host, plugin, instance, type_ = found.groups()
        if plugin != "iwinfo" or type_ != "stations":
            return NoReading("no number of stations")
        try:
            time_ns, clients = _value(message.payload)
        except ValueError as error:
            return not_read("a value of collectd", error)
        if clients is None:
            return NoReading("no value")
        readings = Readings(time_ns)
        readings.add("clients", clients, line=_line(instance or ""))
        return [Decoded(f"{host}/iwinfo-{instance}", readings.items(), (host,))]


def _value(payload: bytes) -> tuple[int, float | None]:
    """The time and the value, None where it is not known. Raises ValueError."""
    epoch, colon, value = text_of(payload).decode(errors="replace").partition(":")
    time_s, number = as_number(epoch), as_number(value)
    if not colon or time_s is None:
        raise ValueError("write epoch:value")
    if number is None and value.strip().lower() not in _UNKNOWN:
        raise ValueError(f"{value[:32]!r} is not a number")
    return number_ns(time_s), number


def _line(interface: str) -> int:
    """A number of its own for each interface of an access point: 1 + radio + 10 * network."""
    numbers = [int(digits) for digits in re.findall(r"[0-9]{1,3}", interface)] or [0]
    return min(_LINE_MAX, 1 + numbers[0] + _RADIOS_MAX * sum(numbers[1:]))
