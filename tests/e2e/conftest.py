"""A pipeline on real parts: mosquitto, and InfluxDB 1.6.7 or SQLite as its store."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.pipeline import Pipeline
from tests.servers import Influxd, Mosquitto

# Subscriptions in the log say when the broker keeps messages for a client.
_LOG = "\n".join(f"log_type {kind}" for kind in ("error", "warning", "notice", "subscribe"))

StoreSettings = dict[str, str]


@pytest.fixture
def broker(make_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """A broker that logs subscriptions."""
    return make_mosquitto(settings=_LOG)


@pytest.fixture(params=["influxdb", "sqlite"])
def store_settings(request: pytest.FixtureRequest) -> StoreSettings:
    """What the environment says of each store in turn."""
    if request.param == "sqlite":
        return {"HUBPULSE_STORE": "sqlite"}
    influxd: Influxd = request.getfixturevalue("influxd")
    return influx_settings(influxd, request.getfixturevalue("influx_database"))


@pytest.fixture
def make_pipeline(broker: Mosquitto, tmp_path: Path) -> Callable[..., Pipeline]:
    """Set a pipeline up: `make_pipeline(estate, HUBPULSE_STORE="sqlite")`."""

    def make(estate: Path, **settings: Any) -> Pipeline:
        return Pipeline(tmp_path / "hubpulse", broker, estate, settings)

    return make


def influx_settings(influxd: Influxd, database: str) -> StoreSettings:
    return {
        "HUBPULSE_STORE": "influxdb",
        "HUBPULSE_INFLUX__URL": influxd.url,
        "HUBPULSE_INFLUX__BUCKET": database,
    }
