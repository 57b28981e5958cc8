"""Compares the class data with a Nuke: which classes it has, how many inputs, which knobs, their types and defaults.
Standard library only."""

from __future__ import annotations

import json
import os
from typing import Any, Dict

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "nuke_ai_panel", "nk", "data",
                    "nuke_nodes.json")


def load() -> Dict[str, Any]:
    """The data that the product ships."""
    with open(DATA, encoding="utf-8") as file:
        found: Dict[str, Any] = json.load(file)
    return found


def patch(nuke: Any, data: Dict[str, Any]) -> Dict[str, Any]:
    """What must change in the data so that it says what this Nuke does; an empty patch is agreement."""
    changes: Dict[str, Any] = {}
    for name in sorted(data):
        if name in ("Root", "Viewer"):
            continue
        try:
            node = getattr(nuke.nodes, name)()
        except Exception as error:  # noqa: BLE001  (a class that cannot be made is an answer)
            changes[name] = {"missing": str(error)}
            continue
        change = _class_change(node, data[name])
        if change:
            changes[name] = change
        nuke.delete(node)
    return changes


def _class_change(node: Any, known: Dict[str, Any]) -> Dict[str, Any]:
    change: Dict[str, Any] = {}
    if node.minInputs() != known["min_inputs"]:
        change["min_inputs"] = node.minInputs()
    if known["max_inputs"] is not None and not known.get("variadic") and node.maxInputs() != known["max_inputs"]:
        change["max_inputs"] = node.maxInputs()
    knobs = {name: found for name, row in known["knobs"].items() for found in [_knob_change(node.knob(name), row)]
             if found}
    if knobs:
        change["knobs"] = knobs
    return change


def _knob_change(knob: Any, row: Dict[str, Any]) -> Dict[str, Any]:
    if knob is None:
        return {"missing": True}
    change: Dict[str, Any] = {}
    if knob.Class() != row["type"]:
        change["type"] = knob.Class()
    value = _plain(knob)
    default = row.get("default")
    if default is not None and not _same(value, default):
        change["default"] = value
    values = getattr(knob, "values", None)
    if row.get("values") and values is not None:
        found = [str(one).split("\t")[0] for one in values()]
        if found != [str(one) for one in row["values"]]:
            change["values"] = found
    return change


def _plain(knob: Any) -> Any:
    try:
        value = knob.value()
    except Exception as error:  # noqa: BLE001  (a knob that has no value is an answer)
        return f"no value: {error}"
    if isinstance(value, (bool, int, float, str)):
        return value
    return [float(one) for one in value] if isinstance(value, (list, tuple)) else None


def _same(value: Any, default: Any) -> bool:
    if value is None or (isinstance(default, str) and default.startswith("root.")):
        return True
    if isinstance(default, list):
        if default and isinstance(default[0], list):
            default = [one for row in default for one in row]
        spread = value if isinstance(value, list) else [value] * len(default)
        return len(spread) == len(default) and all(_same(a, b) for a, b in zip(spread, default))
    if isinstance(value, list):
        return all(_same(one, default) for one in value)
    if isinstance(default, (bool, int, float)) and isinstance(value, (bool, int, float)):
        return abs(float(value) - float(default)) < 1e-6
    return str(value) == str(default)
