"""The text of an estate file, changed at some places and the same everywhere else, sign by sign.

YAML's own marks say where a value begins and ends. A changed file replaces the old one whole, and only where that is
still the one that was read: nobody's edit goes over somebody else's.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import yaml

from schemas.errors import HubpulseError
from schemas.estate import Estate
from sensors.estate_file import parse_estate
from sensors.model_file import ModelFileError
from sensors.yaml_text import LOADER


class Splice(NamedTuple):
    """Text that takes the place of what stands from `start` to `stop`."""

    start: int
    stop: int
    text: str


@dataclass(frozen=True, slots=True)
class EstateText:
    """An estate file as it was read."""

    path: Path
    content: bytes
    text: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file. Raises HubpulseError, ModelFileError."""
        try:
            content = path.read_bytes()
            return cls(path, content, content.decode("utf-8-sig"))
        except OSError as error:
            raise HubpulseError(f"{path} can't be read ({error.strerror}): name it with --estate") from error
        except UnicodeDecodeError as error:
            raise ModelFileError([f"{path}:1: not UTF-8: save the file as UTF-8"]) from error

    @property
    def digest(self) -> str:
        """SHA-256 of the file, in hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()

    def replace(self, changed: str) -> Estate:
        """Put a changed text in the file's place; returns the estate that it holds. Raises HubpulseError."""
        mark = self.content[: len(self.content) - len(self.text.encode())]
        estate = parse_estate(changed, name=str(self.path))
        real = self.path.resolve()
        fresh: Path | None = None
        try:
            with tempfile.NamedTemporaryFile(dir=real.parent, prefix=f".{real.name}-", delete=False) as file:
                fresh = Path(file.name)
                file.write(mark + changed.encode())
                file.flush()
                os.fsync(file.fileno())
            fresh.chmod(real.stat().st_mode)
            if real.read_bytes() != self.content:
                raise HubpulseError(f"{self.path} was changed meanwhile: look at it, then try again")
            fresh.replace(real)
        except OSError as error:
            raise HubpulseError(
                f"{self.path} can't be written ({error.strerror}): check the folder's rights"
            ) from error
        finally:
            if fresh is not None:
                fresh.unlink(missing_ok=True)
        return estate


def spliced(text: str, splices: Iterable[Splice]) -> str:
    """The text with splices, which do not overlap."""
    for splice in sorted(splices, reverse=True):
        text = text[: splice.start] + splice.text + text[splice.stop :]
    return text


def hub_nodes(text: str) -> Iterator[tuple[str, yaml.MappingNode]]:
    """Each hub's id, and where the hub stands."""
    hubs = value_of(yaml.compose(text, Loader=LOADER), "hubs")
    for hub in hubs.value if isinstance(hubs, yaml.SequenceNode) else ():
        named = value_of(hub, "id")
        if isinstance(hub, yaml.MappingNode) and isinstance(named, yaml.ScalarNode):
            yield named.value, hub


def value_of(node: object, key: str) -> yaml.Node | None:
    """The value of a key."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def end_of(node: yaml.Node) -> int:
    """Where what a node holds ends; a block's own mark is where the next one begins."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style:
        return max(end_of(part) for pair in node.value for part in pair)
    if isinstance(node, yaml.SequenceNode) and not node.flow_style:
        return max(end_of(part) for part in node.value)
    return int(node.end_mark.index)


def line_end_of(text: str) -> str:
    """What ends the lines of a text."""
    return "\r\n" if "\r\n" in text else "\n"


def after_line(text: str, at: int, lines: str) -> Splice:
    """Lines, put in after the line of a place, where a comment may follow it."""
    end = text.find("\n", at)
    return Splice(end + 1, end + 1, lines) if end >= 0 else Splice(len(text), len(text), line_end_of(text) + lines)


def with_keys(text: str, hub: yaml.MappingNode, keys: Mapping[str, str]) -> Splice:
    """Keys that a hub does not have yet, put in after its id or name, each with a value of one line."""
    before = value_of(hub, "name") or value_of(hub, "id") or hub
    if hub.flow_style:
        at = before.end_mark.index
        return Splice(at, at, "".join(f", {key}: {value}" for key, value in keys.items()))
    indent, line_end = " " * hub.start_mark.column, line_end_of(text)
    lines = "".join(f"{indent}{key}: {value}{line_end}" for key, value in keys.items())
    return after_line(text, end_of(before), lines)
