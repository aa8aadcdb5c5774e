"""Settings from environment, .env and secret files; every problem is a line that names the variable and the hint."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from cli.context import load_settings
from schemas import HubpulseError, Settings
from schemas.settings import InfluxSettings, MqttSettings, variables

SECRET = "never-to-be-seen"

Environment = Callable[..., None]


@pytest.fixture(autouse=True)
def empty_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in variables():
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Set variables by their names without the prefix."""

    def set_all(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"HUBPULSE_{name}", value)

    return set_all


def problems() -> list[str]:
    with pytest.raises(HubpulseError) as caught:
        load_settings()
    return str(caught.value).splitlines()


def test_with_nothing_set_the_embedded_defaults_serve() -> None:
    settings = load_settings()

    assert settings.store == "sqlite"
    assert settings.data_dir == Path("data")
    assert settings.mqtt.host is None
    assert settings.board.host == "127.0.0.1"
    assert settings.retention_days is None


def test_the_environment_reaches_every_part(env: Environment) -> None:
    env(
        STORE="influxdb",
        MQTT__HOST="broker",
        MQTT__PORT="8883",
        INFLUX__URL="https://influx:8086",
        INGEST__FLUSH_AGE_S="0.25",
        BOARD__PORT="0",
        RETENTION_DAYS="90",
        ESTATE="/etc/hubpulse/estate.yaml",
    )
    settings = load_settings()

    assert (settings.store, settings.retention_days) == ("influxdb", 90)
    assert (settings.mqtt.host, settings.mqtt.port) == ("broker", 8883)
    assert (settings.influx.url, settings.ingest.flush_age_s, settings.board.port) == ("https://influx:8086", 0.25, 0)
    assert settings.estate == Path("/etc/hubpulse/estate.yaml")


def test_an_empty_variable_is_not_set(env: Environment) -> None:
    env(MQTT__HOST="", ESTATE="", MQTT__PORT="", INFLUX__TOKEN="")
    settings = load_settings()

    assert (settings.mqtt.host, settings.estate, settings.mqtt.port) == (None, None, 1883)
    assert settings.influx.token is None


def test_the_environment_is_above_the_dotenv_file_and_the_command_line_above_both(env: Environment) -> None:
    Path(".env").write_text("HUBPULSE_DATA_DIR=from-file\nHUBPULSE_MQTT__HOST=from-file\nHUBPULSE_MQTT__PORT=1111\n")
    env(DATA_DIR="from-env", MQTT__HOST="from-env")
    settings = load_settings(data=Path("from-line"))

    assert settings.data_dir == Path("from-line")
    assert (settings.mqtt.host, settings.mqtt.port) == ("from-env", 1111)


@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_a_dotenv_file_of_any_editor_is_read(start: str, end: str) -> None:
    lines = ["HUBPULSE_STORE=influxdb", "# a comment", "", "export HUBPULSE_BOARD__PORT='9090'", "OTHER=1"]
    Path(".env").write_bytes((start + end.join(lines)).encode())

    assert (load_settings().store, load_settings().board.port) == ("influxdb", 9090)


@pytest.mark.parametrize("variable", ["MQTT__PASSWORD", "INFLUX__PASSWORD", "INFLUX__TOKEN"])
def test_a_secret_comes_from_the_environment_or_from_a_file(
    variable: str, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, key = variable.lower().split("__")
    env(**{variable: SECRET})
    by_value = load_settings()
    monkeypatch.delenv(f"HUBPULSE_{variable}")
    env(**{f"{variable}_FILE": "secret"})
    Path("secret").write_text(f"{SECRET}\n")
    by_file = load_settings()
    Path("secret").write_text(f"\ufeff{SECRET}\r\n")
    by_file_of_windows = load_settings()

    for settings in (by_value, by_file, by_file_of_windows):
        assert getattr(getattr(settings, part), key).get_secret_value() == SECRET
        assert SECRET not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    "content, said",
    [
        (None, "can't be read (No such file or directory): check path and mode"),
        (b"", "holds no single line of text: write the secret alone into it"),
        (b" \n", "holds no single line of text: write the secret alone into it"),
        (b"two\nlines", "holds no single line of text: write the secret alone into it"),
        (b"\xff\xfe", "is not text: write the secret alone into it"),
    ],
)
def test_a_secret_file_that_holds_no_secret_is_refused(content: bytes | None, said: str, env: Environment) -> None:
    if content is not None:
        Path("secret").write_bytes(content)
    env(INFLUX__TOKEN_FILE="secret")

    assert problems() == [f"HUBPULSE_INFLUX__TOKEN_FILE: 'secret' {said}"]


