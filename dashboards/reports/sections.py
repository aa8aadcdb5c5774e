"""Lays a report out: which sections it has, what stands in each, and which tables carry the figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboards.reports import building_sections, findings, people_sections, quality_sections, words
from dashboards.reports.document import Document, Heading, Part, Points, Section
from dashboards.reports.model import Report
from dashboards.web import wording
from schemas.texts import _


def document(report: Report) -> Document:
    """The report as sections, in the order in which a board reads them."""
    whose = report.name(report.hub) if report.hub else _("all hubs")
    period = words.period(report.kind, report.first, report.last)
    until = _(", until {until}").format(until=words.day(report.until)) if report.is_running else ""
    title = _("{estate}: {period}").format(estate=report.estate or _("Community hubs"), period=period)
    return Document(
        title,
        f"{whose[:1].upper()}{whose[1:]}, {period}{until}",
        _("Made on {day} at {time} by Hubpulse {version}.").format(
            day=words.day(report.made.date()), time=wording.clock(report.made), version=report.version
        ),
        tuple(_sections(report)),
    )


def _sections(report: Report) -> Iterator[Section]:
    yield Section("findings", _("Findings"), tuple(_first_page(report)))
    yield from people_sections.of(report)
    yield from building_sections.of(report)
    yield from quality_sections.of(report)


def _first_page(report: Report) -> Iterator[Part]:
    for heading, sentences in (
        (_("People"), findings.counted(report)),
        (_("Rises and falls"), findings.changes(report)),
        (_("Targets"), findings.promised(report)),
        (_("Buildings"), findings.buildings(report)),
        (_("What may not be trusted"), findings.doubtful(report)),
        (_("Since it was given out"), findings.restated(report)),
    ):
        yield from _told(heading, sentences)


def _told(heading: str, sentences: Sequence[str]) -> Iterator[Part]:
    if sentences:
        yield Heading(heading)
        yield Points(tuple(sentences))
