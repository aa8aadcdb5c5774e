"""The files of the project, told from what lies about in its folder by .gitignore; git itself is not needed."""

import os
from functools import cache
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

from tests.real_parts import REPOSITORY


@cache
def project_files() -> dict[PurePosixPath, str]:
    """The project's text files by their path in the repository, in order."""
    return files_below(REPOSITORY)


def ignored_by_git(top: Path) -> GitIgnoreSpec:
    """What the .gitignore of a folder says of the paths in it."""
    return GitIgnoreSpec.from_lines([*(top / ".gitignore").read_text().splitlines(), ".git"])


def files_below(top: Path) -> dict[PurePosixPath, str]:
    """The text files in a folder, but for what its .gitignore names."""
    ignored = ignored_by_git(top)
    files = {}
    for folder, subfolders, names in os.walk(top):
        here = Path(folder).relative_to(top)
        subfolders[:] = [name for name in subfolders if not ignored.match_file(f"{here / name}/")]
        for name in names:
            path = PurePosixPath(here / name)
            if ignored.match_file(path):
                continue
            try:
                files[path] = (top / path).read_text()
            except (UnicodeDecodeError, FileNotFoundError):
                continue  # a picture, or a link to nothing
    return dict(sorted(files.items()))
