"""The first page: what a board should know, in plain sentences, each by a rule that can be looked up here.

What is said of a rise or fall stands on a comparison like for like, and only where it is more than the usual change
(`usage.comparing`). Two things that happened together are said to be at the same time, and never more than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from dashboards.reports import words
from dashboards.reports.model import HubPart, People, Report
from dashboards.web import wording
from schemas.measures import CO2_POOR_PPM, FROST_C, MEASURES
from schemas.texts import _, ngettext, quantity_text, weekday
from usage.comparing import Compared, DateRange, LikeForLike, Verdict
from usage.estimates.estimate import in_words
from usage.targets import Course

_NAMED_MAX = 5
"""So many hubs are named in a sentence of the first page; the tables have the others."""
_MISSING_SHARE_MAX = 0.1
"""A hub of whose open days more than this share was not all counted is named as not to be trusted by itself."""
_MINUTES_AN_HOUR = 60


def counted(report: Report) -> list[str]:
    """How many people, and how sure that is."""
    return [*_running(report), *_people(report), *_busiest(report)]


def changes(report: Report) -> list[str]:
    """Rises and falls that are more than the usual change."""
    if report.small_below is not None:
        return [_("Changes are left out of a report that hides small numbers: they could tell them.")]
    told = (sentence for each in report.comparisons for sentence in _compared(report, each))
    # What stood beside a change is said once, against whatever it was one.
    return list(dict.fromkeys(told))


def doubtful(report: Report) -> list[str]:
    """What may not be trusted."""
    found = list(_doubtful(report))
    return found or [_("Nothing was found that speaks against these figures.")]


def promised(report: Report) -> list[str]:
    """Targets, in a sentence for each way they stand."""
    by_course: dict[Course, list[str]] = {}
    for state in report.targets:
        month = words.range_of(DateRange.parse(state.month))
        by_course.setdefault(state.course, []).append(f"{report.name(state.hub)} ({month})")
    told = {
        Course.REACHED: _("Target reached: {hubs}."),
        Course.MISSED: _("Target missed: {hubs}."),
        Course.ON_COURSE: _("On course for the target: {hubs}."),
        Course.BEHIND: _("Behind the target: {hubs}."),
        Course.UNSAID: _("Whether the target was reached can't be said, as too much is missing: {hubs}."),
    }
    return [told[course].format(hubs=_some(names)) for course, names in sorted(by_course.items())]


def buildings(report: Report) -> list[str]:
    """What the air of the buildings was like, the worst first."""
    asked = (
        (f"co2_minutes_over_{CO2_POOR_PPM}", _("Poor air (CO₂ over {limit} while open): {hubs}.")),
        ("damp_minutes", _("Air damp enough for mould while open: {hubs}.")),
        ("frost_minutes_closed", _("Under {frost} while closed, so that pipes may freeze: {hubs}.")),
    )
    limits = {"limit": quantity_text(CO2_POOR_PPM, "ppm"), "frost": quantity_text(FROST_C, "°C")}
    found = [
        sentence.format(hubs=_some([_hours(hub, name) for hub in worst]), **limits)
        for name, sentence in asked
        if (worst := _worst(report.hubs, name))
    ]
    if report.cases:
        found.insert(0, _cases(report))
    if not found and not any(hub.figures.get("temperature_mean_c") is not None for hub in report.hubs):
        return [_("No air was measured.")]
    return found or [_("No poor, damp or freezing air was measured.")]


def _cases(report: Report) -> str:
    count, still = len(report.cases), sum(case.over is None for case in report.cases)
    lead = ngettext(
        "{count} case of building health was open in this period",
        "{count} cases of building health were open in this period",
        count,
    ).format(count=count)
    day = words.day(report.until)
    if not still:
        return _("{lead}; none was on {day} any more.").format(lead=lead, day=day)
    return ngettext("{lead}; {count} still was on {day}.", "{lead}; {count} still were on {day}.", still).format(
        lead=lead, count=still, day=day
    )


def restated(report: Report) -> list[str]:
    """Whether figures are otherwise than they were given out."""
    found = []
    if report.since is not None:
        found.append(
            _("This is a new version: {changes} since version {version} of {made}.").format(
                changes=ngettext("{count} figure changed", "{count} figures changed", len(report.since.changes)).format(
                    count=len(report.since.changes)
                ),
                version=report.since.version,
                made=report.since.made,
            )
        )
    known = report.restatement
    if known is not None:
        code = {"code": known.code, "published": known.published}
        if known.holds:
            found.append(_("Every figure counted is as it was published on {published} under {code}.").format(**code))
        else:
            days = len({(row.hub, row.date) for row in known.restated})
            found.append(
                ngettext(
                    "{count} day of a hub is otherwise than it was published on {published} under {code}.",
                    "{count} days of hubs are otherwise than they were published on {published} under {code}.",
                    days,
                ).format(count=days, **code)
            )
    return found


# -------------------------------------------------------------------------------------------------------------- people


def interval(people: People) -> str:
    """`between 1 200 and 1 260`; empty where it is not known, or nothing is missing."""
    if people.low is None or people.high is None or people.low == people.high:
        return ""
    return _("between {low} and {high}").format(low=wording.number(people.low), high=wording.number(people.high))


def _running(report: Report) -> Iterator[str]:
    if report.is_running:
        yield _("This period is not over: figures are until {until}.").format(until=words.day(report.until))


def _people(report: Report) -> Iterator[str]:
    total = report.total
    where = (
        report.name(report.hub)
        if report.hub
        else ngettext("{count} hub", "{count} hubs", len(report.hubs)).format(count=len(report.hubs))
    )
    when = words.days(report.first, report.until)
    if total.hidden:
        yield _(
            "The number of people who came into {where} is hidden, as it is small or would tell one that is."
        ).format(where=where)
    elif total.counted is None:
        yield _("Nobody was counted at {where} from {when}: that is unknown, and not zero.").format(
            where=where, when=when
        )
    else:
        yield _("{people} were counted coming into {where}, {when}.").format(
            people=words.people(total.counted), where=where, when=when
        )
    yield from _missed(report)


def _missed(report: Report) -> Iterator[str]:
    total = report.total
    if not total.days_missing:
        if not total.hidden:
            yield _("No open day is missing.")
        return
    missing = ngettext("{count} hub day is", "{count} hub days are", total.days_missing).format(
        count=wording.number(total.days_missing)
    )
    lead = _("{missing} missing or incomplete, of {days}").format(
        missing=missing, days=wording.number(total.days_counted + total.days_missing)
    )
    if total.hides_estimate:
        yield f"{lead}."
    elif total.estimated is None:
        yield _("{lead}; what is missing can't be estimated, for want of history, of {hubs}.").format(
            lead=lead, hubs=_some([report.name(hub) for hub in report.untold])
        )
    else:
        bounds = interval(total)
        ends = _("; in nine of ten cases all together are {bounds}").format(bounds=bounds) if bounds else ""
        yield _("{lead}; {people} are estimated for it{ends}.").format(
            lead=lead, people=words.people(total.estimated), ends=ends
        )


def _busiest(report: Report) -> Iterator[str]:
    if report.hidden_days or report.small_below is not None:
        return
    known = [day for day in report.days if day.counted]
    if known:
        best = max(known, key=lambda day: (day.counted or 0, day.date))
        yield _("The busiest day was {weekday}, {day}, with {people}{marked}.").format(
            weekday=weekday(best.date),
            day=words.day(best.date),
            people=words.people(best.counted or 0),
            marked=_(" (some hubs not counted)") if best.hubs_missing else "",
        )
    if report.hours:
        hour = max(report.hours, key=lambda each: each.people)
        yield _("The busiest hour of the week is {weekday}, {start} to {stop}.").format(
            weekday=words.weekday_name(hour.weekday), start=f"{hour.hour:02}:00", stop=f"{hour.hour + 1:02}:00"
        )


# ------------------------------------------------------------------------------------------------------------- changes


def _compared(report: Report, found: Compared) -> Iterator[str]:
    against = words.range_of(found.against)
    if found.together is None:
        yield _("A comparison with {against} can't be made: no hub has days that were counted in both.").format(
            against=against
        )
        return
    yield _whole(report, found.together, against)
    if report.hub:
        yield from _at_the_same_time(report, report.hubs[0], found.together)
        return
    for rises in (True, False):
        moved = [
            each
            for each in found.hubs
            if each.verdict is Verdict.UNUSUAL and (each.now.entries > each.before.entries) is rises
        ]
        moved.sort(key=lambda each: (-abs(each.change or 0), each.hubs))
        if not moved:
            continue
        named = [f"{report.name(each.hubs[0])} ({words.change(each.change)})" for each in moved]
        lead = _("Risen more than usual against {against}: {hubs}.") if rises else _(
            "Fallen more than usual against {against}: {hubs}."
        )  # fmt: skip
        yield lead.format(against=against, hubs=_some(named))
        parts = {hub.hub: hub for hub in report.hubs}
        for each in moved[:_NAMED_MAX]:
            yield from _at_the_same_time(report, parts[each.hubs[0]], each)


def _whole(report: Report, each: LikeForLike, against: str) -> str:
    verdicts = {
        Verdict.USUAL: _("which is within the usual variation"),
        Verdict.UNUSUAL: _("which is more than 19 of 20 such changes"),
        Verdict.UNKNOWN: _("and there is too little history to say whether that is usual"),
    }
    whose = report.name(report.hub) if report.hub else _("{count} hubs together").format(count=len(each.hubs))
    return _("Like for like, {whose} counted {change} than in {against}, on {days}, {verdict}.").format(
        whose=whose,
        change=words.change(each.change),
        against=against,
        days=ngettext("{count} day of each", "{count} days of each", each.days).format(
            count=wording.number(each.days)
        ),
        verdict=verdicts[each.verdict],
    ).replace(_("as many than"), _("as many as"))  # fmt: skip


def _at_the_same_time(report: Report, hub: HubPart, each: LikeForLike) -> Iterator[str]:
    """What else is known of the hub's period, beside an unusual change."""
    if each.verdict is not Verdict.UNUSUAL:
        return
    beside = [_("it was closed {days}").format(days=days) for days in hub.closures]
    beside += [_("somebody noted “{note}”").format(note=note) for note in hub.notes]
    if hub.people.days_missing:
        beside.append(
            ngettext("{count} day was not all counted", "{count} days were not all counted", hub.people.days_missing)
            .format(count=hub.people.days_missing)
        )  # fmt: skip
    if beside:
        yield _("{hub}: at the same time as that, {beside}.").format(
            hub=report.name(hub.hub), beside=words.joined(beside[:_NAMED_MAX])
        )


