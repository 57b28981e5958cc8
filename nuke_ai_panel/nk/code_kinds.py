"""What the expressions of a program are, as far as that can be told for certain: nodes, knobs, lists of nodes. Pure.

Nothing is guessed: where two ways through the program disagree, or a value comes from elsewhere, it is unknown.
"""

from __future__ import annotations

import ast
from typing import Dict, FrozenSet, Iterator, List, NamedTuple, Optional


class Kind(NamedTuple):
    """`what` is module, maker (nuke.nodes), node, nodes (a list), knob, text or number; the rest narrows it."""

    what: str
    class_name: str = ""
    # The node's name in the script, or the knob's.
    name: str = ""
    knob: str = ""
    # A class is named by a class, or only guessed from a node's name.
    is_certain: bool = True


Env = Dict[str, Optional[Kind]]
NODE, NODES = Kind("node"), Kind("nodes")
# What functions of the module return.
RETURNS: Dict[str, Kind] = {
    "createNode": NODE, "toNode": NODE, "selectedNode": NODE, "thisNode": NODE, "clone": NODE, "nodePaste": NODE,
    "root": Kind("node", "Root"), "thisRoot": Kind("node", "Root"), "thisGroup": NODE, "thisParent": NODE,
    "selectedNodes": NODES, "allNodes": NODES, "collapseToGroup": NODE, "makeGroup": NODE, "thisKnob": Kind("knob"),
    "activeGroup": NODE, "lastHitGroup": NODE, "nodeAtPath": NODE, "dependentNodes": NODES,
    "connectViewer": Kind("none"), "createLiveInput": NODE,
}
# What methods of a node return.
NODE_RETURNS: Dict[str, Kind] = {
    "input": NODE, "dependencies": NODES, "dependent": NODES, "nodes": NODES, "selectedNodes": NODES, "parent": NODE,
    "rootNode": Kind("node", "Root"), "node": NODE, "output": NODE, "clones": NODES, "getNodes": NODES,
    "knob": Kind("knob"), "name": Kind("text"), "Class": Kind("text"), "fullName": Kind("text"), "makeGroup": NODE,
}
# Of a list; what else is asked of a list of nodes was meant for each of them.
LIST_MEMBERS = frozenset(dir(list))


def text_of(node: Optional[ast.expr]) -> Optional[str]:
    """The text of a literal."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def joined(ways: List[Env]) -> Env:
    """What holds whichever way was taken."""
    found: Env = {}
    for name in frozenset().union(*ways):
        kinds = {way.get(name) for way in ways if name in way}
        if len(kinds) == 1 and all(name in way for way in ways):
            found[name] = kinds.pop()
        else:
            whats = {kind.what if kind else "" for kind in kinds}
            found[name] = Kind(whats.pop()) if whats in ({"node"}, {"nodes"}, {"knob"}) else None
    return found


def bound_names(statements: List[ast.stmt]) -> FrozenSet[str]:
    """Every name that statements bind, in functions below them too."""
    return frozenset(
        one.id for statement in statements for one in ast.walk(statement)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store))


def parameters(function: ast.arguments) -> Iterator[str]:
    """The names that a call binds."""
    for one in (*function.posonlyargs, *function.args, *function.kwonlyargs, function.vararg, function.kwarg):
        if one is not None:
            yield one.arg


def guarded_names(tree: ast.AST) -> FrozenSet[str]:
    """Names that the program itself asks for before it uses them, with hasattr, getattr or dir."""
    return frozenset(
        text for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("hasattr", "getattr")
        for text in [text_of(call.args[1]) if len(call.args) > 1 else None] if text)


def element(kind: Optional[Kind]) -> Optional[Kind]:
    """What one of a list of nodes is."""
    return kind._replace(what="node") if kind is not None and kind.what == "nodes" else None


def is_class_call(node: ast.expr) -> bool:
    """Whether this asks a node for its class."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "Class"
