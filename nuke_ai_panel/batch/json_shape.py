"""Whether an answer is JSON of the shape that was asked for. Pure; the part of JSON Schema that such schemas use."""

from __future__ import annotations

import json
import re
from typing import Iterator, List, Mapping, NoReturn, Optional
from urllib.parse import unquote

from ..messages import Json

_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*\Z", re.S)
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
NUMBERS = ("integer", "number")
DEEPEST = 60


def objection(text: str, schema: Mapping[str, Json]) -> Optional[str]:
    """What is wrong with an answer, in words that the model can act on; None when it fits."""
    try:
        value = json.loads(bare_json(text), parse_constant=no_constant)
    except (ValueError, RecursionError) as exc:
        return f"the answer is not JSON: {exc}"
    return next(_wrong(value, schema, schema, "the answer", 0), None)


def bare_json(text: str) -> str:
    """The answer without the code fence that some models put around it."""
    found = _FENCE.match(text)
    return found.group(1) if found else text


def no_constant(name: str) -> NoReturn:
    """Refuses NaN and Infinity, which Python's JSON takes and nobody else's. Raises ValueError."""
    raise ValueError(f"{name} is not a JSON value")


def referred(reference: str, root: Mapping[str, Json]) -> Json:
    """What a `$ref` into its own schema points to; None is nothing."""
    found: Json = root if reference.startswith("#") else None
    for part in filter(None, unquote(reference).lstrip("#").split("/")):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            found = found[int(name)] if name.isdigit() and int(name) < len(found) else None
        else:
            found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _wrong(value: Json, schema: Json, root: Mapping[str, Json], at: str, depth: int) -> Iterator[str]:
    if schema is True or not isinstance(schema, Mapping) or depth > DEEPEST:
        if schema is False:
            yield f"{at} is not allowed"
        return
    if "$ref" in schema:
        yield from _wrong(value, referred(str(schema["$ref"]), root), root, at, depth + 1)
        return
    kinds = schema.get("type")
    names: List[str] = [kinds] if isinstance(kinds, str) else list(kinds or ())
    if names and not any(_is(value, one) for one in names):
        yield f"{at} is not of the type {' or '.join(names)}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at} is not one of {json.dumps(schema['enum'], ensure_ascii=False)}"
    if "const" in schema and value != schema["const"]:
        yield f"{at} is not {json.dumps(schema['const'], ensure_ascii=False)}"
    if isinstance(value, dict):
        yield from _wrong_object(value, schema, root, at, depth)
    elif isinstance(value, list):
        yield from _wrong_array(value, schema, root, at, depth)
    elif isinstance(value, str):
        yield from _wrong_size(len(value), schema, at, "characters", "minLength", "maxLength")
        if isinstance(schema.get("pattern"), str) and not re.search(schema["pattern"], value):
            yield f"{at} does not match {schema['pattern']}"
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _wrong_number(value, schema, at)
    yield from _wrong_choices(value, schema, root, at, depth)


def _wrong_object(
    value: Mapping[str, Json], schema: Mapping[str, Json], root: Mapping[str, Json], at: str, depth: int
) -> Iterator[str]:
    properties = schema.get("properties") or {}
    for name in schema.get("required") or ():
        if name not in value:
            yield f"{at} lacks {name}"
    rest = schema.get("additionalProperties", True)
    for name, one in value.items():
        if name in properties:
            yield from _wrong(one, properties[name], root, f"{at}.{name}", depth + 1)
        elif rest is False:
            yield f"{at} has {name}, which is not asked for"
        else:
            yield from _wrong(one, rest, root, f"{at}.{name}", depth + 1)


def _wrong_array(
    value: List[Json], schema: Mapping[str, Json], root: Mapping[str, Json], at: str, depth: int
) -> Iterator[str]:
    yield from _wrong_size(len(value), schema, at, "items", "minItems", "maxItems")
    for number, one in enumerate(value):
        yield from _wrong(one, schema.get("items", True), root, f"{at}[{number}]", depth + 1)
    if schema.get("uniqueItems") and len({json.dumps(one, sort_keys=True) for one in value}) < len(value):
        yield f"{at} says something twice"


def _wrong_size(size: int, schema: Mapping[str, Json], at: str, what: str, least: str, most: str) -> Iterator[str]:
    if size < (schema.get(least) or 0):
        yield f"{at} has fewer than {schema[least]} {what}"
    if schema.get(most) is not None and size > schema[most]:
        yield f"{at} has more than {schema[most]} {what}"


def _wrong_number(value: float, schema: Mapping[str, Json], at: str) -> Iterator[str]:
    for name, sides, said in (
        ("minimum", (-1,), "less than"), ("maximum", (1,), "more than"),
        ("exclusiveMinimum", (-1, 0), "not more than"), ("exclusiveMaximum", (1, 0), "not less than"),
    ):
        limit = schema.get(name)
        if isinstance(limit, (int, float)) and not isinstance(limit, bool):
            side = (value > limit) - (value < limit)
            if side in sides:
                yield f"{at} is {said} {limit:g}"


def _wrong_choices(
    value: Json, schema: Mapping[str, Json], root: Mapping[str, Json], at: str, depth: int
) -> Iterator[str]:
    for one in schema.get("allOf") or ():
        yield from _wrong(value, one, root, at, depth + 1)
    for name in ("anyOf", "oneOf"):
        choices = schema.get(name)
        if not choices:
            continue
        fitting = sum(next(_wrong(value, one, root, at, depth + 1), None) is None for one in choices)
        if not fitting or (name == "oneOf" and fitting > 1):
            yield f"{at} fits {'none' if not fitting else 'more than one'} of the {len(choices)} forms"
    if "not" in schema and next(_wrong(value, schema["not"], root, at, depth + 1), None) is None:
        yield f"{at} is what it must not be"


def _is(value: Json, name: str) -> bool:
    if name == "integer":
        return (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, float) and value.is_integer())
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES.get(name, object))
