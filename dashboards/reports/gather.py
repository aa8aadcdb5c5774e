"""Gathers what a report says: every figure comes from usage, and is read once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from functools import cached_property
from importlib.metadata import version

from dashboards.reports import words
from dashboards.reports.evidence import Evidence
from dashboards.reports.model import NOT_COUNTED, CaseLine, HubPart, People, Quality, Report, Restatement, Since
from dashboards.reports.withheld import withheld
from dashboards.web import wording
from schemas import Estate, HubpulseError
from schemas.localtime import from_ns
from schemas.texts import _
from usage.audits import Audit
from usage.audits.certificate import in_words
from usage.audits.corrections import errors_by_hub
from usage.calendar import dates
from usage.comparing import Compared, DateRange, compare_stored
from usage.comparing.overview import counted_from
from usage.estimates.estimator import REACH_BEFORE
from usage.health import Case, CaseKind, cases_within
from usage.health import words as health_words
from usage.notes import Note
from usage.publishing.publication_file import Content, code_of
from usage.publishing.publications import OtherSum, compare
from usage.queries import DayFigures, Period, PeriodFigures, Queries
from usage.queries.columns import DayColumns
from usage.queries.hubs import counts_people
from usage.queries.periods import periods
from usage.targets import TargetState
from usage.targets import targets as states
from usage.together import Together, days_together, hours_of_week, together
from usage.visits import visits_of_hubs

_MINUTES_AN_HOUR = 60


class NotBegunError(HubpulseError):
    """The period has no whole day yet."""


def gather(
    queries: Queries,
    estate: Estate,
    period: str,
    *,
    hub: str | None = None,
    now_ns: int,
    evidence: Evidence | None = None,
    since: Since | None = None,
) -> Report:
    """Gather a report of a period, such as `2026-10`, of one hub or all of them.

    Where the period was published with small numbers hidden, so are they in the report.

    Raises HubpulseError for what is no period, NotBegunError, UnknownHubError and StoreError.
    """
    evidence = evidence or Evidence()
    report = replace(_Period(queries, estate, period, hub, now_ns, evidence).report(), since=since)
    content = publication_of(evidence.publications, period, hub)
    return withheld(report, content) if content is not None and content["small"] else report


class _Period:
    """One report under way."""

    def __init__(
        self, queries: Queries, estate: Estate, period: str, hub: str | None, now_ns: int, evidence: Evidence
    ) -> None:
        self._queries, self._estate, self._hub, self._now_ns = queries, estate, hub, now_ns
        self._evidence = evidence
        self._range = DateRange.parse(period)
        self._kind, self._first, self._last = Period.parse(period)
        self._ids = queries.hubs(hub)
        yesterday = min((queries.today(name) for name in self._ids), default=queries.today()) - timedelta(days=1)
        self._until = min(self._last, yesterday)
        if self._until < self._first:
            raise NotBegunError(
                f"{period} has no whole day yet: its report can be made from {self._first + timedelta(days=1)} on"
            )

    @cached_property
    def _days(self) -> list[DayFigures]:
        return list(self._queries.daily(self._first, self._until, hub=self._hub))

    @cached_property
    def _columns(self) -> DayColumns:
        """Who was counted in the period and before it."""
        fields = ("entries", "people_state", "open_minutes")
        on = (self._first - REACH_BEFORE, self._until)
        return self._queries.stored_columns(fields, on, hub=self._hub, fresh=self._days)

    @cached_property
    def _periods(self) -> list[PeriodFigures]:
        return list(periods(self._days, self._kind, self._queries.estimates(self._days)))

    @cached_property
    def _counting(self) -> frozenset[str]:
        """The hubs where people are counted, or were in the period: no sum of people has the others."""
        counted = {each.hub for each in self._periods if each.figures["entries"] is not None}
        return frozenset(counted.union(hub for hub, known in self._queries.sensors.items() if counts_people(known)))

    @cached_property
    def _notes(self) -> list[Note]:
        return self._queries.notes(self._first, self._until, hub=self._hub)

    def report(self) -> Report:
        """The whole of it."""
        estate, queries = self._estate, self._queries
        total = together([each for each in self._periods if each.hub in self._counting])
        return Report(
            estate=estate.name,
            period=self._range.name,
            kind=self._kind,
            first=self._first,
            last=self._last,
            until=self._until,
            hub=self._hub,
            made=from_ns(self._now_ns).astimezone(estate.zone_of(self._hub or "")),
            version=version("hubpulse"),
            names={each.id: each.name for each in estate.hubs},
            total=_total(total),
            hubs=tuple(map(self._hub_part, self._periods)),
            untold=total.untold,
            days=tuple(days_together(day for day in self._days if day.hub in self._counting)),
            hidden_days=frozenset(),
            hours=tuple(hours_of_week(queries.hourly(self._first, self._until, hub=self._hub))),
            comparisons=tuple(self._comparisons()),
            targets=tuple(self._targets()),
            visits=tuple(visits_of_hubs(queries, estate, self._first, self._until, hub=self._hub)),
            cases=tuple(map(self._case_line, cases_within(queries, estate, self._first, self._until, hub=self._hub))),
            quality=self._quality(),
            restatement=self._restatement(),
        )

    def _hub_part(self, each: PeriodFigures) -> HubPart:
        known = self._estate.hub(each.hub)
        closed = [
            day
            for closure in (known.closures if known else ())
            for day in dates(max(closure.first, self._first), min(closure.last, self._until))
        ]
        people, low, high, method = each.estimated()
        counted = each.figures["entries"]
        open_minutes = each.figures["open_minutes"]
        return HubPart(
            each.hub,
            self._name(each.hub),
            People(
                None if counted is None else int(counted),
                people,
                low,
                high,
                method,
                each.days,
                each.days_counted,
                each.days_missing,
            )
            if each.hub in self._counting
            else NOT_COUNTED,
            None if open_minutes is None else open_minutes / _MINUTES_AN_HOUR,
            each.figures,
            tuple(words.runs(closed)),
            tuple(f"{words.day(note.date)}: {note.text}" for note in self._notes if note.hub == each.hub),
            self._counted_from(each),
            each.hub in self._counting,
        )

    def _name(self, hub: str) -> str:
        """What people call a hub."""
        known = self._estate.hub(hub)
        return known.name if known and known.name else hub

    def _counted_from(self, each: PeriodFigures) -> date | None:
        """The day on which counting the hub began; what was before the period is read where a day is missing."""
        days = DateRange(self._range.name, self._first, self._until)
        return counted_from(self._columns, each.hub, days) if each.days_missing else None

    def _case_line(self, case: Case) -> CaseLine:
        worst = health_words.how_bad(case)
        if case.kind is not CaseKind.OVERHEATING:
            worst = f"{worst} ({words.day(case.latest)})" if case.latest >= self._first else ""
        told = "; ".join(filter(None, (worst, health_words.silence(case))))
        advice = f"{health_words.what_to_do(case)} ({_(case.source)})"
        return CaseLine(case.hub, case.zone, health_words.name_of(case.kind), case.since, case.until, told, advice)

    def _comparisons(self) -> Iterable[Compared]:
        errors = errors_by_hub(self._estate, self._evidence.audits, self._until)
        for against in (self._range.before(), self._range.year_before()):
            others = self._queries.daily(against.first, against.last, hub=self._hub)
            yield compare_stored(
                self._queries,
                self._estate,
                self._range,
                against,
                hub=self._hub,
                counter_errors=errors,
                fresh=[*self._days, *others],
            )

    def _targets(self) -> Iterable[TargetState]:
        months = dict.fromkeys(Period.MONTH.name_of(day) for day in dates(self._first, self._until))
        # A week is no month that something was promised of.
        if self._kind is Period.WEEK:
            return
        for name in months:
            yield from states(self._queries, self._estate, DateRange.parse(name), hub=self._hub)

    def _quality(self) -> Quality:
        found = self._queries.stored_doubts(self._first, self._until, hub=self._hub)
        # One that ended later still stood then.
        doubts = [replace(each, until=None) if each.until and each.until > self._until else each for each in found]
        audits = [
            f"{self._name(audit.hub)}, {audit.sensor}: {in_words(audit, self._now_ns, day=words.day)}"
            for audit in self._evidence.audits
            if audit.hub in self._ids and audit.result is not None and _is_of(audit, self._first)
        ]
        refused: dict[str, int] = {}
        for waiting in self._queries.refusals():
            if waiting.waiting:
                refused[waiting.reason] = refused.get(waiting.reason, 0) + waiting.waiting
        ingests = self._queries.ingests()
        return Quality(
            tuple(
                f"{self._name(each.hub)}: {each.sentence(self._until)}"
                for each in doubts
                if not each.until or each.is_sure
            ),
            tuple(audits),
            dict(sorted(refused.items())),
            len(ingests),
            tuple(each.name for each in ingests if not each.balanced),
            sum(not day.figures["final"] for day in self._days),
        )

    def _restatement(self) -> Restatement | None:
        content = publication_of(self._evidence.publications, self._range.name, self._hub)
        if content is None:
            return None
        found = compare(content, self._queries, self._estate)
        sums = tuple(self._other_sum(each) for each in found.rules if each.figure != "method")
        return Restatement(code_of(content), content["published"][:10], found.restated, sums, found.estimates)

    def _other_sum(self, each: OtherSum) -> str:
        return _("{hub}, {figure}: {before}, now {after}").format(
            hub=self._name(each.hub),
            figure=words.figure(each.figure),
            before=wording.number(each.before),
            after=wording.number(each.after),
        )


def publication_of(publications: Iterable[Content], period: str, hub: str | None) -> Content | None:
    """The latest publication of a period, of the same hubs."""
    same = [each for each in publications if (each["period"], each["hub"]) == (period, hub)]
    return max(same, key=lambda each: str(each["published"]), default=None)


def _is_of(audit: Audit, first: date) -> bool:
    """Whether what an audit found still held when the period began, or later."""
    until = (audit.result or {}).get("valid_until")
    return until is not None and date.fromisoformat(until) >= first


def _total(found: Together) -> People:
    return People(
        found.counted,
        found.estimated,
        found.low,
        found.high,
        found.method,
        found.days,
        found.days_counted,
        found.days_missing,
    )
