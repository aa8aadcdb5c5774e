"""Where messages come from: a topic, and the format of the messages under it."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from schemas.errors import choices, shown
from schemas.mapping import JsonMapping
from schemas.plugins import installed_names
from schemas.problems import nearest

FORMAT_GROUP = "hubpulse.formats"
"""The entry points by which installed packages add formats."""

_FORMATS = (
    *("native", "senml", "json", "tts", "chirpstack", "paxcounter"),
    *("tasmota", "zigbee2mqtt", "shelly", "homeassistant", "collectd", "unpoller"),
)
_MAPPED = "json"
_ADDED_FORMAT_PATTERN = "[a-z0-9]+(-[a-z0-9]+)+"


_TOPIC_BYTES_MAX = 65535


def _topic_filter(text: str) -> str:
    levels = text.split("/")
    if text.startswith("$share/"):
        raise ValueError(
            f"{shown(text)} names a shared subscription: write the filter alone, and set HUBPULSE_MQTT__SHARE_GROUP"
        )
    if (
        not text
        or any(len(level) > 1 and ("#" in level or "+" in level) for level in levels)
        or "#" in levels[:-1]
        or len(text.encode()) > _TOPIC_BYTES_MAX
    ):
        raise ValueError(
            f'{shown(text)} is not a topic filter: + stands for one whole level, # for the rest, as in "hubs/#"'
        )
    return text


def _format_name(name: str) -> str:
    if name not in _FORMATS and name not in installed_names(FORMAT_GROUP):
        near = nearest(name, _FORMATS)
        hint = f"did you mean {near}?" if near else f"write one of {choices(_FORMATS)}"
        if re.fullmatch(_ADDED_FORMAT_PATTERN, name):
            hint = "install the package that has it"
        raise ValueError(f"{shown(name)} is not known: {hint}")
    return name


FormatName = Annotated[
    str,
    AfterValidator(_format_name),
    WithJsonSchema({"anyOf": [{"enum": list(_FORMATS)}, {"type": "string", "pattern": f"^{_ADDED_FORMAT_PATTERN}$"}]}),
]


TopicFilter = Annotated[str, AfterValidator(_topic_filter)]


class Source(BaseModel):
    """A topic filter and the format of the messages under it. A message belongs to the first source that fits it."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={
            "if": {"properties": {"format": {"const": _MAPPED}}, "required": ["format"]},
            "then": {"required": ["mapping"]},
            "else": {"not": {"required": ["mapping"]}},
        },
    )

    topic: TopicFilter = Field(examples=["hubs/#", "v3/+/devices/+/up"])
    """The MQTT topic filter: + stands for one level, # for the rest."""

    format: FormatName = Field(default="native", examples=["native"])
    """How the messages are written. A format that an installed package adds is named `<maker>-<format>`."""

    mapping: JsonMapping | None = None
    """Of the format `json`: where in the messages device, time and fields are."""

    @model_validator(mode="after")
    def _mapping_of_json(self) -> Self:
        if (self.format == _MAPPED) != (self.mapping is not None):
            raise ValueError(
                "format json needs a mapping: say where device and fields are, see docs/adding-a-device.md"
                if self.mapping is None
                else f"format {self.format} has no mapping: leave it out, or write format: json"
            )
        return self
