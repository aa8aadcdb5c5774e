"""What devices said of themselves that is no reading: whether they are on line, and how to read their messages.

`device_states` has a row for each sensor whose device, or its broker, said so: the pipeline's figures take it to the
store. `announcements` has the latest message of each topic that announces a sensor (Home Assistant's discovery): the
broker sends a retained message once, and what it announces must be known after a restart, too.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingest.batches import DeviceState
from mqtt.messages import Message
from stores.sqlite_file import SqliteFile

SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS device_states (
        hub TEXT NOT NULL, sensor TEXT NOT NULL, online INTEGER NOT NULL, at_ns INTEGER NOT NULL,
        PRIMARY KEY (hub, sensor)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE IF NOT EXISTS announcements (topic BLOB PRIMARY KEY, payload BLOB NOT NULL) WITHOUT ROWID",
)
_ANNOUNCEMENTS_MAX = 10_000


class DeviceStates:
    """The two tables; `keep` belongs into a transaction of its owner."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def keep(self, states: Sequence[DeviceState], announcements: Sequence[Message]) -> None:
        """Take what the messages of a batch said."""
        if not states and not announcements:
            return
        db = self._file.connection()
        db.executemany(
            "INSERT INTO device_states VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET online = excluded.online, at_ns = excluded.at_ns",
            states,
        )
        for message in announcements:
            if message.payload:
                db.execute(
                    "INSERT INTO announcements SELECT ?, ? WHERE (SELECT count(*) FROM announcements) < ?"
                    " ON CONFLICT DO UPDATE SET payload = excluded.payload",
                    (message.topic, message.payload, _ANNOUNCEMENTS_MAX),
                )
            else:
                db.execute("DELETE FROM announcements WHERE topic = ?", (message.topic,))

    def since(self, at_ns: int) -> list[DeviceState]:
        """What was said at this time or later, the oldest first."""
        query = "SELECT hub, sensor, online, at_ns FROM device_states WHERE at_ns >= ? ORDER BY at_ns"
        return [
            DeviceState(hub, sensor, bool(online), at) for hub, sensor, online, at in self._file.all(query, (at_ns,))
        ]

    def announcements(self) -> list[Message]:
        """The latest message of each topic that announces."""
        rows = self._file.all("SELECT topic, payload FROM announcements ORDER BY topic")
        return [Message(bytes(topic), bytes(payload)) for topic, payload in rows]
