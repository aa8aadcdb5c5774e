"""Alerts as they rest in the store, beside what people answered: the same for every process, and after a restart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from dashboards.alerts.rules import RULES, Rule
from schemas import HubpulseError
from schemas.localtime import NS_A_SECOND, NS_AN_HOUR
from stores import Store
from stores.lines import encode
from usage.rows import write

_ALERTS, _ANSWERS = "alerts", "alert_answers"
DAY_NS = 24 * NS_AN_HOUR
REACH_NS = 400 * DAY_NS
"""An alert that was raised before is neither shown nor followed."""
SNOOZE_MAX_S = 90 * 86_400
_AUTHOR_CHARACTERS_MAX = 64
_AHEAD_NS = NS_AN_HOUR
"""Another machine's clock may be ahead of ours."""


class Key(NamedTuple):
    """What an alert is about; at any time one is open of each."""

    rule: str
    hub: str = ""
    subject: str = ""


class What(StrEnum):
    """What people may do about an alert."""

    ACKNOWLEDGE = "ack"
    SNOOZE = "snooze"
    RESOLVE = "resolve"


class Answer(NamedTuple):
    """What somebody did about an alert; `author` is "" where nobody signed in."""

    what: What
    author: str
    at_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert; times are UTC in nanoseconds, 0 is not yet. The fields are those of `schemas.measurements`."""

    key: Key
    raised_ns: int
    since_ns: int
    value: float | None = None
    fine_ns: int = 0
    over_ns: int = 0
    told_ns: int = 0
    over_told_ns: int = 0
    covered: bool = False
    answers: tuple[Answer, ...] = ()
    rules: Mapping[str, Rule] = field(default_factory=lambda: RULES, compare=False, repr=False)
    """As the estate has them."""

    @property
    def place(self) -> tuple[Key, int]:
        """Where it is in the store."""
        return self.key, self.raised_ns

    @property
    def id(self) -> str:
        """By which people name it."""
        text = "|".join((*self.key, str(self.raised_ns)))
        return hashlib.sha256(text.encode()).hexdigest()[:10]

    @property
    def rule(self) -> Rule:
        return self.rules[self.key.rule]

    @property
    def closed_ns(self) -> int:
        """Since when it is over, by itself or by somebody; 0 while it is open."""
        return self.over_ns or self._latest(What.RESOLVE).at_ns

    @property
    def is_open(self) -> bool:
        return not self.closed_ns

    @property
    def by_hand(self) -> bool:
        """Whether somebody said that it is over."""
        return not self.over_ns and not self.is_open

    @property
    def acknowledged_by(self) -> str | None:
        """Who has seen to it: "" where nobody signed in; None where nobody has."""
        found = self._latest(What.ACKNOWLEDGE)
        return found.author if found.at_ns else None

    @property
    def resolved_by(self) -> str | None:
        found = self._latest(What.RESOLVE)
        return found.author if found.at_ns and self.by_hand else None

    @property
    def snoozed_until_ns(self) -> int:
        return self._latest(What.SNOOZE).until_ns

    def is_snoozed(self, now_ns: int) -> bool:
        return now_ns < self.snoozed_until_ns

    def _latest(self, what: What) -> Answer:
        made = [answer for answer in self.answers if answer.what is what]
        return max(made, key=lambda answer: answer.at_ns, default=Answer(what, "", 0, 0))


def read_alerts(store: Store, now_ns: int, rules: Mapping[str, Rule] = RULES) -> list[Alert]:
    """The alerts that were raised in the last 400 days, the latest first, by an estate's rules. Raises StoreError."""
    start_ns = now_ns - REACH_NS
    answers: dict[tuple[Key, int], list[Answer]] = {}
    for key, at_ns, row in _rows(store, _ANSWERS, start_ns, now_ns):
        made = Answer(What(row["answer"]), unquote(row.get("author") or ""), at_ns, int(row["until_ns"] or 0))
        answers.setdefault((key, int(row["raised_ns"] or 0)), []).append(made)
    found = [
        Alert(
            key,
            raised_ns,
            int(row["since_ns"] or raised_ns),
            row["value"],
            fine_ns=int(row["fine_ns"] or 0),
            over_ns=int(row["over_ns"] or 0),
            told_ns=int(row["told_ns"] or 0),
            over_told_ns=int(row["over_told_ns"] or 0),
            covered=bool(row["covered"]),
            answers=tuple(answers.get((key, raised_ns), ())),
            rules=rules,
        )
        for key, raised_ns, row in _rows(store, _ALERTS, start_ns, now_ns)
        if key.rule in rules
    ]
    return sorted(found, key=lambda alert: (-alert.raised_ns, alert.key))


def _rows(store: Store, measurement: str, start_ns: int, now_ns: int) -> Iterator[tuple[Key, int, dict[str, Any]]]:
    for chunk in store.read(measurement, start_ns=start_ns, stop_ns=now_ns + _AHEAD_NS):
        tags = {name: value or "" for name, value in chunk.tags.items()}
        key = Key(tags["rule"], tags.get("hub", ""), tags.get("subject", ""))
        for i, time_ns in enumerate(chunk.times_ns):
            yield key, time_ns, tags | {name: column[i] for name, column in chunk.columns.items()}


def write_alerts(store: Store, alerts: Iterable[Alert]) -> None:
    """Store alerts as they are now; what people answered is stored by `answer`. Raises StoreError."""
    lines = [_line(alert) for alert in alerts]
    if lines:
        write(store, lines)


def _line(alert: Alert) -> str:
    names = ("since_ns", "fine_ns", "over_ns", "told_ns", "over_told_ns", "covered")
    fields: dict[str, int | float | bool] = {name: getattr(alert, name) for name in names}
    if alert.value is not None:
        fields["value"] = float(alert.value)
    return encode(_ALERTS, _tags(alert.key), fields, alert.raised_ns)


def _tags(key: Key) -> dict[str, str | None]:
    return {name: value or None for name, value in key._asdict().items()}


def find(alerts: Iterable[Alert], alert_id: str) -> Alert:
    """The alert of an id, or of its first characters. Raises HubpulseError."""
    found = [alert for alert in alerts if len(alert_id) >= 4 and alert.id.startswith(alert_id)]  # noqa: PLR2004 - of ten
    if len(found) != 1:
        raise HubpulseError(f"no one alert is {alert_id!r}: `hubpulse alerts list` shows their ids")
    return found[0]


def answer(store: Store, alert: Alert, what: What, *, author: str, now_ns: int, snooze_s: int = 0) -> None:
    """Keep what somebody did about an open alert. Raises HubpulseError where it is over; StoreError."""
    if not alert.is_open:
        raise HubpulseError(f"alert {alert.id} is over already")
    if what is What.SNOOZE and not 0 < snooze_s <= SNOOZE_MAX_S:
        raise HubpulseError(f"an alert is snoozed for at most {SNOOZE_MAX_S // 86_400} days")
    tags = _tags(alert.key) | {"answer": what.value, "author": quote(author[:_AUTHOR_CHARACTERS_MAX], safe="") or None}
    until_ns = now_ns + snooze_s * NS_A_SECOND if snooze_s else 0
    write(store, [encode(_ANSWERS, tags, {"raised_ns": alert.raised_ns, "until_ns": until_ns}, now_ns)])
