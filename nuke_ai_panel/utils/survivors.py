"""The dict that outlives a reload of our code. Holds foreign objects only: no class and no function of ours.

It sits in a module of its own making under a private name, which no reload touches, and is the same for every
generation of our code in the process. A generation puts in what it hands over (`keep`), the next takes it out
(`take`). `strangers_only` names what would break that rule. Any thread; each call is atomic.

Two lists beside it are for what the interpreter itself keeps for ever: hooks after a fork and at exit. Python cannot
take a fork hook back, so the one that it gets lives here and calls whatever the list holds at that moment.
"""

from __future__ import annotations

import sys
from types import FunctionType, MethodType, ModuleType
from typing import Any, Callable, List, Set

MODULE_NAME = "_nuke_ai_panel_survivors"
OUR_PACKAGES = ("nuke_ai_panel", "nuke_ai_panel_qt")

# Runs in the synthetic module, so that the hook's globals are that module's and no generation's.
_SOURCE = """
kept = {}
after_fork = []

def _forked():
    for call in tuple(after_fork):
        call()

import os
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
"""


def keep(name: str, value: Any) -> None:  # Any: a survivor is whatever the standard library, aiohttp or Qt made
    """Hands `value` to the next generation under `name`."""
    _module().kept[name] = value


def take(name: str, default: Any = None) -> Any:
    """What the last generation kept under `name`, once; else `default`."""
    return _module().kept.pop(name, default)


def look(name: str, default: Any = None) -> Any:
    """Like `take`, but leaves it there."""
    return _module().kept.get(name, default)


def names() -> List[str]:
    """What is being handed over."""
    return sorted(_module().kept)


def call_after_fork(hook: Callable[[], None]) -> None:
    """Has `hook` called in every forked child, until `drop_fork_hooks`. Twice is once."""
    hooks = _module().after_fork
    if hook not in hooks:
        hooks.append(hook)


def drop_fork_hooks() -> None:
    """Forgets the hooks of this generation; the next one registers its own."""
    del _module().after_fork[:]


def strangers_only(values: Any = None) -> List[str]:
    """The path to everything of ours in the dict, or in `values`: empty when the rule holds.

    Looks into containers and into the attributes of foreign objects, a few levels deep.
    """
    found: List[str] = []
    _look_into(_module().kept if values is None else values, "kept", found, set(), 6)
    return found


def is_ours(module_name: object) -> bool:
    """Whether a module belongs to one of our packages."""
    return isinstance(module_name, str) and module_name.partition(".")[0] in OUR_PACKAGES


def _module() -> Any:  # Any: its attributes come from the source above
    found = sys.modules.get(MODULE_NAME)
    if found is None:
        found = ModuleType(MODULE_NAME)
        exec(compile(_SOURCE, MODULE_NAME, "exec"), found.__dict__)
        # setdefault is atomic: of two threads that race here, both get the first one's module.
        found = sys.modules.setdefault(MODULE_NAME, found)
    return found


def _look_into(value: Any, path: str, found: List[str], seen: Set[int], depth: int) -> None:
    if depth < 0 or id(value) in seen or isinstance(value, (str, bytes, int, float, bool, type(None), ModuleType)):
        return
    seen.add(id(value))
    described: Any = value if isinstance(value, (type, FunctionType)) else type(value)
    if isinstance(value, MethodType):
        described = value.__func__
    if is_ours(getattr(described, "__module__", None)):
        found.append(f"{path}: {described.__module__}.{described.__qualname__}")
        return
    if isinstance(value, dict):
        children = [(f"[{key!r}]", child) for pair in value.items() for key, child in ((pair[0], pair[0]), pair)]
    elif isinstance(value, (list, tuple, set, frozenset)):
        children = [(f"[{number}]", child) for number, child in enumerate(value)]
    else:
        children = [(f".{name}", child) for name, child in (getattr(value, "__dict__", None) or {}).items()]
    for name, child in children:
        _look_into(child, path + name, found, seen, depth - 1)
