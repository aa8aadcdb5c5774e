"""`hubpulse users`: accounts and tokens from the command line."""

import json
from pathlib import Path

import yaml

from tests.cli.command import CommandLine

PASSWORD = b"correct horse battery\n"


def command_line(tmp_path: Path) -> CommandLine:
    estate = {"timezone": "Europe/London", "hubs": [{"id": "armley"}]}
    line = CommandLine(tmp_path)
    (tmp_path / "estate.yaml").write_text(yaml.safe_dump(estate))
    return line


def test_accounts_are_added_listed_and_removed(tmp_path: Path) -> None:
    hubpulse = command_line(tmp_path)
    assert "Nobody has an account yet" in hubpulse.run("users", "list").out
    assert not (tmp_path / "data").exists()
    added = hubpulse.run(
        "users", "add", "sam", "--role", "manager", "--hub", "armley", "--password-file", "-", stdin=PASSWORD
    )
    assert added.out.strip() == "sam may sign in as manager, and sees armley"
    token = hubpulse.run("users", "token", "sam", "--label", "reports", "--days", "90").out.strip()
    assert token.startswith("hp_")
    (sam,) = json.loads(hubpulse.run("users", "list", "--json").out)
    assert (sam["name"], sam["role"], sam["hubs"]) == ("sam", "manager", ["armley"])
    assert [each["label"] for each in sam["tokens"]] == ["reports"]
    assert token not in hubpulse.run("users", "list").out
    assert hubpulse.run("users", "remove", "sam", "--token", "reports").exit_code == 0
    assert json.loads(hubpulse.run("users", "list", "--json").out)[0]["tokens"] == []
    assert hubpulse.run("users", "remove", "sam").exit_code == 0
    gone = hubpulse.run("users", "remove", "sam")
    assert gone.exit_code == 1
    assert "no account 'sam'" in gone.err


def test_what_makes_no_account_is_said_in_a_line(tmp_path: Path) -> None:
    hubpulse = command_line(tmp_path)
    for words, stdin, said in (
        (("sam", "--role", "boss"), PASSWORD, "--role boss is none: choose from viewer, manager, admin"),
        (("Sam Smith",), PASSWORD, "is no name"),
        (("sam", "--hub", "atlantis"), PASSWORD, "no hub 'atlantis' in the estate file"),
        (("sam",), b"short\n", "a password has 12 to 256 characters"),
    ):
        answer = hubpulse.run("users", "add", *words, "--password-file", "-", stdin=stdin)
        assert answer.exit_code in (1, 2)
        assert said in answer.err
        assert "Traceback" not in answer.err
    missing = hubpulse.run("users", "add", "sam", "--password-file", "nowhere")
    assert "the password can't be read from nowhere" in missing.err
    assert hubpulse.run("users", "token", "sam").exit_code == 1