def test_a_secret_file_that_is_a_folder_is_refused(env: Environment) -> None:
    env(MQTT__PASSWORD_FILE=".")

    assert problems() == ["HUBPULSE_MQTT__PASSWORD_FILE: '.' can't be read (Is a directory): check path and mode"]


def test_a_secret_given_twice_is_refused(env: Environment) -> None:
    Path("secret").write_text(SECRET)
    env(MQTT__PASSWORD=SECRET, MQTT__PASSWORD_FILE="secret")

    assert problems() == ["HUBPULSE_MQTT__PASSWORD_FILE: password is set as well: keep one of the two"]


@pytest.mark.parametrize(
    "variable, value, said",
    [
        ("STORE", "postgres", "'postgres' is not known: write one of sqlite, influxdb"),
        ("STORE", "influx", "'influx' is not known: did you mean influxdb?"),
        ("RETENTION_DAYS", "2y", "'2y' is not a whole number: write for example 365"),
        ("RETENTION_DAYS", "0", "'0' is too small: write 1 or more"),
        ("MQTT__PORT", "70000", "'70000' is too large: write 65535 or less"),
        ("MQTT__PORT", "1883/tcp", "'1883/tcp' is not a whole number: write for example 1883"),
        ("MQTT__HOST", "mqtt://broker:1883", "holds more than a host: write its name or address alone, the port is a"),
        ("MQTT__HOST", "broker:1883", "holds more than a host: write its name or address alone, the port is a"),
        ("MQTT__INGEST_NAME", "a b", "'a b' is not of the right form: write for example hubpulse-ingest"),
        (
            "INFLUX__URL",
            "influx:8086",
            "'influx:8086' is not of the right form: write for example http://127.0.0.1:8086",
        ),
        ("INFLUX__BUCKET", "my hubs", "'my hubs' is not of the right form: write for example hubs"),
        ("INGEST__FLUSH_AGE_S", "nan", "'nan' is not a number: write for example 0.1"),
        ("INGEST__BACKOFF_MAX_S", "0", "'0' is too small: write more than 0"),
        ("INGEST__BUFFER_BYTES_MAX", "4GB", "'4GB' is not a whole number: write for example 4294967296"),
        ("BOARD", "8080", "8080 is not a mapping of keys to values: write its keys, as in `host: ...`"),
    ],
)
def test_a_wrong_value_is_one_line_with_the_variable_and_the_hint(
    variable: str, value: str, said: str, env: Environment
) -> None:
    env(**{variable: value})
    [line] = problems()

    assert line.startswith(f"HUBPULSE_{variable}: {said}")


def test_the_names_of_the_board_are_a_list(env: Environment) -> None:
    env(BOARD__HOSTS="Hubs.example.org, hubs.example.com")

    assert load_settings().board.hosts == ("hubs.example.org", "hubs.example.com")


def test_an_address_of_ipv6_is_a_host(env: Environment) -> None:
    env(MQTT__HOST="::1")

    assert load_settings().mqtt.host == "::1"


def test_every_wrong_value_is_told_at_once(env: Environment) -> None:
    env(STORE="x", MQTT__PORT="x", BOARD__PORT="x")

    assert [line.split(":")[0] for line in problems()] == [
        "HUBPULSE_STORE",
        "HUBPULSE_MQTT__PORT",
        "HUBPULSE_BOARD__PORT",
    ]


@pytest.mark.parametrize(
    "variable, meant",
    [
        ("MQTT_HOST", "MQTT__HOST"),
        ("MQTT__HOTS", "MQTT__HOST"),
        ("STROE", "STORE"),
        ("INFLUX_TOKEN_FILE", "INFLUX__TOKEN_FILE"),
        ("DATADIR", "DATA_DIR"),
    ],
)
@pytest.mark.parametrize("in_file", [False, True])
def test_a_misspelt_variable_is_never_passed_over(variable: str, meant: str, in_file: bool, env: Environment) -> None:
    if in_file:
        Path(".env").write_text(f"HUBPULSE_{variable}=x\n")
    else:
        env(**{variable: "x"})

    assert problems() == [f"HUBPULSE_{variable} is not a setting: did you mean HUBPULSE_{meant}?"]


def test_an_unknown_variable_of_a_part_is_refused_and_one_of_others_is_not_ours(env: Environment) -> None:
    env(RELEASE_NAME="autumn", IMAGE_TAG="1.0")
    assert load_settings() == Settings()

    env(BOARD__COLOUR="red")
    known = "HUBPULSE_BOARD__HOST, HUBPULSE_BOARD__PORT, HUBPULSE_BOARD__HOSTS"
    known += ", HUBPULSE_BOARD__TRUSTED_PROXIES"
    known += ", HUBPULSE_BOARD__ADMIN_PASSWORD, HUBPULSE_BOARD__ADMIN_PASSWORD_FILE"
    assert problems() == [f"HUBPULSE_BOARD__COLOUR is not a setting: write one of {known}"]


