"""Nodes as compact .nk-like text for a prompt: what is not at its default, inputs, expressions, curves in few words.

Pure: the host tells `NodeFacts`, this writes them. What does not fit the limit is left out from the end, knobs first,
and the text says so.

    Blur Blur1 {
     inputs Grade1
     size curve of 24 keys, frames 1001 to 1100, from 0 to 4
    }
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, List, Optional, Sequence, Tuple

from .classes import node_classes
from .digest import estimate_tokens
from .digest_rows import LOOKS, counted, is_default, told_value
from .errors import NkSyntaxError
from .parser import parse_knobs

DEFAULT_LIMIT = 6000
_MOST_LINES = 400


@dataclass(frozen=True)
class NodeFacts:
    """One node as the host sees it: `body` are the lines of its knobs that are not at their default."""

    name: str
    class_name: str
    inputs: Tuple[Optional[str], ...] = ()
    body: str = ""
    has_error: bool = False


@dataclass(frozen=True)
class Told:
    """The text, and in plain words what is not in it; the same words end the text."""

    text: str
    left_out: Tuple[str, ...] = ()


def nodes_text(nodes: Sequence[NodeFacts], limit_tokens: int = DEFAULT_LIMIT) -> Told:
    """The text of some nodes, at most about `limit_tokens` long."""
    full: List[str] = []
    spent, bare, gone = 0, 0, 0
    for at, node in enumerate(nodes):
        text = node_text(node)
        cost = estimate_tokens(text)
        rest = len(nodes) - at - 1
        if spent + cost + 8 * rest > limit_tokens - 40:
            text = _head(node)
            cost, bare = estimate_tokens(text), bare + 1
        if spent + cost > limit_tokens - 40:
            gone, bare = gone + rest + 1, bare - 1
            break
        full.append(text)
        spent += cost
    left = []
    if gone:
        left.append(counted(gone, "node"))
    if bare:
        left.append(f"the knobs of {counted(bare, 'node')}")
    if left:
        full.append(f"Left out: {'; '.join(left)}.")
    return Told("\n".join(full), tuple(left))


def node_text(node: NodeFacts) -> str:
    """One node with its knobs."""
    lines = _inputs(node)
    if node.has_error:
        lines.append(" # has an error")
    lines += [f" {line}" for line in _knobs(node)]
    return "\n".join([f"{node.class_name} {node.name} {{", *lines, "}"]) if lines else f"{node.class_name} {node.name}"


def _head(node: NodeFacts) -> str:
    inputs = " ".join(one.strip() for one in _inputs(node))
    return f"{node.class_name} {node.name} {{ {inputs} … }}" if inputs else f"{node.class_name} {node.name} {{ … }}"


def _inputs(node: NodeFacts) -> List[str]:
    if not any(node.inputs):
        return []
    known = node_classes().get(node.class_name)
    told = []
    for at, source in enumerate(node.inputs):
        label = known.input_label(at) if known is not None and len(node.inputs) > 1 else ""
        if source is not None or len(node.inputs) > 1:
            told.append(f"{label} {source or 'nothing'}".strip())
    return [f" inputs {', '.join(told)}"]


def _knobs(node: NodeFacts) -> Iterable[str]:
    try:
        rows = parse_knobs(node.body)
    except NkSyntaxError:
        # Nuke wrote what cannot be read here; as it stands is better than not at all.
        yield from node.body.splitlines()[:_MOST_LINES]
        return
    for knob in rows[:_MOST_LINES]:
        if knob.name not in LOOKS and not is_default(node.class_name, knob):
            yield f"{knob.name} {told_value(knob)}"
    if len(rows) > _MOST_LINES:
        yield f"# and {counted(len(rows) - _MOST_LINES, 'knob')} more"
