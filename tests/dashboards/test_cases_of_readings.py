"""From readings to people: a day too cold, too hot, too damp or in poor air is a case, its alert is raised and told."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dashboards.alerts.history import read_alerts
from stores.lines import encode
from tests.dashboards.fortnight import Fortnight, at, estate_of, receiving
from tests.usage.given import run_jobs

STEP_NS = 15 * 60 * 10**9
WELL = {"temperature_c": 20.0, "relative_humidity_pct": 45.0, "co2_ppm": 600.0}
KIND_OF = {"temperature_c": "temperature", "relative_humidity_pct": "humidity", "co2_ppm": "co2"}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Fortnight]:
    with receiving() as (port, received):
        made = Fortnight(tmp_path / "store.db", received, estate_of(port))
        with closing(made.store):
            yield made
            made.jobs.stop()


def a_day_of(run: Fortnight, day: int, **otherwise: float) -> None:
    """A whole day's readings of the hall at Armley, a quarter of an hour apart, and the days rolled up and judged."""
    fields = WELL | otherwise
    tags = {"hub": "armley", "sensor": "air", "zone": "hall"}
    times = range(at(f"{day} 00:00"), at(f"{day + 1} 00:00"), STEP_NS)
    run.put(*(encode(KIND_OF[name], tags, {name: value}, t) for name, value in fields.items() for t in times))
    run.put(encode("day_marks", {"hub": "armley"}, {"marked_ns": at(f"{day + 1} 00:00")}, at(f"{day} 00:00")))
    run.now_ns = at(f"{day + 1} 08:00")
    run_jobs(run.jobs, run.now_ns)
    run.jobs.judge_cases(run.now_ns)


@pytest.mark.parametrize(
    "rule, sick, said",
    [
        ("frost", {"temperature_c": 3.0}, "CRITICAL: hall at Armley was under 5\u00a0°C. Since Tue 3 Nov."),
        ("cold", {"temperature_c": 14.0}, "hall at Armley is too cold while open: under 16\u00a0°C"),
        ("co2", {"co2_ppm": 1900.0}, "The air of hall at Armley is poor while open: CO₂ over 1\u202f500\u00a0ppm"),
        ("damp", {"relative_humidity_pct": 92.0}, "hall at Armley is damp enough for mould. Since Tue 3 Nov."),
        ("heat", {"temperature_c": 30.0}, "hall at Armley is hot while open. Since Tue 3 Nov."),
    ],
)
def test_readings_make_a_case_and_its_alert_and_end_both(
    run: Fortnight, rule: str, sick: dict[str, float], said: str
) -> None:
    def opened() -> set[str]:
        return {alert.key.rule for alert in read_alerts(run.store, run.now_ns) if alert.is_open and alert.key.subject}

    a_day_of(run, 2)
    run.until("3 08:30")
    assert rule not in opened()
    a_day_of(run, 3, **sick)
    run.until("4 09:00")
    assert rule in opened()
    assert [line for _, _, lines in run.received.notices for line in lines if line.startswith(said)]
    for day in (4, 5, 6):
        a_day_of(run, day)
    run.until("7 12:00")
    assert rule not in opened()
