"""Gemini's function calls: whole, or streamed piece by piece along JSON paths. Pure; one `GoogleCalls` an answer.

A call goes out only at the end of the answer. One whose pieces stopped coming is kept as text that is no JSON, so that
nobody runs it.
"""

from __future__ import annotations

import json
import re
from typing import Callable, Dict, List, Optional, Set, Tuple, Union

from ..messages import Json, ToolCall
from .tool_slots import ToolSlots

# Caps on what a path may build: a hostile index must not fill the memory.
_MAX_INDEX = 4096
_MAX_STEPS = 64
_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,9})\]|\[(?:'([^']*)'|"([^"]*)")\]""")
_VALUES = ("stringValue", "numberValue", "boolValue", "nullValue")
_Step = Union[str, int]


class GoogleCalls:
    """Parts in, whole calls out; `warn` is called with the name of what had to be tolerated."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._slots = ToolSlots(warn)
        self._open: Optional[_PartialCall] = None
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, call: Dict[str, Json]) -> Optional[int]:
        """Takes a `functionCall`; returns its number if a call begins with it, None if it goes on with the last."""
        name = call.get("name")
        goes_on = call.get("willContinue") is True
        partial = call.get("partialArgs")
        begins = bool(isinstance(name, str) and name) or self._open is None
        if begins:
            self._close(is_whole=False)
            if not name and not call.get("args") and not partial:
                return None  # the end mark of a call that is closed already
            self._count += 1
            if not goes_on and not partial:
                self._keep(call.get("id"), name, call.get("args"))
                return self._count - 1
            self._open = _PartialCall(call.get("id"), name)
        assert self._open is not None
        if isinstance(call.get("args"), dict):
            self._open.arguments.update(call["args"])
        self._open.take(partial)
        if not goes_on:
            self._close(is_whole=True)
        return self._count - 1 if begins else None

    def finish(self) -> List[ToolCall]:
        """The calls in order; one that never ended has no arguments and keeps its raw text."""
        self._close(is_whole=False)
        return self._slots.finish()

    def _close(self, *, is_whole: bool) -> None:
        call, self._open = self._open, None
        if call is not None:
            text = json.dumps(call.arguments, ensure_ascii=False)
            is_good = is_whole and not call.is_broken
            self._keep(call.id, call.name, text if is_good else f"{text} (incomplete)")

    def _keep(self, call_id: Json, name: Json, arguments: Json) -> None:
        number = self._count - 1
        if arguments is not None and not isinstance(arguments, (str, dict, list)):
            arguments = json.dumps(arguments)
        self._slots.add({"index": number, "id": call_id, "function": {"name": name, "arguments": arguments}})


class _PartialCall:
    """One call while its arguments arrive."""

    def __init__(self, call_id: Json, name: Json) -> None:
        self.id, self.name = call_id, name
        self.arguments: Dict[str, Json] = {}
        self.is_broken = False
        self._growing: Set[str] = set()

    def take(self, pieces: Json) -> None:
        for piece in pieces if isinstance(pieces, list) else ():
            if isinstance(piece, dict):
                self._piece(piece)

    def _piece(self, piece: Dict[str, Json]) -> None:
        path = str(piece.get("jsonPath"))
        steps = _steps(path)
        kind = next((one for one in _VALUES if one in piece), None)
        if steps is None:
            self.is_broken = True
            return
        if kind is not None:
            value = None if kind == "nullValue" else piece[kind]
            if kind == "numberValue" and isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
                value = int(value)  # protobuf has no whole numbers here
            if not _put(self.arguments, steps, value, appends=path in self._growing):
                self.is_broken = True
        (self._growing.add if piece.get("willContinue") is True else self._growing.discard)(path)


def _steps(path: str) -> Optional[Tuple[_Step, ...]]:
    """`$.a.b[0]` as its steps; None for what is no such path."""
    if not path.startswith("$"):
        return None
    steps: List[_Step] = []
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None or len(steps) >= _MAX_STEPS:
            return None
        name, index, single, double = found.groups()
        named = next((one for one in (name, single, double) if one is not None), "")
        steps.append(named if index is None else int(index))
        at = found.end()
    return tuple(steps) if steps and isinstance(steps[0], str) else None


def _put(root: Json, steps: Tuple[_Step, ...], value: Json, *, appends: bool) -> bool:
    """Puts `value` at the end of `steps`, making what is missing on the way; False if the way is blocked."""
    place = root
    for number, step in enumerate(steps):
        is_last = number == len(steps) - 1
        fresh: Json = value if is_last else [] if isinstance(steps[number + 1], int) else {}
        if isinstance(step, int):
            if not isinstance(place, list) or step > _MAX_INDEX:
                return False
            place.extend([None] * (step + 1 - len(place)))
            known = place[step]
        elif isinstance(place, dict):
            known = place.get(step)
        else:
            return False
        if is_last and appends and isinstance(known, str) and isinstance(value, str):
            fresh = known + value
        if is_last or known is None:
            place[step] = fresh
            known = fresh
        place = known
    return True
