"""A waiting device becomes a sensor of a hub, and what it sent meanwhile is sent again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ingest.buffer_file import FILE_NAME
from ingest.data_lock import is_held
from ingest.onboarding import PendingDevice, pending_devices
from ingest.redrive import Redriven, redrive
from schemas.devices import device_key
from schemas.errors import HubpulseError
from schemas.estate import Estate
from schemas.kinds import Kind
from schemas.settings import Settings
from sensors.estate_edit import NewSensor

_RELOADED_AFTER_S = 8.0
"""By then a running ingest has the edited file in force: it looks every two seconds, and twice."""
_MODELS_SHOWN = 6


def waiting_device(settings: Settings, device: str) -> PendingDevice:
    """The device of that name that waits. Raises HubpulseError where there is none."""
    for found in pending_devices(settings):
        if device_key(found.device) == device_key(device):
            return found
    raise HubpulseError(f"nothing of device {device!r} waits: `hubpulse sensors pending` lists those that do")


def sensor_of(
    device: PendingDevice,
    estate: Estate,
    hub: str,
    *,
    sensor: str | None = None,
    model: str | None = None,
    zone: str | None = None,
    every: str | None = None,
) -> NewSensor:
    """The sensor that a device is to be; its id and model are found where they are not said. Raises HubpulseError."""
    taken = {known.id for known_hub in estate.hubs if known_hub.id == hub for known in known_hub.sensors}
    values = {
        "id": sensor or _free_id(device, taken),
        "device": device.device,
        "model": model or _only_model(device),
        "zone": zone,
        "every": every,
    }
    return NewSensor(hub, {name: value for name, value in values.items() if value})


def _only_model(device: PendingDevice) -> str:
    if len(device.models) > 1:
        names = ", ".join(device.models[:_MODELS_SHOWN])
        raise HubpulseError(f"device {device.device} may be {names}: say which by --model, as its label has it")
    return device.models[0] if device.models else ""


def _free_id(device: PendingDevice, taken: set[str]) -> str:
    """An id that says what the device measures, and which one it is."""
    what = "door" if Kind.FOOTFALL in device.kinds else "wifi" if Kind.WIFI in device.kinds else "air"
    tail = "".join(sign for sign in device.device.lower() if sign.isascii() and sign.isalnum())[-4:] or "1"
    names = (f"{what}-{tail}{more}" for more in ("", *(f"-{number}" for number in range(2, 1000))))
    return next(name for name in names if name not in taken)


def redrive_until_in_force(
    settings: Settings,
    estate: Estate,
    devices: Sequence[str],
    *,
    clock_ns: Callable[[], int],
    wait: Callable[[float], object],
) -> list[Redriven]:
    """Send again what waits for devices, also what comes before a running ingest has the edited file in force.

    `wait` returns after so many seconds, or sooner where there is no more time.
    """
    if not (settings.data_dir / FILE_NAME).exists():
        return []

    def once() -> list[Redriven]:
        return [result for device in devices for result in redrive(settings, estate, clock_ns=clock_ns, device=device)]

    results = once()
    if not is_held(settings.data_dir):
        return results
    wait(_RELOADED_AFTER_S)
    again = {result.id for result in results if result.refused_again}
    return results + [result for result in once() if result.id not in again]
