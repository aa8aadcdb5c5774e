"""The sections that let a figure be defended: data quality, method, and what is otherwise than it was given out."""

from __future__ import annotations

from collections.abc import Iterator

from dashboards.reports import words
from dashboards.reports.document import HIDDEN, Column, Part, Points, Row, Section, Shown, Table, Words
from dashboards.reports.model import Report, Restatement
from dashboards.web import wording
from schemas.measures import COUNTED_MIN
from schemas.refusal_advice import refusal_in_words
from schemas.texts import _, ngettext, percent_text

_ROWS_MAX = 200
"""More restated figures than these are counted, and listed by `hubpulse verify`."""


def of(report: Report) -> Iterator[Section]:
    """Data quality, method, restatements."""
    yield Section("quality", _("Data quality"), tuple(_quality(report)))
    notes = [(hub.name, note) for hub in report.hubs for note in hub.notes]
    if notes:
        columns = (Column("hub", _("Hub"), Shown.TEXT), Column("note", _("Note"), Shown.PROSE))
        yield Section("notes", _("Notes on days"), (Table("notes", _("Notes"), columns, tuple(map(Row, notes))),))
    yield Section("method", _("Method"), (Points(tuple(_method(report))),))
    yield Section("restatements", _("Restatements"), tuple(_restatements(report)))


def _quality(report: Report) -> Iterator[Part]:
    total, quality = report.total, report.quality
    yield Words(
        _("Of {days} days of hubs {counted} were counted, {missing} are missing or incomplete, {closed} were closed.")
        .format(
            days=wording.number(total.days),
            counted=wording.number(total.days_counted),
            missing=wording.number(total.days_missing),
            closed=wording.number(total.days_closed),
        )
    )  # fmt: skip
    if quality.days_provisional:
        yield Words(
            ngettext("{count} of these days may still change.", "{count} of these days may still change.",
                     quality.days_provisional).format(count=quality.days_provisional)
        )  # fmt: skip
    if quality.ingests:
        balance = (
            _("The ledger does not balance at {names}.").format(names=", ".join(quality.unbalanced))
            if quality.unbalanced
            else _("The ledger balances: every message received is accounted for.")
        )
        yield Words(balance)
    if quality.refused:
        columns = (Column("reason", _("Reason"), Shown.TEXT), Column("messages", _("Messages waiting")))
        yield Table(
            "refused",
            _("Refused messages that wait in quarantine as this was made"),
            columns,
            tuple(
                Row((_(refusal_in_words(reason)[0]), count), key=reason) for reason, count in quality.refused.items()
            ),
        )
    else:
        yield Words(_("No refused message waits in quarantine."))
    yield Words(_("Counters in doubt:") if quality.doubts else _("No counter is in doubt."))
    if quality.doubts:
        yield Points(quality.doubts)
    yield Words(
        _("Counters checked by hand:") if quality.audits else _("No counter was checked by hand for this period.")
    )
    if quality.audits:
        yield Points(quality.audits)


def _method(report: Report) -> Iterator[str]:
    yield _(
        "People are counted at the doors, each time somebody comes in: who comes twice counts twice. Who somebody is "
        "is never known, and no identifier of a person or their device is kept."
    )
    yield _(
        "A day is counted where the readings of its doors cover {share} of its usual people or more, by the hub's own "
        "weeks; otherwise it is incomplete, or missing. Zero, closed and not counted are three different things."
    ).format(share=percent_text(COUNTED_MIN))
    yield _(
        "What is missing is estimated beside what was counted, by the same weekday in the weeks around and by what the "
        "other hubs counted on the day, with bounds that hold in nine of ten cases, and is empty where history "
        "is too short."
    )
    yield _("Bounds of hubs together are the sum of theirs, which is rather too wide than too narrow.")
    yield _(
        "Changes are of days that both periods have, and are called unusual where they exceed 19 of 20 such changes in "
        "the hub's own past. That two things happened at the same time does not say that one brought about the other."
    )
    if report.small_below is not None:
        yield _(
            "Numbers of people below {below}, and those that would tell them, are hidden: {mark}. Comparisons, hours, "
            "targets and visits are left out, as they could tell them."
        ).format(below=report.small_below, mark=HIDDEN)


def _restatements(report: Report) -> Iterator[Part]:
    if report.since is not None:
        yield Words(
            _("Otherwise than in version {version}, made on {made}:").format(
                version=report.since.version, made=report.since.made
            )
        )
        yield Points(report.since.changes)
    known = report.restatement
    if known is None:
        yield Words(_("This period was not published under a code: hubpulse publish does so."))
        return
    yield Words(
        _("Published on {published} as {code}.").format(published=known.published, code=known.code)
        + " "
        + (_("Every figure counted is as it was then.") if known.holds else _("Since then:"))
    )
    yield from _restated(report, known)


def _restated(report: Report, known: Restatement) -> Iterator[Part]:
    rows = [
        Row(
            (report.name(each.hub), each.date, words.figure(each.figure), each.before, each.after, each.cause),
            key=each.hub,
        )
        for each in known.restated[:_ROWS_MAX]
    ]
    if rows:
        columns = (
            *(Column("hub", _("Hub"), Shown.TEXT), Column("date", _("Day"), Shown.DATE)),
            Column("figure", _("Figure"), Shown.TEXT),
            *(Column("before", _("Published"), decimals=1), Column("after", _("Now"), decimals=1)),
            Column("cause", _("Why"), Shown.PROSE),
        )
        more = len(known.restated) - len(rows)
        note = _("{count} more: hubpulse verify {code}.").format(count=more, code=known.code) if more else ""
        yield Table("restated", _("Figures of days that are otherwise now"), columns, tuple(rows), note, 2)
    if known.rules:
        yield Points(known.rules)
    better = [
        _("{hub}: the estimate of what nobody counted went from {before} to {after} with the weeks that came since.")
        .format(hub=report.name(each.hub), before=wording.number(each.before[0]), after=wording.number(each.after[0]))
        for each in known.estimates
    ]  # fmt: skip
    if better:
        yield Points(tuple(better))
