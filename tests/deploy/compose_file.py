"""docker-compose.yml as data, for the tests of this folder."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.real_parts import REPOSITORY

COMPOSE_FILE = REPOSITORY / "docker-compose.yml"
SECRETS_FOLDER = Path("deploy/secrets")

# As compose reads it with nothing set in the environment.
COMPOSE: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", COMPOSE_FILE.read_text()))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


# Those that a plain `docker compose up` starts, and those that run on.
STARTED = {name: service for name, service in SERVICES.items() if "profiles" not in service}
LASTING = {name: service for name, service in SERVICES.items() if name != "init"}


class MountedSecret(NamedTuple):
    """A secret as one service sees it: the file on the host, relative to deploy/secrets, and in the container."""

    service: str
    file: Path
    mounted_at: str


def mounted_secrets() -> Iterator[MountedSecret]:
    for service, settings in SERVICES.items():
        for secret in settings.get("secrets", []):
            long_form = {"source": secret} if isinstance(secret, str) else secret
            source = long_form["source"]
            file = Path(COMPOSE["secrets"][source]["file"]).relative_to(SECRETS_FOLDER)
            yield MountedSecret(service, file, f"/run/secrets/{long_form.get('target', source)}")
