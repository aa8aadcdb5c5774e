"""Scenarios: one word each for the days, crowds and faults that a person would ask for."""

from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from schemas import Estate, HubpulseError
from sensors.estate_file import load_estate
from simulators.faults import describe
from simulators.scenarios import SCENARIOS, estate_document, simulation
from simulators.simulation import SimulatedEstate
from tests.real_parts import REPOSITORY
from tests.simulators.small_estate import document, week

LAST = date(2025, 5, 18)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_makes_a_run(name: str) -> None:
    run = week(scenario=name, days=5)
    run.fault_plan()
    hub_days = run.hub_days()
    assert hub_days is not None
    assert hub_days >= 15


def test_the_clock_change_scenario_holds_the_last_change_each_way() -> None:
    spans = week(scenario="clock-change", last=date(2025, 4, 20)).spans
    assert spans == (
        (date(2024, 10, 24), date(2024, 10, 30)),
        (date(2025, 3, 27), date(2025, 4, 2)),
    )


def test_where_clocks_do_not_change_the_scenario_says_so() -> None:
    with pytest.raises(HubpulseError, match="clocks of UTC don't change"):
        simulation(document() | {"timezone": "UTC"}, scenario="clock-change", last=LAST, days=7, seed=7)


def test_a_busy_day_is_about_four_times_as_busy() -> None:
    run, ordinary = week(scenario="busy-day"), week()
    wednesday = date(2025, 5, 14)
    assert run.crowds == {wednesday: 4.0}
    for busy, plain in zip(
        SimulatedEstate(run.estate, seed=7, crowds=dict(run.crowds)).hubs,
        SimulatedEstate(ordinary.estate, seed=7).hubs,
        strict=True,
    ):
        assert 3 < len(busy.day(wednesday).visits) / len(plain.day(wednesday).visits) < 5
        tuesday = wednesday - timedelta(days=1)
        assert busy.day(tuesday).visits == plain.day(tuesday).visits


def test_an_unknown_scenario_is_refused_with_the_known_ones() -> None:
    with pytest.raises(HubpulseError, match="no scenario is called 'storm': choose from normal, outage"):
        week(scenario="storm")


def test_a_scenario_with_days_of_its_own_does_not_go_on_live() -> None:
    with pytest.raises(HubpulseError, match="days of its own"):
        simulation(document(), scenario="clock-change", last=LAST, days=7, seed=7, live=True)


def test_a_live_run_has_no_last_day() -> None:
    run = simulation(document(), scenario="normal", last=LAST, days=7, seed=7, live=True)
    assert run.spans == ((date(2025, 5, 12), None),)
    assert run.hub_days() is None


@pytest.mark.parametrize("hubs", [1, 22, 50])
def test_an_estate_of_any_size_is_a_valid_estate_file(hubs: int, tmp_path: Path) -> None:
    file = tmp_path / "estate.yaml"
    file.write_text(yaml.safe_dump(estate_document(None, hubs=hubs)))
    estate = load_estate(file)
    assert len({hub.id for hub in estate.hubs}) == hubs
    assert estate == Estate.model_validate(estate_document(None, hubs=hubs))


def test_an_estate_without_hubs_or_with_too_many_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "estate.yaml"
    empty.write_text("name: nothing yet\n")
    with pytest.raises(HubpulseError, match="names no hubs"):
        estate_document(empty)
    with pytest.raises(HubpulseError, match="not between 1 and 1000"):
        estate_document(None, hubs=1001)


def test_the_page_about_simulating_names_every_scenario_and_fault() -> None:
    page = (REPOSITORY / "docs" / "simulate.md").read_text()
    assert [name for name in [*SCENARIOS, *describe()] if f"`{name}`" not in page] == []
