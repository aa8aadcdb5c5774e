"""Messages of every format through a real broker and into a real store: what rests there is what `explain` said."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ingest.explain import explain
from mqtt.messages import Message
from mqtt.publisher import Publisher
from schemas import KINDS, Settings
from schemas.readings import Reading
from schemas.settings import IngestSettings, MqttSettings
from sensors.estate_file import codecs_of, load_estate
from sensors.registry import Registry
from sensors.times import text_ns
from simulators.messages import TimedMessage
from stores.sqlite_store import SqliteStore
from tests.golden import GOLDEN, NATIVE, Case, cases
from tests.ingest.walking import running
from tests.mqtt.receiving import DEADLINE_S
from tests.servers import Mosquitto
from tests.waiting import wait_until

pytestmark = pytest.mark.needs("mosquitto")

ANNOUNCING = "homeassistant"
OF_THE_RADIO = {"rssi_dbm", "snr_db", "frame_count", "spreading_factor"}
"""Kept of each frame, also of one that holds no reading, of which `explain` shows none."""


class Sent(NamedTuple):
    """A message, and what `explain` says of it."""

    case: Case
    readings: list[Reading]
    refused: bool
    no_reading: bool

    @property
    def places(self) -> set[tuple[str, ...]]:
        """Where its readings rest: none of another message may overwrite them."""
        return {(r.hub, r.kind, r.sensor, r.time) for r in self.readings}


def comes(case: Case, registry: Registry) -> bool:
    """Whether a broker takes it from a client, and ingest has it subscribed."""
    return (
        registry.source_of(case.topic) is not None and not set(case.topic) & set("+#\0") and len(case.payload) < 100_000
    )


def chosen(folder: Path, registry: Registry, now_ns: int) -> Iterator[Sent]:
    """The folder's messages, as far as no two have the same place; a message that others announce comes with those."""
    taken: set[tuple[str, ...]] = set()
    for case in cases(folder):
        if bool(case.before) != (folder.name == ANNOUNCING) or not comes(case, registry):
            continue
        found = explain(
            case.topic,
            case.payload,
            registry=registry,
            settings=Settings(),
            clock_ns=lambda: now_ns,
            announcements=[Message(topic.encode(), payload) for topic, payload in case.before],
        )
        sent = Sent(case, found.readings, bool(found.rejected), found.no_reading is not None)
        if not taken & sent.places and (found.readings or not case.before):
            taken |= sent.places
            yield sent
            if folder.name == ANNOUNCING:  # what one announces would change what the next one means
                return


def stored(settings: Settings, since_ns: int) -> Counter[tuple[object, ...]]:
    """What rests in the store, without the times that ingest itself gave."""
    found: Counter[tuple[object, ...]] = Counter()
    with closing(SqliteStore(settings.data_dir / "store.db")) as store:
        for kind in KINDS:
            for chunk in store.read(kind, start_ns=0, stop_ns=2**62):
                for at, time_ns in enumerate(chunk.times_ns):
                    values = {name: column[at] for name, column in chunk.columns.items() if column[at] is not None}
                    found[entry(kind, dict(chunk.tags), None if time_ns >= since_ns else time_ns, values)] += 1
    return Counter({found_entry: count for found_entry, count in found.items() if found_entry[-1]})


def entry(kind: str, tags: dict[str, str], time_ns: int | None, values: dict[str, Any]) -> tuple[object, ...]:
    fields = {name: v for name, v in values.items() if not name.startswith("raw_") and name not in OF_THE_RADIO}
    return kind, tuple(sorted(tags.items())), time_ns, tuple(sorted(fields.items()))


def expected(sent: Sequence[Sent], since_ns: int) -> Counter[tuple[object, ...]]:
    found: Counter[tuple[object, ...]] = Counter()
    for reading in (reading for each in sent for reading in each.readings):
        tags = {"hub": reading.hub, "sensor": reading.sensor} | ({"zone": reading.zone} if reading.zone else {})
        time_ns = text_ns(reading.time)
        values = reading.fields | ({"suspect": True} if reading.suspect else {})
        found[entry(reading.kind, tags, None if time_ns >= since_ns else time_ns, values)] += 1
    return Counter({found_entry: count for found_entry, count in found.items() if found_entry[-1]})


@pytest.mark.parametrize(
    "folder",
    [NATIVE, *sorted(estate.parent for estate in GOLDEN.glob("*/estate.yaml"))],
    ids=lambda folder: folder.name,
)
def test_what_explain_says_is_what_rests_in_the_store(folder: Path, mosquitto: Mosquitto, tmp_path: Path) -> None:
    if folder.name == "js":
        pytest.importorskip("py_mini_racer", reason="the extra `codecs` is not installed")
    estate = folder / "estate.yaml"
    now_ns = time.time_ns()
    since_ns = now_ns - 600 * 10**9
    sent = list(chosen(folder, Registry(load_estate(estate), codecs=codecs_of(estate)), now_ns))
    settings = Settings(
        data_dir=tmp_path / "data",
        estate=estate,
        store="sqlite",
        mqtt=MqttSettings(host="127.0.0.1", port=mosquitto.port),
        ingest=IngestSettings(flush_age_s=0.01),
    )
    before = [message for each in sent for message in each.case.before]
    messages = [*before, *((each.case.topic, each.case.payload) for each in sent)]
    with running(settings) as ingest, Publisher(settings.mqtt) as publisher:
        publisher.publish_all([TimedMessage(0, topic, payload) for topic, payload in messages])
        ingest.wait_for(messages_received=len(messages))
        wait_until(lambda: not ingest.ledger.readings_pending, DEADLINE_S, "everything to be stored")
        ledger = ingest.ledger

    assert stored(settings, since_ns) == expected(sent, since_ns)
    assert ledger.balanced
    assert ledger.messages_refused == sum(each.refused and not each.readings for each in sent)
    assert ledger.messages_no_reading == len(before) + sum(each.no_reading for each in sent)
    assert any(each.readings for each in sent)
