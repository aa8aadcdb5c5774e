"""The estate file is edited while a replay runs at full speed, well and badly: nothing is lost, nothing doubled."""

import json
import sqlite3
from collections.abc import Iterator, MutableMapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from mqtt.publisher import Publisher
from schemas import Settings
from schemas.settings import IngestSettings, MqttSettings
from simulators.messages import TimedMessage
from tests.ingest.walking import running
from tests.mqtt.receiving import DEADLINE_S
from tests.servers import Mosquitto
from tests.waiting import wait_until

pytestmark = pytest.mark.needs("mosquitto")

FIRST_S = 1_767_571_200
HUBS, EDITS = 4, 10
MESSAGES_MAX, AT_ONCE = 1_000_000, 500
BROKEN = (
    "hubs: [{id: hub-0}",
    "name: {}\n",
    "timezone: Mars/Olympus\nhubs: [{id: hub-0}]\n",
    "",
    "hubs: [{id: hub-0}, {id: hub-0}]\n",
)
Logs = list[MutableMapping[str, Any]]


def estate(edit: int) -> str:
    """Each time another name, another hub, and another source to subscribe to; of what is sent it says the same."""
    hubs = [{"id": f"hub-{n}"} for n in range(HUBS)]
    sources = [{"topic": "hubs/#", "format": "native"}, {"topic": f"edit-{edit}/#", "format": "senml"}]
    content = {"name": f"Edit {edit}", "timezone": "UTC", "sources": sources, "hubs": [*hubs, {"id": f"new-{edit}"}]}
    return json.dumps(content)


class Editor:
    """Makes the next edit as soon as ingest has judged the one before."""

    def __init__(self, path: Path, logs: Logs) -> None:
        self._path, self._logs = path, logs
        self.made = 0

    @property
    def judged(self) -> list[str]:
        """What became of each edit."""
        return [log["event"] for log in self._logs if log["event"] in ("estate_reloaded", "estate_rejected")]

    def go_on(self) -> None:
        if self.made < EDITS and len(self.judged) == self.made:
            self.made += 1
            text = estate(self.made) if self.made % 2 else BROKEN[self.made // 2 - 1]
            self._path.with_suffix(".new").write_text(text)
            self._path.with_suffix(".new").replace(self._path)


def replay(editor: Editor) -> Iterator[TimedMessage]:
    """A person a second, at one hub after the other, until the last edit is judged and some more."""
    for n in range(MESSAGES_MAX):
        if n % AT_ONCE == 0:
            if len(editor.judged) == EDITS:
                return
            editor.go_on()
        yield TimedMessage(0, f"hubs/hub-{n % HUBS}/footfall/door", b'{"time": %d, "entries": 1}' % (FIRST_S + n))


def test_ten_edits_during_a_replay_lose_nothing_and_double_nothing(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.estate_watch._LOOK_EVERY_S", 0.05)
    path = tmp_path / "estate.yaml"
    path.write_text(estate(0))
    mqtt = MqttSettings(host="127.0.0.1", port=mosquitto.port)
    ingest_settings = IngestSettings(flush_age_s=0.05)
    settings = Settings(data_dir=tmp_path / "data", estate=path, store="sqlite", mqtt=mqtt, ingest=ingest_settings)
    with capture_logs() as logs, running(settings) as ingest, Publisher(mqtt) as publisher:
        editor = Editor(path, logs)
        count = publisher.publish_all(replay(editor)).acknowledged
        ingest.wait_for(messages_received=count)
        wait_until(lambda: not ingest.ledger.readings_pending, DEADLINE_S, "everything to be stored")
        ledger = ingest.ledger

    assert editor.judged == ["estate_reloaded", "estate_rejected"] * (EDITS // 2)
    assert (ledger.messages_received, ledger.messages_accepted, ledger.messages_redelivered) == (count, count, 0)
    assert (ledger.balanced, ledger.readings_stored) == (True, count)
    with closing(sqlite3.connect(settings.data_dir / "store.db")) as store:
        query = "SELECT count(*), sum(entries), count(DISTINCT time_ns) FROM footfall"
        assert store.execute(query).fetchone() == (count, count, count)
