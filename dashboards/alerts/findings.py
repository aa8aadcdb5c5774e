r"""What is wrong now, by the rules.

    sensors now -> silent sensors, hubs, the estate; batteries --\
    ingests now and an hour ago -> ingest, buffer, ledger, ... ---+-> Finding: wrong, well, or in between
    cases of building health, counters in doubt (each quarter) --/

Of what nothing is known there is no finding, and its alert stays as it is. A finding names what causes it where that is
wrong, too: the gateway of a hub, the broker, ingest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from dashboards.alerts import rules
from dashboards.alerts.history import Key
from dashboards.alerts.rules import RULES, Rule, rules_of
from schemas import Estate
from schemas.localtime import NS_A_SECOND, day_span
from usage import Queries
from usage.health import find_cases
from usage.queries import IngestState, SensorState

_HOUR_S = 3600
_SLOW_EVERY_NS = 15 * 60 * NS_A_SECOND
"""How often cases and doubts are looked at, which are of whole days."""
_DOUBT_DAYS = 30
_SEVERAL = 2
_MISSED = 3
_SHORTEST_S = 300
_WELL = 2
"""What was under its limit is well again from twice as much on."""
_STORE_AWAY = Key(rules.STORE_AWAY.name)
_ESTATE_SILENT = Key(rules.ESTATE_SILENT.name)


class Finding(NamedTuple):
    """How it is with one thing that a rule is about."""

    key: Key
    is_wrong: bool | None
    """None: neither wrong nor well again."""
    since_ns: int | None = None
    """Since when; None where only now is known."""
    value: float | None = None
    causes: tuple[Key, ...] = ()
    """What would cause it: where one of them is wrong, that is the alert."""


class Watch:
    """Looks at an estate, again and again; what is of whole days it looks at every quarter of an hour."""

    def __init__(self) -> None:
        self._slow: list[Finding] = []
        self._slow_ns: int | None = None
        self._of: Estate | None = None

    def look(self, queries: Queries, estate: Estate, now_ns: int) -> list[Finding]:
        """Everything that is known now. Raises StoreError."""
        if self._slow_ns is None or not 0 <= now_ns - self._slow_ns < _SLOW_EVERY_NS or estate is not self._of:
            self._slow = [*_health(queries, estate), *_doubts(queries, estate)]
            self._slow_ns, self._of = now_ns, estate
        given = rules_of(estate)
        ingests = list(_ingests(queries, given))
        found = (
            Finding(_STORE_AWAY, is_wrong=False),  # or nothing could be found
            *ingests,
            *_silences(queries.sensors, now_ns, [_STORE_AWAY, *_behind(ingests)]),
            *_batteries(queries.sensors, given[rules.BATTERY.name].limit),
            *self._slow,
        )
        return [finding for finding in found if not given[finding.key.rule].is_off]


def _behind(ingests: Sequence[Finding]) -> list[Key]:
    """What of ingest would make every sensor seem silent: that none is there, or that readings wait at one."""
    away = [found for found in ingests if found.key.rule == rules.INGEST_AWAY.name]
    causes = [found.key for found in ingests if found.key.rule == rules.BUFFER.name]
    return causes + [found.key for found in away if all(one.is_wrong for one in away)]


# -------------------------------------------------------------------------------------------------------- who is silent


def _silences(sensors: Mapping[str, Sequence[SensorState]], now_ns: int, behind: Sequence[Key]) -> Iterator[Finding]:
    hubs = {hub: _HubSilence(states, now_ns) for hub, states in sensors.items() if states}
    quiet_ns = [found.quiet_since_ns for found in hubs.values()]
    everywhere = len(hubs) >= _SEVERAL and all(found.is_silent for found in hubs.values())
    since_ns = max((since for since in quiet_ns if since is not None), default=None)
    if len(hubs) >= _SEVERAL:
        yield Finding(_ESTATE_SILENT, everywhere, since_ns, float(len(hubs)), tuple(behind))
    above = (_ESTATE_SILENT, *behind)
    for hub, found in hubs.items():
        key = Key(rules.HUB_SILENT.name, hub)
        if len(sensors[hub]) >= _SEVERAL:
            yield Finding(key, found.is_silent, found.quiet_since_ns, float(found.silent), above)
        for state in sensors[hub]:
            since = None if state.last_seen_ns is None else state.last_seen_ns
            yield Finding(Key(rules.SENSOR_SILENT.name, hub, state.sensor), state.silent, since, None, (key, *above))


class _HubSilence:
    """Whether nothing of a hub is heard: several sensors are silent, and no other reported since they stopped."""

    def __init__(self, sensors: Sequence[SensorState], now_ns: int) -> None:
        self.silent = sum(sensor.silent for sensor in sensors)
        self.quiet_since_ns = max((s.last_seen_ns for s in sensors if s.last_seen_ns is not None), default=None)
        patience_s = _MISSED * min((s.every_s for s in sensors if s.every_s), default=_SHORTEST_S)
        quiet_s = None if self.quiet_since_ns is None else (now_ns - self.quiet_since_ns) // NS_A_SECOND
        all_silent = self.silent == len(sensors)
        self.is_silent = all_silent or (self.silent >= _SEVERAL and quiet_s is not None and quiet_s > patience_s)


def _batteries(sensors: Mapping[str, Sequence[SensorState]], low_pct: float) -> Iterator[Finding]:
    for hub, states in sensors.items():
        for state in states:
            level = state.battery_pct
            if level is not None:
                yield Finding(Key(rules.BATTERY.name, hub, state.sensor), _is_under(low_pct, level), None, level)


def _is_under(limit: float, value: float) -> bool | None:
    return True if value < limit else False if value >= _WELL * limit else None


# --------------------------------------------------------------------------------------------------------- the pipeline


def _ingests(queries: Queries, given: Mapping[str, Rule]) -> Iterator[Finding]:
    before = {ingest.name: ingest for ingest in queries.ingests_before(_HOUR_S)}
    for ingest in queries.ingests():
        yield from _ingest(ingest, before.get(ingest.name), given)


def _ingest(now: IngestState, before: IngestState | None, given: Mapping[str, Rule]) -> Iterator[Finding]:
    def about(rule: Rule) -> Key:
        return Key(rule.name, subject=now.name)

    away = about(rules.INGEST_AWAY)
    yield Finding(away, now.silent or not now.connected, now.reported_ns if now.silent else None)
    if now.silent:
        return  # nothing else is known of it
    waits = now.waiting_s > given[rules.BUFFER.name].limit
    yield Finding(about(rules.BUFFER), waits, now.waiting_since_ns if waits else None, now.waiting_s, (_STORE_AWAY,))
    yield Finding(about(rules.LEDGER), not now.balanced)
    if now.disk_free_bytes is not None:
        free = float(now.disk_free_bytes)
        yield Finding(about(rules.DISK), _is_under(given[rules.DISK.name].limit, free), None, free)
    if before is not None:
        came, refused = (now.counts[name] - before.counts[name] for name in ("messages_received", "messages_refused"))
        if came >= 0:  # else its buffer is another one
            rule = given[rules.QUARANTINE.name]
            many = refused >= rule.numbers["at_least"] and refused > rule.limit * came
            yield Finding(about(rules.QUARANTINE), many, None, refused / came if came else None)
        if now.sessions_lost is not None and before.sessions_lost is not None:
            yield Finding(about(rules.SESSION_LOST), now.sessions_lost > before.sessions_lost)


# -------------------------------------------------------------------------------------------------------- of whole days


def _health(queries: Queries, estate: Estate) -> Iterator[Finding]:
    cases = [case for case in find_cases(queries, estate) if case.kind.value in RULES]
    opened = {(case.kind, case.hub, case.zone) for case in cases if case.is_open}
    for case in cases:
        if case.is_open or (case.kind, case.hub, case.zone) not in opened:
            since_ns = _midnight_ns(estate, case.hub, case.since)
            yield Finding(Key(case.kind.value, case.hub, case.zone), case.is_open, since_ns, case.value)


def _doubts(queries: Queries, estate: Estate) -> Iterator[Finding]:
    today = queries.today()
    doubts = queries.stored_doubts(today - timedelta(days=_DOUBT_DAYS), today)
    standing = {(doubt.hub, doubt.door) for doubt in doubts if doubt.wants_attention}
    for doubt in doubts:
        if doubt.wants_attention or (doubt.hub, doubt.door) not in standing:
            since_ns = _midnight_ns(estate, doubt.hub, doubt.since)
            yield Finding(
                Key(rules.DOUBT.name, doubt.hub, doubt.door or ""), doubt.wants_attention, since_ns, doubt.change
            )


def _midnight_ns(estate: Estate, hub: str, day: date) -> int:
    return day_span(day, estate.zone_of(hub)).start_ns
