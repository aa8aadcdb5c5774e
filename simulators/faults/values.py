"""Readings that arrive with the wrong content: stuck, drifting, far off, malformed, in a unit of another kind."""

from __future__ import annotations

import json
from collections.abc import Callable

from schemas import KINDS, Reason
from schemas.localtime import NS_A_SECOND
from simulators.deliveries import Delivery
from simulators.devices import Fields
from simulators.faults.base import AIR, Fault, Window, key_of, within
from simulators.hub import HubDay
from simulators.payloads import dump, payload

_DAY_NS = 86400 * NS_A_SECOND
_MS_NS = 1_000_000


def _with_value(delivery: Delivery, value: float) -> Delivery:
    name = KINDS[delivery.kind].fields[0].name
    return delivery._replace(observation=delivery.observation._replace(fields={name: value}))


def _value(delivery: Delivery) -> float:
    return float(next(iter(delivery.observation.fields.values())))


class Stuck(Fault):
    """An air sensor repeats one value for hours."""

    name = "stuck"
    share = 0.03
    summary = "an air sensor repeats one value for 2 to 8 hours (share of sensor days)"

    def __init__(self, *, seed: int, share: float | None = None) -> None:
        super().__init__(seed=seed, share=share)
        self._last: dict[tuple[str, ...], float] = {}

    def apply(self, day: HubDay, deliveries: list[Delivery]) -> list[Delivery]:
        first = deliveries[0]
        if first.kind not in AIR:
            return deliveries
        struck = within(self.windows(Window(2, 8), day.day, *key_of(first), days_back=1), deliveries)
        series = (*key_of(first), first.kind)
        changed = []
        for delivery, hit in zip(deliveries, struck, strict=True):
            kept = _with_value(delivery, self._last.get(series, _value(delivery))) if hit else delivery
            self._last[series] = _value(kept)
            changed.append(kept)
        self.note(day, first, sum(struck))
        return changed


class Spikes(Fault):
    """A value that no sensor can measure: refused by itself, whatever it travels with."""

    name = "spikes"
    share = 0.01
    summary = "an air reading far out of range, to be refused (share of readings)"

    def apply(self, day: HubDay, deliveries: list[Delivery]) -> list[Delivery]:
        if deliveries[0].kind not in AIR:
            return deliveries
        return self.change(day, deliveries, self.struck(day, deliveries), self._spike)

    @staticmethod
    def _spike(delivery: Delivery) -> Delivery:
        field = KINDS[delivery.kind].fields[0]
        off = 0.2 * (field.high - field.low)
        value = field.high + off if delivery.observation.time_ns // _MS_NS % 2 else field.low - off
        return _with_value(delivery, round(value, 1))._replace(reason=Reason.OUT_OF_RANGE)


class Drift(Fault):
    """An air sensor's zero wanders off, a little more each day."""

    name = "drift"
    share = 0.2
    summary = "an air sensor reads a little more each day (share of sensors)"

    def __init__(self, *, seed: int, share: float | None = None) -> None:
        super().__init__(seed=seed, share=share)
        self._since_ns: int | None = None

    def apply(self, day: HubDay, deliveries: list[Delivery]) -> list[Delivery]:
        since_ns = self._since_ns = day.bounds.start_ns if self._since_ns is None else self._since_ns
        first = deliveries[0]
        if first.kind not in AIR or not self.strikes(*key_of(first)):
            return deliveries
        field = KINDS[first.kind].fields[0]
        a_day = (field.high - field.low) / 10_000

        def drifted(delivery: Delivery) -> Delivery:
            off = a_day * (delivery.observation.time_ns - since_ns) / _DAY_NS
            return _with_value(delivery, round(min(_value(delivery) + off, field.high), 1))

        return self.change(day, deliveries, [True] * len(deliveries), drifted, detail=f"+{a_day:g} {field.unit} a day")


class WrongUnit(Fault):
    """An air sensor was set up for another kind: it names a unit that its topic doesn't take."""

    name = "wrong-unit"
    share = 0.02
    summary = "an air sensor names a unit of another kind for 2 to 8 hours, to be refused (share of sensor days)"

    def apply(self, day: HubDay, deliveries: list[Delivery]) -> list[Delivery]:
        first = deliveries[0]
        if first.kind not in AIR:
            return deliveries
        windows = self.windows(Window(2, 8), day.day, *key_of(first), first.kind, days_back=1)
        return self.change(day, deliveries, within(windows, deliveries), self._mislabel)

    @staticmethod
    def _mislabel(delivery: Delivery) -> Delivery:
        content = {"time": delivery.observation.time_ns // _MS_NS, "value": _value(delivery), "unit": "lx"}
        return delivery._replace(content=dump(content), reason=Reason.BAD_SCHEMA)


class Malformed(Fault):
    """Broken firmware: payloads that are no JSON, or not what they should be. The reading is lost with them."""

    name = "malformed"
    share = 0.01
    summary = "a payload that is broken, to be refused (share of readings)"

    def apply(self, day: HubDay, deliveries: list[Delivery]) -> list[Delivery]:
        rng = self.rng(*key_of(deliveries[0]), deliveries[0].kind, day.day, "way")

        def broken(delivery: Delivery) -> Delivery:
            reason, breaking = rng.choice(_WAYS)
            observation = delivery.observation
            return delivery._replace(content=breaking(observation.time_ns, observation.fields), reason=reason)

        return self.change(day, deliveries, self.struck(day, deliveries), broken)


def _truncated(time_ns: int, fields: Fields) -> bytes:
    return payload(time_ns, fields)[:-4]


def _not_a_number(time_ns: int, fields: Fields) -> bytes:
    return dump({"time": time_ns // _MS_NS, **dict.fromkeys(fields, float("nan"))})


def _as_text(time_ns: int, fields: Fields) -> bytes:
    return dump({"time": time_ns // _MS_NS, **{name: json.dumps(value) for name, value in fields.items()}})


def _misspelt(time_ns: int, fields: Fields) -> bytes:
    return dump({"time": time_ns // _MS_NS, **{f"{name}_": value for name, value in fields.items()}})


_WAYS: tuple[tuple[Reason, Callable[[int, Fields], bytes]], ...] = (
    (Reason.BAD_PAYLOAD, lambda _time_ns, _fields: b""),
    (Reason.BAD_PAYLOAD, lambda _time_ns, _fields: b"\xff\xfe\x00reboot"),
    (Reason.BAD_PAYLOAD, _truncated),
    (Reason.BAD_PAYLOAD, _not_a_number),
    (Reason.BAD_SCHEMA, _as_text),
    (Reason.BAD_SCHEMA, _misspelt),
    (Reason.BAD_SCHEMA, lambda _time_ns, _fields: b"[]"),
)
