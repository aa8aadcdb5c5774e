"""A day's figures from its readings, without a store."""

import pytest

from schemas import Kind
from schemas.measures import PeopleState
from stores import SeriesChunk
from tests.usage.given import HOUR_NS, MINUTE_NS, Reading, at, estate, hub, rolled_up, run_of

DAY = "2026-10-21"  # a Wednesday, an hour ahead of UTC in London
MIDNIGHT_NS = at("2026-10-20T23:00")
OFFICE_HOURS = {"mon-fri": "09:00-17:00"}


def local(hour: float) -> int:
    return MIDNIGHT_NS + int(hour * HOUR_NS)


def every(minutes: float, field: str, value: float, start: float = 0, stop: float = 24) -> list[Reading]:
    times = range(local(start), local(stop), int(minutes * MINUTE_NS))
    return [(t, {field: value}) for t in times]


def door(*readings: tuple[float, int, int], sensor: str = "door", zone: str | None = None) -> SeriesChunk:
    return run_of(
        [(local(hour), {"entries": entries, "exits": exits}) for hour, entries, exits in readings],
        sensor=sensor,
        zone=zone,
    )


class TestPeople:
    def test_interval_counts_are_summed_over_doors(self) -> None:
        runs = {Kind.FOOTFALL: [door((9, 3, 0), (10, 4, 2)), door((9.5, 5, 1), sensor="side")]}
        found = rolled_up(runs, DAY).figures
        assert (found["entries"], found["exits"]) == (12, 3)

    def test_nobody_came_is_zero_and_no_door_sensor_is_none(self) -> None:
        assert rolled_up({Kind.FOOTFALL: [door((9, 0, 0))]}, DAY).figures["entries"] == 0
        assert rolled_up({Kind.CO2: [run_of([(local(9), {"co2_ppm": 500.0})])]}, DAY).figures["entries"] is None

    def test_a_reading_at_midnight_belongs_to_the_day_that_begins(self) -> None:
        runs = {Kind.FOOTFALL: [door((0, 1, 0), (23.99, 2, 0), (24, 4, 0))]}
        assert rolled_up(runs, DAY).figures["entries"] == 3

    def test_the_same_reading_under_two_zones_counts_once(self) -> None:
        runs = {Kind.FOOTFALL: [door((9, 3, 1), zone="hall"), door((9, 3, 1), (10, 2, 0), zone="lobby")]}
        assert rolled_up(runs, DAY).figures["entries"] == 5

    @pytest.mark.parametrize("lost", [(24, 24), (15, 19)])
    def test_who_came_until_the_hub_closed_at_half_past_came_while_it_was_open(self, lost: tuple[float, float]) -> None:
        known = estate(
            hub(sensors=[{"id": "door", "every": "10m", "kinds": ["footfall"]}], opening={"wed": "09:30-17:30"})
        )
        minutes = [m for m in range(0, 1441, 10) if not lost[0] * 60 < m < lost[1] * 60]
        totals = [(local(m / 60), {"entries_total": 100 + min(max(m - 570, 0), 480) // 10}) for m in minutes]
        found = rolled_up({Kind.FOOTFALL: [run_of(totals, sensor="door")]}, DAY, known)
        assert (found.figures["entries"], found.figures["entries_open"]) == (48, 48)
        assert sum(int(hour["entries_open"] or 0) for _, hour in found.hours) == 48

    def test_what_comes_between_two_readings_in_time_is_not_shared_out_over_midnight(self) -> None:
        known = estate(hub(sensors=[{"id": "door", "every": "1h", "kinds": ["footfall"]}]))
        totals = [(local(h + 0.25), {"entries_total": 100 + 10 * h}) for h in range(-24, 48)]
        found = rolled_up({Kind.FOOTFALL: [run_of(totals, sensor="door")]}, DAY, known).figures
        assert (found["entries"], found["entries_shared"], found["people_state"]) == (240, 0, PeopleState.COUNTED)

    def test_occupancy_peaks_while_people_are_in_and_drift_is_what_is_left(self) -> None:
        runs = {Kind.FOOTFALL: [door((9, 10, 0), (12, 5, 8), (17, 0, 5))]}
        found = rolled_up(runs, DAY).figures
        assert (found["peak_occupancy"], found["occupancy_drift"]) == (10, 2)

    def test_occupancy_is_never_shown_below_zero_while_drift_is_told_as_it_is(self) -> None:
        found = rolled_up({Kind.FOOTFALL: [door((9, 0, 3), (10, 1, 0))]}, DAY).figures
        assert (found["peak_occupancy"], found["occupancy_drift"]) == (0, -2)

    def test_people_at_two_doors_at_the_same_time_are_netted_before_the_peak(self) -> None:
        runs = {Kind.FOOTFALL: [door((9, 10, 0), sensor="in"), door((9, 0, 10), sensor="out")]}
        assert rolled_up(runs, DAY).figures["peak_occupancy"] == 0

    def test_one_direction_alone_makes_no_occupancy(self) -> None:
        found = rolled_up({Kind.FOOTFALL: [run_of([(local(9), {"entries": 4})])]}, DAY).figures
        assert (found["entries"], found["exits"], found["peak_occupancy"]) == (4, None, None)

    def test_totals_count_from_the_last_reading_before_the_day(self) -> None:
        totals = [(local(-0.5), 100), (local(0.5), 110), (local(12), 150)]
        run = run_of([(t, {"entries_total": n}) for t, n in totals])
        assert rolled_up({Kind.FOOTFALL: [run]}, DAY).figures["entries"] == 45

    def test_a_device_with_totals_and_interval_counts_is_counted_once(self) -> None:
        readings: list[Reading] = [
            (local(9), {"entries_total": 500, "entries": 3}),
            (local(10), {"entries_total": 507, "entries": 7}),
            (local(11), {"entries_total": 509, "entries": 2}),
        ]
        assert rolled_up({Kind.FOOTFALL: [run_of(readings)]}, DAY).figures["entries"] == 9

    def test_a_day_of_silence_gets_its_share_of_what_a_counter_grew_by(self) -> None:
        run = run_of([(local(-12), {"entries_total": 100}), (local(36), {"entries_total": 148})])
        assert rolled_up({Kind.FOOTFALL: [run]}, DAY).figures["entries"] == 24

    def test_suspect_counts_are_part_of_no_figure(self) -> None:
        run = run_of([(local(9), {"entries": 9000, "suspect": True}), (local(10), {"entries": 5})])
        assert rolled_up({Kind.FOOTFALL: [run]}, DAY).figures["entries"] == 5


class TestWifi:
    def test_the_peak_is_what_all_access_points_had_at_the_same_time(self) -> None:
        first = run_of([(local(9), {"clients": 10}), (local(9.1), {"clients": 2})], sensor="ap-1")
        second = run_of([(local(9), {"clients": 1}), (local(9.1), {"clients": 7})], sensor="ap-2")
        assert rolled_up({Kind.WIFI: [first, second]}, DAY).figures["wifi_peak_clients"] == 11

    def test_an_access_point_that_fell_silent_has_no_clients_any_more(self) -> None:
        first = run_of(every(5, "clients", 10, 8, 9), sensor="ap-1")
        second = run_of(every(5, "clients", 7, 10, 11), sensor="ap-2")
        assert rolled_up({Kind.WIFI: [first, second]}, DAY).figures["wifi_peak_clients"] == 10

    def test_concurrent_clients_are_averaged_and_never_summed_over_time(self) -> None:
        run = run_of([*every(10, "clients", 10, 0, 12), *every(10, "clients", 20, 12, 24)])
        assert rolled_up({Kind.WIFI: [run]}, DAY).figures["wifi_mean_clients"] == 15

    def test_bytes_are_the_growth_of_both_directions(self) -> None:
        readings: list[Reading] = [
            (local(9), {"rx_bytes_total": 10**12, "tx_bytes_total": 500}),
            (local(10), {"rx_bytes_total": 10**12 + 4_000_000_000, "tx_bytes_total": 700}),
        ]
        assert rolled_up({Kind.WIFI: [run_of(readings)]}, DAY).figures["wifi_bytes"] == 4_000_000_200


class TestAir:
    def test_a_mean_weighs_readings_by_the_time_they_cover(self) -> None:
        readings = [*every(10, "temperature_c", 20.0, 0, 12), *every(5, "temperature_c", 22.0, 12, 24)]
        found = rolled_up({Kind.TEMPERATURE: [run_of(readings)]}, DAY).figures
        assert found["temperature_mean_c"] == 21.0

    def test_means_take_opening_hours_and_extremes_the_whole_day(self) -> None:
        known = estate(hub(opening=OFFICE_HOURS))
        readings = [
            *every(10, "temperature_c", 14.0, 0, 9),
            *every(10, "temperature_c", 21.0, 9, 17),
            *every(10, "temperature_c", 25.0, 17, 24),
        ]
        found = rolled_up({Kind.TEMPERATURE: [run_of(readings)]}, DAY, known).figures
        assert (found["temperature_mean_c"], found["temperature_min_c"], found["temperature_max_c"]) == (21, 14, 25)

    def test_a_closed_day_has_extremes_and_no_mean(self) -> None:
        known = estate(hub(opening=OFFICE_HOURS, closures=[DAY]))
        found = rolled_up({Kind.TEMPERATURE: [run_of(every(10, "temperature_c", 14.0))]}, DAY, known).figures
        assert (found["temperature_mean_c"], found["temperature_min_c"], found["open_minutes"]) == (None, 14, 0)

    def test_suspect_readings_are_left_out_of_means_and_extremes(self) -> None:
        readings: list[Reading] = [
            *every(10, "temperature_c", 20.0),
            (local(12) + 1, {"temperature_c": 79.0, "suspect": True}),
        ]
        found = rolled_up({Kind.TEMPERATURE: [run_of(readings)]}, DAY).figures
        assert (found["temperature_mean_c"], found["temperature_max_c"]) == (20, 20)

    def test_minutes_over_a_limit_are_strictly_over_it(self) -> None:
        readings = [
            *every(5, "co2_ppm", 800.0, 9, 10),
            *every(5, "co2_ppm", 1500.0, 10, 11),
            *every(5, "co2_ppm", 1501.0, 11, 12),
            *every(5, "co2_ppm", 500.0, 12, 13),
        ]
        found = rolled_up({Kind.CO2: [run_of(readings)]}, DAY).figures
        assert (found["co2_minutes_over_800"], found["co2_minutes_over_1500"]) == (120, 60)

    def test_silence_counts_for_two_intervals_at_most(self) -> None:
        known = estate(hub(sensors=[{"id": "s1", "kinds": ["co2"], "every": "5m"}]))
        found = rolled_up({Kind.CO2: [run_of([(local(10), {"co2_ppm": 900.0})])]}, DAY, known).figures
        assert found["co2_minutes_over_800"] == 10

    def test_two_sensors_over_the_limit_at_once_are_the_same_minutes(self) -> None:
        first = run_of([*every(5, "co2_ppm", 900.0, 9, 10), *every(5, "co2_ppm", 500.0, 10, 12)], sensor="a")
        second = run_of([*every(5, "co2_ppm", 900.0, 9.5, 10.5), *every(5, "co2_ppm", 500.0, 10.5, 12)], sensor="b")
        assert rolled_up({Kind.CO2: [first, second]}, DAY).figures["co2_minutes_over_800"] == 90

    def test_nothing_over_the_limit_is_zero_minutes_and_no_sensor_is_none(self) -> None:
        assert rolled_up({Kind.CO2: [run_of(every(5, "co2_ppm", 500.0))]}, DAY).figures["co2_minutes_over_800"] == 0
        assert rolled_up({}, DAY).figures["co2_minutes_over_800"] is None

    def test_it_is_damp_by_the_temperature_beside_the_humidity_sensor(self) -> None:
        runs = {
            Kind.HUMIDITY: [run_of(every(10, "relative_humidity_pct", 81.0, 9, 11), zone="hall")],
            Kind.TEMPERATURE: [
                run_of(every(10, "temperature_c", 10.0, 9, 11), sensor="a", zone="cellar"),
                run_of(
                    [*every(10, "temperature_c", 15.0, 9, 10), *every(10, "temperature_c", 25.0, 10, 11)],
                    sensor="b",
                    zone="hall",
                ),
            ],
        }
        # Critical humidity is 80.04 % at 15 degrees, 80 % at 25 and 82.03 % at the cellar's 10. The last reading, of
        # 10:50, holds for two intervals.
        assert rolled_up(runs, DAY).figures["damp_minutes"] == 130

    def test_pressure_is_reduced_to_sea_level_where_the_altitude_is_known(self) -> None:
        runs = {
            Kind.PRESSURE: [run_of(every(10, "pressure_hpa", 1003.0))],
            Kind.TEMPERATURE: [run_of(every(10, "temperature_c", 15.0))],
        }
        high = estate(hub(altitude_m=150))
        assert rolled_up(runs, DAY, high).figures["pressure_mean_hpa"] == pytest.approx(1020.970, abs=0.001)
        assert rolled_up(runs, DAY).figures["pressure_mean_hpa"] == 1003.0

    def test_a_reading_of_yesterday_holds_past_midnight(self) -> None:
        readings: list[Reading] = [(local(-0.1), {"co2_ppm": 900.0}), *every(10, "co2_ppm", 500.0, 0.1, 24)]
        assert rolled_up({Kind.CO2: [run_of(readings)]}, DAY).figures["co2_minutes_over_800"] == 6


class TestCompleteness:
    KNOWN = estate(
        hub(
            sensors=[
                {"id": "door", "kinds": ["footfall"], "every": "5m"},
                {"id": "air", "kinds": ["temperature", "co2"], "every": "10m"},
            ]
        )
    )

    def test_every_reading_received_is_one(self) -> None:
        runs = {
            Kind.FOOTFALL: [run_of(every(5, "entries", 0), sensor="door")],
            Kind.TEMPERATURE: [run_of(every(10, "temperature_c", 20.0), sensor="air")],
            Kind.CO2: [run_of(every(10, "co2_ppm", 500.0), sensor="air")],
        }
        assert rolled_up(runs, DAY, self.KNOWN).figures["completeness"] == 1.0

    def test_a_dead_sensor_is_missed_though_nobody_sees_it(self) -> None:
        runs = {Kind.FOOTFALL: [run_of(every(5, "entries", 0), sensor="door")]}
        assert rolled_up(runs, DAY, self.KNOWN).figures["completeness"] == 0.5

    def test_a_silent_hub_is_zero_and_a_hub_of_which_nothing_is_expected_is_none(self) -> None:
        assert rolled_up({}, DAY, self.KNOWN).figures["completeness"] == 0.0
        assert rolled_up({}, DAY).figures["completeness"] is None

    def test_a_talkative_sensor_does_not_hide_a_silent_one(self) -> None:
        runs = {Kind.FOOTFALL: [run_of(every(1, "entries", 0), sensor="door")]}
        assert rolled_up(runs, DAY, self.KNOWN).figures["completeness"] == 0.5

    def test_a_running_day_expects_readings_until_now(self) -> None:
        runs = {Kind.FOOTFALL: [run_of(every(5, "entries", 0, 0, 6), sensor="door")]}
        known = estate(hub(sensors=[{"id": "door", "kinds": ["footfall"], "every": "5m"}]))
        assert rolled_up(runs, DAY, known, now_ns=local(12)).figures["completeness"] == 0.5

    def test_the_interval_of_an_unlisted_sensor_is_read_off_its_readings(self) -> None:
        runs = {Kind.FOOTFALL: [run_of(every(30, "entries", 1)[:24])]}
        assert rolled_up(runs, DAY).figures["completeness"] == 0.5

    def test_the_second_line_of_a_counter_has_the_interval_of_its_device(self) -> None:
        runs = {Kind.FOOTFALL: [run_of(every(5, "entries", 1), sensor=name) for name in ("door", "door-line2")]}
        known = estate(hub(sensors=[{"id": "door", "kinds": ["footfall"], "every": "5m"}]))
        assert rolled_up(runs, DAY, known).figures["completeness"] == 1.0


class TestHours:
    def test_the_hours_add_up_to_the_day(self) -> None:
        totals = [(local(h * 1.7 - 1), {"entries_total": int(h * 13), "exits_total": int(h * 11)}) for h in range(20)]
        found = rolled_up({Kind.FOOTFALL: [run_of(totals)]}, DAY)
        for name in ("entries", "exits"):
            assert sum(int(hour[name] or 0) for _, hour in found.hours) == found.figures[name]

    def test_an_hour_without_a_reading_is_none_and_not_zero(self) -> None:
        found = rolled_up({Kind.FOOTFALL: [door((9, 3, 0), (11, 0, 0))]}, DAY)
        assert [hour["entries"] for _, hour in found.hours[8:13]] == [None, 3, None, 0, None]

    def test_occupancy_in_an_hour_counts_who_came_before(self) -> None:
        found = rolled_up({Kind.FOOTFALL: [door((9, 10, 0), (10, 0, 0), (11, 1, 4))]}, DAY)
        nine, eleven = found.hours[9][1], found.hours[11][1]
        assert (nine["peak_occupancy"], nine["occupancy_drift"]) == (10, 10)
        assert (eleven["peak_occupancy"], eleven["occupancy_drift"]) == (10, 7)

    def test_a_running_day_has_the_hours_that_have_begun(self) -> None:
        assert len(rolled_up({}, DAY, now_ns=local(12.5)).hours) == 13

    def test_both_of_the_hours_that_autumn_repeats_are_there(self) -> None:
        readings: list[Reading] = [
            (at("2026-10-25T01:30+01:00"), {"entries": 3}),
            (at("2026-10-25T01:30+00:00"), {"entries": 4}),
        ]
        found = rolled_up({Kind.FOOTFALL: [run_of(readings)]}, "2026-10-25")
        assert [hour["entries"] for _, hour in found.hours[:4]] == [None, 3, 4, None]
