r"""The stored rows of zones, day by day: each day's mould goes on from that of the day before.

    stored row of the day before -> mould held -> the day's row -> ... the rows after it, as far as their mould changes

So whatever order days are computed in, the rows in the store are those of one pass through them; hours and days without
readings hold the index. A row of zones is written with its day's, and in the same batch the index of the days after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta

from schemas import Kind
from schemas.localtime import NS_AN_HOUR, Span
from stores import Store
from stores.lines import encode
from usage.calendar import Day, dates
from usage.coverage import Coverage
from usage.mould import MouldState
from usage.profile import UsualOpening
from usage.readings import HubReadings
from usage.rows import DAILY, ZONES, read_parts, read_rows
from usage.source import HubSource
from usage.zones import ENVIRONMENT, Environment, Row

Rows = Mapping[str, Row]
"""A day's rows by zone."""
_MOULD_KINDS = (Kind.TEMPERATURE, Kind.HUMIDITY)
_LOOK_BACK_NS = 31 * 24 * NS_AN_HOUR


def moulds_of(rows: Rows) -> dict[str, MouldState]:
    """The mould that the rows end with."""
    return {zone: found for zone, row in rows.items() if (found := _mould(row.get("mould_index"), row)) is not None}


def _mould(index: float | None, row: Row) -> MouldState | None:
    return None if index is None else MouldState(index, row.get("mould_dry_hours") or 0.0)


def held_before(store: Store, hub: str, before_ns: int) -> tuple[dict[str, MouldState], int | None]:
    """The mould of each zone as the stored rows before an instant leave it, and the time of the last of them."""
    held: dict[str, MouldState] = {}
    times_ns = []
    for chunk in store.latest(ZONES, before_ns=before_ns, where={"hub": hub}):
        times_ns.append(chunk.times_ns[0])
        row = {name: column[0] for name, column in chunk.columns.items()}
        held |= moulds_of({chunk.tags["zone"]: row})
    return held, max(times_ns, default=None)


class ZoneChain:
    """Makes the rows of zones for days that are computed in order, and takes their mould on to the days after them."""

    def __init__(self, source: HubSource, span: Span) -> None:
        """`span` is that of the days to come."""
        self._source = source
        self._stored = read_parts(source.store, ZONES, span, source.hub)
        self._held: dict[str, MouldState] = {}
        self._held_at_ns: int | None = None

    def rows(self, day: Day, environment: Environment) -> tuple[Rows, Mapping[str, MouldState]]:
        """The day's rows, and the mould that they go on from."""
        start_ns = day.span.start_ns
        before = self._held
        if self._held_at_ns != start_ns:
            before, _ = held_before(self._source.store, self._source.hub, start_ns)
        rows = environment.rows(before)
        self._held, self._held_at_ns = before | moulds_of(rows), day.span.stop_ns
        return rows, before

    def stored(self, day: Day) -> Rows:
        """The rows that the store has of a day."""
        return self._stored.get(day.span.start_ns, {})

    def lines(self, day: Day, rows: Rows) -> Iterator[str]:
        """The rows as lines for the store."""
        for zone, row in rows.items():
            yield _line(self._source.hub, zone, day.span.start_ns, row)

    def later_lines(self, day: Day, before: Mapping[str, MouldState]) -> Iterator[str]:
        """The mould of the stored days after a day as lines for the store, as far as the day changes it."""
        stored = self.stored(day)
        old = {**before, **moulds_of(stored)}
        # Without rows of the day nobody knows what the next ones went on from.
        due = {zone for zone in old.keys() | self._held.keys() if not stored or old.get(zone) != self._held.get(zone)}
        if due and day.span.stop_ns <= self._source.now_ns:
            yield from self._moved_on(Span(day.span.stop_ns, self._source.now_ns + 1), due)

    def _moved_on(self, span: Span, due: set[str]) -> Iterator[str]:
        """The mould of the days that have rows in a span, until it is as it was."""
        source, held = self._source, dict(self._held)
        stored = read_parts(source.store, ZONES, span, source.hub)
        days = sorted({source.calendar.date_of(time_ns) for time_ns in stored})
        for day, readings in source.days_with_past(days, _MOULD_KINDS):
            rows = stored.get(day.span.start_ns, {})
            environment = Environment(readings, day, source.calendar, source.plan, source.now_ns)
            for zone in sorted(due & rows.keys()):
                found = environment.mould(zone, held.get(zone))
                if found is None or found == moulds_of(rows).get(zone):
                    due.discard(zone)
                    continue
                held[zone] = found
                row: Row = {"mould_index": found.index, "mould_dry_hours": found.dry_hours}
                yield _line(source.hub, zone, day.span.start_ns, row)
            if not due:
                return


