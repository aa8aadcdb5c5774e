"""What README.md and the pages under docs tell people to type is there, and does what they say."""

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cli.app import FrontDoor
from ingest.doctor import State, ingest_finding
from schemas import Settings
from stores.sqlite_store import SqliteStore
from tests import pictures
from tests.cli.command import ANSWER_DEADLINE_S, PROGRAM, Answer
from tests.e2e.pipeline import READY_DEADLINE_S, STORED_DEADLINE_S, Pipeline
from tests.real_parts import REPOSITORY
from tests.servers import Mosquitto
from tests.waiting import wait_until
from usage.lease import Lease

README = REPOSITORY / "README.md"
PAGES = [README, *sorted((REPOSITORY / "docs").glob("*.md"))]
INDENT = re.compile(r" {4,}")
SUBSTITUTED = re.compile(r"\$\([^)]*\)")
ENDS_A_COMMAND = {"|", "||", "&&", ";", "&", ">", ">>", "<"}


def blocks(page: Path) -> Iterator[str]:
    """The indented and the fenced blocks of a page, without their indentation or fences."""
    text = page.read_text()
    fence = re.compile(r"^```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    yield from fence.findall(text)
    for block in re.findall(r"(?:^ {4,}\S.*\n|^\n(?= {4,}))+", fence.sub("", text), re.MULTILINE):
        lines = block.strip("\n").split("\n")
        depth = min(len(found.group()) for line in lines if (found := INDENT.match(line)))
        yield "\n".join(line[depth:] for line in lines)


def commands(page: Path) -> Iterator[str]:
    """Every line of a page's blocks; one that ends in a backslash goes on in the next."""
    for block in blocks(page):
        yield from (line.strip() for line in block.replace("\\\n", " ").splitlines())


def words(line: str) -> list[str]:
    """A line as a shell reads it: comments gone; what $(...) would print is a date on our pages."""
    if "hubpulse" not in line:
        return []
    lexer = shlex.shlex(SUBSTITUTED.sub("2026-01-05", line), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(lexer)


def calls(line: str) -> Iterator[list[str]]:
    """The arguments of each call of hubpulse in a line."""
    arguments: list[str] | None = None
    starts = True
    for word in words(line):
        if word in ENDS_A_COMMAND:
            if arguments is not None:
                yield arguments
            arguments = None
        elif arguments is not None:
            arguments.append(word)
        elif starts and word == "hubpulse":
            arguments = []
        # A setting may stand before the command.
        starts = word in ENDS_A_COMMAND or bool(starts and re.match(r"[A-Z_0-9]+=", word))
    if arguments is not None:
        yield arguments


def parse(arguments: list[str]) -> None:
    """Read the arguments as the real command line does, and run nothing. Raises what it would answer."""
    command: Any = FrontDoor()
    rest = list(arguments)
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    if getattr(command, "commands", {}) and not (command.invoke_without_command and rest[:1] and rest[0][0] == "-"):
        message = f"no such command: {' '.join(arguments)}"
        raise LookupError(message)
    command.make_context(command.name, rest)


CALLS = [(page.name, call) for page in PAGES for line in commands(page) for call in calls(line)]
README_LINES = list(commands(README))


@pytest.mark.parametrize("call", [pytest.param(call, id=f"{page}: {' '.join(call)}") for page, call in CALLS])
def test_every_command_of_the_pages_is_understood(call: list[str]) -> None:
    parse(call)


def test_enough_is_found_on_the_pages() -> None:
    found = {tuple(call[:2]) for page, call in CALLS if page == "README.md"}
    assert {("quarantine", "redrive"), ("usage", "export"), ("explain", "--topic"), ("simulate", "verify")} <= found
    assert {page for page, _ in CALLS} >= {"operations.md", "replay.md", "simulate.md", "dashboards.md"}


@pytest.mark.parametrize(
    "wrong",
    [
        "hubpulse demo --prot 8081",
        "echo 1 | hubpulse explian -",
        "A=1 hubpulse usage exprot",
        "hubpulse replay --mapping",
    ],
)
def test_a_wrong_command_is_found(wrong: str) -> None:
    (call,) = calls(wrong)
    with pytest.raises(Exception, match=r"(?i)no such|unexpected|missing|requires"):
        parse(call)


def test_the_make_targets_are_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    named = {line.split()[1] for line in README_LINES if line.startswith("make ")}
    assert {"run", "test"} <= named <= targets


def test_every_file_the_readme_names_is_there() -> None:
    named = re.findall(r"`((?:docs|simulators|tests)/[\w./-]*)`|\]\(([\w./-]+)\)", README.read_text())
    paths = [code or link for code, link in named]
    assert "docs/operations.md" in paths
    assert [path for path in paths if not (REPOSITORY / path).exists()] == []


def test_the_readme_shows_small_pictures_that_make_pictures_takes() -> None:
    shown = re.findall(r"\]\(docs/images/(\w+)\.png\)", README.read_text())
    assert sorted(shown) == sorted(pictures.NAMES)
    assert all((pictures.FOLDER / f"{name}.png").stat().st_size < 200_000 for name in shown)


class Reader:
    """Somebody who types what the README says, into a shell, in a folder of their own."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.folder = folder
        (folder / ".config").mkdir(parents=True)
        (folder / ".config" / "mosquitto_pub").write_text(f"-p {broker.port}\n")
        shutil.copy(REPOSITORY / "estate.example.yaml", folder)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HUBPULSE_")}
        self._environment = inherited | {
            "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "TZ": "Europe/London",
            "HUBPULSE_MQTT__HOST": broker.host,
            "HUBPULSE_MQTT__PORT": str(broker.port),
        }

    def types(self, start: str, *, exit_code: int = 0, **replaced: str) -> Answer:
        """Run the README's one line that starts so, with some of its words replaced, if any."""
        (line,) = {line for line in README_LINES if line.startswith(start)}
        for word, other in replaced.items():
            assert word in line
            line = line.replace(word, other)
        ended = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", line],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ANSWER_DEADLINE_S,
            check=False,
        )
        assert ended.returncode == exit_code, f"{line}\n{ended.stdout}\n{ended.stderr}"
        return Answer(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture
def pipeline(tmp_path: Path, make_mosquitto: Callable[..., Mosquitto]) -> Iterator[Pipeline]:
    """Ingest at work in the reader's folder."""
    broker = make_mosquitto(settings="log_type subscribe\nlog_type error")
    folder = tmp_path / "reader"
    folder.mkdir()
    pipeline = Pipeline(folder, broker, folder / "estate.yaml", {})
    shutil.copy(REPOSITORY / "estate.example.yaml", folder / "estate.yaml")
    with pipeline.start_ingest() as ingest:
        pipeline.wait_until_subscribed(ingest)
        yield pipeline


@pytest.fixture
def reader(pipeline: Pipeline) -> Reader:
    return Reader(pipeline.command.folder, pipeline.broker)


def wait_for_messages(pipeline: Pipeline, number: int) -> None:
    def is_done() -> bool:
        ledger = pipeline.ledger()
        return ledger is not None and ledger.messages_received >= number and not ledger.readings_pending

    wait_until(is_done, STORED_DEADLINE_S, f"{number} messages to be stored or refused")


def says_that_it_receives(pipeline: Pipeline) -> bool:
    """Ingest leaves its sign of life some seconds apart, so at first the last one may be from before it connected."""
    settings = Settings(data_dir=pipeline.data)
    return ingest_finding(settings, clock_ns=time.time_ns).state is State.OK


@pytest.mark.needs("mosquitto", "mosquitto_pub")
def test_a_reader_publishes_asks_why_and_exports(pipeline: Pipeline, reader: Reader) -> None:
    reader.types("cp estate.example.yaml")
    explained = json.loads(reader.types("echo 21.4 | hubpulse explain").out)
    assert [reading["fields"] for reading in explained["readings"]] == [{"temperature_c": 21.4}]
    assert "empty" in reader.types("hubpulse quarantine list").out

    reader.types("mosquitto_pub ")
    reader.types("mosquitto_pub ", armley="newhub")
    wait_for_messages(pipeline, 2)
    listed = reader.types("hubpulse quarantine list").out
    assert "unknown_hub" in listed
    assert "newhub" in listed
    with (reader.folder / "estate.yaml").open("a") as estate:
        estate.write("\n  - id: newhub\n")
    assert "1 messages taken (1 readings)" in reader.types("hubpulse quarantine redrive --reason").out
    assert "The ledger balances." in reader.types("hubpulse ledger").out

    # The demo's folder stands for this one; its jobs run as well.
    (pipeline.data / "demo").symlink_to(pipeline.data)
    wait_until(lambda: says_that_it_receives(pipeline), READY_DEADLINE_S, "ingest to say that it receives")
    with closing(SqliteStore(pipeline.data / "store.db")) as store:
        assert Lease(1).hold(store, time.time_ns(), lambda _seconds: None)
    doctor = reader.types("hubpulse doctor --data data/demo").out
    assert {line.split()[0] for line in doctor.splitlines()} == {"ok"}
    reader.types("hubpulse usage export --data data/demo")
    with (reader.folder / "week.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["hub"] == "armley"]
    assert len(rows) == 8
    assert [row["temperature_max_c"] for row in rows] == ["", "", "", "", "", "", "", "21.4"]
    assert reader.types("hubpulse usage why --data data/demo").out.startswith("armley, ")


@pytest.mark.needs("mosquitto")
def test_a_reader_replays_a_table(pipeline: Pipeline, reader: Reader) -> None:
    text = README.read_text()
    said = re.search(r"begins with `([^`]+)` and rows like `([^`]+)`", text)
    assert said is not None
    (reader.folder / "counts.csv").write_text("\n".join(said.groups()) + "\n")
    (mapping,) = (block for block in blocks(README) if block.startswith("time:"))
    (reader.folder / "counts.yaml").write_text(mapping)

    assert "sent 1, acknowledged 1" in reader.types("hubpulse replay counts.csv").out
    wait_for_messages(pipeline, 1)
    exported = reader.types("hubpulse usage export --from").out
    (row,) = csv.DictReader(exported.splitlines())
    assert (row["hub"], row["date"], row["entries"], row["exits"]) == ("armley", "2026-11-02", "12", "3")


def test_the_scenarios_of_the_readme_are_listed(tmp_path: Path) -> None:
    listed = subprocess.run(
        [PROGRAM, "simulate", "list"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=ANSWER_DEADLINE_S,
        check=True,
    ).stdout
    named = re.findall(r"--scenario ([\w-]+)", README.read_text())
    assert len(named) >= 5
    assert [name for name in named if f"  {name} " not in listed] == []
