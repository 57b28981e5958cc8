"""What the panel asks of the program that it sits in. Values and a contract; outside Nuke there is nobody to ask.

The host is found by name, so that nothing here knows Nuke. All of it is for the main thread.
"""

from __future__ import annotations

import importlib
import logging
import sys
from dataclasses import dataclass
from typing import Mapping, Optional, Protocol, Tuple

from nuke_ai_panel.nk.api_names import Names
from nuke_ai_panel.nk.context_text import NodeFacts
from nuke_ai_panel.nk.fences import CodeKind

log = logging.getLogger(__name__)
LIVE = "nuke_ai_panel_qt.host.live"


@dataclass(frozen=True)
class Taken:
    """A piece of context as it is now: `name` for its chip, `text` for the model; `problem` says why there is none."""

    name: str = ""
    text: str = ""
    left_out: Tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Job:
    """Code that an artist wants to run; `title` names the one step in the Edit menu. `target` is `node.knob`."""

    kind: CodeKind
    text: str
    title: str
    target: str = ""


@dataclass(frozen=True)
class Ran:
    """How a job went. `line` is where it failed; `undo_title` is what one undo takes back, empty for nothing."""

    is_ok: bool
    output: str = ""
    trace: str = ""
    error: str = ""
    line: int = 0
    seconds: float = 0.0
    made: Tuple[str, ...] = ()
    undo_title: str = ""


@dataclass(frozen=True)
class AtFrame:
    """What of a node is another at a frame: knobs that move as (name, value), and the file that is read or written."""

    frame: int
    values: Tuple[Tuple[str, str], ...] = ()
    file: str = ""


class Host(Protocol):
    """Nuke, as the panel knows it."""

    def names(self) -> Names:
        """What exists there now."""
        ...

    def mark(self) -> str:
        """A mark of the open script that is another one as soon as anything that matters in it is."""
        ...

    def script_title(self) -> str:
        """What the open script is called."""
        ...

    def script_folder(self) -> str:
        """Where the script's file lies; empty while it has none."""
        ...

    def selected(self) -> Tuple[str, ...]:
        """The names of the selected nodes."""
        ...

    def node_names(self) -> Tuple[str, ...]:
        """The names of the script's nodes."""
        ...

    def facts(self, names: Tuple[str, ...]) -> Tuple[NodeFacts, ...]:
        """What there is to tell of these nodes; those that are gone are left out."""
        ...

    def frame_range(self, name: str) -> Tuple[int, int]:
        """The first and the last frame of a node that reads a sequence, else of the script."""
        ...

    def moving_knobs(self, name: str) -> Tuple[str, ...]:
        """The knobs of a node that have keys or an expression."""
        ...

    def at_frames(self, name: str, knobs: Tuple[str, ...], frames: Tuple[int, ...]) -> Tuple[AtFrame, ...]:
        """A node's knobs and its file at these frames, the current frame untouched; nothing when the node is gone."""
        ...

    def hold(self, names: Tuple[str, ...]) -> str:
        """Where these nodes can be taken from later, whatever they are called then."""
        ...

    def held(self, origin: str) -> Mapping[str, str]:
        """Which held nodes are still there: the name that each had, and the one that it has now."""
        ...

    def take(self, origin: str) -> Taken:
        """What there is at an origin now: nodes:…, script, errors, editor, traceback."""
        ...

    def viewer_picture(self) -> bytes:
        """What the Viewer shows, as a file's content. Raises NukeAIError."""
        ...

    def targets(self) -> Tuple[str, ...]:
        """Knobs of the selection that can take an expression, as node.knob."""
        ...

    def insert(self, text: str) -> bool:
        """Puts text into the Script Editor at its caret; False where there is none."""
        ...

    def run(self, job: Job) -> Ran:
        """Runs a job as one step that can be undone; what fails changes nothing."""
        ...

    def undo(self, title: str) -> bool:
        """Takes that step back; False if something else was done since."""
        ...

    def go_to(self, name: str) -> bool:
        """Selects a node and brings it into view; False if there is none of that name."""
        ...


def find_host() -> Optional[Host]:
    """The program around the panel, None outside Nuke."""
    if "nuke" not in sys.modules:
        return None
    try:
        found: Optional[Host] = importlib.import_module(LIVE).host()
    except Exception:
        log.exception("the host cannot be asked")
        return None
    return found
