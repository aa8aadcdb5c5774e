"""`hubpulse init` makes each secret once, at random, for the one user that reads it."""

import os
import pwd
import ssl
import subprocess
from pathlib import Path

import pytest

from cli.broker_accounts import fits, password_file, rights
from schemas import Estate, HubpulseError
from tests.deploy.compose_file import SECRETS_FOLDER, SERVICES, mounted_secrets
from tests.deploy.installation import HUBS, Installation
from tests.project_files import ignored_by_git
from tests.real_parts import REPOSITORY, require

COPIES = {"grafana/influx_token", "hubpulse/influx_token", "hubpulse/ca.crt"}


def is_password(name: str) -> bool:
    return name.endswith(("password", "token"))


def test_every_secret_of_compose_is_made(installed: Installation) -> None:
    wanted = {str(secret.file) for secret in mounted_secrets()}

    assert wanted - installed.files().keys() == set()


def test_nobody_else_can_read_a_secret(installed: Installation) -> None:
    for path in installed.secrets.rglob("*"):
        assert (path, path.stat().st_mode & 0o777) == (path, 0o700 if path.is_dir() else 0o600)


def test_the_folder_lets_readers_through_to_their_own_and_shows_nothing(installed: Installation) -> None:
    assert installed.secrets.stat().st_mode & 0o777 == 0o711


@pytest.mark.claim("S-56")
@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to other users")
def test_every_secret_belongs_to_the_user_of_the_service_that_reads_it(installed: Installation) -> None:
    readers = [(secret.file, secret.service) for secret in mounted_secrets()]
    readers += [(Path("broker") / name, "mosquitto") for name in ("acl", "passwords", "server.key", "mosquitto_sub")]

    for file, service in readers:
        owner = (installed.secrets / file).stat().st_uid
        assert (file, owner) == (file, int(SERVICES[service]["user"].split(":")[0]))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to other users")
def test_the_keys_that_no_service_needs_stay_with_the_administrator(installed: Installation) -> None:
    assert (installed.secrets / "ca/ca.key").stat().st_uid == 0
    assert (installed.secrets / "hubs/armley/mqtt_password").stat().st_uid == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to other users")
@pytest.mark.parametrize("target", ["compose", "debian"])
def test_jobs_of_compose_may_replace_the_estate_file_and_it_keeps_its_owner(
    installation: Installation, target: str
) -> None:
    folder = installation.estate.parent
    before = folder.stat()

    installation.init("--for", target)

    after, group = folder.stat(), int(SERVICES["jobs"]["user"].split(":")[1])
    if target == "compose":
        assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, group, before.st_mode | 0o070)
    else:
        assert (after.st_gid, after.st_mode) == (before.st_gid, before.st_mode)
    assert installation.estate.stat().st_gid == before.st_gid


