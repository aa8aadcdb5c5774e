"""Public data sets, replayed through a real broker into real stores: every day has the file's own figures.

What is expected is summed here from the files, with `csv` and nothing of ours.
"""

import csv
import gzip
import io
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from statistics import fmean

import pytest

from schemas import Settings
from schemas.settings import InfluxSettings
from stores import open_store
from tests.e2e.pipeline import Figures, Pipeline, shipped_estate
from tests.real_parts import REPOSITORY

pytestmark = pytest.mark.needs("mosquitto", "influxd")

CALIT2_PART = REPOSITORY / "tests" / "data" / "uci_calit2" / "inout_30min_part.csv"
STEPS_A_DAY = 24 * 12
SHOWN_TO = 0.001


def rows(path: Path) -> Iterator[dict[str, str]]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    yield from csv.DictReader(io.StringIO(text, newline=""))


def door_days(path: Path) -> Figures:
    """Entries and exits of each day of a CalIt2 file, as an export prints them: no cell where the file has none."""
    cells: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in rows(path):
        day = cells[row["local_time_start"][:10]]
        for name, column in (("entries", "in_count"), ("exits", "out_count")):
            if row[column]:
                day[name].append(int(row[column]))
    return {day: {name: str(sum(counts)) for name, counts in fields.items()} for day, fields in cells.items()}


def values_stored(pipeline: Pipeline, store_settings: dict[str, str], field: str) -> int:
    """How many values of a footfall field the store holds."""
    settings = Settings(data_dir=pipeline.data, store="sqlite")
    if store_settings["HUBPULSE_STORE"] == "influxdb":
        influx = InfluxSettings(
            url=store_settings["HUBPULSE_INFLUX__URL"], bucket=store_settings["HUBPULSE_INFLUX__BUCKET"]
        )
        settings = Settings(data_dir=pipeline.data, store="influxdb", influx=influx)
    with closing(open_store(settings)) as store:
        runs = store.read("footfall", start_ns=0, stop_ns=2**62)
        return sum(value is not None for run in runs for value in run.columns[field])


@pytest.fixture
def calit2(request: pytest.FixtureRequest) -> Path:
    if request.param == "part":
        return CALIT2_PART
    data_set: Callable[[str], Path] = request.getfixturevalue("data_set")
    return data_set("uci_calit2") / "calit2_inout_30min.csv"


@pytest.mark.parametrize(
    "calit2, store_settings",
    [("part", "sqlite"), ("whole", "influxdb"), ("whole", "sqlite")],
    indirect=True,
)
def test_every_day_of_the_door_has_the_files_own_sums(
    calit2: Path, store_settings: dict[str, str], make_pipeline: Callable[..., Pipeline]
) -> None:
    pipeline = make_pipeline(shipped_estate("calit2"), **store_settings)
    with pipeline.start_ingest() as ingest:
        pipeline.wait_until_subscribed(ingest)
        sent = pipeline.replay(calit2, "--mapping", "calit2")
        ledger = pipeline.wait_until_all_stored(ingest)
    expected = door_days(calit2)
    found = pipeline.export(min(expected), max(expected), "calit2")
    assert {day: {name: row[name] for name in ("entries", "exits") if name in row} for day, row in found.items()} == (
        expected
    )
    assert len(expected) == (5 if calit2 == CALIT2_PART else 105)
    assert (ledger.balanced, ledger.messages_accepted, ledger.messages_refused) == (True, sent, 1)
    assert pipeline.command.run("ledger", "--json").json["readings_stored"] == sent
    # A cell that is empty in the file is no reading, rather than nobody.
    given = {
        field: sum(bool(row[column]) for row in rows(calit2))
        for field, column in (("entries", "in_count"), ("exits", "out_count"))
    }
    assert {field: values_stored(pipeline, store_settings, field) for field in given} == given
    assert sum(given.values()) < 2 * sent


def test_every_day_of_a_room_has_the_files_own_air_and_wifi(
    data_set: Callable[[str], Path], store_settings: dict[str, str], make_pipeline: Callable[..., Pipeline]
) -> None:
    path = data_set("robod") / "combined_Room1.csv.gz"
    columns = {"air_temperature": "temperature", "indoor_co2": "co2", "wifi_connected_devices": "wifi"}
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows(path):
        for column, name in columns.items():
            if row[column]:
                values[row["timestamp"][:10]][name].append(float(row[column]))
    pipeline = make_pipeline(shipped_estate("robod"), **store_settings)
    with pipeline.start_ingest() as ingest:
        pipeline.wait_until_subscribed(ingest)
        sent = pipeline.replay(path, "--mapping", "robod")
        ledger = pipeline.wait_until_all_stored(ingest)
    assert (ledger.balanced, ledger.messages_accepted, ledger.messages_refused) == (True, sent, 1)
    found = pipeline.export(min(values), max(values), "robod-room1")
    assert {day for day, row in found.items() if "co2_max_ppm" in row} == set(values)
    assert len(values) == 29
    whole_days = 0
    for day, given in values.items():
        row = found[day]
        assert float(row["co2_max_ppm"]) == pytest.approx(max(given["co2"]), abs=SHOWN_TO)
        assert float(row["wifi_peak_clients"]) == max(given["wifi"])
        # Where a row lacks its temperature, the one before holds on, so only a whole day has the rows' plain mean.
        is_whole = len(given["temperature"]) == STEPS_A_DAY
        whole_days += is_whole
        tolerance = SHOWN_TO if is_whole else 0.02
        assert float(row["temperature_mean_c"]) == pytest.approx(fmean(given["temperature"]), abs=tolerance)
    assert whole_days >= 20
