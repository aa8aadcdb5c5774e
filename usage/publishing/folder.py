"""The publications of a data folder: a file each, and one of what is given out of it where small numbers are hidden."""

from __future__ import annotations

import os
from pathlib import Path

from schemas.errors import HubpulseError
from usage.publishing.publication_file import Content, read

PUBLICATIONS = "publication-*.json"
"""The files of a data folder, by their code."""
RELEASES = "release-*.json"
"""What is given out of them."""


def file_of(folder: Path, code: str, files: str = PUBLICATIONS) -> Path:
    """Where a publication is, by its code."""
    return folder / files.replace("*", code)


def found(folder: Path, which: str) -> Path:
    """The file of a publication that is named by its code, however it is written, or by its path."""
    code = which.upper().replace("O", "0").replace("I", "1").replace("L", "1")
    for file in (file_of(folder, code), Path(which)):
        if file.is_file():
            return file
    known = ", ".join(sorted(codes(folder)))
    raise HubpulseError(
        f"no publication {which} in {folder}, nor a file of that name; there are: "
        f"{known or 'none yet, `hubpulse publish` makes one'}"
    )


def codes(folder: Path) -> list[str]:
    """The codes of the publications, the file that was written last first; none of them is read."""
    start, end = (len(part) for part in PUBLICATIONS.split("*"))
    files = sorted(folder.glob(PUBLICATIONS), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    return [file.name[start:-end] for file in files]


def read_publication(folder: Path, which: str) -> Content:
    """A publication by its code or its file. Raises HubpulseError."""
    file = found(folder, which)
    return read(file.read_text("utf-8", errors="replace"), str(file))


def all_publications(folder: Path) -> list[Content]:
    """Every publication of a data folder. Raises HubpulseError where one can't be read."""
    return [read_publication(folder, str(file)) for file in sorted(folder.glob(PUBLICATIONS))]


def write_whole(file: Path, text: str) -> None:
    """Write a file that nobody else reads, whole or not at all."""
    try:
        fresh = file.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        fresh.replace(file)
    except OSError as error:
        raise HubpulseError(f"could not write {file}: {error.strerror}; nothing was published") from error
