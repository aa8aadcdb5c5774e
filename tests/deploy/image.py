"""The image of the Dockerfile, made by its own steps in bubblewrap: no engine, and nothing is downloaded.

    COPY . .          what .dockerignore lets through
    RUN               the Dockerfile's own command lines, in an image root of their own
    FROM python:...   this machine's Python and programs, read-only: their versions are not those of the image

pip takes nothing from an index: `hatchling` is that of the tests, and the wheel's dependencies, as its metadata name
them, are linked in afterwards. So a dependency that is not declared is not there.
"""

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from packaging.markers import default_environment
from packaging.requirements import Requirement

from tests.real_parts import REPOSITORY, require

SITE_PACKAGES = Path(sysconfig.get_path("purelib"))
PACKAGES_INSIDE = "/packages"
"""Where they are in the image: no place that a container covers with a file system of its own, as it does /tmp."""
_ETC = ("alternatives", "ssl", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "nsswitch.conf", "login.defs")
_PROGRAMS = ("bin", "sbin", "lib", "lib32", "lib64")
_ACCOUNTS = ("passwd", "group", "shadow", "gshadow")
# pip asks no index, takes no dependencies, and builds with what is installed: that option is off where it is on.
_OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "false", "PIP_NO_CACHE_DIR": "1"}


class Stage(NamedTuple):
    """The instructions of one stage of the Dockerfile, in order."""

    instructions: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        return [arguments for instruction, arguments in self.instructions if instruction == name]

    def last(self, name: str) -> str:
        return self.all(name)[-1]

    @property
    def environment(self) -> dict[str, str]:
        return dict(re.findall(r"(\w+)=(\S+)", " ".join(self.all("ENV"))))


