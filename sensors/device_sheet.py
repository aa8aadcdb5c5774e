"""A spreadsheet of devices, CSV or Excel: a line a sensor, checked line by line before any is added.

The columns are the sensor's keys of the estate file, and `hub`; the first line names them, in any order and case.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from schemas.devices import device_key
from schemas.errors import HubpulseError, shown
from schemas.estate import Estate, Sensor
from schemas.problems import nearest, sentence
from sensors.estate_edit import NewSensor, Values

BYTES_MAX = 8 * 1024**2
ROWS_MAX = 10_000
_KEYS = "id device model zone kinds every heartbeat until replaces counter_bits max_step resets stamp source swapped"
COLUMNS = ("hub", *_KEYS.split())
_EXACT_BELOW = 10**15
"""Excel keeps 15 digits of a number; an EUI has 16."""

_LISTS = frozenset({"kinds"})
_NAMES = {"sensor": "id", "eui": "device", "dev_eui": "device", "deveui": "device", "room": "zone", "kind": "kinds"}


class Sheet(NamedTuple):
    """What a spreadsheet holds: sensors to add, and a line of text for each thing that is wrong with it."""

    sensors: list[NewSensor]
    problems: list[str]


def read_sheet(path: Path, estate: Estate) -> Sheet:
    """The sensors of a spreadsheet that an estate does not have yet. Raises HubpulseError where it can't be read."""
    rows = list(_rows(path))
    if not rows:
        raise HubpulseError(f"{path} is empty: begin with a line that names the columns, such as hub,id,device,model")
    header = [_column(cell) for cell in rows[0]]
    for cell, name in zip(rows[0], header, strict=True):
        if name not in COLUMNS and cell:
            near = nearest(name, COLUMNS)
            hint = f"did you mean {near}?" if near else f"columns are {', '.join(COLUMNS)}"
            raise HubpulseError(f"{path}, line 1: {shown(cell)} is no column: {hint}")
    if missing := {"hub", "id"} - set(header):
        raise HubpulseError(f"{path}, line 1: there is no column {' or '.join(sorted(missing))}")
    sheet = Sheet([], [])
    known = _Known(estate)
    for number, row in enumerate(rows[1:], start=2):
        cells = {name: cell for name, cell in zip(header, row, strict=False) if name and cell}
        if not cells:
            continue
        problems = list(known.take(cells, sheet.sensors))
        sheet.problems.extend(f"{path}, line {number}: {problem}" for problem in problems)
    return sheet


class _Known:
    """Hubs, sensors and devices that there are, those of the lines before among them."""

    def __init__(self, estate: Estate) -> None:
        self._hubs = {hub.id: {sensor.id for sensor in hub.sensors} for hub in estate.hubs}
        self._devices = {
            device_key(sensor.device): f"{hub.id}/{sensor.id}"
            for hub in estate.hubs
            for sensor in hub.sensors
            if sensor.device
        }

    def take(self, cells: Mapping[str, str], sensors: list[NewSensor]) -> Iterator[str]:
        """Add the sensor of a line, or say what is wrong with it."""
        hub, values = cells.get("hub", ""), _values(cells)
        if hub not in self._hubs:
            near = nearest(hub, self._hubs)
            yield f"hub {shown(hub)} is not in the estate file" + (f": did you mean {near}?" if near else "")
            return
        try:
            sensor = Sensor.model_validate(values)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                place = ".".join(str(step) for step in detail["loc"] if step != "[key]") or "line"
                yield f"{place}: {sentence(Sensor, detail)}"
            return
        if sensor.id in self._hubs[hub]:
            yield f"id: sensor {sensor.id} is in hub {hub} already"
            return
        key = device_key(sensor.device) if sensor.device else None
        if key is not None and key in self._devices:
            yield f"device: {sensor.device} is {self._devices[key]} already"
            return
        self._hubs[hub].add(sensor.id)
        if key is not None:
            self._devices[key] = f"{hub}/{sensor.id}"
        sensors.append(NewSensor(hub, values))


def _values(cells: Mapping[str, str]) -> Values:
    return {
        name: [part.strip() for part in cell.replace(";", ",").split(",") if part.strip()] if name in _LISTS else cell
        for name, cell in cells.items()
        if name != "hub"
    }


def _column(cell: str) -> str:
    name = cell.strip().lower().replace(" ", "_").replace("-", "_")
    return _NAMES.get(name, name)


def _rows(path: Path) -> Iterator[Sequence[str]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise HubpulseError(f"{path} can't be read ({error.strerror})") from error
    if len(content) > BYTES_MAX:
        raise HubpulseError(f"{path} is larger than {BYTES_MAX // 1024**2} MiB: import it in parts")
    rows = _excel_rows(path, content) if content.startswith(b"PK") else _csv_rows(path, content)
    for number, row in enumerate(rows):
        if number > ROWS_MAX:
            raise HubpulseError(f"{path} has more than {ROWS_MAX} lines: import it in parts")
        yield [cell.strip() for cell in row]


def _csv_rows(path: Path, content: bytes) -> Iterator[Sequence[str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise HubpulseError(f"{path} is not UTF-8: save it as `CSV UTF-8`") from error
    # Spreadsheets of many countries separate by semicolons.
    first = text.partition("\n")[0]
    try:
        yield from csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first.count), strict=True)
    except csv.Error as error:
        raise HubpulseError(f"{path} is no CSV ({error})") from error


def _excel_rows(path: Path, content: bytes) -> Iterator[Sequence[str]]:
    try:
        from openpyxl import load_workbook  # noqa: PLC0415 - only few need it
    except ImportError as error:
        raise HubpulseError(f"reading {path.name} needs the extra `sheets`: pip install 'hubpulse[sheets]'") from error
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        for row in book.worksheets[0].iter_rows(values_only=True, max_row=ROWS_MAX + 2, max_col=len(COLUMNS) * 2):
            yield [_cell(value) for value in row]
    except HubpulseError:
        raise
    except Exception as error:
        raise HubpulseError(f"{path} can't be read as Excel ({shown(error)}): save it as CSV") from error


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float) and abs(value) >= _EXACT_BELOW:
        raise HubpulseError(f"{value:g} has more digits than Excel keeps of a number: format that column as text")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).lower() if isinstance(value, bool) else str(value)
