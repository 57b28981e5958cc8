"""Reads the declarations in `values` as rows, and checks one value against its row. Pure."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from typing import Dict, Optional, Tuple

from ..messages import Json
from .addresses import address_problem
from .values import DeveloperSettings, PanelSettings, ParameterSettings, ProviderSettings, RedactionSettings, Settings

# annotation → the word that the reference and the error messages use
_TYPES = {
    "str": "text", "Optional[str]": "text", "bool": "true or false", "float": "a number", "Optional[float]": "a number",
    "int": "a whole number", "Optional[int]": "a whole number", "Tuple[str, ...]": "a list of texts",
    "Optional[Tuple[str, ...]]": "a list of texts", "Union[str, bool]": "text or true or false",
    "Mapping[str, str]": "a table of texts", "Mapping[str, Json]": "a table",
    "Mapping[str, Tuple[str, ...]]": "a table of lists of texts",
}
LEVELS = ("machine", "house", "cloud")
_KEY_NAMES = re.compile(r"(?:^|_)(?:api_?key|key|keys|secret|password|token|bearer|authorization)$", re.I)
_KEY_HEADERS = frozenset({
    "authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie",
    "ocp-apim-subscription-key",
})
_KEY_VALUE = re.compile(
    r"^\s*(?:bearer\s+\S+|(?:sk|pk|rk)[-_][\w-]{16,}|gsk_\w{16,}|xai-[\w-]{16,}|hf_\w{16,}|nvapi-[\w-]{16,}|AIza[\w-]{20,})\s*$",
    re.I,
)

_KEYS = re.compile(r"^(?:(?:Ctrl|Alt|Shift|Meta)\+){0,4}(?:\+|[^\s+](?:[^+]*[^\s+])?)$", re.I)

SECTIONS: Dict[str, type] = {"": Settings, "parameters": ParameterSettings, "panel": PanelSettings,
                              "redaction": RedactionSettings, "developer": DeveloperSettings}


@dataclass(frozen=True)
class Row:
    """One setting. `kind` is the word for its type; `minimum` and `maximum` bound a number or a list's length."""

    name: str
    kind: str
    default: Json
    sentence: str
    unit: str = ""
    minimum: Optional[float] = None
    maximum: Optional[float] = None
    shape: str = ""


def rows(section: type) -> Dict[str, Row]:
    """The settings of one dataclass by name, in the order of their declaration."""
    found = {}
    for one in dataclasses.fields(section):
        if "sentence" in one.metadata:
            default = {} if one.default is dataclasses.MISSING else one.default
            found[one.name] = Row(name=one.name, kind=_TYPES[str(one.type)], default=default, **one.metadata)
    return found


ROWS: Dict[str, Dict[str, Row]] = {name: rows(section) for name, section in SECTIONS.items()}
PROVIDER_ROWS: Dict[str, Row] = rows(ProviderSettings)


def check(row: Row, value: Json) -> Tuple[Json, str]:
    """The value as the setting holds it, and what is wrong with it (empty when nothing is)."""
    problem = _type_problem(row, value) or _range_problem(row, value) or _shape_problem(row, value)
    if problem:
        return value, problem
    if row.kind == "a number":
        return float(value), ""
    if row.kind == "a list of texts":
        return tuple(value), ""
    if row.kind == "a table of lists of texts":
        return {name: (one,) if isinstance(one, str) else tuple(one) for name, one in value.items()}, ""
    return value, ""


def is_key_name(name: str) -> bool:
    """Whether a setting of this name would hold a secret."""
    return name not in PROVIDER_ROWS and _KEY_NAMES.search(name.replace("-", "_")) is not None


def is_key_header(name: str) -> bool:
    """Whether an HTTP header of this name carries a secret."""
    return name.strip().lower() in _KEY_HEADERS


def looks_like_key(value: Json) -> bool:
    """Whether a value has the form of a well-known vendor's API key."""
    return isinstance(value, str) and _KEY_VALUE.match(value) is not None


def kind_of(value: Json) -> str:
    """The word for a value's type: what the file holds instead of what it should."""
    if isinstance(value, bool):
        return "true or false"
    for types, word in (((int, float), "a number"), ((str,), "text"), ((list, tuple), "a list"), ((dict,), "a table")):
        if isinstance(value, types):
            return word
    return "a date" if hasattr(value, "isoformat") else "nothing"


def _type_problem(row: Row, value: Json) -> str:
    fits = {
        "text": isinstance(value, str),
        "true or false": isinstance(value, bool),
        "a number": isinstance(value, (int, float)) and not isinstance(value, bool),
        "a whole number": isinstance(value, int) and not isinstance(value, bool),
        "a list of texts": isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value),
        "a table of texts": isinstance(value, dict) and all(isinstance(one, str) for one in value.values()),
        "a table of lists of texts": isinstance(value, dict) and all(_is_texts(one) for one in value.values()),
        "a table": isinstance(value, dict),
        "text or a number": isinstance(value, (str, int, float)) and not isinstance(value, bool),
        "text or true or false": isinstance(value, (str, bool)),
    }
    if fits[row.kind]:
        return ""
    if row.kind == "a whole number" and isinstance(value, float):
        return "must be a whole number, not a fraction"
    return f"must be {row.kind}, not {kind_of(value)}"


def _is_texts(value: Json) -> bool:
    return isinstance(value, str) or (
        isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value))


def _range_problem(row: Row, value: Json) -> str:
    if row.kind == "a list of texts":
        return "" if row.maximum is None or len(value) <= row.maximum else f"may hold {row.maximum:g} at most"
    if row.kind not in ("a number", "a whole number"):
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    unit = f" {row.unit}" if row.unit else ""
    if row.minimum is not None and value < row.minimum:
        return f"must be {row.minimum:g}{unit} or more, not {value:g}"
    if row.maximum is not None and value > row.maximum:
        return f"must be {row.maximum:g}{unit} or less, not {value:g}"
    return ""


def _shape_problem(row: Row, value: Json) -> str:
    if row.kind == "text" and any(ord(char) < 32 and char not in "\n\t" for char in value):
        return "must not hold control characters"
    if row.shape == "url":
        return address_problem(value)
    if row.shape == "path" and not value.strip():
        return "must be a file's path"
    if row.shape == "levels":
        unknown = [one for one in value if one not in LEVELS]
        return f"does not know {unknown[0]!r}; there are {', '.join(LEVELS)}" if unknown else ""
    if row.shape == "key" and not _KEYS.match(value):
        return f"must be a key such as Ctrl+Shift+M, not {value!r}"
    if row.shape == "keys":
        wrong = [one for keys in value.values() for one in ((keys,) if isinstance(keys, str) else keys)
                 if not _KEYS.match(one)]
        return f"must be keys such as Ctrl+Shift+M, not {wrong[0]!r}" if wrong else ""
    return ""
