"""A JSON Schema in the subset that Claude can be held to; what lies outside it is said in words. Pure.

The vendor refuses a schema with bounds, patterns or open objects. Its own client moves those into the description,
where the model still reads them (lib/_parse/_transform.py of the anthropic package, 2.11); so do we.
"""

from __future__ import annotations

import json
from typing import Dict, List, Mapping

from ..messages import Json

_KEPT = frozenset({"type", "required", "enum", "const", "title", "$ref"})
_NAMED = frozenset({"properties", "$defs", "definitions"})
_NESTED: Mapping[str, str] = {"items": "items", "anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}
_FORMATS = frozenset({
    "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid",
})
_SAID_OTHERWISE = frozenset({"description", "additionalProperties", "$schema", "$id"})


def claude_schema(schema: Json) -> Json:
    """`schema` with every object closed and every bound in its description."""
    if isinstance(schema, list):
        return [claude_schema(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    plain: Dict[str, Json] = {}
    words: List[str] = []
    for key, value in schema.items():
        if key in _NAMED and isinstance(value, Mapping):
            plain[key] = {name: claude_schema(one) for name, one in value.items()}
        elif key in _NESTED:
            plain[_NESTED[key]] = claude_schema(value)
        elif key in _KEPT or (key == "format" and value in _FORMATS) or (key == "minItems" and value in (0, 1)):
            plain[key] = value
        elif key not in _SAID_OTHERWISE:
            words.append(f"{key}: {json.dumps(value, ensure_ascii=False)}")
    said = [str(schema["description"])] if schema.get("description") else []
    if words:
        said.append(f"({', '.join(words)})")
    if said:
        plain["description"] = " ".join(said)
    if plain.get("type") == "object" or "properties" in plain:
        plain["additionalProperties"] = False
    return plain
