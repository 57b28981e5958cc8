"""Turns what people type into a setting's value and back, for the command line and the settings dialog. Pure."""

from __future__ import annotations

import json
import re
from typing import Dict, Tuple

from ..messages import Json
from ..words import tr
from .table import Row, check

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_PAIR = re.compile(r"^\s*([^:=\s][^:=]*?)\s*[:=]\s*(.*?)\s*$")


def value_of(row: Row, text: str) -> Tuple[Json, str]:
    """The value that `text` means for a setting, and what is wrong with it (empty when nothing is)."""
    value, problem = _READERS.get(row.kind, _read_text)(text)
    if problem:
        return None, problem
    return check(row, value)


def text_of(row: Row, value: Json) -> str:
    """A setting's value as it would be typed; absent is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.12g}"
    if row.kind == "a list of texts":
        return "\n".join(value)
    if row.kind == "a table of texts":
        return "\n".join(f"{name}: {one}" for name, one in value.items())
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, indent=1) if value else ""
    return str(value)


def line_of(value: Json) -> str:
    """A value on one line, as the settings file would hold it."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def _read_text(text: str) -> Tuple[Json, str]:
    return text.strip(), ""


def _read_bool(text: str) -> Tuple[Json, str]:
    word = text.strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE, ""
    return None, tr("must be true or false")


def _read_number(text: str) -> Tuple[Json, str]:
    try:
        return float(text), ""
    except ValueError:
        return None, tr("must be a number")


def _read_whole(text: str) -> Tuple[Json, str]:
    try:
        return int(text.strip().replace("_", "")), ""
    except ValueError:
        return None, tr("must be a whole number")


def _read_list(text: str) -> Tuple[Json, str]:
    if text.lstrip().startswith("["):
        return _read_json(text, list)
    return [line.strip() for line in text.splitlines() if line.strip()], ""


def _read_pairs(text: str) -> Tuple[Json, str]:
    if text.lstrip().startswith("{"):
        return _read_json(text, dict)
    found: Dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        pair = _PAIR.match(line)
        if pair is None:
            return None, tr("needs one pair a line, such as X-Title: Studio; line {number} is none", number=number)
        found[pair.group(1)] = pair.group(2)
    return found, ""


def _read_table(text: str) -> Tuple[Json, str]:
    if not text.strip():
        return {}, ""
    return _read_json(text, dict)


def _read_json(text: str, wanted: type) -> Tuple[Json, str]:
    shape = tr('a JSON object such as {"top_k": 40}') if wanted is dict else tr('a JSON list such as ["END"]')
    try:
        value = json.loads(text)
    except ValueError as exc:
        return None, f"must be {shape} ({exc})"
    return (value, "") if isinstance(value, wanted) else (None, tr("must be {shape}", shape=shape))


def _read_text_or_number(text: str) -> Tuple[Json, str]:
    for read in (_read_whole, _read_number):
        value, problem = read(text)
        if not problem:
            return value, ""
    return _read_text(text)


def _read_text_or_bool(text: str) -> Tuple[Json, str]:
    word = text.strip().lower()
    return (word == "true", "") if word in ("true", "false") else _read_text(text)


_READERS = {
    "true or false": _read_bool, "a number": _read_number, "a whole number": _read_whole,
    "a list of texts": _read_list, "a table of texts": _read_pairs, "a table": _read_table,
    "a table of lists of texts": _read_table, "text or a number": _read_text_or_number,
    "text or true or false": _read_text_or_bool,
}
