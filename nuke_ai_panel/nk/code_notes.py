"""What is noted about a name in a program for Nuke: a member, a class, a knob, an input. Pure; see code_check.py."""

from __future__ import annotations

import ast
import re
from typing import Any, FrozenSet, List, Optional, Tuple

from . import likely_names
from .api_names import Names
from .classes import knob_data, menu_labels
from .code_kinds import NODE, Kind, text_of

# (kind, what, where, suggestion)
Note = Tuple[Any, str, ast.expr, str]
_DIGITS = re.compile(r"\d+\Z")
# Nodes that every script has, by the name they are always found under.
_BY_NAME = {"root": "Root", "preferences": "Preferences"}


class NameNotes:
    """The notes of one program. `guarded` are names that it asks for itself."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.found: List[Note] = []
        self._guarded: FrozenSet[str] = frozenset()
        self._lenient = 0

    def _note(self, kind: str, what: str, where: ast.expr, suggestion: str = "") -> None:
        if not self._lenient:
            self.found.append((kind, what, where, suggestion))

    def _module_has(self, name: str) -> bool:
        return name in self.names.module or name in self._guarded or name.startswith("_")

    def _wrong_member(self, owner: Kind, node: ast.Attribute) -> None:
        name = node.attr
        knob = self._known_knob(owner, name)
        told = likely_names.node_member(name, self.names.node, is_sure=bool(knob) and not owner.class_name)
        if knob and (owner.class_name or not told):
            told = f'{source_of(node.value)}["{knob}"]'
        if told:
            self._note("member", f"A node has no {name}", node, told)
        elif self.names.is_live:
            self._note("member", f"A node has no {name}", node)

    def _known_knob(self, owner: Optional[Kind], name: str) -> Optional[str]:
        """`name` if it is a knob of that node, or of any for a node of unknown class."""
        if owner is None or name in self.names.node:
            return None
        known = self.names.knobs(owner.class_name)[0] if owner.class_name else self.names.every_knob()
        return name if name in known else None

    def _named(self, name: str) -> Kind:
        """The node of that name: in this script, or by the usual names of nodes."""
        found = self.names.class_of(name)
        if found is not None:
            return Kind("node", found, name)
        stem = _DIGITS.sub("", name.rsplit(".", 1)[-1])
        label = menu_labels().get(stem, stem).split("|")[0]
        if stem and name != stem and label in self.names.classes:
            return Kind("node", label, is_certain=False)
        return Kind("node", _BY_NAME[name]) if name in _BY_NAME else NODE

    def _knob_call(self, owner: Kind, name: str, node: ast.Call) -> None:
        text = text_of(node.args[0]) if node.args else None
        if name == "setValue" and not node.args and not node.keywords:
            self._note("call", "setValue needs a value", node, "setValue(value)")
        if name != "setValue" or text is None or not owner.class_name or not owner.knob:
            return
        data = knob_data(owner.class_name, owner.knob)
        if data is None or text in data.values or not re.search("Enum|Pulldown", data.type):
            return
        told = likely_names.near(text, data.values, 0.7)
        if told is not None:
            self._note("value", f"{owner.knob} has no choice “{text}”", node.args[0], f'"{told}"')

    def _class(self, name: str, where: ast.expr, *, is_creation: bool, written: str) -> bool:
        """Notes a class that does not exist; whether it may exist."""
        if "." in name or name.startswith("OFX") or name in self._guarded:
            return True
        exists = self.names.can_create(name) if is_creation or name not in self.names.classes else True
        label = menu_labels().get(name, "").split("|")[0]
        if not is_creation and label and label in self.names.classes and name in ("Merge", "Backdrop"):
            self._note("class", f"{name} is what the menu says; the class is {label}", where, f'"{label}"')
            return False
        if exists:
            return True
        others = self.names.classes - {name}
        told = label if label in others else likely_names.node_class(name, others) or ""
        if exists is None and (not told or told in name.split("_")):
            return True  # unknown; or a studio's own, named after what it wraps
        shown = f"nuke.nodes.{told}" if written.startswith("nuke.nodes") else f'"{told}"'
        self._note("class", f"There is no node class {name}", where, shown if told else "")
        return False

    def _knob(self, owner: Kind, name: str, where: ast.expr) -> None:
        """Notes a knob that does not exist."""
        if name in self._guarded or not name:
            return
        if owner.name:
            of_node = self.names.knobs_of(owner.name)
            known, is_complete = of_node if of_node is not None else frozenset(), of_node is not None
        elif owner.class_name:
            known, is_complete = self.names.knobs(owner.class_name)
        else:
            known, is_complete = self.names.every_knob(), False
        stem = name.split(".")[0]
        if name in known or stem in known:
            return
        told, is_sure = likely_names.knob_name(name, owner.class_name, known)
        if not owner.class_name:
            # Of a node that could be any, only what is nearly right is a slip.
            told = told if is_sure or (told and not _is_part(told, name) and likely_names.near(name, known, 0.86)
                                       ) else None
        elif not known and not is_complete:
            return
        # A node that is only called like a class may be of another.
        may_be_other = not is_sure and not is_complete and not owner.is_certain
        if may_be_other and name in self.names.every_knob():
            return
        if told is None and not is_complete:
            return
        is_slip = is_sure or likely_names.near(name, known, 0.92) is not None
        if not is_slip and not is_complete and any(name.startswith(one + "_") for one in known):
            return  # feather_type beside feather: rather a knob that is not in the tables
        of = f"{owner.class_name} has" if owner.class_name else "A node has"
        self._note("knob", f"{of} no knob “{name}”", where, f'"{told}"' if told else "")

    def _set_input(self, name: str, node: ast.Call, kinds: List[Optional[Kind]]) -> None:
        shown = [source_of(one) for one in node.args[:2]]
        first = kinds[0].what if kinds and kinds[0] else ""
        second = kinds[1].what if len(kinds) > 1 and kinds[1] else ""
        is_none = len(node.args) > 1 and isinstance(node.args[1], ast.Constant) and node.args[1].value is None
        if len(node.args) == 2 and (first == "node" or (second == "number" and first != "number")):
            self._note("call", f"{name} takes the number of the input first", node, f"{name}({shown[1]}, {shown[0]})")
        elif len(node.args) == 2 and second == "text" and not is_none:
            told = f"{name}({shown[0]}, nuke.toNode({shown[1]}))"
            self._note("call", f"{name} takes a node, not its name", node, told)
        elif len(node.args) == 2 and first == "text":
            number = text_of(node.args[0]) or ""
            at = {"B": "0", "A": "1", "mask": "2"}.get(number, number if number.isdigit() else "0")
            told = f"{name}({at}, {shown[1]})"
            self._note("call", f"{name} takes the number of the input, not its name", node, told)
        elif len(node.args) == 2 and second == "nodes":
            self._note("call", f"{name} takes one node, not a list", node, f"{name}({shown[0]}, {shown[1]}[0])")
        elif len(node.args) == 1 and not node.keywords and not isinstance(node.args[0], ast.Starred):
            told = f"{name}(0, {shown[0]})" if first in ("node", "") else f"{name}({shown[0]}, node)"
            self._note("call", f"{name} takes the number of the input and a node", node, told)
        elif not node.args and not node.keywords:
            self._note("call", f"{name} takes the number of the input and a node", node, f"{name}(0, node)")


def _is_part(one: str, other: str) -> bool:
    """Whether one name is a longer one with a word before or behind it: that is another knob, no slip."""
    short, long = sorted((one.lower().replace("_", ""), other.lower().replace("_", "")), key=len)
    return len(long) - len(short) > 1 and (long.startswith(short) or long.endswith(short))


def source_of(node: Optional[ast.expr]) -> str:
    if node is None:
        return ""
    try:
        text = ast.unparse(node)
    except (ValueError, RecursionError):
        return ""
    return text if len(text) <= 60 else text[:57] + "…"
