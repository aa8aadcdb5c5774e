"""Installs a package with parts for Hubpulse, as pip would: a module, and metadata that names its entry points."""

import sys
from pathlib import Path

import pytest

from sensors.formats import BUILT_IN

MODULE = "acme_hubpulse"


def uninstall(monkeypatch: pytest.MonkeyPatch, format_: str) -> None:
    """As if the package that has a known format were missing."""
    monkeypatch.delitem(BUILT_IN, format_)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str, entries: str, *, package: str = "acme") -> None:
    """`entries` is the text of entry_points.txt."""
    (folder / f"{MODULE}.py").write_text(source)
    metadata = folder / f"{package}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(entries)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
