"""What the batch view is told to show, and what it tells of the artist's choices. Frozen; the desk makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Optional, Tuple

RowKind = Literal["selection", "frames", "files", "nodes", "table"]
Page = Literal["new", "run", "runs"]
RowStatus = Literal["done", "failed"]
Tone = Literal["text", "dim", "warning", "error", "connected", "busy"]


@dataclass(frozen=True)
class SampleRows:
    """Rows to try a prompt on; `place` is a pattern, a script or a table."""

    rows: RowKind
    place: str
    nodes: str = ""


@dataclass(frozen=True)
class PromptChoice:
    """One prompt file; `value` is its path. `problem` says why it cannot be used."""

    value: str
    title: str
    description: str = ""
    problem: str = ""
    sample: Optional[SampleRows] = None


@dataclass(frozen=True)
class BatchForm:
    """What the artist chose: `files` is a pattern, `nodes` says which of a script, `frames` which of `node`."""

    prompt: str = ""
    rows: RowKind = "selection"
    node: str = ""
    frames: str = ""
    files: str = ""
    script: str = ""
    nodes: str = ""
    table: str = ""
    model: str = ""
    budget: str = ""


@dataclass(frozen=True)
class BatchChoices:
    """What there is to choose from; models are (words, value). `node` is the one selected node, `frames` its range."""

    prompts: Tuple[PromptChoice, ...] = ()
    models: Tuple[Tuple[str, str], ...] = ()
    has_selection: bool = False
    selected: int = 0
    node: str = ""
    frames: str = ""


@dataclass(frozen=True)
class PlanCard:
    """A plan in words; `facts` are (name, words). With a problem nothing can be run; `samples` are (title, text)."""

    headline: str = ""
    facts: Tuple[Tuple[str, str], ...] = ()
    samples: Tuple[Tuple[str, str], ...] = ()
    problem: str = ""
    next_step: str = ""
    note: str = ""
    run_words: str = ""
    is_reading: bool = False

    @property
    def can_run(self) -> bool:
        """Whether the button does something."""
        return bool(self.run_words) and not self.problem and not self.is_reading


@dataclass(frozen=True)
class RunCard:
    """A run in words. `share` is None while nobody knows how many rows there are; `cap` is the limit it stopped at."""

    title: str = ""
    state: str = ""
    tone: Tone = "text"
    share: Optional[float] = None
    line: str = ""
    lanes: str = ""
    note: str = ""
    note_tone: Tone = "dim"
    folder: str = ""
    is_running: bool = False
    is_paused: bool = False
    is_draining: bool = False
    can_continue: bool = False
    failed: int = 0
    has_report: bool = False
    cap: str = ""


@dataclass(frozen=True)
class ResultRow:
    """A row that has its end. `node` is the node of the open script that it is about; what is cut lies on disk."""

    id: str
    title: str
    text: str
    status: RowStatus = "done"
    facts: str = ""
    node: str = ""
    is_cut: bool = False


@dataclass(frozen=True)
class PastRun:
    """A run directory that lies where runs are kept."""

    folder: str
    title: str
    facts: str = ""
    can_continue: bool = False
    is_running: bool = False
