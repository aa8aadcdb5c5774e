"""The metrics are the ledger's figures, in Prometheus' format and by its names."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dashboards.operations.health import ServiceHealth
from dashboards.operations.metrics import FALLING
from dashboards.operations.parts import IngestPart, JobsPart
from ingest.activity import Activity
from ingest.buffer import Buffer
from ingest.ledger import Ledger
from schemas import Settings
from schemas.localtime import NS_A_SECOND
from stores import Keep, Rejected
from tests.cli.command import CommandLine
from tests.ingest.fake_store import FakeStore
from tests.ingest.given import AIR, DOOR, NOW_NS, at, make_decoder, message
from tests.ingest.writing import drained, once, running
from usage.job_runs import JobRuns

Values = dict[str, float]


def values(text: str) -> Values:
    """Every sample by its name and labels."""
    return {
        sample.name + "".join(f"[{value}]" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def fill(folder: Path) -> None:
    """Messages of every fate."""
    buffer = Buffer(folder, clock_ns=lambda: NOW_NS)
    sent = [
        message(AIR, at("2026-05-12T11:00:00Z")),
        message(AIR, f"[{at('2026-05-12T11:10:00Z')}, {at('2026-05-12T11:20:00Z', 900)}]"),
        message("hubs/nowhere", "1"),
        message(DOOR, "rubbish"),
        message(DOOR, "more rubbish"),
    ]
    buffer.commit(make_decoder().decode(sent))
    buffer.note("overwritten", 3)
    buffer.settle(buffer.pending.oldest(1), [])
    buffer.commit(make_decoder().decode([message(AIR, at("2026-05-12T11:30:00Z"))]))
    buffer.close()


def metrics(settings: Settings, activity: Activity | None = None) -> Values:
    part = IngestPart(settings, activity or Activity(settings), clock_ns=lambda: NOW_NS + 90 * NS_A_SECOND)
    return values(ServiceHealth([part]).metrics().decode())


def test_they_equal_the_ledger_of_the_command_line(tmp_path: Path) -> None:
    fill(tmp_path / "data")
    told = CommandLine(tmp_path).run("ledger", "--json").json
    found = metrics(Settings(data_dir=tmp_path / "data"))

    counts = {name: count for name, count in told.items() if type(count) is int}
    assert {"messages_received", "messages_no_reading", "messages_redelivered", "readings_pending"} <= counts.keys()
    assert {name: found[f"hubpulse_{name}" + ("" if name in FALLING else "_total")] for name in counts} == counts
    assert found["hubpulse_ledger_balanced"] == told["balanced"] == 1
    for name, by in (("ledger_notes_total", "notes"), ("quarantine_messages", "quarantine")):
        assert {key: found[f"hubpulse_{name}[{key}]"] for key in told[by]} == told[by] != {}
    refused = told["refused_by_reason"]
    assert refused == {"bad_payload": 2, "bad_topic": 1}
    assert {key: found[f"hubpulse_refusals_total[{key}]"] for key in refused} == refused
    assert sum(refused.values()) == counts["messages_refused"] == 3


def test_no_count_of_the_ledger_is_left_out() -> None:
    counted = [name for name, field in Ledger.model_fields.items() if field.annotation is int]
    assert set(FALLING) <= set(counted)


def test_what_waits_and_its_bounds_are_told(tmp_path: Path) -> None:
    fill(tmp_path)
    settings = Settings(data_dir=tmp_path)
    found = metrics(settings)

    assert found["hubpulse_pending_oldest_age_seconds"] == 90
    assert 0 < found["hubpulse_buffer_bytes"] < found["hubpulse_buffer_max_bytes"] == settings.ingest.buffer_bytes_max
    assert found["hubpulse_quarantine_bytes[bad_payload]"] > 400
    assert found["hubpulse_quarantine_max_bytes"] == settings.ingest.quarantine_bytes_max
    assert found["hubpulse_broker_connected"] == 0
    assert found["process_cpu_seconds_total"] > 0
    assert found["process_resident_memory_bytes"] > 1e6


def test_the_store_s_answers_are_counted_by_their_kind_and_the_newest_reading_is_known(
    tmp_path: Path,
) -> None:
    fill(tmp_path)
    activity = Activity(Settings())
    store = FakeStore(once(Keep("away"), Keep("wrong token", needs_operator=True), Rejected("no")))
    buffer = Buffer(tmp_path, clock_ns=lambda: NOW_NS)
    with running(tmp_path, store, activity=activity, pause=lambda _seconds: None):
        drained(buffer)
    buffer.close()
    found = metrics(Settings(data_dir=tmp_path), activity)

    kinds = ("unreachable", "needs_operator", "rejected")
    assert [found[f"hubpulse_store_errors_total[{kind}]"] for kind in kinds] == [1, 1, 1]
    assert found["hubpulse_last_stored_reading_age_seconds"] == 30 * 60 + 90


def test_the_jobs_are_told(tmp_path: Path) -> None:
    now_s = 5.0
    runs = JobRuns(lambda: NOW_NS, monotonic_s=lambda: now_s)
    runs.expect("roll_up_marked", 60)
    began_s = runs.begin()
    now_s += 2.5
    runs.succeeded("roll_up_marked", began_s)
    runs.failed("roll_up_marked", runs.begin(), "away")
    runs.days_waiting = 7
    found = values(ServiceHealth([JobsPart(Settings(data_dir=tmp_path), runs)]).metrics().decode())

    assert found["hubpulse_job_duration_seconds_count[roll_up_marked]"] == 2
    assert found["hubpulse_job_duration_seconds_sum[roll_up_marked]"] == 2.5
    assert found["hubpulse_job_failures_total[roll_up_marked]"] == 1
    assert found["hubpulse_job_last_success_timestamp_seconds[roll_up_marked]"] == NOW_NS / NS_A_SECOND
    assert found["hubpulse_marked_days_waiting"] == 7


def test_a_folder_without_a_buffer_says_that_it_has_no_figures(tmp_path: Path) -> None:
    assert metrics(Settings(data_dir=tmp_path))["hubpulse_parts_without_metrics"] == 1


def test_names_and_series_are_as_prometheus_wants_them_and_few(tmp_path: Path) -> None:
    fill(tmp_path)
    buffer = Buffer(tmp_path, clock_ns=lambda: NOW_NS)
    for number in range(300):
        buffer.commit(make_decoder().decode([message(f"hubs/invented-{number}/temperature/s-{number}", "rubbish")]))
    buffer.close()
    text = ServiceHealth([IngestPart(Settings(data_dir=tmp_path), Activity(Settings()))]).metrics().decode()

    ours = [family for family in text_string_to_metric_families(text) if family.name.startswith("hubpulse_")]
    assert sum(len(family.samples) for family in ours) < 60
    for family in ours:
        assert re.fullmatch(r"hubpulse_[a-z_]+", family.name)
        assert family.documentation
        assert not re.search(r"_(ms|kb|mb|minutes|ns)$", family.name)


@pytest.mark.parametrize("command", [["doctor"], ["ledger"], ["--help"]])
def test_who_asks_for_no_metrics_does_not_load_their_library(tmp_path: Path, command: list[str]) -> None:
    fill(tmp_path / "data")
    look = (
        "import sys, json, hubpulse\ntry:\n    hubpulse.main()\nexcept SystemExit:\n    pass\n"
        "sys.stderr.write(json.dumps(['prometheus_client' in sys.modules, 'http.server' in sys.modules]))"
    )
    asked = subprocess.run(
        [sys.executable, "-c", look, *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert json.loads(asked.stderr.splitlines()[-1]) == [False, False]
