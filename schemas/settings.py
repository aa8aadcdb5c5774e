"""Connections, secrets and limits, from the environment or a .env file (`HUBPULSE_MQTT__HOST=...`).

A secret may be given as a file: `HUBPULSE_INFLUX__TOKEN_FILE=/run/secrets/token`.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from schemas.addresses import Network, host_name
from schemas.errors import HubpulseError, choices, shown
from schemas.notice_addresses import address_problem, read_addresses

ESTATE_FILE = Path("estate.yaml")
_PREFIX, _DELIMITER = "HUBPULSE_", "__"
_SECRETS = ("password", "admin_password", "token", "client_id", "client_secret", "share_group", "to")
_SECRET_BYTES_MAX = 64 * 1024
_QUOTED_CHARS_MAX = 12
"""No token is as short as that."""


class _SettingsPart(BaseModel):
    # Built as parts of the whole alone: one by one as well, they would take a tenth of a short command.
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        found = dict(values)
        for secret in (name for name in _SECRETS if name in cls.model_fields):
            key = f"{secret}_file"
            if key in found:
                path = str(found.pop(key))
                if secret in found:
                    raise _fault(key, f"{secret} is set as well: keep one of the two")
                found[secret] = _READERS.get(secret, _read_secret)(key, path)
        return found


def _read_addresses(key: str, path: str) -> str:
    try:
        return " ".join(read_addresses(Path(path)))
    except HubpulseError as error:
        raise _fault(key, str(error)) from error


_READERS = {"to": _read_addresses}
"""Secrets that are more than a line of a file."""


def _read_secret(key: str, path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            text = file.read(_SECRET_BYTES_MAX).decode("utf-8-sig").strip()
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise _fault(key, f"{shown(path)} is not text: write the secret alone into it") from error
        # Somebody may have set the secret itself, which lies in no folder.
        name = path if Path(path).parent.is_dir() and "/" in path else _harmless(path)
        problem = error.strerror if isinstance(error, OSError) else "no path"
        raise _fault(key, f"{shown(name)} can't be read ({problem}): check path and mode") from error
    if not text or not text.isprintable():
        raise _fault(key, f"{shown(path)} holds no single line of text: write the secret alone into it")
    return text


def _fault(key: str, text: str) -> PydanticCustomError:
    return PydanticCustomError("in_part", "{key}: {text}", {"key": key, "text": text})


def _listed(value: object) -> object:
    return tuple(name.lower() for name in re.split("[, ]+", value) if name) if isinstance(value, str) else value


def _path(text: object) -> object:
    if isinstance(text, str) and "://" in text:
        raise ValueError("is a URL: write the path of a file or folder")
    return text


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


_Path = Annotated[Path, BeforeValidator(_path)]
_NAME_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
_Name = Annotated[str, Field(pattern=_NAME_PATTERN)]


def _secret_name(secret: SecretStr) -> SecretStr:
    if not re.search(_NAME_PATTERN, secret.get_secret_value()):
        raise ValueError("is no name: letters, digits, _ and -, at most 64 of them")
    return secret


_SecretName = Annotated[SecretStr, AfterValidator(_secret_name)]


class MqttSettings(_SettingsPart):
    """The broker."""

    host: Annotated[str, AfterValidator(host_name)] | None = None
    """Without it, `up` starts a broker of its own and `ingest` looks on this machine."""
    port: int = Field(default=1883, ge=1, le=65535)
    username: str | None = None
    password: SecretStr | None = None
    ca_file: _Path | None = None
    """The certificate authority; where it is given, the connection is TLS."""

    client_id: _SecretName = SecretStr("hubpulse-ingest")
    """Names the session at the broker. Whoever knows it can take the session over: a secret where others connect."""

    ingest_name: _Name = Field(default="hubpulse-ingest", examples=["hubpulse-ingest"])
    """What this ingest is called in public: in figures about itself and in logs."""

    share_group: _SecretName | None = None
    """The group of a shared subscription, for several ingests. Whoever knows it can join, and is dealt a share."""

    receive_max: int = Field(default=5000, ge=1, le=65535)
    session_expiry_s: int = Field(default=7 * 86400, ge=0, le=2**32 - 1)
    keepalive_s: int = Field(default=30, ge=5, le=65535)
    autosave_interval_s: int = Field(default=10, ge=1, le=86400)  # of the broker that `up` starts


class InfluxSettings(_SettingsPart):
    """InfluxDB 2.x (token, org, bucket) or 1.x (user and password; the bucket is the database)."""

    url: str = Field(default="http://127.0.0.1:8086", pattern="^https?://")
    org: str = "hubpulse"
    bucket: _Name = Field(default="hubs", examples=["hubs"])
    token: SecretStr | None = None
    grafana_token: SecretStr | None = None
    """The token of Grafana's data source, for `doctor` to try."""

    username: str | None = None
    password: SecretStr | None = None
    timeout_s: float = Field(default=10, gt=0, le=300)


