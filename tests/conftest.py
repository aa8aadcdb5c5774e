"""Fixtures shared by all rooms' tests: real servers, a real browser, and the rule for what is not installed."""

import contextlib
import gc
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.browser import Chromium
from tests.real_parts import find, missing_parts, require, require_data_set
from tests.servers import Influxd, Mosquitto

# A busy machine is no bug: what hangs is caught by the timeout of the whole test. A failure prints how to repeat it.
hypothesis.settings.register_profile("hubpulse", deadline=None, print_blob=True)
hypothesis.settings.load_profile("hubpulse")


# Fixtures of a whole run that every worker may have of its own: they are made in a second.
CHEAP = frozenset({"_shared_influxd", "installed", "wheel"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share a fixture on one worker (`--dist loadgroup`), so that it is made once."""
    for item in items:
        if isinstance(item, pytest.Function):
            fixtures = (fixtures[-1] for fixtures in item._fixtureinfo.name2fixturedefs.values())
            for fixture in fixtures:
                if fixture.scope != "function" and fixture.baseid and fixture.argname not in CHEAP:
                    item.add_marker(pytest.mark.xdist_group(f"{fixture.baseid}:{fixture.argname}"))


def pytest_collection_finish() -> None:
    """Spare the garbage collector what lives as long as the run: all that was imported and collected."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for part in marker.args:
            require(part)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    outcomes = (terminalreporter.stats.get(outcome, []) for outcome in ("skipped", "failed", "error"))
    for missing, tests in sorted(missing_parts(itertools.chain(*outcomes)).items()):
        counted = "1 test" if tests == 1 else f"{tests} tests"
        terminalreporter.write_line(f"Not everything ran: {missing}, so {counted} did not run.", yellow=True)


@pytest.fixture
def make_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Start brokers with the settings of one's own: `make_mosquitto(max_inflight_messages=5000)`."""
    with contextlib.ExitStack() as running:

        def start(**settings: str | int) -> Mosquitto:
            folder = tmp_path / f"mosquitto-{len(list(tmp_path.glob('mosquitto-*')))}"
            return running.enter_context(Mosquitto(folder, **settings))  # type: ignore[arg-type] # kwargs pass through

        yield start


@pytest.fixture
def mosquitto(make_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """A broker of this test's own."""
    return make_mosquitto()


@pytest.fixture(scope="session")
def _shared_influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd | None]:
    if find("influxd") is None:
        yield None
        return
    with Influxd(tmp_path_factory.mktemp("influxd")) as server:
        yield server


@pytest.fixture
def influxd(_shared_influxd: Influxd | None) -> Influxd:
    """An InfluxDB 1.x that all tests share: never stop it, and stay within `influx_database`."""
    require("influxd")
    assert _shared_influxd is not None
    return _shared_influxd


_database_numbers = itertools.count(1)


@pytest.fixture
def influx_database(influxd: Influxd) -> Iterator[str]:
    """The name of a database of this test's own, not created yet and dropped afterwards."""
    name = f"test_{next(_database_numbers)}"
    yield name
    influxd.query(f'DROP DATABASE "{name}"')


@pytest.fixture
def own_influxd(tmp_path: Path) -> Iterator[Influxd]:
    """An InfluxDB 1.x of this test's own, to be stopped and killed at will."""
    with Influxd(tmp_path / "influxd") as server:
        yield server


@pytest.fixture
def chromium() -> Chromium:
    """A headless browser that reaches this machine only."""
    return Chromium()


@pytest.fixture
def data_set() -> Callable[[str], Path]:
    """Find one of the large public data sets by name, or skip the test: `data_set("uci_calit2")`."""
    return require_data_set
