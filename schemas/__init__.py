"""What a reading, a refusal, a hub, a sensor and the settings ARE. Imports no other room.

`kinds` is the data contract (fields, units, limits), `measures` what each figure is called and how it is judged,
`measurements` how both rest in a store, `readings` what a message becomes, `estate` the estate file, `settings` the
environment.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schemas.errors import HubpulseError
    from schemas.estate import Estate, Hub, Sensor
    from schemas.kinds import KINDS, Kind
    from schemas.measurements import MEASUREMENTS, FieldType, Measurement, Policy
    from schemas.measures import MEASURES
    from schemas.readings import Reason, Refusal, Rejection
    from schemas.settings import Settings
    from schemas.sources import Source

_NAMES = {
    "errors": "HubpulseError",
    "estate": "Estate Hub Sensor",
    "kinds": "KINDS Kind",
    "measurements": "MEASUREMENTS FieldType Measurement Policy",
    "measures": "MEASURES",
    "readings": "Reason Refusal Rejection",
    "settings": "Settings",
    "sources": "Source",
}
"""The public names of each module, which is imported when one of them is first asked for."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        for module, names in _NAMES.items():
            if name in names.split():
                return getattr(import_module(f"schemas.{module}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "KINDS",
    "MEASUREMENTS",
    "MEASURES",
    "Estate",
    "FieldType",
    "Hub",
    "HubpulseError",
    "Kind",
    "Measurement",
    "Policy",
    "Reason",
    "Refusal",
    "Rejection",
    "Sensor",
    "Settings",
    "Source",
]