class IngestSettings(_SettingsPart):
    """Limits of the way from the broker to the store."""

    workers: int = Field(default=1, ge=1, le=64)
    """How many processes decode; with 1, the one that receives does."""

    message_bytes_max: int = Field(default=1024 * 1024, ge=128)
    clock_ahead_max_s: int = Field(default=600, ge=0)
    # Larger than all that held messages can become as line protocol, or a batch might never fit.
    buffer_bytes_max: int = Field(default=4 * 1024**3, ge=256 * 1024**2)
    quarantine_bytes_max: int = Field(default=1024**3, ge=1024**2)
    quarantine_hub_bytes_max: int = Field(default=32 * 1024**2, ge=64 * 1024)
    hub_messages_per_s_max: float = Field(default=50, gt=0)
    hub_messages_burst: int = Field(default=200_000, ge=1)
    sensor_messages_per_s_max: float = Field(default=1, gt=0)
    sensor_messages_burst: int = Field(default=600, ge=1)
    surplus_hub_bytes_max: int = Field(default=256 * 1024**2, ge=0)
    surplus_bytes_max: int = Field(default=1024**3, ge=0)
    new_sensors_max: int = Field(default=200, ge=0)
    past_days_max: int = Field(default=400, ge=1)
    quarantine_age_days_max: int = Field(default=365, ge=1, le=36500)
    disk_free_bytes_min: int = Field(default=64 * 1024**2, ge=0)
    # An array of the shortest readings takes a hundred times its bytes once it is decoded.
    held_bytes_max: int = Field(default=512 * 1024, ge=64 * 1024, le=8 * 1024**2)
    batch_messages_max: int = Field(default=5000, ge=1, le=65535)
    commit_every_s: float = Field(default=0.05, ge=0, le=60)
    """How long messages are gathered for a commit; a broker that waits for answers is not made to wait."""

    flush_lines_max: int = Field(default=20_000, ge=1, le=25_000)
    flush_age_s: float = Field(default=0.1, ge=0, le=60)
    backoff_first_s: float = Field(default=0.5, gt=0, le=3600)
    backoff_max_s: float = Field(default=30, gt=0, le=3600)
    stop_deadline_s: float = Field(default=8, gt=0, le=60)


class BoardSettings(_SettingsPart):
    """Where the board listens."""

    host: Annotated[str, AfterValidator(host_name)] = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    hosts: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """Names with a dot by which browsers ask for it, as through a proxy: others could be anybody's."""
    trusted_proxies: Annotated[tuple[Network, ...], BeforeValidator(_listed)] = ("127.0.0.1", "::1")
    """Addresses or networks of reverse proxies whose word is taken on path prefix, name, scheme and client."""
    admin_password: SecretStr | None = None
    """That of the account `admin`, which needs no `hubpulse users add`."""


class OidcSettings(_SettingsPart):
    """An OpenID Connect provider to sign in by, beside passwords; needs the extra `oidc`."""

    issuer: str | None = Field(default=None, pattern="^https?://")
    client_id: SecretStr = SecretStr("hubpulse")
    client_secret: SecretStr | None = None


class MetricsSettings(_SettingsPart):
    """Where a service answers /healthz, /readyz and /metrics, on 127.0.0.1 alone."""

    port: int = Field(default=0, ge=0, le=65535, examples=[9461])
    """0 for nowhere. Each service of a machine has its own."""


def _addresses(to: SecretStr) -> SecretStr:
    for number, address in enumerate(to.get_secret_value().split(), start=1):
        if (problem := address_problem(address)) is not None:
            raise ValueError(f"address {number} {problem}")
    return to


class NoticesSettings(_SettingsPart):
    """Where notices of alerts go, in place of the estate file's addresses."""

    to: Annotated[SecretStr, AfterValidator(_addresses)] | None = None
    """Apprise URLs with spaces between them."""


