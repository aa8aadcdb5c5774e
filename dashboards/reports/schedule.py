r"""Makes the estate file's reports by themselves, and new versions of those whose figures changed since.

    plan -> periods that are over, back to the last one made -> ready (days final, or the grace is over) -> files, shelf
    shelf -> changes of its days since -> other figures? -> a new version beside it, which says what changed

At most one report is made at a time, so that the jobs' other work waits for none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import structlog

from dashboards.reports import words
from dashboards.reports.evidence import evidence_in
from dashboards.reports.files import Format, stem
from dashboards.reports.formats import write
from dashboards.reports.gather import gather
from dashboards.reports.model import Report, Since
from dashboards.reports.shelf import BEGUN, Figures, GivenOut, Shelf, give_out, series_of
from dashboards.reports.templates import FOLDER
from dashboards.web import wording
from schemas import Estate, HubpulseError
from schemas.localtime import from_ns
from schemas.report_plans import ReportPlan
from schemas.texts import _
from stores import Store
from usage import Queries
from usage.comparing import DateRange
from usage.queries import Period

log = structlog.get_logger()

CATCH_UP_MAX = 12
"""So many periods are made up for after a long time without jobs."""
GRACE_DAYS = 31
"""After so many days a report is made, whatever may still be missing."""
LOOKED_AFTER_DAYS = 400
"""Older reports are not held against what is known: their days no longer change by themselves."""


class ReportSchedule:
    """Makes what is due. `told` is called with each report that was made."""

    def __init__(self, data_dir: Path, audits: Path, told: Callable[[GivenOut], None]) -> None:
        self._data_dir, self._audits, self._told = data_dir, audits, told
        self._shelf = Shelf(data_dir)

    def make_due(self, store: Store, estate: Estate, now_ns: int) -> None:
        """Make the next report that is due, if any. A plan that can't be carried out holds up no other.

        Raises HubpulseError for the first of those; it is tried again at the next time.
        """
        queries = Queries(store, estate, now_ns=now_ns)
        failed: list[HubpulseError] = []
        for plan in estate.reports:
            try:
                if self._next(plan, queries, estate, now_ns):
                    break
            except HubpulseError as error:
                failed.append(error)
        if failed:
            raise failed[0]

    def _next(self, plan: ReportPlan, queries: Queries, estate: Estate, now_ns: int) -> bool:
        """Make the next report of a plan; tell whether there was one."""
        for period in self._missing(plan, queries, now_ns):
            if _is_ready(queries, period, plan.hub):
                return self._make(plan, period, queries, estate, now_ns)
        return self._renew(plan, queries, estate, now_ns)

    def _missing(self, plan: ReportPlan, queries: Queries, now_ns: int) -> Iterator[DateRange]:
        """The periods that are over and were not made, the oldest first; of a plan that is new from the last one on."""
        latest = DateRange.of(Period(plan.every), queries.today(plan.hub)).before()
        made = {each.period for each in self._shelf.all() if each.series == series_of(plan)}
        if not made:
            begun = GivenOut(*series_of(plan), latest.before().name, BEGUN, now_ns, now_ns, (), {})
            self._shelf.put(begun)
            made = {begun.period}
        found = [latest]
        while found[-1].name not in made and len(found) <= CATCH_UP_MAX:
            found.append(found[-1].before())
        return (each for each in reversed(found) if each.name not in made)

    def _renew(self, plan: ReportPlan, queries: Queries, estate: Estate, now_ns: int) -> bool:
        """Make a new version of a report whose figures are otherwise now; tell whether one was made."""
        today = queries.today(plan.hub)
        latest = {each.period: each for each in self._shelf.given_out() if each.series == series_of(plan)}
        for known in latest.values():
            days = DateRange.parse(known.period)
            if days.last < today - timedelta(days=LOOKED_AFTER_DAYS):
                continue
            changes = queries.changes(days.first, days.last, hub=plan.hub)
            if not any(change.changed_ns > known.looked_ns for _day, change in changes):
                continue
            if self._make(plan, days, queries, estate, now_ns, before=known):
                return True
            self._shelf.put(replace(known, looked_ns=now_ns))
        return False

    def _make(
        self,
        plan: ReportPlan,
        period: DateRange,
        queries: Queries,
        estate: Estate,
        now_ns: int,
        *,
        before: GivenOut | None = None,
    ) -> bool:
        """Make a report; of one that was made before, only where its figures are otherwise now."""
        evidence = evidence_in(self._data_dir, self._audits)
        report = gather(queries, estate, period.name, hub=plan.hub, now_ns=now_ns, evidence=evidence)
        figures = figures_of(report)
        if before is not None:
            changes = changes_in_words(report, before.figures, figures)
            if not changes:
                return False
            made = words.day(from_ns(before.made_ns).astimezone(report.made.tzinfo).date())
            report = replace(report, since=Since(before.version, made, changes))
        folder = self._data_dir / plan.to
        version = _free_version(folder, report, 1 if before is None else before.version + 1)
        own = self._data_dir / FOLDER
        made_files = [
            replace(file, name=f"{stem(report.period, report.hub, version)}.{file.format}")
            for file in (write(report, Format(form), own_templates=own) for form in dict.fromkeys(plan.format))
        ]
        given = GivenOut(*series_of(plan), period.name, version, now_ns, now_ns, give_out(folder, made_files), figures)
        self._shelf.put(given)
        log.info("report_made", period=period.name, hub=plan.hub, version=version, files=list(given.files))
        self._told(given)
        return True


def figures_of(report: Report) -> Figures:
    """What of a report is held against what is known later: what estimates become with later weeks is no change."""
    return {
        part.hub: {
            "counted": part.people.counted,
            "days_counted": part.people.days_counted,
            "days_missing": part.people.days_missing,
        }
        for part in report.hubs
    }


def changes_in_words(report: Report, before: Figures, now: Figures) -> tuple[str, ...]:
    """Each figure of a hub that is another one now."""
    labels = {
        "counted": _("people counted"),
        "days_counted": _("days counted"),
        "days_missing": _("days missing or incomplete"),
    }
    return tuple(
        _("{hub}, {figure}: {before}, now {after}").format(
            hub=report.name(hub),
            figure=labels[name],
            before=wording.number(before.get(hub, {}).get(name)),
            after=wording.number(now.get(hub, {}).get(name)),
        )
        for hub in sorted(before.keys() | now.keys())
        for name in labels
        if before.get(hub, {}).get(name) != now.get(hub, {}).get(name)
    )


def _free_version(folder: Path, report: Report, version: int) -> int:
    """The first version from this one on that has no file yet, whoever put it there."""
    while any((folder / f"{stem(report.period, report.hub, version)}.{form}").exists() for form in Format):
        version += 1
    return version


def _is_ready(queries: Queries, period: DateRange, hub: str | None) -> bool:
    """Whether a period has figures, and all of them are final, or were waited for long enough."""
    days = list(queries.stored_daily(period.first, period.last, hub=hub))
    if not any(day.figures["entries"] is not None for day in days):
        return False
    over: date = period.last + timedelta(days=GRACE_DAYS)
    return queries.today(hub) > over or (
        max(day.date for day in days) == period.last and all(day.figures["final"] for day in days)
    )
