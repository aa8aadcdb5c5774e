"""How the estate file names a device, its model, and what corrects its values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from schemas.errors import shown

_EUI = re.compile("[0-9a-f]{16}")
_EUI_WRITTEN = r"(?:0[xX])?[0-9a-fA-F]{2}(?:[-:. ]?[0-9a-fA-F]{2}){7}"
_PUNCTUATION = re.compile("^0[xX]|[-:. ]")
_DEVICE_NAME_PATTERN = r"[ -~]{0,99}[g-wyzG-WYZ_/][ -~]{0,99}"
"""A name in the device's own messages. What has only digits and separators is an EUI with a slip in it."""
_MODEL_PATTERN = "[a-z0-9-]+/[a-z0-9-]+"
_EUI_TEXT_CHARS_MAX = 32


@lru_cache(maxsize=16_384)
def device_key(name: str) -> str:
    """The same text for every way to write an EUI: 16 hex digits in lower case. Any other name stays as it is."""
    if len(name) > _EUI_TEXT_CHARS_MAX:
        return name
    digits = _PUNCTUATION.sub("", name).lower()
    return digits if _EUI.fullmatch(digits) else name


def _device(text: str) -> str:
    if re.fullmatch(_EUI_WRITTEN, text):
        return device_key(text)
    if not re.fullmatch(_DEVICE_NAME_PATTERN, text):
        raise ValueError(f"{shown(text)} is not a device EUI, 16 hex digits: copy it from the device's label")
    return text


def _model_name(text: str) -> str:
    if not re.fullmatch(_MODEL_PATTERN, text):
        near = re.sub("[ _]+", "-", text[:64].strip().lower())
        hint = near if re.fullmatch(_MODEL_PATTERN, near) else "for example milesight/am307"
        raise ValueError(f"{shown(text)} is not a maker and model: write {hint}")
    return text


def _text_like(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^(?:{pattern})$"})


DeviceId = Annotated[str, AfterValidator(_device), _text_like(f"{_EUI_WRITTEN}|{_DEVICE_NAME_PATTERN}")]
ModelName = Annotated[str, AfterValidator(_model_name), _text_like(_MODEL_PATTERN)]


class Calibration(BaseModel):
    """What corrects a value: stored is value * scale + offset, in the unit of the field."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    offset: float = Field(default=0.0, examples=[-0.4])
    """What is added, in the unit of the field."""

    scale: float = Field(default=1.0, gt=0, examples=[1.0])
    """What the value is multiplied by, before the offset is added."""


class Calibrations(BaseModel):
    """What corrects a sensor's values, by field: what is measured, not counted."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    temperature_c: Calibration | None = Field(default=None, examples=[{"offset": -0.4}])
    """Of its temperature."""

    relative_humidity_pct: Calibration | None = None
    """Of its relative humidity."""

    pressure_hpa: Calibration | None = None
    """Of its air pressure."""

    co2_ppm: Calibration | None = None
    """Of its CO2."""

    def described(self) -> Iterator[tuple[str, str]]:
        """Each field that is corrected, and how."""
        for name in type(self).model_fields:
            if (found := self.of(name)) is not None:
                yield name, f"* {found.scale:g} {found.offset:+g}"

    def of(self, field: str) -> Calibration | None:
        """That of a field; None where it is stored as it is sent."""
        found: Calibration | None = getattr(self, field, None)
        return found


NO_CALIBRATION = Calibrations()