def _line(hub: str, zone: str, time_ns: int, row: Row) -> str:
    known = {name: value for name, value in row.items() if value is not None}
    return encode(ZONES, {"hub": hub, "zone": zone}, known, time_ns)


def zones_of_days(
    source: HubSource, wanted: Sequence[date], stored: Mapping[date, Rows], settled: Collection[date]
) -> Iterator[tuple[date, Rows]]:
    """Yield the rows of the days, which come in order: as stored where they are settled, else from the readings.

    A settled day that comes after one whose mould comes out differently is computed, too; one without rows, from before
    there were any, may have lost its readings, and then has none.
    """
    fresh = source.days_with_past([day for day in wanted if not (day in settled and day in stored)], ENVIRONMENT.keys())
    held: dict[str, MouldState] | None = None
    is_changed = False
    for date_ in wanted:
        rows = stored.get(date_, {})
        is_stored = date_ in settled and date_ in stored
        if not is_stored or is_changed:
            day, readings = next(source.days_with_past([date_], ENVIRONMENT.keys()) if is_stored else fresh)
            held = _held_until(source, day) if held is None else held
            found = _computed(source, day, readings, held, may_have_lost=date_ in settled)
            is_changed = bool(rows) and moulds_of(found) != moulds_of(rows)
            rows = found
        if held is not None:
            held |= moulds_of(rows)
        yield date_, rows


def _computed(
    source: HubSource, day: Day, readings: HubReadings, held: Mapping[str, MouldState], *, may_have_lost: bool
) -> Rows:
    """The rows of a day from its readings."""
    coverage = Coverage(readings, day, source.plan, source.now_ns, (), UsualOpening(source.calendar))
    shares = coverage.zone_shares()
    environment = Environment(readings, day, source.calendar, source.plan, source.now_ns, shares)
    return {} if may_have_lost and not environment.zones else environment.rows(held)


def _held_until(source: HubSource, day: Day) -> dict[str, MouldState]:
    """The mould before a day: as the last whole day in the store leaves it, taken on by the readings since."""
    before_ns = day.span.start_ns
    while True:
        held, last_ns = held_before(source.store, source.hub, before_ns)
        if last_ns is None:
            first = _day_before_readings(source, before_ns)
            break
        row = read_rows(source.store, DAILY, source.hub, Span(last_ns, last_ns + 1)).get(last_ns)
        if row is not None and row["revision"]:
            first = source.calendar.date_of(last_ns) + timedelta(days=1)
            break
        before_ns = last_ns
    since = [each for each in dates(first, day.date - timedelta(days=1)) if source.calendar.exists(each)]
    for each, readings in source.days_with_past(since, _MOULD_KINDS):
        held |= Environment(readings, each, source.calendar, source.plan, source.now_ns).moulds(held)
    return held


def _day_before_readings(source: HubSource, before_ns: int) -> date:
    """A day before which nothing was read of the hub's air: the given one, or an earlier one."""
    while True:
        latest = [_latest(source, kind, before_ns) for kind in _MOULD_KINDS]
        last_ns = max((time_ns for times in latest for time_ns in times), default=None)
        if last_ns is None:
            return source.calendar.date_of(before_ns)
        before_ns = last_ns - _LOOK_BACK_NS


def _latest(source: HubSource, kind: Kind, before_ns: int) -> Iterable[int]:
    return [chunk.times_ns[0] for chunk in source.store.latest(kind, before_ns=before_ns, where={"hub": source.hub})]
