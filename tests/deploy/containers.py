"""Services of docker-compose.yml as it describes them, in bubblewrap instead of an engine.

What the file says and what is done of it:

    image, entrypoint, command     ours as the Dockerfile makes it; in the place of others, this machine's programs
    user, cap_drop, cap_add, security_opt      as they are: another user without rights, told by the kernel
    read_only, tmpfs, volumes, secrets         the same mounts; nothing else can be written to
    mem_limit, pids_limit          RLIMIT_DATA and RLIMIT_NPROC: they count differently, but end what goes beyond
    networks                       one network for all with loopback alone; each service has an address of its own in it
    healthcheck, stop_grace_period run in the running container; SIGTERM to process 1, which must end in time
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest

from tests.deploy.compose_file import COMPOSE, SERVICES
from tests.deploy.image import bind, system
from tests.real_parts import REPOSITORY, require
from tests.waiting import wait_until

READY_DEADLINE_S = 60.0
# As a namespace of its own gives it to each container: another one's 127.0.0.1 is not ours.
ADDRESSES = {name: f"127.0.1.{number}" for number, name in enumerate(SERVICES, start=1)}
SENSORS_NAME = "mqtt.example.org"


class Place(NamedTuple):
    """A file or folder of this machine in a container."""

    source: Path
    target: str
    is_writable: bool


def require_namespaces() -> Path:
    """Return bubblewrap's program, or skip where it can't do what an engine does."""
    bwrap = require("bwrap")
    if os.getuid() != 0:
        pytest.skip("only root can become the users of the services")
    tried = subprocess.run(
        [bwrap, "--unshare-net", "--unshare-pid", "--bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode != 0:
        pytest.skip(f"bubblewrap can't make namespaces here: {tried.stderr.strip()[:200]}")
    return bwrap


class Network:
    """Loopback and nothing else, for every container of a test."""

    def __init__(self, folder: Path) -> None:
        names = [f"{address} {name}" for name, address in ADDRESSES.items()]
        names += ["127.0.0.1 localhost", f"{ADDRESSES['mosquitto']} {SENSORS_NAME}"]
        self.hosts = folder / "hosts"
        self.hosts.write_text("\n".join(names) + "\n")
        self._held, self.pid = _start(
            [require("bwrap"), "--unshare-net", "--bind", "/", "/", "--die-with-parent"], ["sleep", "infinity"], None
        )

    def enter(self) -> list[str]:
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", "--"]

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self._held.wait()


class Root(NamedTuple):
    """The file system of an image, and what its processes are given."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    entrypoint: Sequence[str] = ()
    folder: str = "/"


def plain_root(folder: Path, *programs: Path) -> Root:
    """This machine's programs, in the place of an image that is not there; with scripts of our own on the path."""
    arguments = system(folder)
    for program in programs:
        arguments += bind(program, f"/opt/bin/{program.name}")
    path = {"PATH": "/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"}
    return Root(arguments, path)


class Project:
    """A checkout's files that docker-compose.yml names, its volumes, and the containers that are made of it."""

    def __init__(self, folder: Path, network: Network) -> None:
        self.folder = folder
        self.network = network
        for name in ("deploy", "dashboards/grafana"):
            shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("secrets", "__pycache__"))

    def volume(self, name: str) -> Path:
        return self.folder / "volumes" / name

    def places(self, service: str) -> list[Place]:
        """What is mounted into a service, outer folders first."""
        settings = SERVICES[service]
        uid, gid = (int(part) for part in settings["user"].split(":"))
        found = []
        for mount in settings.get("volumes", []):
            source, target, *mode = mount.split(":")
            path = self.folder / source
            if not source.startswith("./"):
                path = self.volume(source)
                if not path.exists():
                    # An engine fills a new volume from the image, whose folder belongs to its user.
                    path.mkdir(parents=True, mode=0o700)
                    os.chown(path, uid, gid)
            elif not path.exists():
                path.mkdir(parents=True)  # as an engine does, as root
            found.append(Place(path, target, mode != ["ro"]))
        for secret in settings.get("secrets", []):
            long_form = {"source": secret} if isinstance(secret, str) else secret
            path = self.folder / COMPOSE["secrets"][long_form["source"]]["file"]
            name = long_form.get("target", long_form["source"])
            found.append(Place(path, f"/run/secrets/{name}", is_writable=False))
        return sorted(found, key=lambda place: place.target.count("/"))


