"""docker-compose.yml and the Dockerfile rehearsed without an engine: from `init` to a hub's figure on the board."""

import json
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from tests.deploy.compose_file import SERVICES, STARTED
from tests.deploy.containers import (
    ADDRESSES,
    READY_DEADLINE_S,
    SENSORS_NAME,
    Container,
    Network,
    Project,
    Root,
    plain_root,
    require_namespaces,
)
from tests.deploy.image import Image, make_root
from tests.real_parts import REPOSITORY
from tests.waiting import wait_until

pytestmark = [pytest.mark.needs("bwrap", "mosquitto", "mosquitto_pub", "influxd"), pytest.mark.timeout(300)]

OURS = ("ingest", "jobs", "board")
PYTHON = Path(sys.base_prefix) / f"bin/python{sysconfig.get_python_version()}"
ENTRIES = 471
# What the image's 2.x answers by its own command.
PING = f"""#!{PYTHON}
import sys, urllib.request
assert sys.argv[1:] == ["ping"]
urllib.request.urlopen("http://localhost:8086/ping", timeout=5)
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    require_namespaces()
    return Image(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, image: Image) -> Iterator[Project]:
    """The project with its secrets, made by its own `init`."""
    folder = tmp_path_factory.mktemp("project")
    with closing(Network(folder)) as network:
        made = Project(folder, network)
        with Container(made, "init", ours(image), command=["--host", SENSORS_NAME]) as init:
            assert "made deploy/secrets/hubs/armley/mqtt_password" in init.wait()
        yield made


def ours(image: Image) -> Root:
    return Root(image.arguments, image.environment, image.entrypoint, image.final.last("WORKDIR"))


@pytest.fixture(scope="module")
def containers(
    project: Project, image: Image, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Container]]:
    """Every service that a plain `up` starts and that this machine has a program for, each healthy."""
    folder = tmp_path_factory.mktemp("others")
    ping, front = folder / "influx", folder / "front"
    ping.write_text(PING)
    ping.chmod(0o755)
    front.write_bytes((REPOSITORY / "tests/deploy/influxdb_stand_in.py").read_bytes())
    others = plain_root(make_root(folder / "root"), ping, front)
    store = [str(PYTHON), "-I", "/opt/bin/front"]
    commands = {"mosquitto": ["mosquitto", "-c", "/mosquitto/config/mosquitto.conf"], "influxdb": store}
    with ExitStack() as running:
        started: dict[str, Container] = {}
        for name in ("mosquitto", "influxdb", *OURS):
            command = commands.get(name)
            container = Container(project, name, others if command else ours(image), command=command)
            assert STARTED[name].get("depends_on", {}).keys() <= started.keys()
            started[name] = running.enter_context(container)
            container.wait_until_healthy()
        yield started


def fetch(project: Project, path: str) -> str:
    """What the board answers to a browser on its address, once its admin has signed in."""
    origin = f"http://{ADDRESSES['board']}:8080"
    ask = """
