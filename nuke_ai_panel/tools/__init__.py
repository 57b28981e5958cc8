"""What a model may ask the host to do: a tool's name, its arguments' shape, its risk, and the function. Values.

The product ships no tool yet; the toolbox is empty and the turn knows how to end without one. A tool's function runs
on the main thread, and only after `core/approval` allowed it. What it returns or raises is text that the model reads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple

from ..messages import Json

_TYPES: Dict[str, Tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "array": (list, tuple),
    "object": (dict,), "null": (type(None),),
}


class Risk(Enum):
    """What a tool can do: look, change the script (undoable), or run code."""

    READ = "read"
    EDIT = "edit"
    RUN = "run"


@dataclass(frozen=True)
class Tool:
    """`schema` is the JSON Schema of the arguments that `run` takes by name; `summary` says what one call would do."""

    name: str
    description: str
    risk: Risk
    run: Callable[..., str]
    schema: Mapping[str, Json] = field(default_factory=lambda: {"type": "object", "properties": {}})
    summary: Optional[Callable[..., str]] = None


class Toolbox:
    """The tools that a turn may offer, by name."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        self._tools = {tool.name: tool for tool in tools}

    def find(self, name: str) -> Optional[Tool]:
        """The tool called `name`, None if there is none."""
        return self._tools.get(name)

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)


def problem_with(arguments: Mapping[str, Json], schema: Mapping[str, Json]) -> str:
    """What is wrong with `arguments`, in words for the model; empty when nothing is.

    Checks names, required ones, types and enums of the top level; a tool checks what is deeper itself.
    """
    properties: Mapping[str, Mapping[str, Json]] = schema.get("properties", {})
    problems: List[str] = [
        f"{name!r} is missing" for name in schema.get("required", ()) if name not in arguments
    ]
    for name, value in arguments.items():
        rule = properties.get(name)
        if rule is None:
            problems.append(f"{name!r} is not an argument of this tool")
        elif not _fits(value, rule.get("type")):
            problems.append(f"{name!r} must be {rule['type']}")
        elif "enum" in rule and value not in rule["enum"]:
            problems.append(f"{name!r} must be one of {', '.join(map(repr, rule['enum']))}")
    return "; ".join(problems)


def _fits(value: Json, wanted: Json) -> bool:
    if wanted is None:
        return True
    names = wanted if isinstance(wanted, list) else [wanted]
    if isinstance(value, bool):
        return "boolean" in names
    return any(isinstance(value, _TYPES.get(name, ())) for name in names)
