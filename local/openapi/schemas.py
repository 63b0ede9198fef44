"""JSON Schemas of what is sent and answered, made from the types in the handlers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import core_schema

from local.openapi.fields import ANSWERED, SENT

REFERENCE = "#/components/schemas/{model}"
NO_NUL = r"^[^\x00]*$"
NOT_BLANK = r"^[^\x00]*[^\x00\s][^\x00]*$"

Schema = dict[str, Any]


class Strict(GenerateJsonSchema):
    """Pydantic's schemas, and what our bodies refuse besides: NUL, and what is empty once it is trimmed."""

    def str_schema(self, schema: core_schema.StringSchema) -> Schema:
        """Return the schema of a text."""
        found = super().str_schema(schema)
        if found.get("pattern", NO_NUL) == NO_NUL:
            blank = schema.get("strip_whitespace") is False or not found.get("minLength")
            found["pattern"] = NO_NUL if blank else NOT_BLANK
        return found


class Schemas:
    """The component schemas that operations have asked for, by name."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def sent(self, model: Any) -> Schema:
        """Return the schema of a body that is sent."""
        return self._add(model, SENT, "validation")

    def answered(self, shape: Any) -> Schema:
        """Return the schema of a body that is answered."""
        return self._add(shape, ANSWERED, "serialization")

    def page(self, name: str, shape: Any) -> Schema:
        """Return the schema of a page of a list."""
        cursor = {"type": ["string", "null"], **ANSWERED["next_cursor"]}
        members = {name: {"type": "array", "items": self.answered(shape)}, "next_cursor": cursor}
        return {"type": "object", "required": list(members), "properties": members}

    def example(self, schema: Schema) -> Any:
        """Return a value that fits a schema, as its parts' own examples make it."""
        for known in ("examples", "enum"):
            if known in schema:
                return schema[known][0]
        if "$ref" in schema:
            return self.example(self.components[schema["$ref"].rpartition("/")[2]])
        if "anyOf" in schema:
            return None if {"type": "null"} in schema["anyOf"] else self.example(schema["anyOf"][0])
        if "const" in schema:
            return schema["const"]
        if schema["type"] == "array":
            return [self.example(schema["items"])]
        if schema["type"] == "object":
            return {name: self.example(one) for name, one in schema["properties"].items()}
        raise LookupError(f"no example: give the field one in local/openapi/fields.py: {schema}")

    def _add(self, type_: Any, fields: Mapping[str, Mapping[str, Any]], mode: JsonSchemaMode) -> Schema:
        generator = Strict if mode == "validation" else GenerateJsonSchema
        made = TypeAdapter(type_).json_schema(ref_template=REFERENCE, mode=mode, schema_generator=generator)
        parts = made.pop("$defs", {})
        if "title" in made:  # a single type, not a union of types that are parts already
            parts[made["title"]] = made
        for name, part in parts.items():
            self.components[_public_name(name)] = _finished(_public_name(name), part, fields)
        whole = {"$ref": REFERENCE.format(model=made["title"])} if "title" in made else made
        finished: Schema = _finished("", whole, fields)
        return finished


def _public_name(name: str) -> str:
    return name.removesuffix("Json")


def _finished(model: str, node: Any, fields: Mapping[str, Mapping[str, Any]]) -> Any:
    """Return a schema without the noise, with what its fields' names say."""
    if isinstance(node, list):
        return [_finished(model, one, fields) for one in node]
    if not isinstance(node, dict):
        return node
    done = {
        name: _finished(model, value, fields) for name, value in node.items() if name not in ("title", "properties")
    }
    if "$ref" in done:
        done["$ref"] = _public_name(done["$ref"])
    if "properties" in node:
        done["properties"] = {
            name: _said_if_left_out(
                {**_with(_finished(model, value, fields), fields.get(name, {})), **fields.get(f"{model}.{name}", {})}
            )
            for name, value in node["properties"].items()
        }
    return _simple(done)


def _said_if_left_out(schema: Schema) -> Schema:
    """Return a member's schema with its default in words: generators of clients ask for members that have one."""
    if "default" not in schema:
        return schema
    words = f"{schema.get('description', '')} Left out: `{json.dumps(schema['default'])}`.".strip()
    return {name: value for name, value in schema.items() if name != "default"} | {"description": words}


def _simple(schema: Schema) -> Schema:
    """Return "this or null" of one plain type as a list of types."""
    kinds = schema.get("anyOf", [])
    if len(kinds) == 2 and kinds[1] == {"type": "null"} and "type" in kinds[0]:  # noqa: PLR2004 - this and null
        rest = {name: value for name, value in schema.items() if name != "anyOf"}
        return {**kinds[0], "type": [kinds[0]["type"], "null"], **rest}
    return schema


def _with(schema: Schema, said: Mapping[str, Any]) -> Schema:
    """Return a plain field's schema with what its name says."""
    if "type" not in schema or schema["type"] in ("array", "object"):
        return schema
    if "enum" in schema or "const" in schema:
        return schema | {name: value for name, value in said.items() if name == "description"}
    return {**schema, **said}