import sys, urllib.parse, urllib.request
from http.cookiejar import CookieJar
origin, path, password = sys.argv[1:]
browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
assert "Sign in" in browser.open(origin + path if "/api/" not in path else origin, timeout=30).read().decode()
form = urllib.parse.urlencode({"name": "admin", "password": password, "next": path}).encode()
request = urllib.request.Request(origin + "/login", form, {"Origin": origin})
sys.stdout.buffer.write(browser.open(request, timeout=30).read())
"""
    password = (project.folder / "deploy/secrets/hubpulse/board_admin_password").read_text()
    command = [*project.network.enter(), str(PYTHON), "-Ic", ask, origin, path, password]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def publish(
    project: Project, payload: object, *, topic: str = "hubs/armley/footfall/door-1", user: str = "armley"
) -> None:
    """Publish as a hub's sensor does: by TLS, with the hub's own password, and with the authority's certificate."""
    secrets = project.folder / "deploy/secrets"
    password = (secrets / f"hubs/{user}/mqtt_password").read_text()
    options = ["-h", SENSORS_NAME, "-p", "8883", "--cafile", str(secrets / "ca/ca.crt"), "-V", "5", "-q", "1"]
    command = ["mosquitto_pub", *options, "-u", f"hub-{user}", "-P", password, "-t", topic, "-m", json.dumps(payload)]
    names = ["--ro-bind", str(project.network.hosts), "/etc/hosts"]
    sandbox = ["bwrap", "--bind", "/", "/", *names, "--die-with-parent", "--"]
    ended = subprocess.run([*project.network.enter(), *sandbox, *command], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_what_a_hub_publishes_by_tls_is_on_the_board(project: Project, containers: dict[str, Container]) -> None:
    # Of yesterday: what falls on a past day is counted within seconds.
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    publish(project, {"time": noon.isoformat(), "entries": ENTRIES, "exits": ENTRIES})

    def figure() -> Any:
        assert all(container.is_running for container in containers.values())
        rows = json.loads(fetch(project, f"/api/v1/usage/daily?from={noon.date()}&to={noon.date()}&hub=armley"))["rows"]
        return rows and rows[0]["entries"]

    assert wait_until(figure, READY_DEADLINE_S, "the day's figure", poll_s=0.3) == ENTRIES
    seen = wait_until(
        lambda: (page := fetch(project, "/hubs/armley")) and str(ENTRIES) in page and page, READY_DEADLINE_S, "the page"
    )
    assert "Armley Community Hub" in str(seen)
    for container in containers.values():
        container.wait_until_healthy()


def test_jobs_alone_change_the_estate_file(project: Project, containers: dict[str, Container]) -> None:
    change = """
from pathlib import Path
from sensors.estate_text import EstateText
file = EstateText.read(Path("/etc/hubpulse/estate.yaml"))
file.replace(file.text + "# changed on the board\\n")
"""
    file = project.folder / "deploy/estate/estate.yaml"
    before = file.read_text()
    for name in ("ingest", "board"):
        refused = containers[name].execute("python", "-c", change)
        assert (refused.returncode, "Read-only file system" in refused.stderr) == (1, True), refused.stderr
    assert file.read_text() == before

    written = containers["jobs"].execute("python", "-c", change)

    assert (written.returncode, written.stderr) == (0, "")
    assert file.read_text() == before + "# changed on the board\n"
    assert [path.name for path in file.parent.iterdir()] == ["estate.yaml"]


def test_the_doctor_finds_everything_well(containers: dict[str, Container]) -> None:
    said = containers["ingest"].execute("hubpulse", "doctor")

    assert (said.returncode, said.stderr) == (0, ""), said.stdout


@pytest.mark.claim("S-48")
@pytest.mark.parametrize("name", ["mosquitto", "influxdb", *OURS])
def test_a_service_is_another_user_without_any_right(containers: dict[str, Container], name: str) -> None:
    status = containers[name].status

    uid, gid = SERVICES[name]["user"].split(":")
    assert set(status["Uid"].split()) == {uid}
    assert set(status["Gid"].split()) == {gid}
    assert status["Groups"] == ""
    assert {int(status[rights], 16) for rights in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1"


@pytest.mark.parametrize("name", ["mosquitto", "influxdb", *OURS])
def test_a_service_stays_below_its_limit_of_memory(containers: dict[str, Container], name: str) -> None:
    peak_kb = int(containers[name].status["VmHWM"].split()[0])
    processes = len(containers[name].execute("sh", "-c", "ls -d /proc/[0-9]*").stdout.split())

    assert peak_kb * 1024 < int(SERVICES[name]["mem_limit"].removesuffix("m")) * 1024**2
    assert processes < SERVICES[name]["pids_limit"]


def writable_folders(container: Container) -> set[str]:
    """The folders of its file system in which a container's own user can make a file."""
    look = """
import os
mounts = [line.split() for line in open("/proc/self/mounts")]
tops = {place for _, place, _, options, *_ in mounts if "rw" in options.split(",") and place != "/proc"}
for folder in {folder for top in tops for folder, _, _ in os.walk(top)}:
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY))
        print(folder)
    except OSError:
        pass
"""
    return set(container.execute(str(PYTHON), "-Ic", look).stdout.split())


@pytest.mark.claim("S-49")
@pytest.mark.parametrize("name", ["mosquitto", "influxdb", *OURS])
def test_a_service_can_write_where_compose_says_and_nowhere_else(
    project: Project, containers: dict[str, Container], name: str
) -> None:
    declared = {place.target for place in project.places(name) if place.is_writable} | {*SERVICES[name]["tmpfs"]}
    found = writable_folders(containers[name])

    outside = {folder for folder in found if not any(Path(folder).is_relative_to(place) for place in declared)}
    assert outside == set()
    assert declared <= found


def test_nothing_in_the_volumes_is_for_others_to_read(project: Project, containers: dict[str, Container]) -> None:
    assert containers["ingest"].is_running
    data = project.volume("hubpulse-data")
    found = {path.name: path.stat() for path in data.iterdir()}

    assert {"buffer.db", "ingest.alive", "jobs.alive"} <= found.keys()
    assert {status.st_uid for status in found.values()} == {10001}
    assert data.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"init"}))  # what it is given it writes
