"""A counter is judged as it is: rarely wrongly, by people and not by minutes, at an end fixed beforehand."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from schemas.localtime import NS_A_SECOND, Span
from tests.usage.given import MINUTE_NS, Reading, at, estate, hub, run_of
from tests.usage.standing import stand
from usage.audits.comparison import Compared, Line, Sample, compare, samples
from usage.audits.corrections import errors_by_hub
from usage.audits.equivalence import Verdict, judge, people_needed
from usage.audits.finishing import judged
from usage.audits.records import Audit, AuditError, AuditFile, Press, What, device_of, observed
from usage.calendar import HubCalendar
from usage.plan import HubPlan
from usage.readings import by_sensor

T0 = at("2026-11-28T10:00")


# ------------------------------------------------------------------------------------------------------------ how many


def test_the_number_of_people_decides() -> None:
    assert people_needed(0.05, 0) == 59
    assert people_needed(0.05, 0.01) == 181
    assert people_needed(0.05, 0.05) is None
    assert people_needed(0.02, 0.0199) is None


@pytest.mark.parametrize(
    "people, missed, extra, verdict",
    [
        (59, 0, 0, Verdict.PASS),
        (58, 0, 0, Verdict.NOT_ENOUGH),
        (181, 4, 0, Verdict.PASS),
        (181, 5, 0, Verdict.NOT_ENOUGH),
        (181, 14, 0, Verdict.NOT_ENOUGH),
        (181, 15, 0, Verdict.FAIL),
        (181, 0, 4, Verdict.PASS),
        (181, 0, 15, Verdict.FAIL),
        (181, 0, 500, Verdict.FAIL),
        (181, 181, 0, Verdict.FAIL),
        # As many twice as missed: the total is right, and yet it is known less well.
        (70, 3, 3, Verdict.NOT_ENOUGH),
        (0, 0, 0, Verdict.NOT_ENOUGH),
    ],
)
def test_what_a_count_comes_to(people: int, missed: int, extra: int, verdict: Verdict) -> None:
    assert judge(people, missed, extra, 0.05).verdict is verdict


def test_the_bounds_are_those_of_clopper_and_pearson() -> None:
    found = judge(100, 5, 0, 0.05)
    # R: binom.test(5, 100, conf.level = 0.9)
    assert (found.low, found.high) == pytest.approx((0.0199, 0.1023), abs=1e-4)
    assert found.factor == pytest.approx((100 / 95, 1 / (1 - found.low), 1 / (1 - found.high)))
    mirrored = judge(100, 0, 5, 0.05)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))
    assert judge(20, 20, 0, 0.05).factor is None
    assert judge(20, 0, 30, 0.05).factor is None


@pytest.mark.parametrize("miss, right", [(0.12, Verdict.FAIL), (0.01, Verdict.PASS)])
def test_of_a_thousand_audits_hardly_one_is_wrong(miss: float, right: Verdict) -> None:
    rng = random.Random(12)
    found = Counter(stand(rng, miss=miss).judge().verdict for _ in range(1000))
    wrong = 1000 - found[right] - found[Verdict.NOT_ENOUGH]
    assert wrong <= 65
    # What was found: 0 wrong, and a verdict in 19 of 20.
    assert found[right] >= 920


def test_a_counter_at_the_margin_passes_in_one_of_twenty_at_most() -> None:
    rng = random.Random(5)
    passed = [stand(rng, miss=0.05, every_s=60).judge().verdict for _ in range(400)].count(Verdict.PASS)
    assert passed <= 0.05 * 400 + 3 * (0.05 * 0.95 * 400) ** 0.5


def test_who_looks_again_and_again_passes_a_counter_too_often() -> None:
    looks = {59: 0, 93: 1, 124: 2, 153: 3, 181: 4}
    assert all(judge(people, missed, 0, 0.05).verdict is Verdict.PASS for people, missed in looks.items())
    # Exactly, of a counter that loses 5 %: how many it has missed by then, as far as it has not passed yet.
    at_work, passed = {0: 1.0}, 0.0
    for people in range(1, 182):
        grown = [(n + more, p * share) for n, p in at_work.items() for more, share in ((0, 0.95), (1, 0.05))]
        at_work = {n: sum(p for m, p in grown if m == n) for n, _ in grown}
        if people in looks:
            passed += sum(at_work.pop(n) for n in range(looks[people] + 1) if n in at_work)
    assert passed == pytest.approx(0.118, abs=0.002)


# -------------------------------------------------------------------------------------------------------- how compared


def minutes(*counts: int, start_ns: int = T0) -> list[Sample]:
    edges = [start_ns + n * MINUTE_NS for n in range(len(counts) + 1)]
    return [Sample(Span(*edges[n : n + 2]), count) for n, count in enumerate(counts)]


def test_the_end_is_fixed_by_the_hand_whatever_the_door_counted() -> None:
    presses = [T0 + n * MINUTE_NS + 30 * NS_A_SECOND for n in range(60)]
    whole = [Span(T0, T0 + 60 * MINUTE_NS)]
    for counts in ([1] * 60, [0] * 60, [1] * 12 + [9] * 48):
        reached, found = compare(minutes(*counts), presses, whole, 10)
        assert (reached, found[0].lines[-1].span.stop_ns) == (10, T0 + 12 * MINUTE_NS)
    assert compare(minutes(*[1] * 60), presses, whole, 100)[0] == 56
    assert compare([], presses, whole, 10) == (0, [])


def test_time_in_which_nobody_stood_there_is_not_compared() -> None:
    presses = [T0 + n * MINUTE_NS + 30 * NS_A_SECOND for n in range(60) if not 20 <= n < 40]
    counted = [Span(T0, T0 + 20 * MINUTE_NS), Span(T0 + 40 * MINUTE_NS, T0 + 60 * MINUTE_NS)]
    reached, (found, *_) = compare(minutes(*[1] * 60), presses, counted, 100)
    assert (reached, found.people, found.missed_and_extra()) == (32, 32, (0, 0))


@pytest.mark.parametrize("offset_s", [-100, -40, 0, 35, 100])
def test_clocks_that_are_apart_are_found_out(offset_s: int) -> None:
    counted = stand(random.Random(3), miss=0.01, every_s=60, offset_s=offset_s)
    _, found = compare(counted.samples, counted.presses_ns, [counted.counted], 181)
    assert abs(found[0].offset_s - offset_s) <= 5
    assert counted.judge().verdict is Verdict.PASS


def test_a_verdict_that_hangs_on_the_clocks_is_none() -> None:
    hour = Span(T0, T0 + 60 * MINUTE_NS)
    likely, other = (Compared(offset_s, (Line(hour, by_hand, 181),)) for offset_s, by_hand in ((0, 181), (90, 191)))
    assert judged([likely], 0.05, is_whole=True).verdict is Verdict.PASS
    assert judged([likely], 0.05, is_whole=False).verdict is Verdict.NOT_ENOUGH
    both = judged([likely, other], 0.05, is_whole=True)
    assert (both.verdict, both.loss) == (Verdict.NOT_ENOUGH, 0)
    assert both.high == judged([other], 0.05, is_whole=True).high


def test_one_long_sample_shows_no_offset_and_every_one_is_believed() -> None:
    presses = [T0 + n * 20 * NS_A_SECOND for n in range(270)]
    sample = Sample(Span(T0 + 10 * MINUTE_NS, T0 + 75 * MINUTE_NS), 195)
    _, found = compare([sample], presses, [Span(T0, T0 + 90 * MINUTE_NS)], 181)
    assert {one.offset_s for one in found} == set(range(-120, 121, 5))


def test_who_passes_at_the_edge_of_two_samples_is_neither_missed_nor_too_many() -> None:
    def counts(*pairs: tuple[int, int]) -> tuple[int, int]:
        spans = [sample.span for sample in minutes(*[0] * len(pairs))]
        return Compared(0, tuple(Line(span, *pair) for span, pair in zip(spans, pairs, strict=True))).missed_and_extra()

    assert counts((5, 4), (5, 6), (5, 5)) == (0, 0)
    assert counts((5, 4), (5, 5), (5, 6)) == (1, 1)
    assert counts((5, 3), (5, 6), (5, 5)) == (1, 0)
    assert counts((3, 5), (5, 4), (5, 4)) == (1, 1)


def door_samples(readings: Sequence[Reading], **sensor: object) -> list[tuple[int, int, int]]:
    known = estate(hub(sensors=[{"id": "s1", "kinds": ["footfall"], **sensor}]))
    (door,) = by_sensor([run_of(readings)])
    within = Span(T0, T0 + 3 * MINUTE_NS)
    found = samples(door, "entries", HubPlan.of(known, "armley"), HubCalendar(known, "armley"), within)
    return [((s.span.start_ns - T0) // NS_A_SECOND, (s.span.stop_ns - T0) // NS_A_SECOND, s.people) for s in found]


def every(seconds: int, field: str, *values: int) -> list[Reading]:
    return [(T0 + n * seconds * NS_A_SECOND, {field: value}) for n, value in enumerate(values)]


def test_the_samples_are_the_doors_own() -> None:
    assert door_samples(every(300, "entries", 4, 0, 7), every="5m") == [(0, 300, 4), (300, 600, 0), (600, 900, 7)]
    assert door_samples(every(300, "entries", 4, 7), every="5m", stamp="end") == [(-300, 0, 4), (0, 300, 7)]
    # A reading that is missing leaves a hole.
    assert door_samples(every(600, "entries", 4, 7), every="5m") == [(0, 300, 4), (600, 900, 7)]
    assert door_samples(every(900, "entries_total", 10, 12, 12, 20), every="15m") == [
        (0, 900, 2),
        (900, 1800, 0),
        (1800, 2700, 8),
    ]


def test_samples_of_less_than_a_minute_are_put_together() -> None:
    assert door_samples(every(20, "entries", 1, 0, 2, 1, 1, 1), every="20s") == [(0, 60, 3), (60, 120, 3)]


def test_a_door_that_reports_on_change_counted_nobody_while_it_was_silent() -> None:
    changes = [(T0 + s * NS_A_SECOND, {"entries": 1}) for s in (5, 50, 130)]
    assert door_samples(changes, every="change") == [(0, 60, 2), (60, 120, 0), (120, 180, 1)]


def test_suspect_readings_are_left_out() -> None:
    readings = [*every(300, "entries", 4, 7), (T0 + 600 * NS_A_SECOND, {"entries": 65535, "suspect": True})]
    assert door_samples(readings, every="5m") == [(0, 300, 4), (300, 600, 7)]


# -------------------------------------------------------------------------------------------------------- what is kept


@pytest.fixture
def file(tmp_path: Path) -> AuditFile:
    return AuditFile(tmp_path)


AUDIT = Audit("armley-door-1-2026-11-28", "armley", "door-1", T0, T0 + 60 * MINUTE_NS, 0.05, 181, 200, 300, "")


def press(n: int, what: What, at_s: int = 0, undoes: int | None = None) -> Press:
    return Press(f"press-{n:04}", what, T0 + at_s * NS_A_SECOND, None if undoes is None else f"press-{undoes:04}")


def test_presses_that_are_sent_twice_count_once(file: AuditFile) -> None:
    audit, _ = file.start(AUDIT)
    some = [press(0, What.START), press(1, What.IN, 3), press(2, What.OUT, 4), press(3, What.IN, 5)]
    assert file.take(audit.id, some[:3]) == (1, 1, True)
    assert file.take(audit.id, some) == (2, 1, True)
    assert file.take(audit.id, [press(4, What.UNDO, 6, undoes=3), press(5, What.STOP, 9)]) == (1, 1, False)
    assert [each.what for each in file.presses(audit.id)] == [What.START, What.IN, What.OUT, What.STOP]


def test_an_undo_that_comes_before_what_it_takes_back_is_as_good(file: AuditFile) -> None:
    audit, _ = file.start(AUDIT)
    file.take(audit.id, [press(2, What.UNDO, 6, undoes=1)])
    assert file.take(audit.id, [press(1, What.IN, 5)]).entries == 0


def test_an_audit_takes_so_many_presses_and_no_more(file: AuditFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usage.audits.records.PRESSES_MAX", 5)
    audit, _ = file.start(AUDIT)
    assert file.take(audit.id, [press(n, What.IN) for n in range(5)]).entries == 5
    with pytest.raises(AuditError, match="an audit takes 5 presses"):
        file.take(audit.id, [press(9, What.IN)])
    assert file.counted(audit.id).entries == 5


def test_a_code_opens_its_audit_alone_until_it_expires_or_the_audit_is_finished(file: AuditFile) -> None:
    audit, code = file.start(AUDIT)
    other, other_code = file.start(Audit("x", "armley", "door-2", T0, T0 + 60 * MINUTE_NS, 0.05, 181, 200, 300, ""))
    assert file.of_code(code, T0) == audit
    assert file.of_code(other_code, T0) == other
    assert [file.of_code(wrong, T0) for wrong in ("", code[:-1], code * 9)] == [None] * 3
    assert file.of_code(code, audit.expires_ns) is None
    file.finish(audit, {"verdict": "pass"})
    assert file.of_code(code, T0) is None
    with pytest.raises(AuditError, match="is finished already"):
        file.finish(audit, {"verdict": "fail"})


def test_nobody_who_reads_the_file_learns_a_code(file: AuditFile, tmp_path: Path) -> None:
    _, code = file.start(AUDIT)
    file.close()
    assert len(code) >= 22
    assert [path.name for path in tmp_path.iterdir() if code.encode() in path.read_bytes()] == []


def test_a_door_has_one_audit_at_a_time_and_each_a_name_of_its_own(file: AuditFile) -> None:
    audit, _ = file.start(AUDIT)
    with pytest.raises(AuditError, match="is not finished"):
        file.start(AUDIT)
    file.finish(audit, {"verdict": "not enough"})
    second, _ = file.start(AUDIT)
    assert (second.id, [each.id for each in file.all()]) == (f"{AUDIT.id}-2", [AUDIT.id, f"{AUDIT.id}-2"])


def test_who_only_looks_makes_nothing(file: AuditFile, tmp_path: Path) -> None:
    assert file.all() == []
    assert file.of_code("anything", T0) is None
    with pytest.raises(AuditError, match="none yet"):
        file.get("armley")
    assert list(tmp_path.iterdir()) == []


def test_the_time_that_was_counted_is_from_each_start_to_the_next_stop() -> None:
    marks = [(What.START, 0), (What.START, 5), (What.STOP, 10), (What.STOP, 12), (What.START, 20)]
    presses = [press(n, what, at_s) for n, (what, at_s) in enumerate(marks)]
    spans = [((a - T0) // NS_A_SECOND, (b - T0) // NS_A_SECOND) for a, b in observed(presses, T0 + 30 * NS_A_SECOND)]
    assert spans == [(0, 10), (20, 30)]
    assert observed([], T0) == []


def test_a_hubs_count_may_be_off_by_what_the_latest_audits_of_its_doors_found() -> None:
    known = estate(hub(sensors=[{"id": name, "kinds": ["footfall"]} for name in ("door-1", "door-2")]))

    def found(door: str, factor: tuple[float, float, float] | None, verdict: str = "pass", **more: str) -> Audit:
        result = {"verdict": verdict, "entries": {"factor": factor}, "valid_until": "2027-06-30"} | more
        return replace(AUDIT, sensor=door, device=device_of(known.hubs[0].sensors[0]), result=result)

    day = date(2026, 12, 1)
    earlier, latest = found("door-1", (1.0, 0.7, 1.0)), found("door-1", (1.02, 1.0, 1.0404))
    assert errors_by_hub(known, [earlier, latest], day) == pytest.approx({"armley": 0.02})
    wider = found("door-2", (1.0, 0.9, 1.03))
    assert errors_by_hub(known, [latest, wider], day) == pytest.approx({"armley": 0.1})
    unknown = [
        found("door-1", None),
        found("door-1", (1.0, 0.9, 1.1), "not enough"),
        found("door-1", (1.0, 0.9, 1.1), valid_until="2026-11-30"),
        replace(latest, device="another"),
    ]
    assert [errors_by_hub(known, [each], day) for each in unknown] == [{}] * len(unknown)
