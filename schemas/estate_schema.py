"""The estate file's JSON Schema, by which editors complete and check it while it is written."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from schemas.estate import Estate


class _OfFile(GenerateJsonSchema):
    """The schema of what stands in the file: an empty value is refused there, so nothing may be null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default") and isinstance(schema["default"], str):
            return super().default_schema(schema)
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - titles only repeat the keys
        return False


def estate_json_schema() -> str:
    """The JSON Schema of the estate file, as docs/estate.schema.json holds it."""
    schema = {
        # Editors know draft 7 best; nothing in the schema means something else in later drafts.
        "$schema": "http://json-schema.org/draft-07/schema#",
        **Estate.model_json_schema(schema_generator=_OfFile),
        "title": "Hubpulse estate file",
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
