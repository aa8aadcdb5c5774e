"""Judging an estate of any size takes the memory of a few hubs."""

from collections.abc import Iterator
from typing import Any

import pytest

from stores import SeriesChunk, Store
from stores.lines import encode
from tests.usage.given import at, estate, hub
from usage import Queries
from usage.health.cases import Judged
from usage.health.judging import judge, judge_zone
from usage.health.rules import Rule
from usage.rows import write


def test_the_days_of_a_few_hubs_are_held_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    hubs = [f"hub-{number}" for number in range(4)]
    known = estate(*(hub(name) for name in hubs), timezone="UTC")
    day = {"cold_minutes": 90.0, "temperature_mean_c": 14.0, "environment_completeness": 1.0}
    write(
        store,
        [
            encode("usage_daily_zone", {"hub": name, "zone": zone}, day, at("2026-11-02"))
            for name in hubs
            for zone in ("cafe", "hall")
        ],
    )
    seen: list[str] = []
    read = store.read

    def recorded(measurement: str, **asked: Any) -> Iterator[SeriesChunk]:
        for chunk in read(measurement, **asked):
            seen.append(f"read {chunk.tags['hub']}")
            yield chunk

    def judging(rule: Rule, name: str, *rest: Any) -> Iterator[Judged]:
        seen.append(f"judge {name}")
        return judge_zone(rule, name, *rest)

    monkeypatch.setattr(store, "read", recorded)
    monkeypatch.setattr("usage.health.judging.judge_zone", judging)
    found = judge(Queries(store, known, now_ns=at("2026-11-02T12:00")), known)

    assert [(case.hub, case.zone) for case in found] == [(name, zone) for name in hubs for zone in ("cafe", "hall")]
    # That a hub is whole is told by the one after it, and that that is, too, by the next.
    assert seen.index("read hub-2") < seen.index("judge hub-0") < seen.index("read hub-3")
