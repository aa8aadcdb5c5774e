"""What may be asked for in the browser, and nothing else: every other key of the estate file is out of its reach."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from ingest.adopting import sensor_of, waiting_device
from schemas import Reason, Settings
from schemas.devices import DeviceId, ModelName
from schemas.errors import HubpulseError
from schemas.ids import Id
from sensors.estate_edit import with_sensors
from sensors.estate_file import parse_estate
from sensors.estate_text import EstateText
from sensors.hours_edit import with_hours

_Days, _Times = Annotated[str, Field(max_length=20)], Annotated[str, Field(max_length=200)]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Hours(_Request):
    """Other opening times and closures of a hub, all of them as they are to be."""

    kind: Literal["hours"] = "hours"
    hub: Id
    opening: Annotated[
        dict[Annotated[str, Field(max_length=20)], Annotated[str, Field(max_length=200)]], Field(max_length=7)
    ]
    closures: Annotated[tuple[Annotated[str, Field(max_length=40)], ...], Field(max_length=400)]


class Adopt(_Request):
    """A sensor of a hub for a device that waits."""

    kind: Literal["adopt"] = "adopt"
    device: DeviceId
    hub: Id
    zone: Id | None = None
    sensor: Id | None = None
    model: ModelName | None = None
    every: Annotated[str, Field(pattern="^[1-9][0-9]{0,7}[smhd]$")] | None = None


class Redrive(_Request):
    """All refused messages of a reason, to be sent again."""

    kind: Literal["redrive"] = "redrive"
    reason: Reason


FileRequest = Hours | Adopt
Request = Hours | Adopt | Redrive
_ANY: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])


def read_request(text: str) -> Request:
    """A request as it was written down. Raises ValueError for anything else."""
    return _ANY.validate_json(text)


def changed_text(request: FileRequest, file: EstateText, settings: Settings) -> str:
    """The estate file's text as it is to be. Raises HubpulseError with what is wrong."""
    if isinstance(request, Hours):
        return with_hours(file.text, request.hub, request.opening, request.closures, name=file.path.name)
    device = waiting_device(settings, request.device)
    if request.model and device.models and request.model not in device.models:
        raise HubpulseError(f"device {request.device} can't be a {request.model}: choose one that it may be")
    sensor = sensor_of(
        device,
        parse_estate(file.text, name=file.path.name),
        request.hub,
        sensor=request.sensor,
        model=request.model,
        zone=request.zone,
        every=request.every,
    )
    return with_sensors(file.text, [sensor], name=file.path.name)
