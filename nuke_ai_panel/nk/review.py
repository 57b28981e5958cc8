"""Finds what in a .nk text is not code and still deserves a look before it becomes nodes. Pure.

Unknown classes and knobs (a class that is not known may be a gizmo whose file holds code), files outside the folders
that are allowed, connections that do not add up, too many nodes. Knobs are only checked for classes of which
something is known; the data does not list every knob, so an unknown one is a question and not an error.
"""

from __future__ import annotations

import difflib
import posixpath
from typing import Iterable, Iterator, List, Optional, Sequence, Set, Tuple, Union

from .classes import common_knobs, node_classes
from .errors import NkText
from .graph import Placed, connect
from .model import Script
from .screen import Finding, located, make_finding
from .user_knobs import user_knobs

MAX_NODES = 2000
_FILES = frozenset({"file", "proxy", "vfield_file", "customOCIOConfigPath", "cryptomatte_file"})
# Written by Nuke into any body, and in no class's list.
_EVERYWHERE = frozenset({
    "inputs", "addUserKnob", "name", "selected", "bdwidth", "bdheight", "z_order", "gizmo_file", "enable",
    "hide_input", "postage_stamp", "note_font_size", "note_font_color", "appearance", "border_width", "maskChannel",
})


def review(
    script: Union[Script, str], *, roots: Optional[Sequence[str]] = None, classes: Optional[Iterable[str]] = None,
    max_nodes: int = MAX_NODES,
) -> Tuple[Finding, ...]:
    """What deserves a look. `roots` are the folders whose files are allowed (None: any); `classes` are those that
    the running Nuke has, by default those of the data."""
    parsed, text = located(script)
    graph = connect(parsed)
    found = [make_finding("stack", one.why, text, max(one.offset, 0)) for one in graph.problems]
    if len(graph.nodes) > max_nodes:
        why = f"{len(graph.nodes)} nodes are more than {max_nodes}"
        found.append(make_finding("size", why, text, graph.nodes[max_nodes].node.offset))
    known = set(node_classes()) if classes is None else set(classes)
    for placed in graph.nodes:
        found.extend(_review_class(placed, known, text))
        found.extend(_review_knobs(placed, text))
        if roots is not None:
            found.extend(_review_files(placed, roots, text))
    return tuple(sorted(found, key=lambda one: (one.line, one.column)))


def close_names(name: str, names: Iterable[str]) -> List[str]:
    """Up to three names that look like `name`."""
    return difflib.get_close_matches(name, sorted(names), n=3, cutoff=0.6)


def _hint(name: str, names: Iterable[str]) -> str:
    close = close_names(name, names)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _review_class(placed: Placed, known: Set[str], text: NkText) -> Iterator[Finding]:
    name = placed.class_name
    if name and name not in known and name != "Gizmo":
        why = f"no class {name[:60]} is known; if it is a gizmo, its file may hold code{_hint(name, known)}"
        yield make_finding("class", why, text, placed.node.offset, node=placed.path)


def _review_knobs(placed: Placed, text: NkText) -> Iterator[Finding]:
    data = node_classes().get(placed.class_name)
    # Groups have whatever knobs their maker gave them; Root and Viewer have more than the data lists.
    if data is None or not data.knobs or data.name in ("Root", "Viewer", "Group", "LiveGroup", "VariableGroup"):
        return
    names = {*data.knobs, *common_knobs(), *_EVERYWHERE, *(one.name for one in user_knobs(placed.node))}
    for knob in placed.node.knobs:
        if knob.name.split(".")[0] not in names and knob.name not in names:
            why = f"{placed.class_name} is not known to have a knob {knob.name[:60]}{_hint(knob.name, data.knobs)}"
            yield make_finding("knob", why, text, knob.offset, node=placed.path, knob=knob.name, excerpt=knob.word)


def _review_files(placed: Placed, roots: Sequence[str], text: NkText) -> Iterator[Finding]:
    allowed = [_normal(root).rstrip("/") + "/" for root in roots]
    for knob in placed.node.knobs:
        if knob.name not in _FILES or not knob.value.strip():
            continue
        path = _normal(knob.value.strip())
        if not any((path + "/").startswith(root) for root in allowed):
            yield make_finding("file", f"{knob.name} lies outside the allowed folders", text, knob.offset,
                               node=placed.path, knob=knob.name, excerpt=knob.value)


def _normal(path: str) -> str:
    return posixpath.normpath(path.replace("\\", "/"))
