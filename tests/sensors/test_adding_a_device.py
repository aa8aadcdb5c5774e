"""docs/adding-a-device.md, tried as a new user would: its examples decode its golden frame."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sensors.decoders import find_decoder
from sensors.decoders.codecs import CodecDecoder
from sensors.formats import Item, NoReading
from tests.real_parts import REPOSITORY
from tests.sensors.plugin import install


def example(language: str, section: str = "By a decoder") -> str:
    text = (REPOSITORY / "docs" / "adding-a-device.md").read_text(encoding="utf-8").partition(f"## {section}\n")[2]
    found = re.search(rf"^( *)```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return re.sub(rf"^{found[1]}", "", found[2], flags=re.MULTILINE)


GOLDEN = json.loads(example("json"))


def readings(found: Any) -> list[dict[str, Any]]:
    assert isinstance(found, list)
    return [{"kind": item.kind.value, "fields": item.fields} for item in found if isinstance(item, Item)]


def test_its_decoder_reads_its_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = example("toml").replace("project.entry-points.", "").replace('"', "")
    install(tmp_path, monkeypatch, example("python"), entries)

    decoder = find_decoder(GOLDEN["model"])

    assert readings(decoder.decode(bytes.fromhex(GOLDEN["frame"]), GOLDEN["f_port"])) == GOLDEN["readings"]
    assert isinstance(decoder.decode(b"", 3), NoReading)


def test_its_codec_reads_its_frame(tmp_path: Path) -> None:
    pytest.importorskip("py_mini_racer", reason="the extra `codecs` is not installed")
    file = tmp_path / "acme-counter.js"
    file.write_text(example("js", "By codec"))

    found = CodecDecoder(file).decode(bytes.fromhex(GOLDEN["frame"]), GOLDEN["f_port"])

    assert readings(found) == GOLDEN["readings"]
