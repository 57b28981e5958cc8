"""What the double raises where a real Nuke would hang, corrupt the script or do nothing, and who checks the thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, List, Optional, Tuple

if TYPE_CHECKING:
    from .host import Host

DEAD = "A PythonObject is not attached to a node"


class WrongThreadError(AssertionError):
    """The graph was touched from another thread; a real Nuke would not say so and might crash later."""


class DeadlockError(RuntimeError):
    """A real Nuke would freeze here."""


class TclExecutedError(AssertionError):
    """Text with an open bracket was read: a real Nuke would have run it."""


@dataclass(frozen=True)
class Options:
    """How the double behaves where the real behaviour is not known; each choice names its row."""

    bad_enum_raises: bool = True  # E26: TypeError, or ignored
    save_over_raises: bool = True  # E28: RuntimeError, or False
    bad_creation_knob_keeps_node: bool = True  # E30
    this_node_outside_raises: bool = False  # E31: ValueError, or root
    unknown_class_attribute: bool = False  # E32: AttributeError, or RuntimeError
    disabled_write_raises: bool = True  # B80
    knob_changed_needs_panel: bool = True  # B23
    selection_is_undoable: bool = True  # 5.6
    merge_takes_last_as_b: bool = True  # B1
    second_registration_duplicates: bool = True  # 2.1: the Pane menu entry is added again, or replaced
    strict_threads: bool = True  # else recorded in Host.wrong_threads
    allow_tcl: bool = False  # B44


@dataclass
class Faults:
    """What goes wrong next; a test sets it, the double spends it."""

    execute_error: str = ""
    cancel_execute: bool = False
    rejected_knobs: List[Tuple[str, str]] = field(default_factory=list)  # (node, knob)
    no_pane: bool = False
    queue_latency: int = 0  # this many pumps do nothing
    ui_hook_classes: List[str] = field(default_factory=list)  # E34
    create_error: str = ""
    read_only_disk: bool = False
    answers: List[Optional[object]] = field(default_factory=list)  # what dialogs answer, in order


def check_thread(host: Optional[Host], what: str) -> None:
    """Raises, or notes, a touch of the graph off the main thread."""
    if host is None or threading.current_thread() is host.main_thread:
        return
    host.wrong_threads.append(what)
    if host.options.strict_threads:
        raise WrongThreadError(f"{what} was called on {threading.current_thread().name}, not on the main thread")
