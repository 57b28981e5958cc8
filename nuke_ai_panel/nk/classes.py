"""What is known of Nuke's node classes without Nuke: knobs, defaults, inputs, and how sure that is.

The data lies beside this module. A class or a knob that is not in it may exist all the same: plug-ins, gizmos, other
versions. Loaded on first use and kept; any thread.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

_DATA = Path(__file__).with_name("data")
# What a machine has checked against documentation or real scripts; the rest is from experience.
CHECKED = frozenset({"doc", "corpus"})


@dataclass(frozen=True)
class KnobData:
    """One knob of a class. `default` is None where it comes from context or is unknown."""

    name: str
    type: str
    # A string, number, boolean, list or None, as the data has it.
    default: Any
    values: Tuple[str, ...] = ()
    confidence: str = "recalled"
    note: str = ""


@dataclass(frozen=True)
class NodeClass:
    """One node class. `inputs` names each input, `mask_input` is the index of the optional mask."""

    name: str
    knobs: Mapping[str, KnobData] = field(default_factory=dict)
    inputs: Tuple[str, ...] = ()
    min_inputs: int = 0
    max_inputs: Optional[int] = None
    mask_input: Optional[int] = None
    variadic: bool = False
    confidence: str = "recalled"
    notes: str = ""

    def input_label(self, index: int) -> str:
        """The name of an input, empty for the only one of a plain node."""
        label = self.inputs[index] if index < len(self.inputs) else ""
        return "" if label == "in" else label


def _knob(name: str, row: Mapping[str, Any]) -> KnobData:
    return KnobData(
        name, row["type"], row.get("default"), tuple(map(str, row.get("values", ()))),
        row.get("confidence", "recalled"), row.get("note", ""),
    )


def _knobs(rows: Mapping[str, Any]) -> Dict[str, KnobData]:
    return {name: _knob(name, row) for name, row in rows.items()}


@cache
def node_classes() -> Mapping[str, NodeClass]:
    """Every class of the data by its name."""
    rows = json.loads((_DATA / "nuke_nodes.json").read_text(encoding="utf-8"))
    return {
        name: NodeClass(
            name, _knobs(row["knobs"]), tuple(row["inputs"]), row["min_inputs"], row["max_inputs"],
            row.get("mask_input"), bool(row.get("variadic")), row["confidence"], row.get("notes", ""),
        )
        for name, row in rows.items()
    }


@cache
def _common() -> Mapping[str, Any]:
    data: Dict[str, Any] = json.loads((_DATA / "nuke_nodes_common.json").read_text(encoding="utf-8"))
    return data


@cache
def common_knobs() -> Mapping[str, KnobData]:
    """The knobs that every node has."""
    return _knobs(_common()["common_knobs"])


def menu_labels() -> Mapping[str, str]:
    """What the Nodes menu calls a class → the class, alternatives parted by `|`."""
    labels: Dict[str, str] = _common()["menu_label_to_class"]
    return labels


def knob_data(class_name: str, knob: str) -> Optional[KnobData]:
    """What is known of one knob, own or common; None if nothing is."""
    found = node_classes().get(class_name)
    own = found.knobs.get(knob) if found else None
    return own or common_knobs().get(knob)
