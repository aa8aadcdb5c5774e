"""The files of the project, told from what lies about in its folder."""

import shutil
import subprocess
from functools import cache
from pathlib import PurePosixPath

import pytest

from tests.real_parts import REPOSITORY


@cache
def project_files() -> dict[PurePosixPath, str]:
    """The text files that git tracks or is about to, by their path in the repository."""
    git = shutil.which("git")
    if git is None or not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout: the project's files cannot be told from others")
    listing = subprocess.run(
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    files = {}
    for name in filter(None, listing.split("\0")):
        try:
            files[PurePosixPath(name)] = (REPOSITORY / name).read_text()
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # a picture, or a file removed but not yet committed as such
    return files
