"""Whether a JSON Schema can work at all: found before anything is sent, for no answer could mend it. Pure."""

from __future__ import annotations

import re
from typing import Callable, Dict, Iterator, Mapping, Set, Tuple

from ..messages import Json
from ..words import tr
from .json_shape import DEEPEST, NUMBERS, TYPES, referred


def _is_number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def _is_size(value: Json) -> bool:
    return _is_number(value) and value >= 0


def _is_texts(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_schema(value: Json) -> bool:
    return isinstance(value, (bool, dict))


def _are_schemas(value: Json) -> bool:
    return isinstance(value, list) and all(map(_is_schema, value))


def _are_named(value: Json) -> bool:
    return isinstance(value, dict) and all(map(_is_schema, value.values()))


_SCHEMA, _SCHEMAS, _NAMED = (_is_schema, "a schema"), (_are_schemas, "a list of schemas"), (_are_named, "named schemas")
_SIZE, _NUMBER = (_is_size, "a number from 0 up"), (_is_number, "a number")
# exclusiveMinimum and its kin were true or false in the schemas of old.
_BORDER = (lambda value: isinstance(value, bool) or _is_number(value), "a number")
_KEYWORDS: Dict[str, Tuple[Callable[[Json], bool], str]] = {
    "$ref": (lambda value: isinstance(value, str), "text"), "enum": (lambda value: isinstance(value, list), "a list"),
    "required": (_is_texts, "a list of texts"), "properties": _NAMED, "$defs": _NAMED, "definitions": _NAMED,
    "additionalProperties": _SCHEMA, "not": _SCHEMA, "allOf": _SCHEMAS, "anyOf": _SCHEMAS, "oneOf": _SCHEMAS,
    "items": (lambda value: _is_schema(value) or _are_schemas(value), "a schema"),
    "minLength": _SIZE, "maxLength": _SIZE, "minItems": _SIZE, "maxItems": _SIZE, "minimum": _NUMBER,
    "maximum": _NUMBER, "exclusiveMinimum": _BORDER, "exclusiveMaximum": _BORDER,
    "pattern": (lambda value: isinstance(value, str), "text"),
    "uniqueItems": (lambda value: isinstance(value, bool), "true or false"),
}


def schema_problem(schema: Json) -> str:
    """What is wrong with a schema, in words; empty when answers can be checked against it."""
    if not isinstance(schema, Mapping):
        return tr("it is no JSON object")
    return next(_problems(schema, schema, "#", set(), 0), "")


def _problems(schema: Json, root: Mapping[str, Json], at: str, seen: Set[str], depth: int) -> Iterator[str]:
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return
    for name, (fits, what) in _KEYWORDS.items():
        if name in schema and not fits(schema[name]):
            yield tr("{at} must be {what}", at=f"{at}/{name}", what=what)
            return
    if "$ref" in schema:
        yield from _reference_problems(schema["$ref"], root, at, seen, depth)
    yield from _type_problems(schema.get("type", []), at)
    if "pattern" in schema:
        yield from _pattern_problems(schema["pattern"], at)
    for name, one in _below(schema):
        yield from _problems(one, root, f"{at}/{name}", seen, depth + 1)


def _below(schema: Mapping[str, Json]) -> Iterator[Tuple[str, Json]]:
    """The schemas inside a schema."""
    for name in ("properties", "$defs", "definitions"):
        for inner, one in schema.get(name, {}).items():
            yield f"{name}/{inner}", one
    for name in ("items", "allOf", "anyOf", "oneOf"):
        found = schema.get(name, [])
        for number, one in enumerate(found if isinstance(found, list) else [found]):
            yield f"{name}/{number}" if isinstance(found, list) else name, one
    for name in ("additionalProperties", "not"):
        yield name, schema.get(name)


def _reference_problems(
    reference: str, root: Mapping[str, Json], at: str, seen: Set[str], depth: int
) -> Iterator[str]:
    followed: Set[str] = set()
    target: Json = {"$ref": reference}
    while isinstance(target, Mapping) and isinstance(target.get("$ref"), str):
        name = target["$ref"]
        target = referred(name, root)
        if target is None:
            yield tr("{at} points to {reference}, which is not in the schema", at=f"{at}/$ref", reference=name)
            return
        if name in followed:
            yield tr("{at} leads round in a circle", at=f"{at}/$ref")
            return
        followed.add(name)
    if reference not in seen:
        seen.add(reference)
        yield from _problems(target, root, reference, seen, depth + 1)


def _type_problems(named: Json, at: str) -> Iterator[str]:
    known = (*TYPES, *NUMBERS)
    for one in named if isinstance(named, list) else [named]:
        if one not in known:
            yield tr("{at} is {value}, which is none of {names}", at=f"{at}/type", value=repr(one),
                     names=", ".join(sorted(known)))


def _pattern_problems(pattern: str, at: str) -> Iterator[str]:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as exc:
        yield tr("{at} is a pattern that Python does not know ({reason}): {pattern}", at=f"{at}/pattern", reason=exc,
                 pattern=pattern)
