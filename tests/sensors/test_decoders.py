"""Frames with known answers: a file in a folder of golden/decoders is a test.

{"why": ..., "model": as the estate file names it, "f_port": ..., "frame": hex,
 "readings": [{"kind": ..., "line": where not 1, "time": where it is the frame's own, "fields": {...}}],
 "rejected": [{"reason": ..., "says": [what the detail contains]}]}         or, instead of both: "no_reading": true
"""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import Estate
from schemas.kinds import KINDS
from schemas.localtime import rfc3339
from schemas.plugins import PluginError
from schemas.readings import Rejection
from sensors.decoders import FrameDecoder, built_in_models, find_decoder
from sensors.decoders.milesight_models import MODELS
from sensors.formats import Item, NoReading
from sensors.registry import Registry
from sensors.times import text_ns

GOLDEN = Path(__file__).parent / "golden" / "decoders"
FILES = sorted(GOLDEN.glob("*/*.json"))
DECODERS: dict[str, FrameDecoder] = {model: find_decoder(model) for model in built_in_models()}
HEADS = [pair.to_bytes(2, "big") for model in MODELS.values() for pair in (*model.channels, *model.records)]
FRAMES = st.binary(max_size=255) | st.lists(
    st.sampled_from(HEADS) | st.integers(0, 63).map(lambda number: bytes([number])) | st.binary(max_size=9), max_size=30
).map(b"".join)


def as_case(item: Item) -> dict[str, Any]:
    case: dict[str, Any] = {"kind": item.kind.value, "fields": item.fields}
    if item.line > 1:
        case["line"] = item.line
    if isinstance(item.time_ns, int):
        case["time"] = rfc3339(item.time_ns)
    return case


def test_there_are_golden_files() -> None:
    assert len(FILES) > 60


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_frame_becomes_what_its_file_says(file: Path) -> None:
    case = json.loads(file.read_text(encoding="utf-8"))
    assert file.parent.name == case["model"].replace("/", "-")

    found = find_decoder(case["model"]).decode(bytes.fromhex(case["frame"]), case["f_port"])

    if case.get("no_reading"):
        assert isinstance(found, NoReading)
        return
    assert isinstance(found, list)
    readings = [as_case(item) for item in found if isinstance(item, Item)]
    expected = [reading | ({"time": rfc3339(text_ns(reading["time"]))} if "time" in reading else {})
                for reading in case["readings"]]  # fmt: skip
    assert readings == expected
    assert [type(value) for reading in readings for value in reading["fields"].values()] == [
        type(value) for reading in expected for value in reading["fields"].values()
    ]
    rejections = [item for item in found if isinstance(item, Rejection)]
    assert [rejection.reason.value for rejection in rejections] == [reason["reason"] for reason in case["rejected"]]
    for rejection, reason in zip(rejections, case["rejected"], strict=True):
        assert [part for part in reason["says"] if part not in rejection.detail] == []
        assert len(rejection.detail) < 400


def check_answer(found: object) -> None:
    """Whether an answer is one, and has no value outside its field's range."""
    assert isinstance(found, (list, NoReading, Rejection))
    for item in found if isinstance(found, list) else ():
        assert isinstance(item, (Item, Rejection))
        if isinstance(item, Item):
            fields = {field.name: field for field in KINDS[item.kind].fields}
            assert item.fields
            assert 1 <= item.line <= 4
            for name, value in item.fields.items():
                assert type(value) is fields[name].number
                assert fields[name].low <= value <= fields[name].high
                assert name != "battery_pct" or 0 <= value <= 100


@settings(max_examples=2_000)
@given(model=st.sampled_from(sorted(DECODERS)), frame=FRAMES, f_port=st.integers(0, 255))
def test_no_frame_raises_or_becomes_what_cannot_be(model: str, frame: bytes, f_port: int) -> None:
    check_answer(DECODERS[model].decode(frame, f_port))


@settings(max_examples=300)
@given(model=st.sampled_from(sorted(DECODERS)), frame=FRAMES, data=st.data())
def test_a_frame_cut_short_never_says_anything_else(model: str, frame: bytes, data: st.DataObject) -> None:
    whole = DECODERS[model].decode(frame, 85)
    cut = DECODERS[model].decode(frame[: data.draw(st.integers(0, len(frame)))], 85)

    assert pairs(cut) <= pairs(whole)


def pairs(found: object) -> set[tuple[object, ...]]:
    items = [item for item in found if isinstance(item, Item)] if isinstance(found, list) else []
    return {(item.kind, item.line, item.time_ns, *field) for item in items for field in item.fields.items()}


def test_a_model_that_nobody_decodes_is_named() -> None:
    with pytest.raises(PluginError, match="'milesight/am999' is not installed"):
        find_decoder("milesight/am999")


def test_an_estate_goes_to_another_process_whatever_decoders_it_has(tmp_path: Path) -> None:
    devices = {"1" * 16: "milesight/am307", "2" * 16: "js/acme", "3" * 16: "elsys/ers"}
    sensors = [{"id": f"s-{n}", "device": eui, "model": model} for n, (eui, model) in enumerate(devices.items())]
    registry = Registry(Estate.model_validate({"hubs": [{"id": "armley", "sensors": sensors}]}), codecs=tmp_path)
    found = {eui: type(registry.decoder_of(eui)) for eui in devices}

    there = pickle.loads(pickle.dumps(registry))  # noqa: S301 - our own

    assert {eui: type(there.decoder_of(eui)) for eui in devices} == found
