"""What is noted about the rest of Nuke's module: its objects, as menus, nukescripts, Qt's binding, the order. Pure.

See code_check.py. A member that is not in the tables is only a slip where it is nearly one that is.
"""

from __future__ import annotations

import ast
import re
from typing import Dict, FrozenSet, List, Optional

from . import likely_names
from .code_kinds import NODE, Env, Kind, text_of
from .code_notes import NameNotes, source_of
from .errors import NkSyntaxError
from .parser import parse_knobs

# What makes an object of a class whose members are known; a class of the module makes one of itself.
MADE_BY: Dict[str, str] = {
    "menu": "Menu", "toolbar": "Menu", "activeViewer": "ViewerWindow", "Undo": "Undo", "Panel": "Panel",
    "ProgressTask": "ProgressTask", "FrameRange": "FrameRange", "FrameRanges": "FrameRanges",
}
MADE_BY_MEMBER: Dict[str, str] = {"addMenu": "Menu", "menu": "Menu", "addCommand": "MenuItem"}
# Read from the class itself, not from an object of it.
_TYPES = frozenset({"Undo", "Nodes"})
_BINDINGS = ("PySide2", "PySide6")
# Calls that bring nodes with names of their own.
_BRINGERS = frozenset({
    "nodePaste", "scriptReadFile", "scriptReadText", "scriptOpen", "scriptSource", "loadToolset", "load", "tcl",
    "clone", "createNode", "nodes", "collapseToGroup", "makeGroup",
})
_NEAR = 0.8


class ObjectNotes(NameNotes):
    """The notes about what is neither node nor knob."""

    _attributes: FrozenSet[str] = frozenset()
    # How many tests the statement stands under: what is tried or asked for may be missing.
    _conditions = 0

    def survey(self, tree: ast.AST) -> None:
        """Looks a program over before it is gone through."""
        self._attributes = frozenset(one.attr for one in ast.walk(tree) if isinstance(one, ast.Attribute))

    def type_of(self, name: str) -> Optional[Kind]:
        """A class of the module whose members are known."""
        return Kind("object", name) if name in _TYPES else None

    def object_member(self, owner: Kind, node: ast.Attribute) -> Optional[Kind]:
        """Notes a member that such an object has not; what calling it gives."""
        name, known = node.attr, self.names.members(owner.class_name)
        if name in known or name in self._guarded:
            made = MADE_BY_MEMBER.get(name)
            return Kind("object", made) if made else None
        if owner.class_name == "Nodes":
            told = f"nuke.nodes.{name}" if name in self.names.classes else "nuke.nodes"
            self._note("name", "nuke.Nodes is a type; nodes are made by nuke.nodes", node, told)
            return None
        told = likely_names.object_member(name, owner.class_name, known)
        if told:
            shown = f"{source_of(node.value)}.{told}"
            self._note("member", f"{source_of(node.value)} has no {name}", node, shown)
        return None

    def scripts_member(self, node: ast.Attribute) -> None:
        """Notes a name that is not in nukescripts."""
        name, known = node.attr, self.names.scripts
        if name in known or name in self._guarded or name.startswith("_"):
            return
        close = likely_names.near(name, known, _NEAR)
        if name in self.names.module and name not in self.names.submodules:
            self._note("name", f"There is no nukescripts.{name}", node, f"nuke.{name}")
        elif close is not None:
            self._note("name", f"There is no nukescripts.{name}", node, f"nukescripts.{close}")

    def submodule_call(self, name: str, node: ast.Attribute) -> None:
        """Notes a module that is called as if it were a function."""
        told = likely_names.module_name(name, self.names.module - self.names.submodules, ())
        self._note("call", f"nuke.{name} is a module and cannot be called", node, told)

    def binding(self, module: str, where: ast.stmt) -> None:
        """Notes an import of the Qt binding that this Nuke has not."""
        asked, here = module.split(".")[0], self.names.binding
        if asked in _BINDINGS and here and asked != here and not self._conditions:
            told = f"{here}{module[len(asked):]}"
            place = ast.copy_location(ast.Name(asked), where)
            self._note("name", f"This Nuke has {here} and no {asked}", place, told)

    def execute_order(self, node: ast.Call, kinds: List[Optional[Kind]]) -> None:
        """Notes frames that stand before the node."""
        whats = [kind.what if kind is not None else "" for kind in kinds]
        at = next((at for at, what in enumerate(whats) if what in ("text", "node")), 0)
        if at and whats[0] == "number":
            shown = [source_of(one) for one in node.args]
            order = ", ".join([shown[at], *shown[:at], *shown[at + 1:]])
            self._note("call", "nuke.execute takes the node before the frames", node, f"nuke.execute({order})")

    def missing_node(self, call: ast.expr) -> None:
        """Notes what is done at once with a node that is not in the script, while one is nearly called so."""
        if not isinstance(call, ast.Call) or not call.args or not isinstance(call.func, ast.Attribute):
            return
        name = text_of(call.args[0])
        if call.func.attr != "toNode" or not name or self._conditions or self._attributes & _BRINGERS:
            return
        there = self.names.node_names()
        if name in there or self.names.class_of(name) is not None:
            return
        close = likely_names.near(name, there, _NEAR)
        if close is not None:
            self._note("name", f"There is no node {name} in the script", call, f'nuke.toNode("{close}")')

    def create_node(self, text: Optional[str], node: ast.Call, env: Env) -> Kind:
        """Notes what is wrong with a `createNode`; the node that it makes."""
        for word in node.keywords:
            if word.arg not in (None, "node", "knobs", "inpanel", "typ", "filter"):
                value = text_of(word.value) or source_of(word.value) or "value"
                self._note("call", f"nuke.createNode takes no argument {word.arg}", node,
                           f'nuke.createNode("{text or "Class"}", "{word.arg} {value}")')
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Name) and first.id in self.names.classes and first.id not in env:
            self._note("call", "nuke.createNode takes the class as text", first, f'nuke.createNode("{first.id}")')
            return Kind("node", first.id)
        if text is None or first is None:
            return NODE
        if self._class(text, first, is_creation=True, written=f'"{text}"'):
            knobs = text_of(node.args[1]) if len(node.args) > 1 else next(
                (text_of(word.value) for word in node.keywords if word.arg == "knobs"), None)
            for row in _rows(knobs):
                self._knob(Kind("node", text), row, node.args[1] if len(node.args) > 1 else node)
            return Kind("node", text)
        return NODE

    def known(self, node: ast.expr, env: Env) -> bool:
        """Whether an argument may be something: only a bare name that looks like a node's and is nowhere set is not."""
        return not (isinstance(node, ast.Name) and node.id not in env and re.match(r"[A-Z]\w*\d+\Z", node.id))


def _rows(text: Optional[str]) -> List[str]:
    """The names of knobs in `createNode`'s text."""
    try:
        return [row.name for row in parse_knobs(text)] if text else []
    except NkSyntaxError:
        return []
