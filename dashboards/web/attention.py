"""What needs attention, worst first: where to go, what is wrong there, since when, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from dashboards.web import wording
from dashboards.web.look import HubNow
from dashboards.web.snapshot import Snapshot
from dashboards.web.views import COLD, MOULD, POOR_AIR, Level, cold_zone, level, level_now
from schemas.texts import N_, _
from usage.attention.silences import Silence
from usage.health import Case, CaseKind
from usage.health import words as case_words
from usage.queries import SensorState

_SILENT = Level(N_("silent"), "✕", "alarm")
_IN_PART = Level(N_("in part"), "◐", "warn")
_IN_DOUBT = Level(N_("in doubt"), "◇", "warn")
_STRAY = Level(N_("not named"), "?", "warn")
_OTHER_DAYS = Level(N_("other days"), "✕", "alarm")
_BATTERY_FLAT = Level(N_("flat battery"), "▼", "alarm")
_BATTERY_LOW = Level(N_("low battery"), "▽", "warn")
_CASES = {
    CaseKind.FROST: Level(N_("frost"), "▼", "alarm"),
    CaseKind.MOULD: MOULD,
    CaseKind.CO2: POOR_AIR,
    CaseKind.COLD: COLD,
    CaseKind.OVERHEATING: Level(N_("overheats"), "▲", "warn"),
    CaseKind.HEAT: Level(N_("hot"), "▲", "warn"),
    CaseKind.DAMP: Level(N_("damp"), "△", "warn"),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that wants a person's attention."""

    hub: HubNow
    text: str
    level: Level
    cost: float = 0.0
    """What it is ranked by among those as urgent: the people whom nobody can tell of this month."""
    advice: str = ""


def notices(snapshot: Snapshot) -> list[Notice]:
    """What needs attention: days of another time zone, then what is urgent, then the rest.

    Among these counters go by what their silence costs, then what is silent, what else is wrong, and batteries, hub by
    hub.
    """
    other_days = _(
        "stored days begin at other midnights than those of {zone}: is this the estate file they were computed with?"
    )
    found = (
        notice
        for hub in snapshot.hubs
        for notice in (*_sensor_notices(hub), *_air_notices(hub), *_battery_notices(hub))
    )
    return [
        *(
            Notice(hub, other_days.format(zone=hub.state.now.tzinfo), _OTHER_DAYS)
            for hub in snapshot.hubs
            if hub.state.id in snapshot.on_other_midnights
        ),
        *sorted(found, key=lambda notice: (notice.level.tone != "alarm", -notice.cost, _turn(notice.level))),
    ]


def _turn(of: Level) -> int:
    """What is silent first, for nobody knows what is going on there; batteries wait for the next visit."""
    return {_SILENT: 0, _BATTERY_FLAT: 2, _BATTERY_LOW: 2}.get(of, 1)


def _sensor_notices(hub: HubNow) -> Iterator[Notice]:
    state = hub.state
    silent = state.silent_sensors
    if silent and len(silent) == len(state.sensors):
        words = _("no reading ever")
        if state.last_seen_ns is not None:
            words = _("no reading since {time}").format(time=wording.seen(state.last_seen_ns, state.now))
        advice = _("see whether its gateway, router or power is off")
        yield _costing(Notice(hub, words, _SILENT, advice=advice), hub.silences[:1])
    else:
        for sensor in silent:
            words = _("{sensor} never seen").format(sensor=_named(sensor))
            if sensor.last_seen_ns is not None:
                seen = wording.seen(sensor.last_seen_ns, state.now)
                words = _("{sensor} last seen {time}").format(sensor=_named(sensor), time=seen)
            costs = [silence for silence in hub.silences if silence.door == sensor.sensor]
            yield _costing(Notice(hub, words, _SILENT), costs)
    for silence in hub.silences:
        if not silence.is_silent:
            yield Notice(hub, silence.sentence(state.now.date()), _IN_PART, silence.cost)
    for stray in hub.strays:
        yield Notice(hub, stray.sentence(state.now.date()), _STRAY, advice=stray.advice)
    for doubt in hub.doubts:
        if doubt.wants_attention:
            yield Notice(hub, doubt.sentence(state.now.date()), _IN_DOUBT)


def _named(sensor: SensorState) -> str:
    return wording.placed(sensor.sensor, sensor.zone)


def _battery_notices(hub: HubNow) -> Iterator[Notice]:
    """A silent sensor's battery is what it was when it was last seen: told too, as it may be why."""
    for sensor in hub.state.sensors:
        found = level("battery_pct", sensor.battery_pct)
        if found is not None:
            battery = wording.measure(sensor.battery_pct, "battery_pct")
            kind = _BATTERY_FLAT if found.tone == "alarm" else _BATTERY_LOW
            yield Notice(hub, f"{_named(sensor)} {battery}", kind, advice=_("take a new battery along"))


def _air_notices(hub: HubNow) -> Iterator[Notice]:
    """What is wrong now, and the open cases; what a case tells of already is not told twice."""
    state = hub.state
    told = {(case.kind, case.zone) for case in hub.cases}
    for case in hub.cases:
        yield Notice(hub, _case_words(case, state.now.date()), _CASES[case.kind], advice=case_words.what_to_do(case))
    if level_now(hub, "co2_ppm") is POOR_AIR:
        co2 = wording.measure(state.value("co2_ppm"), "co2_ppm")
        words = _("CO₂ {value}: open windows or raise ventilation").format(value=co2)
        zone = state.worst_zone("co2_ppm")
        where = f"{zone[0]} " if zone is not None and len(state.zone_means("co2_ppm")) > 1 else ""
        if zone is None or (CaseKind.CO2, zone[0]) not in told:
            yield Notice(hub, where + words, POOR_AIR)
    cold = cold_zone(hub)
    if cold is not None and (CaseKind.COLD, cold[0]) not in told:
        value = f"{cold[0]} {wording.measure(cold[1], 'temperature_c')}".lstrip()
        yield Notice(hub, _("{value} while open").format(value=value), COLD)
    for zone_day in hub.zones:
        mould = level("mould_index", zone_day.figures["mould_index"])
        if mould is MOULD and (CaseKind.MOULD, zone_day.zone) not in told:
            index = wording.measure(zone_day.figures["mould_index"], "mould_index")
            words = _("{zone} mould index {index}: air and heat it, look for mould on cold walls")
            yield Notice(hub, words.format(zone=zone_day.zone, index=index), mould)


def _case_words(case: Case, today: date) -> str:
    since = _("{zone} since {day}").format(zone=case.zone, day=wording.day(case.since, today)).lstrip()
    seen = f"{case_words.how_bad(case)} ({wording.day(case.latest, today)})"
    return "; ".join(filter(None, (f"{since}: {seen}", case_words.silence(case))))


def _costing(notice: Notice, costs: Sequence[Silence]) -> Notice:
    """With what the silence costs, where that is known."""
    for silence in costs:
        return replace(notice, text=f"{notice.text}; {silence.consequence()}", cost=silence.cost)
    return notice
