"""Sensors that the estate file does not name: so many of a hub are taken, until one of them falls silent for a week."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from schemas.localtime import NS_AN_HOUR
from stores.sqlite_file import SqliteFile

SCHEMA = (
    """
    CREATE TABLE new_sensors (
        hub TEXT NOT NULL, sensor TEXT NOT NULL, seen_day INTEGER NOT NULL, PRIMARY KEY (hub, sensor)
    ) WITHOUT ROWID
    """,
)
DAY_NS = 24 * NS_AN_HOUR
_SILENT_DAYS = 7


class NewSensor(NamedTuple):
    """A sensor, and the last day (UTC, since 1970) that it was seen."""

    hub: str
    sensor: str
    seen_day: int


class NewSensors:
    """Which of them are taken."""

    def __init__(self, count_max: int, known: Iterable[NewSensor] = ()) -> None:
        self.count_max = count_max
        self._hubs: dict[str, dict[str, int]] = {}
        self._changed: dict[tuple[str, str], int] = {}
        for hub, sensor, seen_day in known:
            self._hubs.setdefault(hub, {})[sensor] = seen_day

    def admits(self, hub: str, sensor: str, now_ns: int) -> bool:
        """Whether a sensor's readings are taken; it is seen now."""
        day, sensors = now_ns // DAY_NS, self._hubs.setdefault(hub, {})
        if sensor not in sensors and len(sensors) >= self.count_max:
            alive = {name: seen for name, seen in sensors.items() if day - seen <= _SILENT_DAYS}
            if len(alive) >= self.count_max:
                return False
            self._hubs[hub] = sensors = alive
        if sensors.get(sensor) != day:
            sensors[sensor] = self._changed[hub, sensor] = day
        return True

    def take_changed(self) -> list[NewSensor]:
        """What is to be remembered since it was asked last."""
        changed = [NewSensor(*name, day) for name, day in self._changed.items()]
        self._changed.clear()
        return changed


class NewSensorTable:
    """The table of them; `put` belongs into a transaction of its owner."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def put(self, seen: Iterable[NewSensor], *, now_ns: int) -> None:
        """Remember that sensors were seen, and forget those that were not for long."""
        rows = list(seen)
        if rows:
            db = self._file.connection()
            db.executemany("INSERT OR REPLACE INTO new_sensors VALUES (?, ?, ?)", rows)
            db.execute("DELETE FROM new_sensors WHERE seen_day < ?", (now_ns // DAY_NS - _SILENT_DAYS,))

    def forget(self, hub: str, sensors: Iterable[str]) -> None:
        """Take sensors of a hub out: whoever reads the table next has room for others."""
        rows = ((hub, sensor) for sensor in sensors)
        self._file.connection().executemany("DELETE FROM new_sensors WHERE hub = ? AND sensor = ?", rows)

    def all(self) -> list[NewSensor]:
        """Every one that was seen within the last days."""
        return [NewSensor(*row) for row in self._file.all("SELECT hub, sensor, seen_day FROM new_sensors")]
