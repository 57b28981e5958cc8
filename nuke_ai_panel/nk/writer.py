"""Writes values as .nk text: what was parsed byte for byte, what is new as Nuke would write it. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator, List, Optional, Tuple

from .model import Command, Comment, Item, Knob, Node, Push, Script, Set
from .quoting import decode, encode


def write(script: Script) -> str:
    """The text of a script."""
    return _write(script.items, script.tail)


def write_bytes(script: Script) -> bytes:
    """The bytes of a script's file."""
    return write(script).encode("utf-8", "surrogateescape")


def write_nodes(*nodes: Node) -> str:
    """The text of a few nodes, without a header."""
    return _write((replace(nodes[0], lead=""), *nodes[1:]), "\n") if nodes else ""


def write_knob(knob: Knob) -> str:
    """One entry with the white space before it."""
    name = knob.name_word if knob.name_word and decode(knob.name_word) == knob.name else encode(knob.name)
    return f"{knob.lead}{name}{knob.gap}{knob.word}"


def write_knobs(knobs: Tuple[Knob, ...]) -> str:
    """Entries as Node.writeKnobs gives them: one a line."""
    return "\n".join(f"{encode(knob.name)} {knob.word}" for knob in knobs)


def _write(items: Tuple[Item, ...], tail: str) -> str:
    parts: List[str] = []
    waiting: List[Tuple[Iterator[Item], Optional[Node]]] = [(iter(items), None)]
    before: Optional[Item] = None
    while waiting:
        rest, group = waiting[-1]
        item = next(rest, None)
        if item is None:
            waiting.pop()
            if group is not None:
                parts += (_lead(group.close, before), "end_group")
                before = group
            continue
        parts.append(_lead(item.lead, before))
        _write_item(item, parts)
        before = item
        if isinstance(item, Node) and item.children is not None:
            waiting.append((iter(item.children), item))
    if isinstance(before, Comment) and tail and "\n" not in tail:
        tail = "\n" + tail
    parts.append(tail)
    return "".join(parts)


def _lead(lead: str, before: Optional[Item]) -> str:
    """`lead`, with a line end where an item was moved so that it would run together with the one `before` it."""
    ends = before is None or "\n" in lead or (";" in lead and not isinstance(before, Comment))
    return lead if ends else lead + "\n"


def _write_item(item: Item, parts: List[str]) -> None:
    if isinstance(item, Node):
        _write_node(item, parts)
    elif isinstance(item, Comment):
        parts.append(item.text)
    else:
        parts.append(_spaced(_words(item), item.gaps))


def _words(item: Item) -> Tuple[str, ...]:
    if isinstance(item, Push):
        return "push", f"${item.variable}" if item.variable is not None else "0"
    if isinstance(item, Set):
        return "set", item.variable, f"[stack {item.depth}]"
    assert isinstance(item, Command)
    return item.words


def _write_node(node: Node, parts: List[str]) -> None:
    head = ("clone", node.clone_of) if node.clone_of is not None else ()
    names = (*head, node.class_name) if node.class_name else head
    parts.append(_spaced((*names, "{"), node.gaps))
    parts.extend(map(write_knob, node.knobs))
    parts.append(f"{node.tail}}}")


def _spaced(words: Tuple[str, ...], gaps: Tuple[str, ...]) -> str:
    if len(gaps) != len(words) - 1:
        return " ".join(words)
    return "".join(part for pair in zip(words, (*gaps, "")) for part in pair)
