"""What a report knows: plain values, gathered once; every format is made of them alone.

None is unknown, and never zero. Where `hidden` is set, numbers of people are withheld because they are small, or
because they would tell one that is; they are None here too, so that no format can give them away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from usage.comparing import Compared
from usage.publishing.publications import BetterEstimate, Restated
from usage.queries import Period
from usage.targets import TargetState
from usage.together import DayTogether, HourOfWeek
from usage.visits import Visits


@dataclass(frozen=True, slots=True)
class People:
    """People over the period: `counted`, `estimated` for what nobody counted, and the bounds of both together."""

    counted: int | None
    estimated: int | None
    low: int | None
    high: int | None
    method: str
    days: int
    days_counted: int
    days_missing: int
    hidden: bool = False
    hides_estimate: bool = False
    """Whether the estimate and the bounds are withheld."""

    @property
    def days_closed(self) -> int:
        return self.days - self.days_counted - self.days_missing


NOT_COUNTED = People(None, None, None, None, "none", 0, 0, 0)
"""Where there is no counter, nobody is missed."""


@dataclass(frozen=True, slots=True)
class HubPart:
    """One hub over the period. `figures` are those of the measure catalogue, of air and Wi-Fi."""

    hub: str
    name: str
    people: People
    open_hours: float | None
    figures: Mapping[str, float | None]
    closures: tuple[str, ...] = ()
    """Closures of the estate file in the period, in words."""
    notes: tuple[str, ...] = ()
    """What somebody noted of a day in the period, in words."""
    counted_from: date | None = None
    """The day on which counting it began, where open days of the period were missed before it."""
    has_counter: bool = True
    """Whether people are counted there at all."""


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case of building health in the period: where and what, since when and until when, and what to do."""

    hub: str
    zone: str
    what: str
    since: date
    over: date | None
    """The first day on which it was over; None where it was open as the period ended."""
    worst: str
    """How bad it was on its worst day of the period, in words; empty where nothing told."""
    advice: str


@dataclass(frozen=True, slots=True)
class Quality:
    """What speaks for and against the figures, each in words: counters in doubt, audits, refused messages, ingests."""

    doubts: tuple[str, ...] = ()
    audits: tuple[str, ...] = ()
    refused: Mapping[str, int] = field(default_factory=dict)
    """Messages that wait in quarantine, by reason."""
    ingests: int = 0
    unbalanced: tuple[str, ...] = ()
    """Ingests whose ledger does not balance."""
    days_provisional: int = 0
    """Hubs' days of the period that may still change."""


@dataclass(frozen=True, slots=True)
class Restatement:
    """A publication of this period, and what is otherwise now."""

    code: str
    published: str
    restated: tuple[Restated, ...]
    rules: tuple[str, ...]
    estimates: tuple[BetterEstimate, ...]

    @property
    def holds(self) -> bool:
        return not (self.restated or self.rules)


@dataclass(frozen=True, slots=True)
class Since:
    """What is otherwise than in the version of this report that was given out before."""

    version: int
    made: str
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report says. `until` is the last whole day in it: before `last` where the period is not over."""

    estate: str
    period: str
    kind: Period
    first: date
    last: date
    until: date
    hub: str | None
    made: datetime
    version: str
    """Of Hubpulse."""
    names: Mapping[str, str]
    """Every hub's name by its id, where it has one."""
    total: People
    hubs: tuple[HubPart, ...]
    untold: tuple[str, ...]
    """Hubs whose missing people can't be estimated."""
    days: tuple[DayTogether, ...]
    hidden_days: frozenset[date]
    hours: tuple[HourOfWeek, ...]
    comparisons: tuple[Compared, ...]
    targets: tuple[TargetState, ...]
    visits: tuple[Visits, ...]
    cases: tuple[CaseLine, ...]
    """Cases of building health that were open on a day of the period, as they stood when it ended."""
    quality: Quality
    restatement: Restatement | None
    small_below: int | None = None
    """Numbers of people below it are hidden; None where none are."""
    since: Since | None = None

    @property
    def is_running(self) -> bool:
        return self.until < self.last

    def name(self, hub: str) -> str:
        """What people call a hub."""
        return self.names.get(hub) or hub