class Container:
    """One service, started as the file says; killed at the end of the `with`.

    `command` stands in for that of an image that is not there, with `instead` for entrypoint and command of any.
    `more` goes over the service's environment.
    """

    def __init__(
        self,
        project: Project,
        service: str,
        root: Root,
        *,
        command: Sequence[str] | None = None,
        instead: bool = False,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.project, self.service, self.settings = project, service, SERVICES[service]
        self._root = root
        entrypoint = [] if instead else self.settings.get("entrypoint", root.entrypoint)
        self._command = [*entrypoint, *(self.settings.get("command", []) if command is None else command)]
        self._environment = {**root.environment, **self.settings.get("environment", {}), **(more or {})}
        self._arguments = [*root.arguments, *self._mounts()]
        self._log = Path(tempfile.mkdtemp(dir=project.folder)) / f"{service}.log"
        self._running: subprocess.Popen[bytes] | None = None
        self.pid = 0

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def is_running(self) -> bool:
        return self._running is not None and self._running.poll() is None

    @property
    def status(self) -> dict[str, str]:
        """What the kernel says of process 1."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def start(self) -> Self:
        with self._log.open("ab") as log:
            enter = [] if self.settings.get("network_mode") == "none" else self.project.network.enter()
            cut_off = [] if enter else ["--unshare-net"]
            self._running, self.pid = _start(
                [*self._limits(), *enter, require("bwrap"), *self._arguments, *cut_off],
                self._as_user(self._command),
                log,
            )
        return self

    def wait(self, deadline_s: float = READY_DEADLINE_S) -> str:
        """Return what it said once it has come to a good end."""
        assert self._running is not None
        assert self._running.wait(deadline_s) == 0, self.log
        return self.log

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the running container, as its user, as `docker compose exec` does."""
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--ipc", "--uts", "--net", "--root", "--wd=/"]
        clear = ["env", "-i", *(f"{name}={value}" for name, value in self._environment.items())]
        return subprocess.run(
            [*enter, "--", *clear, *self._as_user(command)], capture_output=True, text=True, check=False, timeout=60
        )

    def wait_until_healthy(self) -> None:
        """Return once the service's own health check passes."""
        kind, *check = self.settings["healthcheck"]["test"]
        assert kind == "CMD"

        def is_healthy() -> bool:
            assert self.is_running, self.log
            return self.execute(*check).returncode == 0

        wait_until(is_healthy, READY_DEADLINE_S, f"{self.service} to be healthy", poll_s=0.3)

    def stop(self) -> int:
        """End it as `docker compose stop` does; its exit code. Fails where it takes longer than it is given."""
        assert self._running is not None
        os.kill(self.pid, signal.SIGTERM)
        grace_s = float(self.settings.get("stop_grace_period", "10s").removesuffix("s"))
        return self._running.wait(grace_s)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._running is not None and self._running.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self._running.wait()

    def _mounts(self) -> list[str]:
        settings = self.settings
        arguments = ["--ro-bind", str(self.project.network.hosts), "/etc/hosts"]
        for folder in settings.get("tmpfs", []):
            arguments += ["--perms", "1777", "--tmpfs", folder]
        for place in self.project.places(self.service):
            arguments += bind(place.source, place.target, is_writable=place.is_writable)
        if settings["read_only"]:
            arguments += ["--remount-ro", "/"]
        assert settings["cap_drop"] == ["ALL"]
        # What is needed to become another user; `_as_user` takes it away again.
        rights = settings.get("cap_add") or (["SETUID", "SETGID", "SETPCAP"])
        arguments += ["--cap-drop", "ALL", *(word for right in rights for word in ("--cap-add", f"CAP_{right}"))]
        environment = (word for name, value in self._environment.items() for word in ("--setenv", name, value))
        return [
            *arguments,
            *("--unshare-pid", "--as-pid-1", "--unshare-ipc", "--unshare-uts", "--hostname", self.service),
            *("--new-session", "--die-with-parent", "--clearenv", *environment),
            *("--chdir", "/"),
        ]

    def _as_user(self, command: Sequence[str]) -> list[str]:
        uid, gid = self.settings["user"].split(":")
        command = ["env", "-C", self.settings.get("working_dir", self._root.folder), *command]
        if uid == "0":
            return command
        drop = ("--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs")
        return ["setpriv", f"--reuid={uid}", f"--regid={gid}", *drop, "--", *command]

    def _limits(self) -> list[str]:
        memory_bytes = int(self.settings["mem_limit"].removesuffix("m")) * 1024**2
        return ["prlimit", f"--data={memory_bytes}", f"--nproc={self.settings['pids_limit']}", "--core=0", "--"]


def _start(bwrap: Sequence[str | Path], command: Sequence[str], log: Any) -> tuple[subprocess.Popen[bytes], int]:
    """Start a command in bubblewrap; the process to wait for, and the command's own id."""
    with tempfile.TemporaryFile() as status:
        running = subprocess.Popen(
            [*bwrap, "--json-status-fd", str(status.fileno()), "--", *command],
            pass_fds=[status.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log or subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

        def started() -> int:
            # It writes its line in pieces: only one that has ended tells anything.
            told = os.pread(status.fileno(), 4096, 0).decode().splitlines(keepends=True)
            ended = running.poll() is not None
            assert told or not ended, f"bubblewrap ended with {running.returncode}"
            return int(json.loads(told[0])["child-pid"]) if told and told[0].endswith("\n") else 0

        try:
            return running, wait_until(started, READY_DEADLINE_S, "bubblewrap to start")
        except BaseException:
            running.kill()
            running.wait()
            raise
