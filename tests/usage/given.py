"""What a test of the usage room is given: instants, estates, readings in a store, and figures from them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from schemas import Estate, Kind
from schemas.localtime import NS_A_SECOND, to_ns
from stores import Accepted, SeriesChunk, Store
from stores.lines import encode
from usage import Queries
from usage.calendar import HubCalendar
from usage.jobs import Jobs
from usage.plan import HubPlan
from usage.profile import UsualOpening
from usage.readings import by_sensor
from usage.rollup import Figures, Rollup, roll_up

MINUTE_NS = 60 * NS_A_SECOND
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
LONDON = "Europe/London"
MUCH_LATER_NS = to_ns(datetime(2030, 1, 1, tzinfo=UTC))

Reading = tuple[int, Mapping[str, int | float | bool]]


def at(text: str, zone: str = "UTC") -> int:
    """UTC nanoseconds of `2026-10-25T01:30`, or with an offset of its own, `...+01:00`."""
    moment = datetime.fromisoformat(text)
    return to_ns(moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone)))


def estate(*hubs: Mapping[str, Any], timezone: str = LONDON, **rest: Any) -> Estate:
    """An estate of these hubs; without any it accepts every hub."""
    return Estate.model_validate({"timezone": timezone, "hubs": list(hubs), "open": not hubs, **rest})


def hub(id_: str = "armley", sensors: Iterable[Mapping[str, Any]] = (), **rest: Any) -> dict[str, Any]:
    return {"id": id_, "sensors": list(sensors), **rest}


def lines(
    kind: Kind | str, readings: Iterable[Reading], *, hub: str = "armley", sensor: str = "s1", zone: str | None = None
) -> list[str]:
    tags = {"hub": hub, "sensor": sensor, "zone": zone}
    return [encode(str(kind), tags, fields, time_ns) for time_ns, fields in readings]


def put(
    store: Store,
    kind: Kind | str,
    readings: Iterable[Reading],
    *,
    hub: str = "armley",
    sensor: str = "s1",
    zone: str | None = None,
) -> None:
    put_lines(store, lines(kind, readings, hub=hub, sensor=sensor, zone=zone))


def put_lines(store: Store, batch: list[str]) -> None:
    outcome = store.write("\n".join(batch).encode())
    assert outcome == Accepted()


def mark(store: Store, midnight_ns: int, marked_ns: int, hub: str = "armley") -> None:
    put_lines(store, [encode("day_marks", {"hub": hub}, {"marked_ns": marked_ns}, midnight_ns)])


def run_of(readings: Iterable[Reading], *, sensor: str = "s1", zone: str | None = None) -> SeriesChunk:
    """Readings of one series as a store would yield them."""
    rows = sorted(dict(readings).items())
    names = sorted({name for _, fields in rows for name in fields})
    tags = {"hub": "armley", "sensor": sensor} | ({"zone": zone} if zone else {})
    return SeriesChunk(tags, [t for t, _ in rows], {name: [fields.get(name) for _, fields in rows] for name in names})


def rolled_up(
    runs: Mapping[Kind, list[SeriesChunk]],
    day: str,
    in_estate: Estate | None = None,
    *,
    hub: str = "armley",
    now_ns: int = MUCH_LATER_NS,
) -> Rollup:
    """The roll-up of a day from runs, without a store."""
    known = in_estate or estate()
    calendar = HubCalendar(known, hub)
    readings = {kind: by_sensor(found) for kind, found in runs.items()}
    local = calendar.day(date.fromisoformat(day))
    return roll_up(readings, local, UsualOpening(calendar), HubPlan.of(known, hub), now_ns=now_ns)


def figures_of(
    store: Store, in_estate: Estate, day: str, *, hub: str = "armley", now_ns: int = MUCH_LATER_NS
) -> Figures:
    """The figures of one hub and day from a store."""
    when = date.fromisoformat(day)
    (found,) = Queries(store, in_estate, now_ns=now_ns).daily(when, when, hub=hub)
    return found.figures


def run_jobs(jobs: Jobs, now_ns: int) -> None:
    """Do all that is due, in this thread, whoever holds the lease."""
    jobs.roll_up_unfinished(now_ns)
    while jobs.roll_up_marked_days(now_ns):
        pass
    jobs.roll_up_missed(now_ns)
    jobs.write_sensor_status(now_ns)
