"""The house stays in order: every rule of tidy_rules.py holds for every file, and every rule can be broken."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path, PurePosixPath

import pytest

from schemas.log_events import LOG_EVENTS
from tests import tidy_rules
from tests.project_files import project_files
from tests.real_parts import REPOSITORY

Rule = Callable[[PurePosixPath, str], Iterator[str]]

LOGS, LOG = tidy_rules.logs_what_is_not_listed, "log = structlog.get_logger()\n"

CODE_RULES: tuple[Rule, ...] = (
    tidy_rules.breaks_import_law,
    tidy_rules.has_bare_except,
    tidy_rules.prints,
    tidy_rules.logs_what_is_not_listed,
    tidy_rules.sleeps,
    tidy_rules.is_too_long,
    tidy_rules.has_a_name_that_says_nothing,
)


def names_this_machine(path: PurePosixPath, text: str) -> Iterator[str]:
    return tidy_rules.names_this_machine(path, text, REPOSITORY)


TEXT_RULES: tuple[Rule, ...] = (names_this_machine, tidy_rules.names_a_registry)


@pytest.mark.parametrize("rule", CODE_RULES)
def test_the_code_is_tidy(rule: Rule) -> None:
    code = {path: text for path, text in project_files().items() if path.suffix == ".py"}

    assert PurePosixPath("tests/test_tidy.py") in code
    assert list(chain.from_iterable(rule(path, text) for path, text in code.items())) == []


@pytest.mark.parametrize("rule", TEXT_RULES)
def test_no_file_names_a_machine_or_a_registry(rule: Rule) -> None:
    files = project_files()

    assert PurePosixPath("constraints.txt") in files
    assert list(chain.from_iterable(rule(path, text) for path, text in files.items())) == []


def test_every_event_of_the_list_is_logged_somewhere() -> None:
    code = [text for path, text in project_files().items() if path.suffix == ".py" and path.name != "log_events.py"]

    assert [event for event in LOG_EVENTS if not any(f'"{event}"' in text for text in code)] == []


def test_the_table_of_events_is_current() -> None:
    rows = [
        f"| `{name}` | {', '.join(f'`{field}`' for field in event.fields)} | {event.meaning} |"
        for name, event in LOG_EVENTS.items()
    ]
    table = "\n".join(["| event | fields | meaning |", "|---|---|---|", *rows])

    assert table in (REPOSITORY / "docs" / "operations.md").read_text()


GLOSSARY = PurePosixPath("docs/glossary.md")
RETIRED = tidy_rules.retired_words((REPOSITORY / GLOSSARY).read_text())


def test_no_file_uses_a_word_that_the_glossary_retires() -> None:
    files = {
        path: text
        for path, text in project_files().items()
        if path not in {GLOSSARY, PurePosixPath("tests/test_tidy.py")}
    }

    assert len(RETIRED) > 8
    assert [
        fault for path, text in files.items() for fault in tidy_rules.uses_a_retired_word(path, text, RETIRED)
    ] == []


@pytest.mark.parametrize("text", ["x = _open_lane(y)", "a `Sighting`", "a pretend\nestate"])
def test_a_retired_word_is_found(text: str) -> None:
    assert len(list(tidy_rules.uses_a_retired_word(PurePosixPath("a.md"), text, RETIRED))) == 1


@pytest.mark.parametrize("text", ["reopen_lane(y)", "Sightings of birds", "to pretend that an estate"])
def test_what_only_looks_like_a_retired_word_is_fine(text: str) -> None:
    assert list(tidy_rules.uses_a_retired_word(PurePosixPath("a.md"), text, RETIRED)) == []


def test_limits_of_the_air_stand_in_the_catalogue_alone() -> None:
    files = {path: text for path, text in project_files().items() if path.suffix in {".py", ".html", ".js", ".css"}}

    assert tidy_rules.CATALOGUE in files
    assert list(chain.from_iterable(tidy_rules.states_a_limit(path, text) for path, text in files.items())) == []


@pytest.mark.parametrize(
    "path, source",
    [
        ("dashboards/a.py", "good = ppm < 800"),
        ("usage/a.py", "CO2_BAD_PPM = 1500"),
        ("dashboards/a.py", "COLD_BELOW_C = 16"),
        ("dashboards/a.py", "if temperature_c < 16: pass"),
        ("dashboards/a.py", "HUMIDITY_COMFORT_PCT = (40, 70)"),
        ("dashboards/grafana/a.py", 'steps = ((16, "blue"),)'),
        ("dashboards/a.py", 'text = "over 1500 ppm"'),
        ("dashboards/web/templates/a.html", "above 1&#8239;500 ppm poor"),
        ("dashboards/a.py", '"at least 16 °C"'),
    ],
)
def test_a_limit_of_the_air_is_found(path: str, source: str) -> None:
    assert len(faults(tidy_rules.states_a_limit, path, source)) == 1


@pytest.mark.parametrize(
    "path, source",
    [
        ("schemas/measures.py", "CO2_POOR_PPM = 1500"),
        ("simulators/truth/oracle.py", "_POOR_PPM = 800"),
        ("usage/a.py", 'minutes = row["co2_minutes_over_800"]'),
        ("usage/a.py", "bits = 16"),
        ("usage/a.py", "if bits == 16: pass"),
        ("dashboards/a.py", "width = 40"),
        ("dashboards/a.py", "COLUMNS = (40, 60)"),
        ("sensors/decoders/a.py", "temperature_c = int.from_bytes(raw[0:2])"),
    ],
)
def test_other_numbers_are_fine(path: str, source: str) -> None:
    assert faults(tidy_rules.states_a_limit, path, source) == []


def faults(rule: Rule, path: str, text: str) -> list[str]:
    return list(rule(PurePosixPath(path), text))


@pytest.mark.parametrize(
    "path, source",
    [
        ("schemas/readings.py", "import sensors"),
        ("sensors/formats/native.py", "from stores import Store"),
        ("stores/sqlite.py", "from ingest.buffer import Buffer"),
        ("ingest/writer.py", "def late():\n    import usage.calendar"),
        ("usage/rollup.py", "from ingest import Buffer"),
        ("dashboards/web/board.py", "import hubpulse"),
        ("dashboards/web/board.py", "import importlib\nimportlib.import_module('cli.demo')"),
        ("simulators/estate.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import stores"),
        ("simulators/estate.py", "__import__('ingest')"),
        ("cli/demo.py", "import hubpulse"),
        ("stores/influx.py", "from tests.waiting import wait_until"),
    ],
)
def test_an_import_upwards_is_found(path: str, source: str) -> None:
    assert len(faults(tidy_rules.breaks_import_law, path, source)) == 1


@pytest.mark.parametrize(
    "path, source",
    [
        ("sensors/formats/native.py", "from schemas import Reading"),
        ("stores/sqlite.py", "from stores.protocol import Store"),
        ("stores/sqlite.py", "from .protocol import Store"),
        ("dashboards/web/board.py", "import usage, ingest"),
        ("hubpulse.py", "from cli import main"),
        ("tests/stores/test_sqlite.py", "import hubpulse, stores"),
        ("ingest/writer.py", "import usages, json"),
    ],
)
def test_an_import_downwards_is_fine(path: str, source: str) -> None:
    assert faults(tidy_rules.breaks_import_law, path, source) == []


def test_the_law_covers_every_room_there_is() -> None:
    packages = {path.parts[0] for path in project_files() if path.name == "__init__.py"}

    assert packages <= tidy_rules.OURS


@pytest.mark.parametrize(
    "rule, path, bad, good",
    [
        (
            tidy_rules.has_bare_except,
            "stores/a.py",
            "try:\n    x()\nexcept:\n    pass",
            "try:\n    x()\nexcept OSError:\n    pass",
        ),
        (tidy_rules.prints, "ingest/a.py", "print('hello')", "log('print')"),
        (tidy_rules.prints, "tests/test_a.py", "print('hello')", "assert 'print()'"),
        (LOGS, "a/a.py", f"{LOG}log.info('hubs_loaded')", f"{LOG}log.info('estate_reloaded', hubs=22, hint='none')"),
        (LOGS, "a/a.py", f"{LOG}log.info('estate_reloaded', hub=22)", f"{LOG}log.log(30, 'session_lost')"),
        (LOGS, "a/a.py", f"{LOG}level = log.error", f"{LOG}log.error('store_holding', error=str(error))"),
        (LOGS, "a/a.py", "logger = structlog.get_logger()", LOG),
        (tidy_rules.sleeps, "tests/test_a.py", "import time\ntime.sleep(1)", "import time\ntime.monotonic()"),
        (tidy_rules.sleeps, "tests/test_a.py", "from time import sleep", "from time import monotonic"),
        (tidy_rules.sleeps, "tests/test_a.py", "asyncio.sleep(0.1)", "asyncio.sleep(0)"),
        (tidy_rules.is_too_long, "usage/a.py", "x\n" * 401, "x\n" * 400),
        (names_this_machine, "README.md", f"cd {REPOSITORY}/data", "cd hubpulse/data"),
        (names_this_machine, "README.md", "ls /home/" + "ada/hubs", "ls /etc/hubpulse"),
        (names_this_machine, "a.py", "open('/root/" + "x.txt')", "x = 'my/root/x.txt'"),
        (tidy_rules.names_a_registry, "a.txt", "https://" + "pypi.org/simple", "https://docs.python.org/3/"),
        (tidy_rules.names_a_registry, "a.txt", "pip install --index" + "-url x", "pip install --index x"),
    ],
)
def test_a_fault_is_found_and_its_like_is_not(rule: Rule, path: str, bad: str, good: str) -> None:
    assert len(faults(rule, path, bad)) == 1
    assert faults(rule, path, good) == []


@pytest.mark.parametrize("path", ["ingest/utils.py", "stores/helpers/sqlite.py", "common/__init__.py"])
def test_a_name_that_says_nothing_is_found(path: str) -> None:
    assert len(faults(tidy_rules.has_a_name_that_says_nothing, path, "")) == 1


@pytest.mark.parametrize("path", ["cli/demo.py", "hubpulse.py", "benchmarks/ingest.py"])
def test_the_command_line_may_print(path: str) -> None:
    assert faults(tidy_rules.prints, path, "print('hello')") == []


def test_the_checkout_path_is_real(tmp_path: Path) -> None:
    text = f"see {tmp_path}/notes"

    assert list(tidy_rules.names_this_machine(PurePosixPath("a.md"), text, tmp_path)) != []
    assert list(tidy_rules.names_this_machine(PurePosixPath("a.md"), text, tmp_path / "elsewhere")) == []
