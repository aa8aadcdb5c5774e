"""Readings that arrive with the wrong content: stuck, drifting, far off, malformed, in a unit of another kind."""

from __future__ import annotations

import json
from collections.abc import Callable

from schemas import KINDS, Reason
from schemas.localtime import NS_A_SECOND
from simulators.devices import Fields
from simulators.faults.base import AIR, Duration, Fault, key_of, within
from simulators.hub import HubDay
from simulators.payloads import dump, payload
from simulators.transmissions import Transmission

_DAY_NS = 86400 * NS_A_SECOND
_MS_NS = 1_000_000


def _with_value(transmission: Transmission, value: float) -> Transmission:
    name = KINDS[transmission.kind].fields[0].name
    return transmission._replace(observation=transmission.observation._replace(fields={name: value}))


def _value(transmission: Transmission) -> float:
    return float(next(iter(transmission.observation.fields.values())))


class Stuck(Fault):
    """An air sensor repeats one value for hours."""

    name = "stuck"
    share = 0.03
    summary = "an air sensor repeats one value for 2 to 8 hours (share of sensor days)"

    def __init__(self, *, seed: int, share: float | None = None) -> None:
        super().__init__(seed=seed, share=share)
        self._last: dict[tuple[str, ...], float] = {}

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        first = transmissions[0]
        if first.kind not in AIR:
            return transmissions
        struck = within(self.windows(Duration(2, 8), day.day, *key_of(first), days_back=1), transmissions)
        series = (*key_of(first), first.kind)
        changed = []
        for transmission, hit in zip(transmissions, struck, strict=True):
            kept = _with_value(transmission, self._last.get(series, _value(transmission))) if hit else transmission
            self._last[series] = _value(kept)
            changed.append(kept)
        self.note(day, first, sum(struck))
        return changed


class Spikes(Fault):
    """A value that no sensor can measure: refused by itself, whatever it travels with."""

    name = "spikes"
    share = 0.01
    summary = "an air reading far out of range, to be refused (share of readings)"

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        if transmissions[0].kind not in AIR:
            return transmissions
        return self.change(day, transmissions, self.struck(day, transmissions), self._spike)

    @staticmethod
    def _spike(transmission: Transmission) -> Transmission:
        field = KINDS[transmission.kind].fields[0]
        off = 0.2 * (field.high - field.low)
        value = field.high + off if transmission.observation.time_ns // _MS_NS % 2 else field.low - off
        return _with_value(transmission, round(value, 1))._replace(reason=Reason.OUT_OF_RANGE)


class Drift(Fault):
    """An air sensor's zero wanders off, a little more each day."""

    name = "drift"
    share = 0.2
    summary = "an air sensor reads a little more each day (share of sensors)"

    def __init__(self, *, seed: int, share: float | None = None) -> None:
        super().__init__(seed=seed, share=share)
        self._since_ns: int | None = None

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        since_ns = self._since_ns = day.bounds.start_ns if self._since_ns is None else self._since_ns
        first = transmissions[0]
        if first.kind not in AIR or not self.strikes(*key_of(first)):
            return transmissions
        field = KINDS[first.kind].fields[0]
        a_day = (field.high - field.low) / 10_000

        def drifted(transmission: Transmission) -> Transmission:
            off = a_day * (transmission.observation.time_ns - since_ns) / _DAY_NS
            return _with_value(transmission, round(min(_value(transmission) + off, field.high), 1))

        return self.change(
            day, transmissions, [True] * len(transmissions), drifted, detail=f"+{a_day:g} {field.unit} a day"
        )


class WrongUnit(Fault):
    """An air sensor was set up for another kind: it names a unit that its topic doesn't take."""

    name = "wrong-unit"
    share = 0.02
    summary = "an air sensor names a unit of another kind for 2 to 8 hours, to be refused (share of sensor days)"

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        first = transmissions[0]
        if first.kind not in AIR:
            return transmissions
        windows = self.windows(Duration(2, 8), day.day, *key_of(first), first.kind, days_back=1)
        return self.change(day, transmissions, within(windows, transmissions), self._mislabel)

    @staticmethod
    def _mislabel(transmission: Transmission) -> Transmission:
        content = {"time": transmission.observation.time_ns // _MS_NS, "value": _value(transmission), "unit": "lx"}
        return transmission._replace(content=dump(content), reason=Reason.BAD_SCHEMA)


class Malformed(Fault):
    """Broken firmware: payloads that are no JSON, or not what they should be. The reading is lost with them."""

    name = "malformed"
    share = 0.01
    summary = "a payload that is broken, to be refused (share of readings)"

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        rng = self.rng(*key_of(transmissions[0]), transmissions[0].kind, day.day, "way")

        def broken(transmission: Transmission) -> Transmission:
            reason, breaking = rng.choice(_WAYS)
            observation = transmission.observation
            return transmission._replace(content=breaking(observation.time_ns, observation.fields), reason=reason)

        return self.change(day, transmissions, self.struck(day, transmissions), broken)


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
