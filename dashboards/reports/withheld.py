"""A report of a period whose publication hides small numbers: what its release gives out, and no more.

People come from the release's cells alone. Comparisons, hours, targets, visits, the most at once and Wi-Fi are left
out, since hidden numbers could be worked out with them; the air, closures and notes stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dashboards.reports.model import People, Report, Restatement
from schemas.measures import MEASURES, Judge
from schemas.texts import _
from usage.publishing.cells import ALL_HUBS
from usage.publishing.publication_file import Content
from usage.publishing.release import release_of
from usage.publishing.suppression import SUPPRESSED

_Cells = Mapping[tuple[str, str], Mapping[str, Any]]


def withheld(report: Report, content: Content) -> Report:
    """The report as it may be given out; `content` is the publication of its period."""
    release = release_of(content)
    cells = {(cell["hub"], cell["period"]): cell for cell in release["cells"]}
    # A publication of one hub alone has no sum over hubs.
    scope = ALL_HUBS if len(release["hubs"]) > 1 else release["hubs"][0]
    days = {day.date: cells[scope, day.date.isoformat()]["entries"] for day in report.days}
    return replace(
        report,
        total=_people(report.total, cells[scope, report.period]),
        hubs=tuple(
            replace(
                part,
                people=_people(part.people, cells[part.hub, report.period]),
                figures={name: value for name, value in part.figures.items() if _is_of_rooms(name)},
            )
            for part in report.hubs
        ),
        days=tuple(
            replace(day, counted=None if days[day.date] == SUPPRESSED else days[day.date]) for day in report.days
        ),
        hidden_days=frozenset(day for day, entries in days.items() if entries == SUPPRESSED),
        hours=(),
        comparisons=(),
        targets=(),
        visits=(),
        quality=replace(report.quality, audits=()),
        restatement=None if report.restatement is None else _restatement(report.restatement),
        small_below=content["small"]["below"],
    )


def _people(people: People, cell: Mapping[str, Any]) -> People:
    names = ("entries", "entries_estimated", "entries_low", "entries_high")
    counted, *estimated = (None if cell[name] == SUPPRESSED else cell[name] for name in names)
    hides_estimate = SUPPRESSED in [cell[name] for name in names[1:]]
    return replace(
        people,
        counted=counted,
        estimated=estimated[0],
        low=estimated[1],
        high=estimated[2],
        method="none" if hides_estimate else cell["method"],
        hidden=cell["entries"] == SUPPRESSED,
        hides_estimate=hides_estimate,
    )


def _restatement(known: Restatement) -> Restatement:
    """Rows of people would tell what is hidden, before or after: that there are some is all that is said."""
    rows = tuple(row for row in known.restated if _is_of_rooms(row.figure))
    said = (_("figures of people were restated since: hubpulse verify {code} lists them").format(code=known.code),)
    return Restatement(
        known.code, known.published, rows, said if known.rules or len(rows) < len(known.restated) else (), ()
    )


def _is_of_rooms(name: str) -> bool:
    return MEASURES[name].judged_by is Judge.ENVIRONMENT or name == "environment_completeness"
