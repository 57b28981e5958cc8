""".nk text ↔ plain values, what it would execute, and a summary for prompts. Needs neither Nuke nor Qt; any thread.

    script = parse(text)             # raises NkSyntaxError with line and column
    write(script) == text            # byte for byte
    screen(script)                   # what Nuke would execute, and where
    digest(script, limit_tokens=800) # what a model should know of it
"""

from __future__ import annotations

from .classes import KnobData, NodeClass, common_knobs, knob_data, menu_labels, node_classes
from .digest import Digest, digest
from .errors import NkSyntaxError
from .graph import Graph, Placed, Problem, connect, input_label
from .layout import Page, layout_xml, pages
from .model import Command, Comment, Item, Knob, Node, Push, Script, Set
from .parser import parse, parse_bytes, parse_knobs
from .quoting import decode, encode
from .review import review
from .screen import Finding, is_harmless, screen
from .user_knobs import UserKnob, parse_user_knob, user_knob_entry, user_knobs, write_user_knob
from .values import Field, Key, fields
from .writer import write, write_bytes, write_knobs, write_nodes

__all__ = [
    "Command", "Comment", "Digest", "Field", "Finding", "Graph", "Item", "Key", "Knob", "KnobData", "NkSyntaxError",
    "Node", "NodeClass", "Page", "Placed", "Problem", "Push", "Script", "Set", "UserKnob", "common_knobs", "connect",
    "decode", "digest", "encode", "fields", "input_label", "is_harmless", "knob_data", "layout_xml", "menu_labels",
    "node_classes", "pages", "parse", "parse_bytes", "parse_knobs", "parse_user_knob", "review", "screen",
    "user_knob_entry", "user_knobs", "write", "write_bytes", "write_knobs", "write_nodes", "write_user_knob",
]
