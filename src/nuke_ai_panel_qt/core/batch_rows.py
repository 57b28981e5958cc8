"""The selected nodes as rows of a batch: read from the host a few at a time, so that nobody feels it. Main thread."""

from __future__ import annotations

import time
from typing import Callable, Dict, List, Optional, Tuple

from nuke_ai_panel.messages import Json
from nuke_ai_panel.nk import NkSyntaxError, parse_knobs
from nuke_ai_panel.nk.context_text import NodeFacts, node_text

from ..qt import QtClass, QtCore
from .host_door import Host

SLICE = 10
SLICE_S = 0.008


class SelectionReader(QtCore.QObject, metaclass=QtClass):
    """Reads nodes by their names; `then(facts)` once all are read. A new reading ends the one before."""

    def __init__(self, parent: QtCore.QObject) -> None:
        super().__init__(parent)
        self._names: List[str] = []
        self._found: List[NodeFacts] = []
        self._host: Optional[Host] = None
        self._then: Callable[[Tuple[NodeFacts, ...]], None] = lambda facts: None
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._read_some)

    def read(self, host: Host, names: Tuple[str, ...], then: Callable[[Tuple[NodeFacts, ...]], None]) -> None:
        """Begins."""
        self._host, self._names, self._found, self._then = host, list(names), [], then
        self._timer.start()

    def stop(self) -> None:
        """Nobody waits any more."""
        self._timer.stop()

    def _read_some(self) -> None:
        assert self._host is not None, "read gave one"
        ends = time.perf_counter() + SLICE_S
        while self._names:
            some, self._names = self._names[:SLICE], self._names[SLICE:]
            self._found += self._host.facts(tuple(some))
            if time.perf_counter() >= ends:
                return
        self._timer.stop()
        self._then(tuple(self._found))


def row_of(facts: NodeFacts, script: str) -> Dict[str, Json]:
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
