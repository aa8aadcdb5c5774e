"""What an audit comes to: the door's readings of that time beside the presses, judged once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from itertools import pairwise
from typing import Any

from schemas import Estate, Kind
from schemas.localtime import Span, from_ns, rfc3339
from stores import Store
from usage.audits.comparison import Compared, Sample, at, compare, samples
from usage.audits.equivalence import Judgement, Verdict, judge
from usage.audits.records import DIRECTIONS, Audit, AuditError, Press, observed
from usage.calendar import HubCalendar, dates
from usage.plan import HubPlan
from usage.readings import SensorReadings
from usage.source import HubSource

VALID_DAYS = 365


def result_of(
    audit: Audit,
    presses: Sequence[Press],
    store: Store,
    estate: Estate,
    *,
    now_ns: int,
    valid_days: int = VALID_DAYS,
    anyway: bool = False,
) -> Mapping[str, Any]:
    """Compare and judge. Raises AuditError while people are missing, unless it ends `anyway`."""
    counted = observed(presses, now_ns)
    known = _samples(audit, counted, store, estate, now_ns) if counted else {}
    hand = {name: [press.time_ns for press in presses if press.what is what] for name, what in DIRECTIONS.items()}
    people, found = compare(known.get("entries", ()), hand["entries"], counted, audit.people)
    if people < audit.people and not anyway:
        raise AuditError(
            f"{audit.id}: not enough, {people} of {audit.people} can be compared, {len(hand['entries'])} came in:"
            " count on with the same link, or wait until the door's readings are there; --anyway ends it as it is"
        )
    judgements = {}
    if found:
        spans = {line.span for line in found[0].lines}
        judgements["entries"] = judged(found, audit.margin, is_whole=people >= audit.people)
        exits = [sample for sample in known["exits"] if sample.span in spans]
        if exits:
            shifted = [at(each.offset_s, exits, hand["exits"]) for each in found]
            judgements["exits"] = judged(shifted, audit.margin, is_whole=people >= audit.people)
    entries = judgements.get("entries")
    shifts = [each.offset_s for each in found]
    valid_until = from_ns(now_ns).astimezone(estate.zone_of(audit.hub)).date() + timedelta(days=valid_days)
    return {
        "verdict": entries.verdict if entries else Verdict.NOT_ENOUGH,
        "finished": rfc3339(now_ns),
        "valid_until": valid_until.isoformat(),
        "counted": [[rfc3339(edge) for edge in span] for span in counted],
        "not_compared": len(hand["entries"]) - people,
        "clock_offset_s": [shifts[0], min(shifts), max(shifts)] if shifts else None,
        **{name: _as_json(judgement) for name, judgement in judgements.items()},
        "samples": [
            [rfc3339(line.span.start_ns), rfc3339(line.span.stop_ns), line.by_hand, line.by_door]
            for line in (found[0].lines if found else ())
        ],
    }


def judged(found: Sequence[Compared], margin: float, *, is_whole: bool) -> Judgement:
    """The judgement at the likeliest offset; a verdict only where every believable one gives the same."""
    each = [judge(*counts, margin) for counts in dict.fromkeys((one.people, *one.missed_and_extra()) for one in found)]
    agreed = is_whole and len({judgement.verdict for judgement in each}) == 1
    verdict = each[0].verdict if agreed else Verdict.NOT_ENOUGH
    low, high = min(judgement.low for judgement in each), max(judgement.high for judgement in each)
    best = each[0]
    return Judgement(best.people, best.missed, best.extra, best.loss, low, high, verdict)


def _as_json(judgement: Judgement) -> dict[str, Any]:
    return {**asdict(judgement), "counted": judgement.counted, "factor": judgement.factor}


def _samples(
    audit: Audit, counted: Sequence[Span], store: Store, estate: Estate, now_ns: int
) -> Mapping[str, list[Sample]]:
    """What the door counted on the days of an audit, by direction."""
    calendar, plan = HubCalendar(estate, audit.hub), HubPlan.of(estate, audit.hub)
    within = Span(counted[0].start_ns, counted[-1].stop_ns)
    found: dict[str, set[Sample]] = {name: set() for name in DIRECTIONS}
    for door in _readings(audit, HubSource(store, audit.hub, calendar, plan, now_ns), within):
        for name, known in found.items():
            known.update(samples(door, name, plan, calendar, within))
    return {name: _in_order(known) for name, known in found.items()}


def _readings(audit: Audit, source: HubSource, within: Span) -> Iterator[SensorReadings]:
    days = list(dates(source.calendar.date_of(within.start_ns), source.calendar.date_of(within.stop_ns)))
    last = None
    for _, readings in source.days(days, [Kind.FOOTFALL]):
        if readings is not last:
            last = readings
            yield from (door for door in readings[Kind.FOOTFALL] if door.sensor == audit.sensor)


def _in_order(found: set[Sample]) -> list[Sample]:
    """The samples in order of time, none that shares time with the one before: two reads may cut them differently."""
    ordered = sorted(found)
    return ordered[:1] + [b for a, b in pairwise(ordered) if b.span.start_ns >= a.span.stop_ns]
