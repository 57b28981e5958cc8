"""Nodes, and the frames of a node, as rows of a batch: read from the host so little at a time that nobody feels it.

Reading is for the main thread, making rows of what was read for any.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from nuke_ai_panel.messages import Json
from nuke_ai_panel.nk import NkSyntaxError, parse_knobs
from nuke_ai_panel.nk.context_text import NodeFacts, node_text

from ..qt import QtClass, QtCore
from .host_door import AtFrame, Host

SLICE_S = 0.008
MOST_AT_ONCE = 64
# Of a knob that is the same at all frames; shapes of a Roto would stand in every row.
LONGEST_VALUE = 4_000
MOST_ROOTS = 200

Row = Dict[str, Json]
# Any: names become NodeFacts, frames become AtFrame.
_Take = Callable[[Tuple[Any, ...]], Sequence[Any]]


class RowReader(QtCore.QObject, metaclass=QtClass):
    """Reads nodes, or frames of one node, in slices; `then(found)` once all are read. A new reading ends the other."""

    def __init__(self, parent: QtCore.QObject) -> None:
        super().__init__(parent)
        self._left: List[Any] = []  # Any: see _Take
        self._found: List[Any] = []
        self._at_once = 1
        self._take: _Take = lambda some: ()
        self._then: Callable[[Tuple[Any, ...]], None] = lambda found: None
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._read_some)

    @property
    def count(self) -> int:
        """How many were read so far."""
        return len(self._found)

    def nodes(self, host: Host, names: Tuple[str, ...], then: Callable[[Tuple[NodeFacts, ...]], None]) -> None:
        """Begins to read nodes by their names."""
        self._begin(names, host.facts, then)

    def frames(
        self, host: Host, name: str, frames: Tuple[int, ...], then: Callable[[Tuple[AtFrame, ...]], None]
    ) -> None:
        """Begins to read one node at its frames."""
        moving: List[Tuple[str, ...]] = []

        def take(some: Tuple[int, ...]) -> Sequence[AtFrame]:
            if not moving:
                moving.append(host.moving_knobs(name))
            return host.at_frames(name, moving[0], some)

        self._begin(frames, take, then)

    def stop(self) -> None:
        """Nobody waits any more."""
        self._timer.stop()

    def _begin(self, left: Sequence[Any], take: _Take, then: Callable[[Tuple[Any, ...]], None]) -> None:
        self._left, self._found, self._take, self._then, self._at_once = list(left), [], take, then, 1
        self._timer.start()

    def _read_some(self) -> None:
        ends = time.perf_counter() + SLICE_S
        while self._left:
            begun = time.perf_counter()
            some, self._left = self._left[: self._at_once], self._left[self._at_once:]
            self._found += self._take(tuple(some))
            now = time.perf_counter()
            took = now - begun
            self._at_once = max(1, self._at_once // 2) if took > SLICE_S / 4 else min(MOST_AT_ONCE, self._at_once * 2)
            if now + 2 * took >= ends:  # the next may take as long, and be twice as many
                break
        if not self._left:
            self._timer.stop()
            self._then(tuple(self._found))


def row_of(facts: NodeFacts, script: str) -> Row:
    """A node as a row; the columns are those of `batch --nk`. Any thread."""
    try:
        knobs = {knob.name: knob.value for knob in parse_knobs(facts.body)}
    except NkSyntaxError:
        knobs = {}
    return {
        "custom_id": facts.name, "script": script, "node": facts.name, "name": facts.name.rpartition(".")[2],
        "class": facts.class_name, "knobs": knobs, "file": knobs.get("file", ""), "label": knobs.get("label", ""),
        "inputs": list(facts.inputs), "has_error": facts.has_error, "text": node_text(facts),
    }


def frame_rows(facts: NodeFacts, found: Sequence[AtFrame], script: str) -> Iterator[Row]:
    """A node at its frames as rows: the columns of `row_of`, and `frame`. Any thread."""
    base = row_of(facts, script)
    knobs = {name: _short(value) for name, value in dict(base["knobs"]).items()}
    lines = base["text"].split("\n")
    for one in found:
        values = dict(one.values)
        told = {**values, "file": one.file} if one.file else values
        yield {
            **base, "custom_id": f"{facts.name}@{one.frame}", "frame": one.frame, "knobs": {**knobs, **values},
            "file": one.file or base["file"], "label": values.get("label", base["label"]),
            "text": "\n".join(_told(line, told) for line in lines),
        }


def picture_roots(rows: Sequence[Mapping[str, Json]], columns: Sequence[str]) -> List[str]:
    """The folders of the pictures that columns of rows name: a prompt that looks at pictures may read there."""
    found: Dict[str, None] = {}
    for row in rows:
        for column in columns:
            value = row.get(column)
            path: Optional[Path] = Path(value) if isinstance(value, str) and not value.startswith("data:") else None
            if path is not None and path.is_absolute():
                found[str(path.parent)] = None
            if len(found) >= MOST_ROOTS:
                return list(found)
    return list(found)


def _short(value: str) -> str:
    return value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}…"


def _told(line: str, values: Mapping[str, str]) -> str:
    """A line of a node's text; that of a knob that moves tells its value at the frame."""
    name = line[1:].partition(" ")[0] if line.startswith(" ") else ""
    if name not in values:
        return line
    value = values[name]
    marks = ('"', '"') if name == "file" else ("{", "}")
    return f" {name} {marks[0]}{value}{marks[1]}" if " " in value else f" {name} {value}"