def read_dockerfile() -> tuple[Stage, Stage]:
    """The stage that builds, and the one that is shipped."""
    text = re.sub(r"^\s*#.*\n", "", (REPOSITORY / "Dockerfile").read_text(), flags=re.MULTILINE)
    text = text.replace("\\\n", " ")
    instructions = [(line.split()[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]
    starts = [number for number, (name, _) in enumerate(instructions) if name == "FROM"]
    build, final = (Stage(instructions[start:stop]) for start, stop in zip(starts, [*starts[1:], None], strict=True))
    return build, final


def bind(source: Path, target: str, *, is_writable: bool = False) -> list[str]:
    """Arguments of bubblewrap for a mount, on folders that everybody may pass through, as an engine makes them."""
    passed = [str(folder) for folder in reversed(Path(target).parents) if folder != Path("/")]
    made = [word for folder in passed for word in ("--perms", "0755", "--dir", folder)]
    return [*made, "--bind" if is_writable else "--ro-bind", str(source), target]


def system(root: Path) -> list[str]:
    """Arguments of bubblewrap for a file system with this machine's programs, and `root` as all that is its own."""
    arguments = ["--bind", str(root), "/", "--ro-bind", "/usr", "/usr"]
    for name in _PROGRAMS:
        folder = Path("/", name)
        if folder.exists() and not folder.is_symlink():
            arguments += ["--ro-bind", str(folder), str(folder)]
    for name in _ETC:
        if Path("/etc", name).exists():
            arguments += ["--ro-bind", f"/etc/{name}", f"/etc/{name}"]
    base = Path(sys.base_prefix)
    if not base.is_relative_to("/usr"):
        arguments += bind(base, str(base))
    return [*arguments, "--dev", "/dev", "--proc", "/proc"]


def make_root(root: Path) -> Path:
    """An empty file system with this machine's accounts, and nobody's secrets."""
    (root / "etc").mkdir(parents=True)
    for name in _ACCOUNTS:
        lines = [line.split(":") for line in Path("/etc", name).read_text().splitlines()]
        (root / "etc" / name).write_text("".join(":".join([user, "x", *rest]) + "\n" for user, _, *rest in lines))
    for name in _PROGRAMS:
        if Path("/", name).is_symlink():
            (root / name).symlink_to(Path("/", name).readlink())
    (root / "tmp").mkdir(mode=0o1777)
    return root


class Image:
    """The image's own files, and how its processes start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._build, self.final = read_dockerfile()
        self.root = make_root(folder / "root")
        self._python = self._base_python()
        self._run_build()
        self._run_final()
        self._link_dependencies()

    @property
    def entrypoint(self) -> list[str]:
        return list(json.loads(self.final.last("ENTRYPOINT")))

    @property
    def environment(self) -> dict[str, str]:
        path = self.final.environment["PATH"].replace("$PATH", "/usr/local/bin:/usr/bin:/bin")
        home = next(
            line for line in (self.root / "etc/passwd").read_text().splitlines() if line.startswith("hubpulse:")
        )
        return {**self.final.environment, "PATH": path, "HOME": home.split(":")[5]}

    @property
    def arguments(self) -> list[str]:
        """Arguments of bubblewrap for the image's file system."""
        return [
            *system(self.root),
            *("--ro-bind", str(self._python), "/usr/local"),
            *bind(SITE_PACKAGES, PACKAGES_INSIDE),
        ]

    @property
    def site_packages(self) -> Path:
        (found,) = self.root.glob("opt/hubpulse/lib/python*/site-packages")
        return found

    def _base_python(self) -> Path:
        """What stands in for the image's /usr/local: a Python with pip and nothing else."""
        folder = self.folder / "usr-local"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, capture_output=True)
        (there,) = folder.glob("lib/python*/site-packages")
        for name in _top_names("pip"):
            shutil.copytree(SITE_PACKAGES / name, there / name)
        return folder

    def _run_build(self) -> None:
        source = self.root / self._build.last("WORKDIR").lstrip("/")
        (self.root / "opt").mkdir()
        taken = [line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")]
        for name in taken:
            there = REPOSITORY / name
            if there.is_dir():
                shutil.copytree(there, source / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                source.mkdir(exist_ok=True)
                shutil.copy(there, source)
        assert self._build.all("COPY") == [". ."]
        for command in self._build.all("RUN"):
            self._run(command, self._build, PYTHONPATH=PACKAGES_INSIDE, **_OFFLINE)
        shutil.rmtree(source)

    def _run_final(self) -> None:
        assert self.final.all("COPY") == ["--from=build /opt/hubpulse /opt/hubpulse"]
        for command in self.final.all("RUN"):
            self._run(command, self.final)

    def _run(self, command: str, stage: Stage, **environment: str) -> None:
        path = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
        variables = {"PATH": path, "HOME": "/", "LANG": "C.UTF-8", **environment}
        arguments = [
            *self.arguments,
            *("--bind", str(self._python), "/usr/local", "--unshare-net", "--clearenv", "--chdir", "/"),
            *("--cap-add", "ALL", "--die-with-parent"),
            *(word for name, value in variables.items() for word in ("--setenv", name, value)),
        ]
        folder = stage.last("WORKDIR") if stage is self._build else "/"
        ended = subprocess.run(
            [require("bwrap"), *arguments, "--", "sh", "-euc", f"cd {folder}; {command}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert ended.returncode == 0, f"RUN {command}\n{ended.stdout}\n{ended.stderr}"

    @property
    def dependencies(self) -> set[str]:
        """What the wheel needs, with the extras that the Dockerfile asks for, by the names of the distributions."""
        (wheel,) = importlib.metadata.distributions(name="hubpulse", path=[str(self.site_packages)])
        asked = re.search(r"'\.\[([\w,]+)\]'", " ".join(self._build.all("RUN")))
        return dependencies(wheel, asked[1].split(",") if asked else [])

    def _link_dependencies(self) -> None:
        for name in {name for required in self.dependencies for name in _top_names(required)}:
            (self.site_packages / name).symlink_to(f"{PACKAGES_INSIDE}/{name}")


def dependencies(of: importlib.metadata.Distribution, extras: Sequence[str]) -> set[str]:
    """What a distribution needs with some of its extras, and what that needs, by the names of the distributions."""
    found: set[str] = set()
    wanted = list(_requirements(of.requires, extras))
    while wanted:
        requirement = wanted.pop()
        key = f"{requirement.name}[{','.join(sorted(requirement.extras))}]"
        if key not in found:
            found.add(key)
            wanted += _requirements(importlib.metadata.requires(requirement.name), list(requirement.extras))
    return {key.partition("[")[0] for key in found}


def _requirements(texts: Sequence[str] | None, extras: Sequence[str]) -> Iterator[Requirement]:
    environment = {str(name): str(value) for name, value in default_environment().items()}
    for requirement in map(Requirement, texts or ()):
        asked = ({**environment, "extra": extra} for extra in ("", *extras))
        if requirement.marker is None or any(map(requirement.marker.evaluate, asked)):
            yield requirement


def _top_names(distribution: str) -> set[str]:
    """The files and folders of a distribution in site-packages."""
    found = set(_tops(distribution)) - {"..", "__pycache__"}
    return {name for name in found if (SITE_PACKAGES / name).exists()}


def _tops(distribution: str) -> Iterator[str]:
    # An older pip leaves an `egg-info` folder where a package has a setup.py alone: it lists its sources, not itself.
    yield from (path.name for path in SITE_PACKAGES.glob(f"{distribution.replace('-', '_')}-*.egg-info"))
    for path in importlib.metadata.files(distribution) or ():
        yield path.parts[0]
