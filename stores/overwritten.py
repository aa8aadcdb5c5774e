"""Which readings a batch gave other values than they had: corrections, which count as the last message has them.

SQLite knows exactly: a trigger notes what an update changes, at no cost for what is new. InfluxDB can't be asked what
a point was, so the latest readings written to it are remembered; what is older is not known.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from schemas import KINDS, MEASUREMENTS, Measurement
from schemas.measurements import READING_NOTES
from stores.lines import Value, field_text, parse
from stores.protocol import Overwritten

SUSPECT = "suspect"
RECENT_MAX = 75_000
"""How many readings are remembered, at most: more than a day of 22 hubs with ten sensors each, every five minutes."""
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
    ).fetchall()
    found: list[Overwritten] = []
    for kind, tags, time_ns, fields, suspect, field, before, after in rows:
        if field is None:
            found.append(Overwritten(f"{kind},{tags}", time_ns, {}, {}, fields, bool(suspect)))
        else:
            found[-1].before[field], found[-1].after[field] = before, after
    if rows:
        db.execute("DELETE FROM overwritten_now")
    return found


class RecentReadings:
    """The latest readings written, as many as `kept_max`, by which a later one of the same time is known.

    They are kept in two halves, the younger of which takes the older one's place once it is full.
    """

    def __init__(self, kept_max: int = RECENT_MAX) -> None:
        self._half_max = max(1, kept_max // 2)
        self._young: dict[int, bytes] = {}
        self._old: dict[int, bytes] = {}

    def take(self, lines: bytes) -> list[Overwritten]:
        """Remember a batch that was stored; what it overwrote of those remembered, in order."""
        if not lines.startswith(_READINGS):
            return []
        parts = lines.replace(b"\n", b" ").split(b" ")
        series, fields, times = parts[0::3], parts[1::3], parts[2::3]
        found: list[Overwritten] = []
        batch = dict(zip(map(hash, zip(series, times, strict=True)), fields, strict=True))
        is_new = self._young.keys().isdisjoint(batch) and self._old.keys().isdisjoint(batch)
        if is_new and len(batch) == len(fields):
            self._young |= batch
        else:
            found = list(self._take_one_by_one(zip(series, fields, times, strict=True)))
        if len(self._young) > self._half_max:
            self._old, self._young = self._young, {}
        return found

    def _take_one_by_one(self, readings: Iterable[tuple[bytes, bytes, bytes]]) -> Iterator[Overwritten]:
        for series, fields, time in readings:
            key = hash((series, time))
            known = self._young.get(key) or self._old.get(key)
            self._young[key] = fields
            if known is None or known == fields or not series.startswith(_READINGS):
                continue
            before, now = (_values(series, text, time) for text in (known, fields))
            whole = before | now
            self._young[key] = ",".join(f"{name}={field_text(value)}" for name, value in whole.items()).encode()
            differing = [
                name for name in now if name not in READING_NOTES and name in before and before[name] != now[name]
            ]
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
