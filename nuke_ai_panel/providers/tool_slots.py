"""Assembles tool calls from fragments as the OpenAI family streams them. Pure; one `ToolSlots` an answer.

Servers disagree about what marks a new call: an index, an id, both, or neither; some label every call index 0, some
start at 1, some repeat empty ids and names. A call counts only when its arguments are one whole JSON object.
"""

from __future__ import annotations

import json
from typing import Callable, Dict, List, Optional, Set

from ..messages import Json, ToolCall, clean_text
from .wire import parse_json


class _Slot:
    """One call while it grows."""

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.parts: List[str] = []

    @property
    def raw(self) -> str:
        return "".join(self.parts)


class ToolSlots:
    """Fragments in, whole calls out; `warn` is called with the name of what had to be tolerated."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._slots: List[_Slot] = []
        self._by_index: Dict[int, _Slot] = {}

    def __bool__(self) -> bool:
        return bool(self._slots)

    def add(self, fragment: Json) -> None:
        """Takes one element of a delta's `tool_calls`; what is no fragment is ignored."""
        if not isinstance(fragment, dict):
            return
        function = fragment.get("function")
        if not isinstance(function, dict):
            function = {}
        call_id, name = _word(fragment.get("id")), _word(function.get("name"))
        slot = self._slot(fragment.get("index"), call_id, name)
        if call_id and not slot.id:
            slot.id = call_id
        if name and not slot.name:
            slot.name = name
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            slot.parts.append(arguments)
        elif isinstance(arguments, (dict, list)):
            slot.parts.append(json.dumps(arguments, ensure_ascii=False))

    def finish(self) -> List[ToolCall]:
        """The calls in order of first appearance; one without whole arguments has None and keeps the raw text."""
        taken: Set[str] = set()
        calls = []
        for number, slot in enumerate(self._slots):
            if not slot.id or slot.id in taken:
                slot.id = _free_id(number, taken | {other.id for other in self._slots})
                self._warn("tool_id_synthesised")
            taken.add(slot.id)
            raw = slot.raw
            arguments = read_arguments(raw) if slot.name else None
            if arguments is None:
                self._warn("tool_args_invalid_json")
            calls.append(ToolCall(slot.id, slot.name, arguments, raw if arguments is None else None))
        return calls

    def _slot(self, index: Json, call_id: str, name: str) -> _Slot:
        if isinstance(index, int) and not isinstance(index, bool):
            slot = self._by_index.get(index)
            if slot is None:
                slot = self._by_index[index] = self._open()
            elif slot.id and name and call_id and call_id != slot.id:
                self._warn("tool_index_reused")
                slot = self._by_index[index] = self._open()
            return slot
        self._warn("tool_index_missing")
        if call_id:
            known = next((slot for slot in self._slots if slot.id == call_id), None)
            return known or self._open()
        if not self._slots or (name and self._slots[-1].parts and read_arguments(self._slots[-1].raw) is not None):
            return self._open()
        return self._slots[-1]

    def _open(self) -> _Slot:
        slot = _Slot()
        self._slots.append(slot)
        return slot


def read_arguments(raw: str) -> Optional[Dict[str, Json]]:
    """The arguments in `raw`: nothing is `{}`; None unless it is exactly one JSON object that JSON can hold again."""
    if not raw.strip():
        return {}
    try:
        value = parse_json(clean_text(raw).encode("utf-8"))
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _free_id(number: int, taken: Set[str]) -> str:
    name = f"call_{number}"
    while name in taken:
        name += "_"
    return name


def _word(value: Json) -> str:
    """An id or a name; empty strings and the word "null" count as absent."""
    return value if isinstance(value, str) and value != "null" else ""
