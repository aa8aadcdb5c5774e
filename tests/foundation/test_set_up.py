"""The set-up scripts on machines that lack this or that, made of small programs that stand in for the real ones."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real_parts import REPOSITORY

CORE_PROGRAMS = ("bash", "cut", "tr", "rm", "chmod", "cat", "sed")


class Machine:
    """A PATH that holds core programs and whatever a test puts there; what stand-ins are called with is logged."""

    def __init__(self, folder: Path, *, uid: int) -> None:
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.log = folder / "called"
        self.log.touch()
        self.service_policy = folder / "policy-rc.d"
        for name in CORE_PROGRAMS:
            (self.programs / name).symlink_to(shutil.which(name) or name)
        self.install("id", f"echo {uid}")

    def install(self, name: str, script: str) -> None:
        program = self.programs / name
        program.write_text(f'#!{shutil.which("bash")}\necho "{name} $*" >>{self.log}\n{script}\n')
        program.chmod(0o755)

    def run(self, script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [REPOSITORY / ".ci" / script, *arguments],
            env={"PATH": str(self.programs), "POLICY_RC_D": str(self.service_policy)},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def called(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine of an ordinary user."""
    return Machine(tmp_path, uid=1000)


@pytest.fixture
def roots_machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path, uid=0)


def test_a_python_that_refuses_to_run_is_passed_over(machine: Machine, tmp_path: Path) -> None:
    machine.install("python3.13", "exit 127")
    machine.install("python3.12", f'exec {sys.executable} "$@"')

    result = machine.run("make-venv", tmp_path / "venv")

    assert result.stderr == ""
    assert result.returncode == 0
    assert (tmp_path / "venv/bin/python").exists()


def test_a_machine_without_python_is_told_what_to_install(machine: Machine, tmp_path: Path) -> None:
    result = machine.run("make-venv", tmp_path / "venv")

    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "apt-get install python3" in result.stderr


# Stands in for Debian's python3.12 without its venv module, until apt-get has brought it.
WITHOUT_VENV = """
case "$2" in
    *ensurepip*) [ -e "${0%/*}/venv-module" ] ;;
    *%d.%d*) echo 3.12 ;;
esac
"""


def test_a_user_without_the_venv_module_is_told_what_to_install(machine: Machine, tmp_path: Path) -> None:
    machine.install("python3.12", WITHOUT_VENV)

    result = machine.run("make-venv", tmp_path / "venv")

    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "sudo apt-get install python3.12-venv" in result.stderr


def test_root_is_given_the_venv_module(roots_machine: Machine, tmp_path: Path) -> None:
    roots_machine.install("python3.12", WITHOUT_VENV)
    roots_machine.install("apt-get", "")

    result = roots_machine.run("make-venv", tmp_path / "venv")

    assert result.returncode == 0
    assert "apt-get install -y -qq --no-install-recommends python3.12-venv" in roots_machine.called
    assert roots_machine.called[-1] == f"python3.12 -m venv {tmp_path / 'venv'}"


@pytest.mark.needs("mosquitto")
@pytest.mark.needs("mosquitto_sub")
@pytest.mark.needs("influxd")
@pytest.mark.needs("chromium")
@pytest.mark.needs("docker-compose")
def test_nothing_is_installed_where_nothing_is_missing() -> None:
    result = subprocess.run(
        [REPOSITORY / ".ci/real-parts"], capture_output=True, text=True, check=False, env={"PATH": os.defpath}
    )

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_an_ordinary_user_is_told_how_to_get_the_real_parts(machine: Machine) -> None:
    result = machine.run("real-parts")

    assert result.returncode == 0
    assert "chromium" not in " ".join(machine.called)
    assert "the tests that need them are skipped" in result.stderr
    assert "chromium docker-compose" in result.stderr


def test_a_package_that_cannot_be_had_does_not_stop_the_others_or_the_run(roots_machine: Machine) -> None:
    roots_machine.install("apt-get", '[ "${!#}" != chromium ]')

    result = roots_machine.run("real-parts")

    assert result.returncode == 0
    assert "could not install chromium: the tests that need chromium are skipped" in result.stderr
    assert "could not install docker-compose" not in result.stderr
    assert any(call.endswith("docker-compose") for call in roots_machine.called)


def test_no_service_is_started_while_its_package_is_installed(roots_machine: Machine) -> None:
    policy = roots_machine.service_policy
    roots_machine.install("apt-get", f'{policy}; echo "services may start: $?" >>{roots_machine.log}')

    roots_machine.run("real-parts")

    assert "services may start: 101" in roots_machine.called
    assert "services may start: 0" not in roots_machine.called
    assert not policy.exists()


def test_installing_shows_steps_and_not_every_line_of_pip() -> None:
    said = "".join(f"Collecting package-{n}>=1\n  Using cached it\n" for n in range(45))

    shown = subprocess.run(
        [REPOSITORY / ".ci/show-progress"],
        input=f"{said}Installing collected packages: a, b\nSuccessfully installed a b\n",
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert shown.splitlines() == [
        "  finding packages: 20",
        "  finding packages: 40",
        "  installing 45 packages",
        "  installed",
    ]