def owner(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to other users")
def test_on_debian_the_broker_reads_its_own_and_root_keeps_the_rest(installation: Installation) -> None:
    said = installation.init("--for", "debian")

    uid = owner("mosquitto")
    owners = {
        path.relative_to(installation.secrets).parts[0]: path.stat().st_uid for path in installation.secrets.rglob("*")
    }
    assert owners.pop("broker") == (uid or 0)
    assert set(owners.values()) == {0}
    assert ("no user mosquitto" in said) == (uid is None)
    assert "docker" not in said


@pytest.mark.claim("S-21")
def test_passwords_are_long_random_and_unlike_each_other(installed: Installation, installation: Installation) -> None:
    installation.init()
    ours = {text for name, text in installed.files().items() if is_password(name) and name not in COPIES}
    others = {text for name, text in installation.files().items() if is_password(name)}

    # influxdb 2, grafana, ingest, simulator, gateway, the board's admin, and one for each hub
    assert len(ours) == 7 + len(HUBS)
    assert ours & others == set()
    assert {len(text) for text in ours} == {64}


@pytest.mark.claim("S-45")
def test_the_token_is_the_same_for_all_who_share_it(installed: Installation) -> None:
    made = installed.files()

    assert made["grafana/influx_token"] == made["hubpulse/influx_token"] == made["influxdb/token"]


def test_a_second_run_changes_nothing(installation: Installation) -> None:
    installation.init()
    before = installation.files()

    said = installation.init()

    assert installation.files() == before
    assert "Everything was there already" in said


def test_what_is_missing_is_made_and_the_rest_is_kept(installation: Installation) -> None:
    installation.init()
    before = installation.files()
    for name in ("grafana/influx_token", "broker/passwords", "broker/acl"):
        (installation.secrets / name).unlink()

    installation.init()

    after = installation.files()
    assert after.keys() == before.keys()
    assert {name for name in before if after[name] != before[name]} == {"broker/passwords"}  # salted anew


def test_a_hub_that_is_added_gets_a_user_and_the_others_keep_theirs(installation: Installation) -> None:
    installation.init()
    before = installation.files()
    installation.write_estate(hubs=(*HUBS, "bramley"))

    said = installation.init()

    after = installation.files()
    assert after.keys() - before.keys() == {"hubs/bramley/mqtt_password"}
    assert {name for name in before if after[name] != before[name]} == {"broker/acl", "broker/passwords"}
    assert set(before["broker/passwords"].splitlines()) < set(after["broker/passwords"].splitlines())
    assert "HUP mosquitto" in said


def test_a_hub_that_is_removed_loses_its_user_but_not_its_password(installation: Installation) -> None:
    installation.init()
    password = installation.password("hub-beeston")
    installation.write_estate(hubs=("armley",))

    installation.init()

    assert "beeston" not in installation.files()["broker/acl"] + installation.files()["broker/passwords"]
    assert installation.password("hub-beeston") == password


def test_a_password_that_was_changed_by_hand_is_taken_up(installation: Installation) -> None:
    installation.init()
    (installation.secrets / "hubs/armley/mqtt_password").write_text("changed")

    installation.init()

    lines = dict(line.split(":", 1) for line in installation.files()["broker/passwords"].splitlines())
    assert fits("changed", lines["hub-armley"])


@pytest.mark.claim("S-22")
@pytest.mark.needs("mosquitto_passwd")
def test_passwords_are_hashed_as_mosquitto_does(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    subprocess.run([require("mosquitto_passwd"), "-b", "-c", file, "ada", "secret"], check=True, capture_output=True)
    entry = file.read_text().strip().split(":", 1)[1]

    assert fits("secret", entry)
    assert not fits("other", entry)
    assert password_file({"ada": "secret"}, before=file.read_text()) == file.read_text()


def names_of(installation: Installation) -> str:
    asked = ["openssl", "x509", "-noout", "-ext", "subjectAltName"]
    certificate = installation.files()["broker/server.crt"]
    return subprocess.run(asked, input=certificate, check=True, capture_output=True, text=True).stdout


def test_the_certificate_names_every_way_to_reach_the_broker(installed: Installation) -> None:
    for name in ("DNS:localhost", "IP Address:127.0.0.1", "DNS:mosquitto", "DNS:mqtt.example.org"):
        assert name in names_of(installed)


def test_the_certificate_is_one_that_strict_clients_take(installed: Installation) -> None:
    files = installed.secrets
    strict = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "mqtt.example.org"]
    asked = subprocess.run(
        [*strict, "-CAfile", files / "ca/ca.crt", files / "broker/server.crt"], capture_output=True, check=False
    )

    assert asked.returncode == 0, asked.stderr


def test_a_new_name_makes_a_new_certificate_by_the_same_authority_and_key(installation: Installation) -> None:
    installation.init("--host", "a.example.org")
    before = installation.files()

    installation.init("--host", "192.0.2.7")

    after = installation.files()
    assert {name for name in before if after[name] != before[name]} == {"broker/server.crt"}
    assert "DNS:a.example.org" in names_of(installation)
    assert "IP Address:192.0.2.7" in names_of(installation)


def test_the_authority_is_never_made_anew_where_its_key_is_kept_elsewhere(installation: Installation) -> None:
    installation.init()
    (installation.secrets / "ca/ca.key").unlink()
    before = installation.files()
    installation.init()
    assert installation.files() == before

    answer = installation.run_init("--host", "new.example.org")

    assert answer.exit_code == 1
    assert "put it back" in answer.err
    assert installation.files() == before


@pytest.mark.parametrize("name", ["", "two words", "https://mqtt.example.org", "a,DNS:b", "a\nb", "-", "x" * 64])
def test_what_is_no_name_is_refused(installation: Installation, name: str) -> None:
    answer = installation.run_init("--host", name)

    assert answer.exit_code == 1
    assert "is no name or address" in answer.err
    assert not installation.secrets.exists()


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said_in_a_line(installation: Installation) -> None:
    installation.secrets.mkdir(parents=True, mode=0o500)

    answer = installation.run_init()

    assert answer.exit_code == 1
    assert "with sudo" in answer.err


def test_an_estate_without_hubs_is_pointed_out(installation: Installation) -> None:
    installation.write_estate(hubs=())

    assert "no sensor can publish" in installation.init()


@pytest.mark.claim("S-78")
def test_a_topic_that_would_break_out_of_its_line_is_refused() -> None:
    estate = Estate.model_validate({"sources": [{"topic": "a\nuser x\ntopic write b"}]})

    with pytest.raises(HubpulseError, match="no line can hold"):
        rights(estate)


def test_python_trusts_the_authority(installed: Installation) -> None:
    context = ssl.create_default_context(cafile=str(installed.secrets / "hubpulse/ca.crt"))

    assert len(context.get_ca_certs()) == 1


def test_git_ignores_the_secrets() -> None:
    assert ignored_by_git(REPOSITORY).match_file(SECRETS_FOLDER / "x")
