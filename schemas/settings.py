"""Connections, secrets and limits, from the environment or a .env file (`HUBPULSE_MQTT__HOST=...`).

A secret may be given as a file: `HUBPULSE_INFLUX__TOKEN_FILE=/run/secrets/token`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        return {
            (key.removesuffix("_file") if key in _SECRET_FILES else key): (
                _read_secret(key, value) if key in _SECRET_FILES else value
            )
            for key, value in values.items()
        }


_SECRET_FILES = ("password_file", "token_file")


def _read_secret(key: str, path: object) -> str:
    try:
        return Path(str(path)).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(
            f"{key} {str(path)!r} can't be read ({error.strerror}): check the path and its mode"
        ) from error


class MqttSettings(_Part):
    """The broker. Without a host, `up` starts one of its own and `ingest` looks on this machine."""

    host: str | None = None
    port: int = Field(default=1883, ge=1, le=65535)
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = Field(default=None, description="certificate authority; given, the connection is TLS")
    client_id: str = Field(default="hubpulse-ingest", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    share_group: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="shared subscription group, for several ingests",
    )
    receive_max: int = Field(default=5000, ge=1, le=65535)
    session_expiry_s: int = Field(default=7 * 86400, ge=0, le=2**32 - 1)
    keepalive_s: int = Field(default=30, ge=5, le=65535)


class InfluxSettings(_Part):
    """InfluxDB 2.x (token, org, bucket) or 1.x (user and password; the bucket is the database)."""

    url: str = Field(default="http://127.0.0.1:8086", pattern=r"^https?://")
    org: str = "hubpulse"
    bucket: str = Field(default="hubs", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    token: SecretStr | None = None
    username: str | None = None
    password: SecretStr | None = None
    timeout_s: float = Field(default=10, gt=0, le=300)


class IngestSettings(_Part):
    """Limits of the way from the broker to the store."""

    message_bytes_max: int = Field(default=1024 * 1024, ge=128)
    clock_ahead_max_s: int = Field(default=600, ge=0)
    buffer_bytes_max: int = Field(default=4 * 1024**3, ge=1024**2)
    disk_free_bytes_min: int = Field(default=64 * 1024**2, ge=0)
    held_bytes_max: int = Field(default=64 * 1024**2, ge=1024**2)
    batch_messages_max: int = Field(default=5000, ge=1, le=65535)
    flush_lines_max: int = Field(default=5000, ge=1, le=100_000)
    flush_age_s: float = Field(default=0.5, ge=0, le=60)
    backoff_first_s: float = Field(default=0.5, gt=0)
    backoff_max_s: float = Field(default=30, gt=0)
    stop_deadline_s: float = Field(default=8, gt=0, le=60)


class BoardSettings(_Part):
    """Where the board listens."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)


class Settings(BaseSettings):
    """Everything that the environment decides; with nothing set, the embedded defaults serve."""

    model_config = SettingsConfigDict(
        env_prefix="HUBPULSE_", env_nested_delimiter="__", env_file=".env", extra="ignore", frozen=True
    )

    data_dir: Path = Path("data")
    estate: Path | None = Field(default=None, description="the estate file; estate.yaml where that exists")
    store: Literal["sqlite", "influxdb"] = "sqlite"
    retention_days: int | None = Field(default=None, ge=1, description="raw readings are kept so long; none = for ever")
    mqtt: MqttSettings = MqttSettings()
    influx: InfluxSettings = InfluxSettings()
    ingest: IngestSettings = IngestSettings()
    board: BoardSettings = BoardSettings()
