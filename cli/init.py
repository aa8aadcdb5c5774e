"""`hubpulse init`: every secret of an installation, each made once, at random, for the one user that reads it.

FOLDER/ca/          ca.crt goes to the sensors, ca.key stays with the administrator
FOLDER/hubs/<hub>/  the password of that hub's sensors
FOLDER/broker/      what mosquitto reads: passwords, rights, certificate and key, the health check's options
FOLDER/hubpulse/    what our own services read
FOLDER/influxdb/, FOLDER/grafana/
"""

from __future__ import annotations

import ipaddress
import os
import pwd
import re
import secrets
import socket
import stat
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.context import EstateOption, load_settings, new_app, out
from schemas import Estate, HubpulseError

DEFAULT_FOLDER = Path("deploy/secrets")
DEFAULT_ESTATE = Path("deploy/estate/estate.yaml")

_FILE_MODE, _FOLDER_MODE, _TOP_MODE = 0o600, 0o700, 0o711
_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)
_ALWAYS = ("localhost", "127.0.0.1", "mosquitto")
"""The names by which the broker is known to its neighbours: the last is the service of docker-compose.yml."""


class Target(StrEnum):
    """What is going to read the secrets."""

    COMPOSE = "compose"
    DEBIAN = "debian"


_JOBS = 10001
"""The user and group of our services in docker-compose.yml."""
_OWNERS: dict[Target, dict[str, int | str]] = {
    # A container reads its files as a user of its own: those of docker-compose.yml.
    Target.COMPOSE: {"broker": 1883, "influxdb": 1000, "grafana": 472, "hubpulse": _JOBS},
    # The package's own user. Our services are handed their secrets by systemd, which reads them as root.
    Target.DEBIAN: {"broker": "mosquitto"},
}

FolderOption = Annotated[Path, typer.Option("--folder", help="Where the secrets are kept.")]
HostOption = Annotated[
    list[str] | None,
    typer.Option("--host", metavar="NAME", help="Name or address by which sensors reach the broker; may be repeated."),
]
TargetOption = Annotated[Target, typer.Option("--for", help="Who reads them: containers, or Debian's own services.")]


app = new_app()


@app.command("init", epilog="Example: sudo hubpulse init --host mqtt.example.org")
def init(
    folder: FolderOption = DEFAULT_FOLDER,
    estate: EstateOption = None,
    host: HostOption = None,
    target: TargetOption = Target.COMPOSE,
) -> None:
    """Make what is missing of the secrets: random passwords, the broker's certificate, its users and their rights.

    Nothing secret is ever replaced. Run it again when a hub was added to the estate, or removed.
    """
    from sensors.estate_file import load_estate

    path = estate or load_settings().estate or (DEFAULT_ESTATE if DEFAULT_ESTATE.exists() else None)
    names = [_checked(name) for name in host or ()]
    safe = Safe(folder, owners=_OWNERS[target])
    try:
        installed = load_estate(path)
        make_secrets(safe, installed, names=names)
        safe.chown()
        if target is Target.COMPOSE and path is not None:
            _let_jobs_write(path.resolve().parent)
    except OSError as error:
        raise HubpulseError(
            f"{error.filename or folder} can't be written ({error.strerror}): run this as its owner, or with sudo"
        ) from error
    _tell(safe, target, installed)


def _let_jobs_write(folder: Path) -> None:
    """As root, let jobs put a changed estate file in the place of the old one: the folder's group is theirs."""
    if os.geteuid() == 0:
        os.chown(folder, -1, _JOBS)
        folder.chmod(folder.stat().st_mode | stat.S_IRWXG)


class Safe:
    """A folder of secrets. Every file is made whole or not at all, with mode 600, and belongs to who reads it."""

    def __init__(self, folder: Path, *, owners: dict[str, int | str]) -> None:
        self.folder = folder
        self.owners = owners
        self.made: list[str] = []
        self.changed: list[str] = []
        self.homeless: list[str] = []
        """Users that this machine lacks, and whose files so stay with us."""

    def keep(self, name: str, make: Callable[[], str]) -> str:
        """The content of a file; made first where there is none."""
        path = self.folder / name
        if path.exists():
            return path.read_text(encoding="utf-8")
        text = make()
        self._write(path, text)
        self.made.append(name)
        return text

    def derive(self, name: str, text: str) -> None:
        """Bring a file that follows from others up to date."""
        path = self.folder / name
        if not path.exists():
            self.keep(name, lambda: text)
        elif path.read_text(encoding="utf-8") != text:
            self._write(path, text)
            self.changed.append(name)

    def read(self, name: str) -> str:
        """The content of a file, "" where there is none."""
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def chown(self) -> None:
        """As root, give each folder to the user that reads it."""
        if os.geteuid() != 0:
            return
        for name, owner in self.owners.items():
            try:
                uid = pwd.getpwnam(owner).pw_uid if isinstance(owner, str) else owner
            except KeyError:
                self.homeless.append(str(owner))
                continue
            for path in (self.folder / name, *(self.folder / name).rglob("*")):
                os.chown(path, uid, -1)

    def _write(self, path: Path, text: str) -> None:
        self._make_folder(path.parent)
        new = path.with_name(f"{path.name}.new")
        new.unlink(missing_ok=True)
        # Never readable by others, not even for a moment; and a half-written secret never passes for a whole one.
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)

    def _make_folder(self, folder: Path) -> None:
        if folder.exists():
            return
        if folder == self.folder:
            folder.mkdir(parents=True)
            # Readers pass through to their own folder and see nothing of the rest.
            folder.chmod(_TOP_MODE)
        else:
            self._make_folder(folder.parent)
            folder.mkdir(mode=_FOLDER_MODE)


