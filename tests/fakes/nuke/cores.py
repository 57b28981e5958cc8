"""What a node is behind the Python object that Nuke hands out: class, knobs, inputs, place. One Core lives through
deletes and undos; its `handle` is the Python object of the moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional

from nuke_ai_panel.nk import NodeClass, common_knobs, node_classes
from nuke_ai_panel.nk.classes import KnobData

from .knobs import Knob
from .number_knobs import ARRAY_KINDS, Enumeration_Knob
from .text_knobs import PLAIN_KINDS, NodeName, ScriptName

if TYPE_CHECKING:
    from .host import Host

KINDS = {**PLAIN_KINDS, **ARRAY_KINDS}
GROUPS = frozenset({"Group", "LiveGroup", "Precomp", "Gizmo", "VariableGroup", "Root"})
NO_DISABLE = frozenset({"Dot", "BackdropNode", "StickyNote", "Viewer", "Root", "Input", "Output"})
# What a clone has for itself.
OWN_KNOBS = ("xpos", "ypos", "selected", "hide_input")
ALWAYS_WRITTEN = frozenset({"name", "selected", "xpos", "ypos"})
EXTRA = {
    "BackdropNode": {"bdwidth": 200, "bdheight": 150, "z_order": 0},
    "Input": {"number": 0},
}
ROOT = {
    "colorManagement": ("Enumeration_Knob", "Nuke"), "OCIO_config": ("Enumeration_Knob", "nuke-default"),
    "project_directory": ("File_Knob", ""), "first_frame": ("Int_Knob", 1), "last_frame": ("Int_Knob", 100),
    "frame": ("Int_Knob", 1), "fps": ("Double_Knob", 24), "lock_range": ("Boolean_Knob", False),
    "proxy": ("Boolean_Knob", False), "views": ("String_Knob", "main"),
}


class Core:
    """A node's inside."""

    def __init__(self, host: Host, class_name: str, parent: Optional[Core]) -> None:
        self.host = host
        self.class_name = class_name
        self.data: NodeClass = node_classes().get(class_name) or host.extra_classes.get(class_name) or NodeClass(
            class_name, inputs=("in",), min_inputs=1, max_inputs=1)
        self.parent = parent
        self.children: List[Core] = []
        self.inputs: List[Optional[Core]] = []
        self.knobs: Dict[str, Knob] = {}
        self.unnamed: List[Knob] = []
        self.alive = True
        self.handle: Any = None
        self.clone_of: Optional[Core] = None
        self.panel_open = False
        self.locked = False
        self.published = False
        self.error_text = ""
        self.callbacks: Dict[str, Any] = {}
        self._make_knobs()

    def _make_knobs(self) -> None:
        for name, data in self.data.knobs.items():
            self._make_knob(name, data)
        for name, value in EXTRA.get(self.class_name, {}).items():
            if name not in self.knobs:
                self._make_knob(name, KnobData(name, "Int_Knob", value))
        if self.class_name == "Root":
            for name, (kind, default) in ROOT.items():
                if name not in self.knobs:
                    self._make_knob(name, KnobData(name, kind, default))
        for name, data in common_knobs().items():
            if name not in self.knobs and not (name == "disable" and self.class_name in NO_DISABLE):
                self._make_knob(name, data)
        self.adopt(ScriptName("name") if self.class_name == "Root" else NodeName("name"))
        self.knobs["name"]._default = self.knobs["name"]._state = ""

    def _make_knob(self, name: str, data: KnobData) -> None:
        kind = KINDS.get(data.type, Knob)
        knob = kind(name, None, list(data.values)) if issubclass(kind, Enumeration_Knob) else kind(name)
        knob._start(data.default)
        self.adopt(knob)

    def adopt(self, knob: Knob) -> None:
        """Takes a knob in; an unnamed one has no entry in the dictionary."""
        knob._host, knob._core = self.host, self
        if knob._name:
            self.knobs[knob._name] = knob
        else:
            self.unnamed.append(knob)

    # Names and places.
    @property
    def name(self) -> str:
        if self.class_name == "Root" and self.parent is None:
            return self.host.files.path or "Root"
        return str(self.knobs["name"]._state)

    def path(self) -> str:
        names, core = [], self
        while core.parent is not None:
            names.append(core.name)
            core = core.parent
        return ".".join(reversed(names)) or core.name

    def is_group(self) -> bool:
        return self.class_name in GROUPS or bool(self.children)

    def child(self, name: str) -> Optional[Core]:
        return next((one for one in self.children if one.name == name), None)

    def find(self, path: str) -> Optional[Core]:
        """The node of that name as seen from this one: beside it, or from the root."""
        if path in ("this", ""):
            return self
        if path == "parent":
            return self.parent
        if path == "root":
            return self.host.root
        if path == "input":
            return self.inputs[0] if self.inputs else None
        first, _, rest = path.partition(".")
        if first in ("root", "parent", "this"):
            core = self.find(first)
            return core.below(rest) if core else None
        return (self.parent.below(path) if self.parent else None) or self.host.root.below(path)

    def below(self, path: str) -> Optional[Core]:
        """The node at a path inside this group."""
        core: Optional[Core] = self
        for name in path.split("."):
            core = core.child(name) if core else None
        return core

    def everything(self) -> Iterator[Core]:
        """All nodes below this one."""
        waiting = list(self.children)
        while waiting:
            core = waiting.pop(0)
            yield core
            waiting.extend(core.children)

    # Connections.
    def wanted_inputs(self) -> Optional[int]:
        """The highest number of inputs, None for no limit."""
        if self.class_name in ("Group", "LiveGroup", "VariableGroup", "Gizmo", "Precomp"):
            return len(self.input_nodes())
        return self.data.max_inputs

    def input_nodes(self) -> List[Core]:
        found = [one for one in self.children if one.class_name == "Input"]
        return sorted(found, key=lambda one: one.knobs["number"].value())

    def depends_on(self, other: Core) -> bool:
        seen, waiting = set(), [self]
        while waiting:
            core = waiting.pop()
            if core is other:
                return True
            if id(core) not in seen:
                seen.add(id(core))
                waiting.extend(one for one in core.inputs if one is not None)
        return False

    def accepts(self, index: int, other: Optional[Core]) -> bool:
        most = self.wanted_inputs()
        if index < 0 or (most is not None and index >= most):
            return False
        return other is None or (other.parent is self.parent and not other.depends_on(self)
                                 and other.class_name not in ("BackdropNode", "StickyNote", "Viewer", "Root"))

    def connect(self, index: int, other: Optional[Core]) -> None:
        """Connects without asking; the undo record is the caller's."""
        while len(self.inputs) <= index:
            self.inputs.append(None)
        self.inputs[index] = other
        while self.inputs and self.inputs[-1] is None:
            self.inputs.pop()

    def outputs(self) -> List[Core]:
        beside = self.parent.children if self.parent else []
        return [one for one in beside if self in one.inputs]

    # Expressions.
    def look_up(self, name: str, own_knob: str, frame: float) -> float:
        """The value of a name in an expression of this node's knob."""
        if name in ("frame", "t", "x"):
            return frame
        if name == "pi":
            return 3.141592653589793
        node, _, knob_name = name.rpartition(".")
        if knob_name in ("r", "g", "b", "a", "w", "h", "u", "v", "x", "y", "z") and node:
            index = {"r": 0, "x": 0, "w": 0, "u": 0, "g": 1, "y": 1, "h": 1, "v": 1, "b": 2, "z": 2, "a": 3}[knob_name]
            outer, _, whole = node.rpartition(".")
            target = self._knob_at(outer, whole)
            if target is not None:
                return float(target.getValue(index))
        found = self.find(node) if node else self
        if knob_name in ("width", "height") and found is not None and knob_name not in found.knobs:
            return float(getattr(self.host.formats.of(found), knob_name)())
        target = self._knob_at(node, knob_name)
        if target is None and not node and self.parent is not None:
            target = self.parent.knobs.get(knob_name)
        if target is None:
            raise KeyError(name)
        if target._core is self and target._name == own_knob:
            raise RecursionError(name)
        value = target.getValue()
        return float(value[0] if isinstance(value, list) else value)

    def _knob_at(self, node: str, knob: str) -> Optional[Knob]:
        core = self.find(node) if node else self
        return core.knobs.get(knob) if core else None