class Settings(BaseModel):
    """Everything that the environment decides; with nothing set, the embedded defaults serve."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    data_dir: _Path = Path("data")
    estate: _Path | None = None
    """The estate file; estate.yaml where that exists."""

    audits_dir: _Path | None = None
    """Where counts by hand, edits and share links are kept: all that the board writes. Else the data folder."""
    store: Literal["sqlite", "influxdb"] = "sqlite"
    retention_days: int | None = Field(default=None, ge=1, le=36500, examples=[365])
    """How long raw readings are kept; for ever where it is not set."""

    figures_retention_days: int | None = Field(default=None, ge=400, le=36500, examples=[3650])
    """How long figures are kept; for ever where it is not set. Profiles look back 53 weeks."""
    today_every_s: int = Field(default=60, ge=60, le=900)  # how often the figures of today are computed
    language: str = Field(default="en", pattern="^[a-z]{2,3}(_[A-Za-z]{2,8})?$", examples=["de"])
    """What pages, charts, reports and notices are in: English, or that of a catalogue `texts/LANGUAGE.po`."""

    log_level: Annotated[Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(_lower)] = "info"
    log_format: Literal["console", "json"] = "console"

    mqtt: MqttSettings = MqttSettings.model_construct()
    influx: InfluxSettings = InfluxSettings.model_construct()
    ingest: IngestSettings = IngestSettings.model_construct()
    board: BoardSettings = BoardSettings.model_construct()
    metrics: MetricsSettings = MetricsSettings.model_construct()
    notices: NoticesSettings = NoticesSettings.model_construct()
    oidc: OidcSettings = OidcSettings.model_construct()

    @property
    def audits_folder(self) -> Path:
        """Where counts by hand are kept."""
        return self.audits_dir or self.data_dir

    @field_validator("influx")
    @classmethod
    def _no_secret_in_the_address(cls, influx: InfluxSettings) -> InfluxSettings:
        if re.match("https?://[^/?#]*@", influx.url):
            raise _fault("url", "holds a user or a password: put them into USERNAME and PASSWORD beside it")
        return influx


def read_settings(**given: Any) -> Settings:
    """The settings of environment and .env, with `given` put over them.

    Raises HubpulseError with a line for each variable to fix.
    """
    try:
        found = {**_in_file(), **os.environ}
        misspelt = list(_misspelt(found))
        if misspelt:
            raise HubpulseError("\n".join(misspelt))
        nested = _nested(found)
        for field, value in given.items():
            nested[field] = {**nested.get(field, {}), **value} if isinstance(value, dict) else value
        return Settings(**nested)
    except ValidationError as error:
        raise HubpulseError("\n".join(_problem(detail) for detail in error.errors())) from error
    except UnicodeDecodeError as error:
        raise HubpulseError(f".env: byte {error.start} is not UTF-8: save the file as UTF-8") from error
    except OSError as error:
        raise HubpulseError(f".env can't be read ({error.strerror}): check its mode") from error


def _in_file() -> dict[str, str]:
    """The variables of .env that are not set in the environment."""
    if not Path(".env").is_file():
        return {}
    from dotenv import dotenv_values  # noqa: PLC0415 - only where there is such a file

    set_already = {name.upper() for name, value in os.environ.items() if value}
    return {name: value for name, value in dotenv_values(".env").items() if value and name.upper() not in set_already}


def _nested(found: Mapping[str, str]) -> dict[str, Any]:
    """The values of our variables by field, those of a part as a dictionary; an empty variable is not set."""
    nested: dict[str, Any] = {}
    # A part given whole comes before its parts, which go over it.
    for name in sorted(found, key=len):
        field, _, key = name.upper().removeprefix(_PREFIX).lower().partition(_DELIMITER)
        if not name.upper().startswith(_PREFIX) or not found[name] or field not in Settings.model_fields:
            continue
        if _part(field) is None:
            nested[field] = found[name]
        elif key and isinstance(part := nested.setdefault(field, {}), dict):
            part[key] = found[name]
        elif not key:
            nested[field] = _from_json(_variable(field), found[name])
    return nested


def _part(field: str) -> type[_SettingsPart] | None:
    annotation = Settings.model_fields[field].annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, _SettingsPart) else None


def _from_json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        example = f"{name}{_DELIMITER}HOST"
        raise HubpulseError(f"{name} is not JSON: set its parts one by one, such as {example}") from error


def variables() -> Iterator[str]:
    """The name of every variable that is a setting."""
    for name in Settings.model_fields:
        yield _variable(name)
        part = _part(name)
        for key in part.model_fields if part else ():
            yield _variable(name, key)
            if key in _SECRETS:
                yield _variable(name, f"{key}_file")


def _variable(*place: str | int) -> str:
    return _PREFIX + _DELIMITER.join(str(step) for step in place).upper()


def _misspelt(found: Mapping[str, str]) -> Iterator[str]:
    """Variables that are nearly a setting: they would be passed over, and the default would serve in silence."""
    known = list(variables())
    for name in sorted(name for name in found if name.upper().startswith(_PREFIX)):
        near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.9) if name.upper() not in known else []
        if near:
            yield f"{name} is not a setting: did you mean {near[0]}?"


def _problem(detail: ErrorDetails) -> str:
    place = detail["loc"]
    if detail["type"] == "in_part":
        return f"{_variable(*place, detail['ctx']['key'])}: {detail['ctx']['text']}"
    if detail["type"] == "extra_forbidden":
        siblings = [name for name in variables() if name.startswith(_variable(*place[:-1], ""))]
        return f"{_variable(*place)} is not a setting: write one of {choices(siblings)}"
    if place[-1] in _SECRETS:
        if detail["type"] == "value_error":
            return f"{_variable(*place)}: {detail['ctx']['error']}"
        return f"{_variable(*place)}: is not one text: set it to the secret alone"
    from schemas.problems import sentence  # noqa: PLC0415 - only where there is a problem

    return f"{_variable(*place)}: {sentence(Settings, {**detail, 'input': _harmless(detail['input'])})}"


class _Hidden:
    """What is set, where it may be a secret that was put into the wrong variable."""

    def __init__(self, text: str) -> None:
        self._length = len(text)

    def __repr__(self) -> str:
        return f"what is set ({self._length} characters)"


def _harmless(given: object) -> object:
    """What an error may quote: no address with credentials, no token."""
    text = given if isinstance(given, str) else repr(given)
    return given if len(text) <= _QUOTED_CHARS_MAX and "@" not in text else _Hidden(text)