def make_secrets(safe: Safe, estate: Estate, *, names: Iterable[str] = ()) -> None:
    """Make what is missing, and bring what follows from the estate up to date."""
    for name in ("influxdb/admin_password", "grafana/admin_password"):
        safe.keep(name, _random)
    token = safe.keep("influxdb/token", _random)
    safe.keep("grafana/influx_token", lambda: token)
    safe.keep("hubpulse/influx_token", lambda: token)
    safe.keep("hubpulse/board_admin_password", _random)
    _make_accounts(safe, estate)
    _make_certificates(safe, names)


def _make_accounts(safe: Safe, estate: Estate) -> None:
    from cli.broker_accounts import GATEWAY, HEALTH, INGEST, SIMULATOR, gateway_topics, hub_user, password_file, rights

    # Options that mosquitto_sub reads by itself, so that the health check's password is on no command line.
    health = safe.keep("broker/mosquitto_sub", lambda: f"-u {HEALTH}\n-P {_random()}\n")
    passwords = {
        INGEST: safe.keep("hubpulse/mqtt_password", _random),
        SIMULATOR: safe.keep("hubpulse/simulator_mqtt_password", _random),
        HEALTH: health.split()[-1],
    }
    safe.keep("hubpulse/mqtt_client_id", _random)
    if gateway_topics(estate):
        passwords[GATEWAY] = safe.keep("gateway/mqtt_password", _random)
    for hub in estate.hubs:
        passwords[hub_user(hub.id)] = safe.keep(f"hubs/{hub.id}/mqtt_password", _random)
    safe.derive("broker/passwords", password_file(passwords, before=safe.read("broker/passwords")))
    safe.derive("broker/acl", rights(estate))


def _make_certificates(safe: Safe, names: Iterable[str]) -> None:
    from cli.certificates import authority_certificate, names_in, new_key, server_certificate

    authority = safe.read("ca/ca.crt")
    if not authority:
        authority_key = safe.keep("ca/ca.key", new_key)
        authority = safe.keep("ca/ca.crt", lambda: authority_certificate(authority_key))
    # Our own services connect to the broker by TLS like everybody else.
    safe.derive("hubpulse/ca.crt", authority)
    key = safe.keep("broker/server.key", new_key)
    present = safe.read("broker/server.crt")
    before = names_in(present) if present else [*_ALWAYS, _checked(socket.gethostname())]
    wanted = list(dict.fromkeys([*before, *names]))
    if present and wanted == before:
        return
    authority_key = safe.read("ca/ca.key")
    if not authority_key:
        raise HubpulseError(f"{safe.folder}/ca/ca.key is not there: put it back, the broker's certificate needs it")
    certificate = server_certificate(key, authority_key=authority_key, authority=authority, names=wanted)
    safe.derive("broker/server.crt", certificate)


def _random() -> str:
    return secrets.token_hex(32)


def _checked(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        if _HOST_NAME.fullmatch(name) is None:
            raise HubpulseError(f"--host {name!r} is no name or address: write it as mqtt.example.org") from None
        return name.lower()


def _tell(safe: Safe, target: Target, estate: Estate) -> None:
    """Say what was made, and what to do with it."""
    for verb, names in (("made", safe.made), ("changed", safe.changed)):
        for name in names:
            out.print(f"{verb} {safe.folder / name}")
    if not safe.made and not safe.changed:
        out.print(f"Everything was there already in {safe.folder}.")
    out.print("\nNext:", style="bold")
    for step in _next_steps(safe, target, estate):
        out.print(f"- {step}")


def _next_steps(safe: Safe, target: Target, estate: Estate) -> Iterable[str]:
    compose = target is Target.COMPOSE
    if safe.homeless:
        yield f"no user {', '.join(safe.homeless)} on this machine: install what brings it, then run this again"
    if compose and os.geteuid() != 0:
        yield "on Linux, give the files to the containers' users: the same command with sudo, once more"
    if any(name.startswith("broker/") for name in safe.changed):
        reload = "docker compose kill -s HUP mosquitto" if compose else "systemctl reload mosquitto"
        yield f"tell the running broker: {reload}"
    if compose:
        yield "docker compose up -d"
    if not estate.hubs:
        yield "no hub is in the estate file, so no sensor can publish: name the hubs there, then run this again"
    yield (
        f"each hub's sensors: user hub-<hub>, password in {safe.folder}/hubs/<hub>/mqtt_password,"
        f" port 8883 with TLS, authority {safe.folder}/ca/ca.crt"
    )
    yield f"keep a copy of {safe.folder} in a safe place: `hubpulse backup` leaves secrets out"
