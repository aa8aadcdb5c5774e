"""Which readings a batch gave other values than they had: corrections, which count as the last message has them.

SQLite knows exactly: a trigger notes what an update changes, at no cost for what is new. InfluxDB can't be asked what
a point was, so the latest readings written to it are remembered; what is older is not known.
"""

from __future__ import annotations

import sqlite3
from collections import ChainMap, deque
from collections.abc import Iterable, Iterator, MutableMapping

from schemas import KINDS, MEASUREMENTS, Measurement
from schemas.measurements import READING_NOTES, SUSPECT
from stores.lines import Value, field_text, parse
from stores.protocol import Overwritten

RECENT_MAX = 75_000
"""How many readings are remembered, at most: more than a day of 22 hubs with ten sensors each, every five minutes."""
_BLOCKS = 16
"""So many blocks, or about as many, the readings remembered are in."""
_READINGS = tuple(f"{kind.value},".encode() for kind in KINDS)


def watch(db: sqlite3.Connection) -> None:
    """Have an open file note what is overwritten, in a table of this connection alone."""
    db.execute(
        "CREATE TEMP TABLE IF NOT EXISTS overwritten_now (kind, series, time_ns, fields, suspect, field, before, after)"
    )
    for kind in KINDS:
        db.execute(_trigger(MEASUREMENTS[kind]))


def _trigger(measurement: Measurement) -> str:
    names = [name for name in measurement.fields if name not in READING_NOTES]
    differs = " OR ".join(f'old."{name}" <> new."{name}"' for name in names)
    given = " + ".join(f'(new."{name}" IS NOT NULL)' for name in names)
    changes = "".join(
        f"INSERT INTO overwritten_now (field, before, after) "
        f'SELECT \'{name}\', old."{name}", new."{name}" WHERE old."{name}" <> new."{name}"; '
        for name in names
    )
    return (
        f'CREATE TEMP TRIGGER IF NOT EXISTS "overwritten_{measurement.name}" AFTER UPDATE ON main."{measurement.name}" '  # noqa: S608 - as above
        f"WHEN {differs} BEGIN INSERT INTO overwritten_now (kind, series, time_ns, fields, suspect) "
        f"VALUES ('{measurement.name}', old.series, old.time_ns, {given}, old.\"{SUSPECT}\"); {changes}END"
    )


def take_overwritten(db: sqlite3.Connection) -> list[Overwritten]:
    """What was overwritten since this was last asked, in order."""
    rows = db.execute(
        "SELECT kind, tags, time_ns, fields, suspect, field, before, after FROM overwritten_now "
        "LEFT JOIN main.series USING (series) ORDER BY overwritten_now.rowid"
    )
    found: list[Overwritten] = []
    texts: dict[str, str] = {}
    # Row by row, and one text for each series: a whole flush may be overwritten.
    for kind, tags, time_ns, fields, suspect, field, before, after in rows:
        if field is None:
            series = f"{kind},{tags}"
            series = texts.setdefault(series, series)
            found.append(Overwritten(series, time_ns, {}, {}, fields, bool(suspect)))
        else:
            found[-1].before[field], found[-1].after[field] = before, after
    if found:
        db.execute("DELETE FROM overwritten_now")
    return found


class _Block:
    """Readings that were written about the same time: the fields of each, by the hash of its series and time."""

    __slots__ = ("fields", "first", "last", "series")

    def __init__(self, fields: dict[int, bytes], series: set[bytes], first: bytes, last: bytes) -> None:
        self.fields, self.series = fields, series
        self.first, self.last = first, last
        """Between which texts those of their times are, in the order of texts."""

    def is_apart(self, other: _Block) -> bool:
        """Whether the two have no reading in common."""
        return (
            self.last < other.first
            or other.last < self.first
            or self.series.isdisjoint(other.series)
            or self.fields.keys().isdisjoint(other.fields)
        )

    def add(self, other: _Block) -> None:
        """Take in readings that were written later."""
        self.fields |= other.fields
        self.series |= other.series
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)


class RecentReadings:
    """The latest readings written, as many as `kept_max`, by which a later one of the same time is known.

    They are kept in blocks. Most can't have a reading in common with what is written, by their times or their series.
    """

    def __init__(self, kept_max: int = RECENT_MAX) -> None:
        self._kept_max = kept_max
        self._blocks: deque[_Block] = deque()

    def __len__(self) -> int:
        return sum(len(block.fields) for block in self._blocks)

    def take(self, lines: bytes) -> list[Overwritten]:
        """Remember a batch that was stored; what it overwrote of those remembered, in order."""
        if not lines.startswith(_READINGS):
            return []
        parts = lines.replace(b"\n", b" ").split(b" ")
        if len(parts) != 3 * (lines.count(b"\n") + 1):
            return []  # one is not ours, and the store took it nevertheless
        series, fields, times = parts[0::3], parts[1::3], parts[2::3]
        different = set(times)
        batch = _Block(
            dict(zip(map(hash, zip(series, times, strict=True)), fields, strict=True)),
            set(series),
            min(different),
            max(different),
        )
        found: list[Overwritten] = []
        near = [block.fields for block in self._blocks if not block.is_apart(batch)]
        if near or len(batch.fields) < len(fields):
            batch.fields = {}
            found = list(_overwritten(zip(series, fields, times, strict=True), ChainMap(batch.fields, *near[::-1])))
        if self._blocks and len(self._blocks[-1].fields) < self._kept_max // _BLOCKS:
            self._blocks[-1].add(batch)
        else:
            self._blocks.append(batch)
        while len(self._blocks) > 1 and len(self) > self._kept_max:
            self._blocks.popleft()
        return found


def _overwritten(
    readings: Iterable[tuple[bytes, bytes, bytes]], latest: MutableMapping[int, bytes]
) -> Iterator[Overwritten]:
    """What readings overwrite one by one, of those that were the latest, each of which is the latest from then on."""
    for series, fields, time in readings:
        key = hash((series, time))
        known = latest.get(key)
        latest[key] = fields
        if known is None or known == fields or not series.startswith(_READINGS):
            continue
        before, now = (_values(series, text, time) for text in (known, fields))
        whole = before | now
        latest[key] = ",".join(f"{name}={field_text(value)}" for name, value in whole.items()).encode()
        differing = [name for name in now if name not in READING_NOTES and name in before and before[name] != now[name]]
        if differing:
            yield Overwritten(
                series.decode(),
                int(time),
                {name: before[name] for name in differing},
                {name: now[name] for name in differing},
                len(whole.keys() - READING_NOTES),
                bool(before.get(SUSPECT)),
            )


def _values(series: bytes, fields: bytes, time: bytes) -> dict[str, Value]:
    return parse(b" ".join((series, fields, time)).decode()).fields
