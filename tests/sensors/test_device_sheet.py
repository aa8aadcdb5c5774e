"""Spreadsheets of devices: each line is a sensor, or says what is wrong with it."""

import io
from pathlib import Path

import pytest

from schemas import Estate, HubpulseError
from sensors.device_sheet import read_sheet
from sensors.estate_edit import NewSensor

ESTATE = Estate.model_validate(
    {
        "sources": [{"topic": "v3/#", "format": "tts"}],
        "hubs": [{"id": "armley", "sensors": [{"id": "door-1", "device": "24e124710c400001"}]}, {"id": "beeston"}],
    }
)


def csv(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "devices.csv"
    file.write_text(text, encoding="utf-8-sig")
    return file


def test_each_line_is_a_sensor(tmp_path: Path) -> None:
    air = "armley;air-1;24-E1-24-71-0C-40-12-34;milesight/am307;cafe;co2,humidity;10m"
    text = f"Hub;Sensor;DevEUI;Model;Room;Kinds;Every\n{air}\n;;;;;;\nbeeston;air-1;;;;;\n"

    sheet = read_sheet(csv(tmp_path, text), ESTATE)

    assert sheet.problems == []
    assert sheet.sensors == [
        NewSensor(
            "armley",
            {
                "id": "air-1",
                "device": "24-E1-24-71-0C-40-12-34",
                "model": "milesight/am307",
                "zone": "cafe",
                "kinds": ["co2", "humidity"],
                "every": "10m",
            },
        ),
        NewSensor("beeston", {"id": "air-1"}),
    ]


@pytest.mark.parametrize(
    "line, why",
    [
        ("armly,air-1,,", "line 2: hub 'armly' is not in the estate file: did you mean armley?"),
        ("armley,Air 1,,", "line 2: id:"),
        ("armley,,,", "line 2: id: is missing"),
        ("armley,door-1,,", "line 2: id: sensor door-1 is in hub armley already"),
        ("beeston,air-1,24:e1:24:71:0c:40:00:01,", "line 2: device: 24e124710c400001 is armley/door-1 already"),
        ("beeston,air-1,24e124710c4,", "line 2: device:"),
        ("beeston,air-1,,co3", "line 2: kinds.0:"),
    ],
)
def test_what_is_wrong_is_said_line_by_line(tmp_path: Path, line: str, why: str) -> None:
    sheet = read_sheet(csv(tmp_path, f"hub,id,device,kinds\n{line}\nbeeston,good,,\n"), ESTATE)

    assert len(sheet.problems) == 1
    assert why in sheet.problems[0]
    assert [sensor.values["id"] for sensor in sheet.sensors] == ["good"]


def test_a_device_twice_in_the_sheet_is_said_of_the_second(tmp_path: Path) -> None:
    rows = "beeston,a,24e124710c40aaaa\nbeeston,b,24E124710C40AAAA\nbeeston,a,\n"

    sheet = read_sheet(csv(tmp_path, f"hub,id,device\n{rows}"), ESTATE)

    assert [problem.partition(", ")[2] for problem in sheet.problems] == [
        "line 3: device: 24e124710c40aaaa is beeston/a already",
        "line 4: id: sensor a is in hub beeston already",
    ]


@pytest.mark.parametrize(
    "content, why",
    [
        (b"", "is empty"),
        (b"hub,id,colour\n", "'colour' is no column"),
        (b"hub,zon,id\n", "did you mean zone"),
        (b"id,zone\n", "no column hub"),
        (b"hub,id\n\xff", "not UTF-8"),
        (b'hub,id\n"a', "no CSV"),
        (b"PK\3\4 and no more", "as Excel"),
    ],
)
def test_a_file_that_is_no_sheet_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "devices.csv"
    file.write_bytes(content)

    with pytest.raises(HubpulseError, match=why):
        read_sheet(file, ESTATE)


def test_excel_is_read_and_its_numbers_that_lost_digits_are_named(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (("hub", "id", "device", "counter_bits"), ("beeston", "door-9", "24e124710c40bbbb", 16.0)):
        book.active.append(row)
    written = io.BytesIO()
    book.save(written)
    file = tmp_path / "devices.xlsx"
    file.write_bytes(written.getvalue())

    assert read_sheet(file, ESTATE).sensors == [
        NewSensor("beeston", {"id": "door-9", "device": "24e124710c40bbbb", "counter_bits": "16"})
    ]
    book.active.append(("beeston", "door-8", 1234567890123456))
    book.save(file)
    with pytest.raises(HubpulseError, match="more digits than Excel keeps"):
        read_sheet(file, ESTATE)
