"""A script in few words, for a prompt: what it reads and writes, its nodes, what is not at its default, and who feeds
whom. Pure. What does not fit the limit is left out in a fixed order, and the digest says what that was.

First the knobs of the nodes inside groups go, then those of the others, then whole nodes; what a script reads and
writes stays longest. Where a node sits in the graph's picture, its colours and fonts are never told. Dots without a
label are passed over: what they feed is said to be fed by what feeds them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Callable, Dict, Iterable, List, Optional, Set, Tuple, Union

from .classes import CHECKED, knob_data
from .graph import SELECTION, Graph, Placed, connect, input_label
from .model import Knob, Script
from .parser import parse
from .user_knobs import UserKnob, user_knobs
from .values import Field, fields, number

DEFAULT_LIMIT = 2000
_BYTES_PER_TOKEN = 3.0
_VALUE_LENGTH = 160
_LOOKS = frozenset({
    "inputs", "name", "xpos", "ypos", "selected", "tile_color", "gl_color", "note_font", "note_font_size",
    "note_font_color", "hide_input", "postage_stamp", "postage_stamp_frame", "bdwidth", "bdheight", "z_order", "panel",
    "dope_sheet", "bookmark", "cached", "indicators", "rootNodeUpdated", "icon", "addUserKnob", "appearance",
    "border_width", "gizmo_file", "help",
})
_READS = frozenset({"Read", "DeepRead", "ReadGeo", "ReadGeo2", "Precomp", "LiveGroup", "Camera2", "Camera3", "Axis2"})
_WRITES = frozenset({"Write", "DeepWrite", "WriteGeo"})
_ROOT_FACTS = ("first_frame", "last_frame", "fps", "format", "colorManagement", "OCIO_config", "project_directory")


@dataclass(frozen=True)
class Digest:
    """The summary. `left_out` says in plain words what is missing; the same sentences end `text`."""

    text: str
    tokens: int
    node_count: int
    shown_count: int
    left_out: Tuple[str, ...] = ()


def estimate_tokens(text: str) -> int:
    """About how many tokens a text is, at three bytes a token; never too few for a script."""
    return int(len(text.encode("utf-8", "replace")) / _BYTES_PER_TOKEN) + 1


def digest(
    script: Union[Script, str], limit_tokens: int = DEFAULT_LIMIT, *,
    estimate: Callable[[str], int] = estimate_tokens,
) -> Digest:
    """The digest of a script, at most `limit_tokens` long by `estimate`; raises NkSyntaxError for a broken text."""
    parsed = parse(script) if isinstance(script, str) else script
    graph = connect(parsed)
    sheet = _Sheet(parsed, graph)
    for full, shown in sheet.steps():
        text, left = sheet.text(full, shown)
        if estimate(text) <= limit_tokens:
            return Digest(text, estimate(text), sheet.count, len(shown), left)
    return _shortest(sheet, limit_tokens, estimate)


def _shortest(sheet: _Sheet, limit_tokens: int, estimate: Callable[[str], int]) -> Digest:
    """The head line alone, cut if even that is too long."""
    left = (f"all {sheet.count} nodes",) if sheet.count else ()
    text = f"{sheet.head}\nLeft out: {left[0]}." if left else sheet.head
    while text and estimate(text) > limit_tokens:
        text = text[: len(text) * 3 // 4]
    return Digest(text, estimate(text), sheet.count, 0, left)


@dataclass
class _Sheet:
    """The lines of a digest, long and short, and how to put them together."""

    script: Script
    graph: Graph
    head: str = ""
    count: int = 0
    rows: List[Tuple[Placed, str, str]] = field(default_factory=list)
    # Row → which file the node reads or writes.
    files: Dict[int, str] = field(default_factory=dict)
    passed: int = 0
    cut: int = 0

    def __post_init__(self) -> None:
        through = _through_dots(self.graph)
        nodes = [one for one in self.graph.nodes if one.class_name != "Root"]
        self.count = len(nodes)
        self.head = _head(self.script, self.graph, nodes)
        for placed in nodes:
            if placed.path in through:
                self.passed += 1
                continue
            short = _short(placed, through)
            knobs = self._knobs(placed)
            self.rows.append((placed, short, f"{short}: {', '.join(knobs)}" if knobs else short))
            if placed.class_name in _READS | _WRITES and placed.node.value("file"):
                verb = "writes" if placed.class_name in _WRITES else "reads"
                self.files[len(self.rows) - 1] = (f"{placed.path} {verb} {placed.node.value('file')}")

    def _knobs(self, placed: Placed) -> List[str]:
        declared = {one.name: one for one in user_knobs(placed.node)}
        told = []
        for knob in placed.node.knobs:
            if knob.name in _LOOKS or _at_default(placed, knob):
                continue
            text = _value(knob)
            self.cut += text.endswith("characters)")
            told.append(f"{_spoken(knob.name, declared.get(knob.name))} {text}")
        return told

    def steps(self) -> Iterable[Tuple[Set[int], List[int]]]:
        """Ever less: which rows are told in full, and which are shown."""
        every = list(range(len(self.rows)))
        order = sorted(every, key=lambda at: (self.rows[at][0].path.count("."), at))
        sizes = [1.0, 0.75, 0.5, 0.33, 0.2, 0.1, 0.0]
        for share in sizes:
            yield set(order[: round(len(order) * share)]), every
        kept = sorted(order, key=lambda at: not self._reads_or_writes(at))
        for share in (0.85, 0.7, 0.55, 0.4, 0.3, 0.2, 0.12, 0.06, 0.03, 0.0):
            yield set(), sorted(kept[: round(len(kept) * share)])

    def _reads_or_writes(self, at: int) -> bool:
        return self.rows[at][0].class_name in _READS | _WRITES

    def text(self, full: Set[int], shown: List[int]) -> Tuple[str, Tuple[str, ...]]:
        """The digest and what it leaves out."""
        untold = [line for at, line in self.files.items() if at not in full]
        lines = [self.head, *untold[: max(3, len(shown))]]
        for at in shown:
            placed, short, long = self.rows[at]
            lines.append("  " * placed.path.count(".") + (long if at in full else short))
        left = tuple(self._left_out(full, shown))
        if left:
            lines.append(f"Left out: {'; '.join(left)}.")
        return "\n".join(lines), left

    def _left_out(self, full: Set[int], shown: List[int]) -> Iterable[str]:
        visible = set(shown)
        gone = Counter(row[0].class_name for at, row in enumerate(self.rows) if at not in visible)
        if gone:
            yield f"{_counted(sum(gone.values()), 'node')} ({_census(gone)})"
        bare = sum(1 for at in shown if at not in full and self.rows[at][1] != self.rows[at][2])
        if bare:
            yield f"the knobs of {_counted(bare, 'node')}"
        hidden = sum(at not in full for at in self.files) - max(3, len(shown))
        if hidden > 0:
            yield _counted(hidden, "file")
        if self.passed:
            yield _counted(self.passed, "Dot")
        if self.cut and full:
            yield f"the rest of {_counted(self.cut, 'long value')}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _census(classes: Counter[str], most: int = 6) -> str:
    told = [f"{count} {name or 'clone'}" for name, count in classes.most_common(most)]
    rest = sum(classes.values()) - sum(count for _, count in classes.most_common(most))
    return ", ".join([*told, f"{rest} others"] if rest else told)


def _head(script: Script, graph: Graph, nodes: List[Placed]) -> str:
    root = next((one.node for one in graph.nodes if one.class_name == "Root"), None)
    facts = [f"Nuke {script.version}"] if script.version else ["Nuke nodes"]
    if root is not None:
        facts += [root.name] if root.name else []
        facts += [f"{name} {_value(knob)}" for name in _ROOT_FACTS for knob in [root.knob(name)] if knob]
    classes = Counter(one.class_name for one in nodes)
    facts.append(f"{_counted(len(nodes), 'node')}" + (f": {_census(classes, 10)}" if nodes else ""))
    return "; ".join(facts)


def _through_dots(graph: Graph) -> Dict[str, Optional[str]]:
    """Each Dot that says nothing → what feeds it, however many Dots lie between."""
    direct = {
        one.path: one.inputs[0] if one.inputs else None for one in graph.nodes
        if one.class_name == "Dot" and not one.node.value("label")
    }
    found: Dict[str, Optional[str]] = {}
    for path in direct:
        # A script's stack can only name what came before, so this ends.
        source = direct[path]
        while source is not None and source in found:
            source = found[source]
        found[path] = source
    return found


def _short(placed: Placed, through: Dict[str, Optional[str]]) -> str:
    name = placed.path.rsplit(".", 1)[-1]
    sources = []
    for at, path in enumerate(placed.inputs):
        source = through.get(path, path) if path else None
        if source is None and not any(placed.inputs[at + 1:]):
            continue
        told = "nothing" if source is None else "the selection" if source == "$" + SELECTION else \
            source.rsplit(".", 1)[-1]
        label = input_label(placed, at)
        sources.append(f"{label} {told}" if label else told)
    clone = f", clone of {placed.clone_of}" if placed.clone_of else ""
    return f"{name} ({placed.class_name or 'clone'}{clone})" + (f" < {', '.join(sources)}" if sources else "")


def _at_default(placed: Placed, knob: Knob) -> bool:
    data = knob_data(placed.class_name, knob.name)
    if data is None or data.confidence not in CHECKED or data.default is None:
        return False
    if isinstance(data.default, bool):
        return knob.value == str(data.default).lower()
    return isinstance(data.default, (int, float, str)) and knob.value == (
        data.default if isinstance(data.default, str) else number(data.default))


def _spoken(name: str, declared: Optional[UserKnob]) -> str:
    if declared is None or not declared.label or declared.label == name:
        return name
    return f"{name} “{declared.label}”"


def _value(knob: Knob) -> str:
    if not knob.braced:
        text = knob.value
        plain = text and not any(mark in text for mark in " ,\n\t")
        return _capped(text if plain else '"' + text.replace("\n", "\\n") + '"')
    told = [_component(one) for one in fields(knob.word)]
    return _capped(told[0] if len(told) == 1 else "{" + " ".join(told) + "}")


def _component(one: Field) -> str:
    if one.kind == "expression":
        keys = f" with {_counted(len(one.keys), 'key')}" if one.keys else ""
        return f"= {one.text}{keys}"
    if one.kind != "curve":
        return one.text if one.kind == "number" else one.raw
    if not one.keys:
        return "curve without keys"
    values = [key.y for key in one.keys]
    span = f"frames {number(one.keys[0].x)} to {number(one.keys[-1].x)}"
    return f"curve of {_counted(len(values), 'key')}, {span}, from {number(min(values))} to {number(max(values))}"


def _capped(text: str) -> str:
    if len(text) <= _VALUE_LENGTH:
        return text
    return f"{text[:_VALUE_LENGTH - 40]}… ({len(text)} characters)"
