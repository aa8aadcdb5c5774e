"""The real programs that tests talk to: where they are, and what a run says about those that are not there."""

import os
import re
import shutil
import sysconfig
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

# Servers live in sbin, which an ordinary user's PATH often leaves out.
SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
LIBRARIES = (f"/usr/lib/{sysconfig.get_config_var('MULTIARCH')}", "/usr/lib64", "/usr/lib")


class RealPart(NamedTuple):
    programs: tuple[str, ...]
    package: str


REAL_PARTS = {
    "mosquitto": RealPart(("mosquitto",), "mosquitto"),
    "mosquitto_passwd": RealPart(("mosquitto_passwd",), "mosquitto"),
    "mosquitto_sub": RealPart(("mosquitto_sub",), "mosquitto-clients"),
    "mosquitto_pub": RealPart(("mosquitto_pub",), "mosquitto-clients"),
    "influxd": RealPart(("influxd",), "influxdb"),
    "chromium": RealPart(("chromium", "chromium-browser", "google-chrome"), "chromium"),
    "docker-compose": RealPart(("docker-compose",), "docker-compose"),
    "bwrap": RealPart(("bwrap",), "bubblewrap"),
    "libatomic": RealPart(("libatomic.so.1",), "libatomic1"),
}


def find(part: str) -> Path | None:
    """Return the path of a real part's program or library, or None where it is not installed."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS, *LIBRARIES])
    for program in REAL_PARTS[part].programs:
        if found := shutil.which(program, os.F_OK if ".so." in program else os.F_OK | os.X_OK, path):
            return Path(found)
    return None


def require(part: str) -> Path:
    """Return the path of a real part's program; without it, skip the test, or fail it where CI=true."""
    if found := find(part):
        return found
    reason = f"{part} is not installed (Debian package {REAL_PARTS[part].package})"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def require_data_set(name: str) -> Path:
    """Return the folder of one of the large public data sets kept beside the repository, or skip the test."""
    folder = SHARED_DATA / name
    if not folder.is_dir():
        pytest.skip(f"the data set {name} is not there (looked for ../shared/data/{name})")
    return folder


REASON = re.compile(r"[\w-]+ is not installed \(Debian package [\w-]+\)|the data set \S+ is not there \([^)]*\)")


def missing_parts(reports: Iterable[pytest.TestReport]) -> Counter[str]:
    """Count, by what was missing, the tests among these reports that did not run because of it."""
    reasons = (REASON.search(str(report.longrepr)) for report in reports)
    return Counter(reason.group() for reason in reasons if reason)