# --------------------------------------------------------------------------------------------------------------- doubt


def _doubtful(report: Report) -> Iterator[str]:
    yield from _uncounted(report)
    poor = sorted(
        (
            hub
            for hub in report.hubs
            if hub.people.days_missing > _MISSING_SHARE_MAX * (hub.people.days_counted + hub.people.days_missing)
        ),
        key=lambda hub: -hub.people.days_missing,
    )
    if poor:
        yield _(
            "Not to be read by themselves, as more than one open day in ten is missing or incomplete: {hubs}."
        ).format(hubs=_some([f"{hub.name} ({hub.people.days_missing})" for hub in poor]))
    if report.total.estimated and report.total.method != "none":
        yield _("What nobody counted was estimated by {method}.").format(method=in_words(report.total.method))
    if report.quality.doubts:
        yield _("Counters that count otherwise than what stands beside them: {doubts}.").format(
            doubts=_some(list(report.quality.doubts))
        )
    if report.quality.unbalanced:
        yield _("The ledger does not balance at {ingests}: see hubpulse ledger.").format(
            ingests=_some(list(report.quality.unbalanced))
        )
    if report.quality.days_provisional:
        yield ngettext(
            "{count} hub day may still change, as readings may come late.",
            "{count} hub days may still change, as readings may come late.",
            report.quality.days_provisional,
        ).format(count=wording.number(report.quality.days_provisional))
    if not report.quality.audits:
        yield _("No counter was checked by hand for this period (hubpulse audit).")


