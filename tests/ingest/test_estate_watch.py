"""Another estate comes into force without holding up the thread that receives."""

import threading
from pathlib import Path

import pytest

from ingest.estate_watch import EstateWatch
from sensors.estate_file import EstateFile
from tests.waiting import wait_until

DEADLINE_S = 20


def test_while_an_edit_is_judged_the_estate_before_it_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thousand hubs with a misspelt zone took 22 s, in which nothing was received."""
    file, stopping, judging, let_go = tmp_path / "estate.yaml", *(threading.Event() for _ in range(3))
    file.write_text("hubs: [{id: armley}]")
    monkeypatch.setattr("ingest.estate_watch._LOOK_EVERY_S", 0.01)
    watch = EstateWatch(file, stopping)
    changed = EstateFile.changed

    def slowly(self: EstateFile) -> bool:
        judging.set()
        assert let_go.wait(DEADLINE_S)
        return changed(self)

    monkeypatch.setattr(EstateFile, "changed", slowly)
    watch.start()
    try:
        assert judging.wait(DEADLINE_S)
        before = watch.registry
        assert before.filters == ("hubs/#",)
        file.write_text("sources: [{topic: a/#}]")
        let_go.set()
        wait_until(lambda: watch.registry is not before, DEADLINE_S, "the new estate")
        assert watch.registry.filters == ("a/#",)
    finally:
        let_go.set()
        stopping.set()
        watch.join(DEADLINE_S)


def test_a_fault_of_ours_leaves_the_estate_in_force_and_the_watch_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, stopping = tmp_path / "estate.yaml", threading.Event()
    file.write_text("hubs: [{id: armley}]")
    monkeypatch.setattr("ingest.estate_watch._LOOK_EVERY_S", 0.01)
    watch = EstateWatch(file, stopping)
    faults = iter([ZeroDivisionError("once")])
    changed = EstateFile.changed

    def faulty(self: EstateFile) -> bool:
        for fault in faults:
            raise fault
        return changed(self)

    monkeypatch.setattr(EstateFile, "changed", faulty)
    watch.start()
    try:
        before = watch.registry
        file.write_text("sources: [{topic: a/#}]")
        wait_until(lambda: watch.registry is not before, DEADLINE_S, "the new estate")
    finally:
        stopping.set()
        watch.join(DEADLINE_S)
