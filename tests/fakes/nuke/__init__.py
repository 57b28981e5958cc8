"""An in-memory Nuke that is strict where the real one is careless: unknown names, wrong threads, deleted nodes, text
that would be executed. What it knows is in the product's .nk reader and class data; it computes no pixels.

    host = Host(version=(15, 1, 4), gui=True)
    host.nuke.createNode("Blur")
    host.pump()              # serves executeInMainThread
    host.desk.open("AI Panel")
"""

from __future__ import annotations

from .desk import Desk, View
from .guard import DeadlockError, Faults, Options, TclExecutedError, WrongThreadError
from .host import Host

__all__ = [
    "DeadlockError", "Desk", "Faults", "Host", "Options", "TclExecutedError", "View", "WrongThreadError",
]
