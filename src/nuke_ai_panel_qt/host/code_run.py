"""Runs code of an answer in Nuke as one step that can be undone. Main thread, after a click; see core/code_desk.py.

Python runs where the Script Editor's does, in __main__. What fails is taken back whole: an exception inside an undo
group ends the group and leaves half of the work, so the group is cancelled here.
"""

from __future__ import annotations

import ast
import contextlib
import io
import linecache
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Tuple

import nuke

import __main__
from nuke_ai_panel.nk import parse

from ..core.host_door import Job, Ran
from .scene import find_node, top_nodes

FILE = "<AI Panel>"
MAX_OUTPUT = 200_000


class CodeRun:
    """One job at a time. `last_trace` is what the last one that failed said."""

    def __init__(self) -> None:
        self.last_trace = ""

    def run(self, job: Job) -> Ran:
        """Runs a job; never raises."""
        acts: Dict[str, Callable[[Job], None]] = {
            "python": _python, "nk": _paste, "tcl": _tcl, "expression": _expression, "blink": _kernel,
        }
        title = job.title.replace("\n", " ").strip() or "AI Panel"
        before = {str(node.name()) for node in top_nodes()}
        steps = int(nuke.Undo.undoSize())
        output, started = io.StringIO(), time.perf_counter()
        nuke.Undo.begin(title)
        try:
            with _printed_into(output):
                acts[job.kind](job)
        except BaseException as error:  # noqa: BLE001  (exit() too: an answer must not end Nuke)
            nuke.Undo.cancel()
            seconds = time.perf_counter() - started
            trace, line = _trace_of(error, job)
            self.last_trace = trace
            words = str(error).strip()
            said = f"{type(error).__name__}: {words}" if words else type(error).__name__
            return Ran(False, _cut(output.getvalue()), trace, said, line, seconds)
        nuke.Undo.end()
        seconds = time.perf_counter() - started
        made = tuple(str(node.name()) for node in top_nodes() if str(node.name()) not in before)
        is_step = int(nuke.Undo.undoSize()) > steps and str(nuke.Undo.undoDescribe(0)) == title
        return Ran(True, _cut(output.getvalue()), seconds=seconds, made=made, undo_title=title if is_step else "")


def _python(job: Job) -> None:
    """As the Script Editor: in __main__, and what the last expression is gets printed."""
    text = job.text
    # So that a traceback shows the lines.
    linecache.cache[FILE] = (len(text), None, [f"{line}\n" for line in text.split("\n")], FILE)
    tree = ast.parse(text, FILE)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    space: Dict[str, Any] = __main__.__dict__
    space["nuke"] = nuke
    exec(compile(tree, FILE, "exec"), space)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), FILE, "eval"), space)
        if value is not None:
            print(f"# Result: {value!r}")  # noqa: T201  (into what is captured)


def _paste(job: Job) -> None:
    parse(job.text)  # what cannot be read is not given to Nuke
    with tempfile.TemporaryDirectory(prefix="nuke-ai-panel-") as folder:
        path = Path(folder) / "answer.nk"
        path.write_text(job.text if job.text.endswith("\n") else job.text + "\n", encoding="utf-8")
        nuke.nodePaste(path.as_posix())


def _tcl(job: Job) -> None:
    said = nuke.tcl(job.text)
    if said:
        print(said)  # noqa: T201  (into what is captured)


def _expression(job: Job) -> None:
    name, _, knob_name = job.target.rpartition(".")
    node = find_node(name)
    knob = node.knob(knob_name) if node is not None else None
    if knob is None:
        raise LookupError(f"there is no knob {job.target}")
    if knob.setExpression(job.text.strip()) is False:
        raise ValueError(f"{job.target} does not take this expression")


def _kernel(job: Job) -> None:
    chosen = [node for node in nuke.selectedNodes() if node.Class() == "BlinkScript"]
    node = chosen[0] if len(chosen) == 1 else nuke.createNode("BlinkScript")
    source = node["kernelSource"]
    # As text: a value with brackets would be read as Tcl.
    (getattr(source, "setText", None) or source.setValue)(job.text)
    button: Any = node.knob("recompile")  # Any: a button, which the stubs take for any knob
    if button is not None:
        button.execute()


class _Tee:
    """What this thread prints goes into `into`; what others print goes on to where it went."""

    def __init__(self, into: io.StringIO, before: Any) -> None:
        self._into, self._before, self._thread = into, before, threading.get_ident()

    def write(self, text: str) -> int:
        """Takes text."""
        if threading.get_ident() == self._thread:
            return self._into.write(text)
        return int(self._before.write(text) or 0)

    def flush(self) -> None:
        """Nothing waits."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._before, name)


@contextlib.contextmanager
def _printed_into(output: io.StringIO) -> Iterator[None]:
    before = sys.stdout, sys.stderr
    ours = _Tee(output, before[0]), _Tee(output, before[1])
    sys.stdout, sys.stderr = ours
    try:
        yield
    finally:
        # The code may have put its own there.
        sys.stdout, sys.stderr = before


def _trace_of(error: BaseException, job: Job) -> Tuple[str, int]:
    """The traceback without our own frames, and the line of the code."""
    if isinstance(error, SyntaxError) and error.filename == FILE:
        return "".join(traceback.format_exception_only(type(error), error)), error.lineno or 0
    frames = traceback.extract_tb(error.__traceback__)
    own = [at for at, frame in enumerate(frames) if frame.filename == FILE]
    if not own:
        return "".join(traceback.format_exception_only(type(error), error)), 0
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames[own[0]:])]
    lines += traceback.format_exception_only(type(error), error)
    return "".join(lines), frames[own[-1]].lineno or 0


def _cut(text: str) -> str:
    if len(text) <= MAX_OUTPUT:
        return text
    return f"{text[:MAX_OUTPUT]}\n… {len(text) - MAX_OUTPUT:,} more characters were printed"