def test_every_user_can_read_what_is_mounted_for_it_and_change_nothing_read_only(
    project: Project, image: Image, name: str
) -> None:
    look = """
import os, sys
for path in sys.argv[1:]:
    files = [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names] or [path]
    for file in files:
        open(file, "rb").close() if os.path.isfile(file) else os.listdir(file)
        print(os.access(file, os.W_OK))
"""
    fixed = [place.target for place in project.places(name) if not place.is_writable]
    root = Root(image.arguments, image.environment)
    command = [str(PYTHON), "-Ic", look, *fixed]
    with Container(project, name, root, command=command, instead=True) as container:
        answers = container.wait().split()
    assert answers
    assert set(answers) == {"False"}


@pytest.mark.parametrize("name", OURS)
def test_a_service_ends_in_time_and_well(containers: dict[str, Container], name: str) -> None:
    """Process 1 has no handlers but its own."""
    assert containers[name].stop() == 0, containers[name].log
    containers[name].start().wait_until_healthy()


@pytest.mark.parametrize(
    "broken, said",
    [
        ({"secrets": ["hubpulse_influx_token", "broker_ca"]}, "mqtt_password"),
        ({"user": "10002:10002"}, "Permission denied"),
        (
            {"volumes": ["hubpulse-data:/data:ro", "./deploy/estate:/etc/hubpulse:ro"]},
            "data folder /data can't be used",
        ),
        ({"volumes": ["hubpulse-data:/data"]}, "/etc/hubpulse/estate.yaml"),
    ],
)
def test_a_file_that_could_not_work_is_found(
    project: Project, image: Image, monkeypatch: pytest.MonkeyPatch, broken: dict[str, Any], said: str
) -> None:
    monkeypatch.setitem(SERVICES, "ingest", SERVICES["ingest"] | broken)
    with Container(project, "ingest", ours(image)) as ingest:
        wait_until(lambda: not ingest.is_running, READY_DEADLINE_S, "ingest to end")
        assert said in ingest.log
        assert len(ingest.log.splitlines()) == 1


LISTENING = """
import socket
for line in [line.split() for name in ("tcp", "tcp6") for line in open(f"/proc/net/{name}").readlines()[1:]]:
    address, port = line[1].split(":")
    if line[3] == "0A" and not address.endswith("7F") and address != "00000000000000000000000001000000":
        print(int(port, 16))
"""


@pytest.mark.claim("S-17")
def test_a_container_listens_for_others_only_where_the_file_says_so(containers: dict[str, Container]) -> None:
    declared = {port.split(":")[-1] for service in SERVICES.values() for port in service.get("ports", [])}
    declared |= {str(port) for service in SERVICES.values() for port in service.get("expose", [])}
    found = set(containers["board"].execute(str(PYTHON), "-Ic", LISTENING).stdout.split())

    assert {"8883", "8080", "8086"} <= found <= declared


def test_a_simulated_estate_runs_beside_them(project: Project, image: Image, containers: dict[str, Container]) -> None:
    assert containers["mosquitto"].is_running
    with Container(project, "simulator", ours(image)) as simulator:

        def received() -> int:
            assert simulator.is_running, simulator.log
            told = containers["ingest"].execute("hubpulse", "ledger", "--json")
            return int(json.loads(told.stdout)["messages_received"])

        wait_until(lambda: received() > 100, READY_DEADLINE_S, "what the simulator publishes", poll_s=0.3)


def test_the_image_holds_what_the_wheel_asks_for_and_nothing_else(image: Image) -> None:
    look = "import importlib.metadata as m, sys; print(*{d.name.lower() for d in m.distributions()}); print(*sys.path)"
    inside = ["bwrap", *image.arguments, "--unshare-net", "--clearenv", "--setenv", "PATH", image.environment["PATH"]]
    names, path = subprocess.run(
        [*inside, "--", "python", "-c", look], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    found, wanted = (set(map(canonicalize_name, some)) for some in (names.split(), image.dependencies))
    assert found == wanted | {"hubpulse"}
    assert [place for place in path.split() if "site-packages" in place] == [
        f"/{image.site_packages.relative_to(image.root)}"
    ]
    assert not (image.root / "src").exists()
