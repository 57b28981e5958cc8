"""Structured output: the JSON Schema of an answer in the forms that vendors take it in. Pure."""

from __future__ import annotations

import json
import re
from typing import Dict, List, Mapping

from ..messages import Json

_OPENAPI_KEYS = frozenset({
    "title", "description", "format", "enum", "default", "example", "minimum", "maximum", "minItems", "maxItems",
    "minLength", "maxLength", "minProperties", "maxProperties", "pattern", "required", "nullable", "propertyOrdering",
})
_MAX_DEPTH = 40


def schema_name(schema: Mapping[str, Json]) -> str:
    """A name for the schema that every vendor accepts: its title's letters and digits, else "answer"."""
    title = schema.get("title")
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", title).strip("_")[:64] if isinstance(title, str) else ""
    return name or "answer"


def is_strict(schema: Json) -> bool:
    """Whether OpenAI's strict mode can hold it: every object is closed and requires all that it names."""
    if isinstance(schema, list):
        return all(is_strict(one) for one in schema)
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        named = set(properties) if isinstance(properties, dict) else set()
        required = schema.get("required")
        if schema.get("additionalProperties") is not False or set(required or ()) != named:
            return False
        if not all(is_strict(one) for one in (properties or {}).values()):
            return False
    return all(is_strict(one) for key, one in schema.items() if key not in ("properties", "enum", "const", "default"))


def openai_format(schema: Mapping[str, Json]) -> Dict[str, Json]:
    """The `response_format` of the OpenAI family."""
    form: Dict[str, Json] = {"name": schema_name(schema), "schema": dict(schema)}
    if is_strict(dict(schema)):
        form["strict"] = True
    return {"type": "json_schema", "json_schema": form}


def instruction(schema: Mapping[str, Json]) -> str:
    """What a model is told whose server cannot hold it to a schema."""
    return (
        "Answer with one JSON value and nothing else, without a code fence. It must match this JSON Schema:\n"
        + json.dumps(schema, ensure_ascii=False)
    )


def openapi_schema(schema: Json) -> Dict[str, Json]:
    """The schema in the subset of OpenAPI that older Gemini models take: no references, no unions of types."""
    root = schema if isinstance(schema, dict) else {}
    return _openapi(root, root, 0)


def _openapi(schema: Json, root: Mapping[str, Json], depth: int) -> Dict[str, Json]:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return {"type": "OBJECT"}
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return _openapi(_referred(reference, root), root, depth + 1)
    plain: Dict[str, Json] = {key: value for key, value in schema.items() if key in _OPENAPI_KEYS}
    if "const" in schema:
        plain["enum"] = [schema["const"]]
    kinds = schema.get("type")
    named: List[str] = [str(one) for one in kinds] if isinstance(kinds, list) else [kinds] if kinds else []
    if "null" in named:
        plain["nullable"] = True
    real = [one for one in named if one != "null"]
    if len(real) == 1:
        plain["type"] = real[0].upper()
    elif real:
        plain["anyOf"] = [{"type": one.upper()} for one in real]
    choices = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(choices, list):
        kept = [one for one in choices if not (isinstance(one, dict) and one.get("type") == "null")]
        if len(kept) < len(choices):
            plain["nullable"] = True
        plain["anyOf"] = [_openapi(one, root, depth + 1) for one in kept]
    if isinstance(schema.get("properties"), dict):
        plain.setdefault("type", "OBJECT")
        plain["properties"] = {name: _openapi(one, root, depth + 1) for name, one in schema["properties"].items()}
    if isinstance(schema.get("items"), dict):
        plain["items"] = _openapi(schema["items"], root, depth + 1)
    return plain


def _referred(reference: str, root: Mapping[str, Json]) -> Json:
    """What `#/$defs/Name` points at; nothing for what is not there."""
    found: Json = dict(root)
    for part in reference.lstrip("#").strip("/").split("/"):
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found