def test_the_log_is_set_like_everything_else(env: Environment) -> None:
    Path(".env").write_text("HUBPULSE_LOG_LEVEL=debug\n")
    assert load_settings().log_level == "debug"
    env(LOG_LEVEL="WARNING", LOG_FORMAT="json")
    assert (load_settings().log_level, load_settings().log_format) == ("warning", "json")


def test_a_part_as_one_variable_is_json_or_refused(env: Environment) -> None:
    env(MQTT='{"host": "broker"}')
    assert load_settings().mqtt.host == "broker"

    env(MQTT="broker:1883")
    assert problems() == ["HUBPULSE_MQTT is not JSON: set its parts one by one, such as HUBPULSE_MQTT__HOST"]


def test_a_dotenv_file_that_cannot_be_read_is_one_line() -> None:
    Path(".env").write_bytes(b"HUBPULSE_STORE=\xff\n")

    assert problems() == [".env: byte 15 is not UTF-8: save the file as UTF-8"]


@pytest.mark.claim("S-43")
@pytest.mark.parametrize(
    "variable, value",
    [
        ("INFLUX__URL", f"http://user:{SECRET}@influx:8086"),
        ("INFLUX__URL", f"https://{SECRET}@influx"),
        ("MQTT", f'{{"password": ["{SECRET}"]}}'),
        ("MQTT", f'{{"password": {{"x": "{SECRET}"}}}}'),
        ("INFLUX", f'{{"token": ["{SECRET}"], "token_file": "x"}}'),
        ("MQTT__PASSWORD__X", SECRET),
        ("INFLUX__URL", f"influx://user:{SECRET}@influx:8086"),
        ("MQTT__PORT", f"mqtts://user:{SECRET}@broker:8883"),
        ("MQTT__HOST", f"{SECRET}{'x' * 64}=="),
        ("MQTT__HOST", f"user:{SECRET}@broker"),
        ("BOARD__HOST", f"http://{SECRET}"),
        ("STORE", f"http://user:{SECRET}@influx"),
        ("RETENTION_DAYS", SECRET),
        ("INFLUX__BUCKET", f"{SECRET}=="),
        ("MQTT__CLIENT_ID", f"{SECRET} "),
        ("LOG_LEVEL", SECRET),
        ("DATA_DIR", f"https://user:{SECRET}@example.org/data"),
        ("ESTATE", f"https://user:{SECRET}@example.org/estate.yaml"),
        ("MQTT__CA_FILE", f"https://{SECRET}@example.org/ca.crt"),
        ("INFLUX__TOKEN_FILE", SECRET),
        ("INFLUX__TOKEN_FILE", f"a/{SECRET}=="),
        ("MQTT__PASSWORD_FILE", SECRET * 40),
        ("BOARD", f'"{SECRET}"'),
        ("MQTT", f'{{"port": "{SECRET}"}}'),
    ],
)
def test_no_secret_is_in_an_error(variable: str, value: str, env: Environment) -> None:
    env(**{variable: value})
    with pytest.raises(HubpulseError) as caught:
        load_settings()

    assert SECRET not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r} {caught.value.__cause__}"
    assert len(str(caught.value).splitlines()) == 1


def test_settings_made_in_code_keep_their_secrets_to_themselves() -> None:
    assert SECRET not in repr(Settings(influx=InfluxSettings(token=SecretStr(SECRET))))


def test_every_setting_has_a_variable_of_its_own() -> None:
    names = list(variables())

    assert len(names) == len(set(names))
    assert {"HUBPULSE_DATA_DIR", "HUBPULSE_MQTT__HOST", "HUBPULSE_INFLUX__TOKEN_FILE"} <= set(names)
    assert "HUBPULSE_MQTT__TOKEN_FILE" not in names


@pytest.mark.parametrize("name", ["CLIENT_ID", "SHARE_GROUP"])
def test_a_wrong_secret_name_is_not_repeated(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"HUBPULSE_MQTT__{name}", "ab cdefgh")
    with pytest.raises(HubpulseError) as error:
        load_settings()

    assert str(error.value) == f"HUBPULSE_MQTT__{name}: is no name: letters, digits, _ and -, at most 64 of them"
    assert "abcdef" not in repr(MqttSettings(client_id=SecretStr("abcdef")))