def _uncounted(report: Report) -> Iterator[str]:
    """Where nobody is counted, or was not from the beginning."""
    uncounted = [hub.name for hub in report.hubs if not hub.has_counter]
    if uncounted:
        yield _("Nothing counts people at {hubs}: no sum has them.").format(hubs=_some(uncounted))
    begun: dict[date, list[str]] = {}
    for hub in report.hubs:
        if hub.counted_from is not None:
            begun.setdefault(hub.counted_from, []).append(hub.name)
    for first, names in sorted(begun.items()):
        yield _("Counted from {day} on, open days before it are missing: {hubs}.").format(
            day=words.day(first), hubs=_some(names)
        )


# -------------------------------------------------------------------------------------------------------------- shared


def _some(names: Sequence[str]) -> str:
    """The first of some names, and how many more."""
    if len(names) <= _NAMED_MAX:
        return words.joined(names) if names else wording.NO_FIGURE
    more = len(names) - _NAMED_MAX
    return _("{names} and {count} more").format(names=", ".join(names[:_NAMED_MAX]), count=more)


def _worst(hubs: Sequence[HubPart], name: str) -> list[HubPart]:
    """The hubs with minutes of it, most first, as far as the measure's own bands call them anything."""
    found = [hub for hub in hubs if (band := MEASURES[name].band(hub.figures.get(name))) and band.start is not None]
    return sorted(found, key=lambda hub: (-(hub.figures[name] or 0), hub.hub))


def _hours(hub: HubPart, name: str) -> str:
    hours = wording.number((hub.figures[name] or 0) / _MINUTES_AN_HOUR, 1)
    return f"{hub.name} ({hours}\u00a0h)"
