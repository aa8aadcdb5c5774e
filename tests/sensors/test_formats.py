"""Formats and decoders that installed packages add, found by name; a bad one is named and stops nothing."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.estate import app
from schemas import Estate, Kind, Reason, Rejection
from schemas.plugins import PluginError
from sensors.decoders import find_decoder
from sensors.estate_file import parse_estate
from sensors.formats import NoReading, find_format
from sensors.formats.native import NativeFormat
from sensors.model_file import ModelFileError
from sensors.registry import Registry
from tests.sensors.plugin import install, uninstall

FORMATS = "[hubpulse.formats]\nacme-air = acme_hubpulse:Format\n"
GOOD = "class Format:\n    def decode(self, messages):\n        return []\n"


def test_the_native_format_is_always_there() -> None:
    assert isinstance(find_format("native"), NativeFormat)


@pytest.mark.claim("S-76")
def test_no_package_replaces_the_native_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, GOOD, "[hubpulse.formats]\nnative = acme_hubpulse:Format\n")

    assert isinstance(find_format("native"), NativeFormat)


def test_an_installed_format_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, GOOD, FORMATS)

    assert type(find_format("acme-air")).__name__ == "Format"
    assert Registry(parse_estate("sources: [{topic: a, format: acme-air}]")).problems == []


def test_an_installed_decoder_is_found_by_maker_and_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = """
from sensors.formats import NoReading

class Counter:
    def decode(self, frame, f_port):
        return NoReading(str((frame, f_port)))
"""
    install(tmp_path, monkeypatch, source, "[hubpulse.decoders]\nacme/counter-2 = acme_hubpulse:Counter\n")

    assert find_decoder("acme/counter-2").decode(b"x", 85) == NoReading("(b'x', 85)")
    with pytest.raises(PluginError, match="'acme/counter-3' is not installed"):
        find_decoder("acme/counter-3")


@pytest.mark.parametrize(
    "source, why",
    [
        ("import no_such_module_of_anyone", "can't be loaded \\(ModuleNotFoundError"),
        ("", "can't be loaded \\(AttributeError"),
        ("class Format:\n    def __init__(self):\n        raise RuntimeError('no licence')", "no licence"),
        ("class Format:\n    pass", "has no method `decode`"),
    ],
)
def test_a_format_that_can_not_be_used_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, why: str
) -> None:
    install(tmp_path, monkeypatch, source, FORMATS)
    registry = Registry(Estate.model_validate({"sources": [{"topic": "acme/#", "format": "acme-air"}]}))
    [problem] = registry.problems
    answer = registry.format_of("acme/1")

    with pytest.raises(PluginError, match=f"'acme-air' of acme 1.0 .*{why}"):
        find_format("acme-air")
    assert "'acme-air' of acme 1.0" in problem
    assert isinstance(answer, Rejection)
    assert answer.reason is Reason.BAD_SCHEMA
    assert answer.detail in problem


def test_a_format_that_two_packages_have_is_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("acme", "emca"):
        folder = tmp_path / package
        folder.mkdir()
        install(folder, monkeypatch, GOOD, FORMATS, package=package)

    with pytest.raises(PluginError, match=r"'acme-air' is in acme 1.0 and emca 1.0: uninstall all but one"):
        find_format("acme-air")


def test_a_format_that_nobody_has_is_a_problem_of_the_file() -> None:
    with pytest.raises(ModelFileError, match="'natve' is not known: did you mean native"):
        parse_estate("sources: [{topic: a, format: natve}]")
    with pytest.raises(ModelFileError, match="'acme-air' is not known: install the package that has it"):
        parse_estate("sources: [{topic: a, format: acme-air}]")


def test_checking_the_file_names_a_format_that_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninstall(monkeypatch, "tts")
    file = tmp_path / "estate.yaml"
    file.write_text("sources: [{topic: 'hubs/#'}, {topic: 'v3/#', format: tts}]")
    result = CliRunner().invoke(app, ["check", str(file)])

    assert (result.exit_code, result.stdout) == (0, f"{file}: 0 hubs, 0 sensors, 2 sources\n")
    assert result.stderr.startswith(f"{file}: sources[1].format: format 'tts' is not installed")


ESTATE = Estate.model_validate(
    {
        "hubs": [
            {
                "id": "armley",
                "sensors": [
                    {"id": "door", "device": "24E124710C401234", "zone": "hall", "every": "5m"},
                    {"id": "door-line3", "zone": "yard"},
                    {"id": "x" * 60, "device": "long"},
                ],
            }
        ]
    }
)


@pytest.mark.parametrize("device", ["24e124710c401234", "24E124710C401234", "armley/door"])
@pytest.mark.parametrize(
    "line, sensor, zone", [(1, "door", "hall"), (2, "door-line2", "hall"), (3, "door-line3", "yard")]
)
def test_a_line_of_a_device_is_a_sensor_of_its_own(device: str, line: int, sensor: str, zone: str) -> None:
    place = Registry(ESTATE).locate(device, Kind.FOOTFALL, line)

    assert not isinstance(place, Rejection)
    assert (place.hub, place.sensor, place.zone) == ("armley", sensor, zone)


@pytest.mark.parametrize(
    "device, line, reason",
    [
        ("ffffffffffffffff", 1, Reason.UNKNOWN_SENSOR),
        ("", 1, Reason.UNKNOWN_SENSOR),
        ("armley/A", 1, Reason.UNKNOWN_SENSOR),
        ("nowhere/door", 1, Reason.UNKNOWN_HUB),
        ("long", 2, Reason.UNKNOWN_SENSOR),
    ],
)
def test_a_device_that_no_hub_names_says_what_to_do(device: str, line: int, reason: Reason) -> None:
    answer = Registry(ESTATE).locate(device, Kind.FOOTFALL, line)

    assert isinstance(answer, Rejection)
    assert answer.reason is reason
    assert "redrive" in answer.detail
