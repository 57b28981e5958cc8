"""The names that Python code may use in Nuke: of the module, of nodes and knobs, of node classes and their knobs.

`Names` knows what ships beside it, from the stubs and the class data. `LiveNames` asks a module `nuke` that it is
given, on the main thread, and so knows this very Nuke and this script; it still needs no import of Nuke.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Tuple

from .classes import common_knobs, menu_labels, node_classes

_DATA = Path(__file__).with_name("data") / "nuke_api.json"
# Classes and knobs that exist and that the class data does not list: a name here is never called a mistake.
_MORE = _DATA.with_name("more_names.json")
_SUBMODULES = frozenset({
    "math", "geo", "rotopaint", "splinewarp", "curvelib", "curveknob", "localization", "callbacks", "overrides",
    "colorspaces", "scripts", "utils", "executeInMain",
})


class Names:
    """What is known without a Nuke. Any thread."""

    is_live = False

    @property
    def module(self) -> FrozenSet[str]:
        """The names of the module `nuke`."""
        return _shipped().module

    @property
    def node(self) -> FrozenSet[str]:
        """What nodes of any kind can do."""
        return _shipped().node

    @property
    def knob(self) -> FrozenSet[str]:
        """What knobs of any type can do."""
        return _shipped().knob

    @property
    def submodules(self) -> FrozenSet[str]:
        """Modules below `nuke`."""
        return _SUBMODULES

    @property
    def scripts(self) -> FrozenSet[str]:
        """Names of the module `nukescripts`; there are others."""
        return _shipped().scripts

    @property
    def binding(self) -> str:
        """The Qt binding of this Nuke; empty where that is not known."""
        return ""

    def members(self, class_name: str) -> FrozenSet[str]:
        """What objects of a class of the module can do."""
        return _shipped().members.get(class_name, frozenset())

    def node_names(self) -> FrozenSet[str]:
        """The nodes of the script outside groups; empty where there is none."""
        return frozenset()

    @property
    def classes(self) -> FrozenSet[str]:
        """Classes of nodes that are known to exist; there are others."""
        return _shipped().classes

    def can_create(self, class_name: str) -> Optional[bool]:
        """Whether there is such a class; None if that is not known."""
        return True if class_name in self.classes else None

    def knobs(self, class_name: str) -> Tuple[FrozenSet[str], bool]:
        """The known knobs of a class, and whether there are no others."""
        return _shipped_knobs(class_name), False

    def every_knob(self) -> FrozenSet[str]:
        """Knobs of any class."""
        return _shipped().knobs

    def class_of(self, node_name: str) -> Optional[str]:
        """The class of a node of the script."""
        return None

    def knobs_of(self, node_name: str) -> Optional[FrozenSet[str]]:
        """The knobs of a node of the script, its own included."""
        return None


class LiveNames(Names):
    """What this Nuke and its script have: `module` is the module `nuke` itself. Main thread only."""

    is_live = True

    # Any: the module is Nuke's or a test's.
    def __init__(self, module: Any) -> None:
        self._nuke = module
        # A submodule is not there before it is imported.
        self._module = _SUBMODULES.union(name for name in dir(module) if not name.startswith("__"))
        self._node = _members(module, "Node")
        self._knob = _members(module, "Knob")
        self._can: Dict[str, Optional[bool]] = {}
        self._by_class: Optional[Dict[str, FrozenSet[str]]] = None

    @property
    def module(self) -> FrozenSet[str]:
        return self._module

    @property
    def node(self) -> FrozenSet[str]:
        return super().node | self._node

    @property
    def knob(self) -> FrozenSet[str]:
        return super().knob | self._knob

    @property
    def scripts(self) -> FrozenSet[str]:
        return super().scripts.union(dir(sys.modules.get("nukescripts")))

    @property
    def binding(self) -> str:
        major = getattr(self._nuke, "NUKE_VERSION_MAJOR", 0)
        return ("PySide6" if major >= 16 else "PySide2") if isinstance(major, int) and major else ""

    def members(self, class_name: str) -> FrozenSet[str]:
        return super().members(class_name).union(dir(getattr(self._nuke, class_name, None)))

    def node_names(self) -> FrozenSet[str]:
        return frozenset(str(node.name()) for node in self._nuke.allNodes(group=self._nuke.root()))

    def can_create(self, class_name: str) -> Optional[bool]:
        if class_name not in self._can:
            try:
                self._can[class_name] = bool(self._nuke.canCreateNode(class_name))
            except Exception:  # noqa: BLE001  an old Nuke has no such call; another may refuse the name
                self._can[class_name] = super().can_create(class_name)
        return self._can[class_name]

    def knobs(self, class_name: str) -> Tuple[FrozenSet[str], bool]:
        seen = self._seen().get(class_name)
        shipped = _shipped_knobs(class_name)
        return (shipped | seen, True) if seen else (shipped, False)

    def every_knob(self) -> FrozenSet[str]:
        return super().every_knob().union(*self._seen().values())

    def class_of(self, node_name: str) -> Optional[str]:
        node = self._find(node_name)
        return str(node.Class()) if node is not None else None

    def knobs_of(self, node_name: str) -> Optional[FrozenSet[str]]:
        node = self._find(node_name)
        return frozenset(node.knobs()) if node is not None else None

    def _find(self, name: str) -> Any:
        return self._nuke.toNode(name) if name else None

    def _seen(self) -> Dict[str, FrozenSet[str]]:
        """The knobs of the classes that are in the script, from one node each."""
        if self._by_class is None:
            self._by_class = {"Root": frozenset(self._nuke.root().knobs())}
            for node in self._nuke.allNodes(group=self._nuke.root()):
                name = node.Class()
                if name not in self._by_class:
                    self._by_class[name] = frozenset(node.knobs())
        return self._by_class


class _Shipped:
    def __init__(self) -> None:
        data = json.loads(_DATA.read_text(encoding="utf-8"))
        more = json.loads(_MORE.read_text(encoding="utf-8"))
        classes: Dict[str, Dict[str, List[str]]] = data["classes"]
        self.more_knobs: Mapping[str, List[str]] = more["knobs"]
        self.module = frozenset([*data["names"], *classes])
        self.node = _family(classes, "Node")
        self.knob = _family(classes, "Knob")
        self.classes = frozenset([*node_classes(), *more["classes"]])
        self.scripts = frozenset(more["nukescripts"])
        bars = ("Menu", "MenuItem", "MenuBar", "ToolBar")  # which of them Nuke hands out depends on the menu
        self.members = {name: frozenset([*row["members"], *more["members"].get(name, ())])
                        for name, row in classes.items()}
        self.members.update(dict.fromkeys(bars, frozenset().union(*(self.members[name] for name in bars))))
        self.knobs = frozenset(common_knobs()).union(
            *(one.knobs for one in node_classes().values()), *self.more_knobs.values())


@cache
def _shipped() -> _Shipped:
    return _Shipped()


@cache
def _shipped_knobs(class_name: str) -> FrozenSet[str]:
    own = node_classes().get(class_name)
    if own is None:
        # Camera4 has what Camera2 has.
        label = menu_labels().get(class_name.rstrip("0123456789"), "")
        own = next((node_classes()[one] for one in label.split("|") if one in node_classes()), None)
    if own is None:
        return frozenset()
    return frozenset([*own.knobs, *common_knobs(), *_shipped().more_knobs.get(own.name, ())])


def _family(classes: Mapping[str, Mapping[str, List[str]]], base: str) -> FrozenSet[str]:
    """What `base` and everything derived from it can do."""
    found, grown = {base}, True
    while grown:
        more = {name for name, row in classes.items() if set(row["bases"]) & found} - found
        found |= more
        grown = bool(more)
    return frozenset(member for name in found for member in classes[name]["members"])


def _members(module: Any, base: str) -> FrozenSet[str]:
    root = getattr(module, base, None)
    kinds = [one for one in vars(module).values() if isinstance(root, type) and isinstance(one, type)
             and issubclass(one, root)]
    return frozenset(name for kind in kinds for name in dir(kind) if not name.startswith("_"))
