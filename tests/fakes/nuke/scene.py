"""The graph: making, naming, connecting, selecting, deleting nodes. Every change can be undone and marks the script."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Iterable, List, Optional, Sequence

from nuke_ai_panel.nk.graph import default_name

from .cores import OWN_KNOBS, Core
from .group_nodes import NODE_KINDS
from .knobs import Knob
from .nodes import Node

if TYPE_CHECKING:
    from .host import Host

_ILLEGAL = re.compile(r"[^A-Za-z0-9_]")
_REFERENCE = re.compile(r"\b([A-Za-z_]\w*)\.\w+")


class Scene:
    """The nodes of one host."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.contexts: List[Core] = []
        self.order: List[Core] = []  # in which nodes were selected

    def context(self) -> Core:
        """The group that calls without a group mean."""
        return self.contexts[-1] if self.contexts else self.host.root

    # Making.
    def make(self, class_name: str, parent: Core, *, name: str = "") -> Core:
        """A new node that is connected to nothing."""
        self._writable(parent)
        if class_name not in self.host.class_names():
            raise RuntimeError(f"{class_name}: Unknown command")
        core = Core(self.host, class_name, parent)
        core.handle = NODE_KINDS.get(class_name, Node)(core)
        wanted = sanitised(name) or default_name(class_name) + "1"
        core.knobs["name"]._state = self.free_name(wanted, parent)
        parent.children.append(core)
        self.host.undo.record(f"Create {core.path()}", lambda: self._out(core), lambda: self._back(core))
        self.host.touched()
        return core

    def _writable(self, parent: Core) -> None:
        core: Optional[Core] = parent
        while core is not None:
            if core.locked or core.published:
                raise RuntimeError(f"{core.path()} is locked")
            core = core.parent

    def free_name(self, wanted: str, parent: Core, but: Optional[Core] = None) -> str:
        taken = {one.name for one in parent.children if one is not but}
        if wanted not in taken:
            return wanted
        stem = re.sub(r"\d+\Z", "", wanted)
        number = 1
        while f"{stem}{number}" in taken:
            number += 1
        return f"{stem}{number}"

    def rename(self, core: Core, name: str, uncollide: bool, update: bool) -> None:
        before, wanted = core.name, sanitised(name)
        if not wanted:
            raise ValueError("a node needs a name")
        parent = core.parent or self.host.root
        free = self.free_name(wanted, parent, core)
        if free != wanted and not uncollide:
            raise ValueError(f"the name {wanted} is taken")
        core.knobs["name"]._assign(free)
        if update:
            pattern = re.compile(rf"\b{re.escape(before)}\.")
            for one in parent.children:
                for knob in one.knobs.values():
                    for at, channel in enumerate(getattr(knob, "_channels", None) or []):
                        if channel.expression and pattern.search(channel.expression):
                            knob.setExpression(pattern.sub(free + ".", channel.expression), at)

    # Deleting.
    def delete(self, core: Core) -> None:
        self._writable(core.parent or self.host.root)
        for one in list(core.outputs()):
            for at, source in enumerate(list(one.inputs)):
                if source is core:
                    self.connect(one, at, None)
        self.host.callbacks.node_event("onDestroy", core)
        self._out(core)
        self.host.undo.record("Delete", lambda: self._back(core), lambda: self._out(core))
        self.host.touched()

    def _out(self, core: Core) -> None:
        parent = core.parent or self.host.root
        if core in parent.children:
            parent.children.remove(core)
        for one in (core, *core.everything()):
            one.alive = False
            object.__setattr__(one.handle, "_dead", True)
        self.order = [one for one in self.order if one.alive]

    def _back(self, core: Core) -> None:
        """The node exists again, under a new Python object: what a program kept stays dead."""
        parent = core.parent or self.host.root
        if core not in parent.children:
            parent.children.append(core)
        for one in (core, *core.everything()):
            one.alive = True
            one.handle = NODE_KINDS.get(one.class_name, Node)(one)
        if core.knobs["selected"].value():
            self.order.append(core)

    # Connecting.
    def connect(self, core: Core, index: int, other: Optional[Core]) -> bool:
        self._writable(core.parent or self.host.root)
        if not core.accepts(index, other):
            return False
        before = core.inputs[index] if index < len(core.inputs) else None
        if before is other:
            return True
        core.connect(index, other)
        self.host.undo.record("Connect", lambda: core.connect(index, before), lambda: core.connect(index, other))
        self.host.touched()
        self.host.callbacks.dummy_knob(core, "inputChange")
        return True

    def expression_sources(self, core: Core) -> List[Any]:
        found = []
        for knob in core.knobs.values():
            for channel in getattr(knob, "_channels", None) or []:
                for name in _REFERENCE.findall(channel.expression or ""):
                    source = core.find(name)
                    if source is not None and source not in (core, self.host.root, core.parent):
                        found.append(source.handle)
        return found

    # Selecting.
    def selected(self, parent: Optional[Core] = None) -> List[Core]:
        """The selected nodes, the last selected first."""
        where = parent or self.context()
        chosen = [one for one in where.children if one.knobs["selected"].value()]
        return sorted(chosen, key=lambda one: -self.order.index(one) if one in self.order else 1)

    def select(self, core: Core, on: bool) -> None:
        core.knobs["selected"].setValue(on)

    def selection_changed(self, core: Core) -> None:
        """Keeps the order in which nodes were selected; the knob calls it."""
        self.order = [one for one in self.order if one is not core]
        if core.knobs["selected"].value():
            self.order.append(core)

    def select_only(self, cores: Iterable[Core], parent: Optional[Core] = None) -> None:
        wanted = list(cores)
        for one in (parent or (wanted[0].parent if wanted else None) or self.context()).children:
            if one not in wanted and one.knobs["selected"].value():
                self.select(one, False)
        for one in wanted:
            self.select(one, True)

    # Placing.
    def autoplace(self, core: Core) -> None:
        source = next((one for one in core.inputs if one is not None), None)
        if source is not None:
            core.handle.setXYpos(source.handle.xpos(), source.handle.ypos() + 60)
        else:
            beside = [one for one in (core.parent or self.host.root).children if one is not core]
            placed = [one.handle.xpos() for one in beside if one.handle.xpos() > -10**9]
            core.handle.setXYpos(max(placed, default=-110) + 110, 0)

    def inside_backdrop(self, core: Core) -> List[Core]:
        if not self.host.gui:
            return []
        x, y = core.handle.xpos(), core.handle.ypos()
        right, low = x + core.knobs["bdwidth"].value(), y + core.knobs["bdheight"].value()
        beside = core.parent.children if core.parent else []
        return [one for one in beside if one is not core and x <= one.handle.xpos()
                and one.handle.xpos() + one.handle.screenWidth() <= right and y <= one.handle.ypos()
                and one.handle.ypos() + one.handle.screenHeight() <= low]

    # Knobs.
    def add_knob(self, core: Core, knob: Knob) -> None:
        if not isinstance(knob, Knob):
            raise TypeError(f"a knob is needed, not {type(knob).__name__}")
        if knob._core is not None:
            raise RuntimeError("this knob already belongs to a node")
        self._writable(core)
        knob._user = True
        core.adopt(knob)
        self.host.undo.record("Add knob", lambda: self._knob_out(core, knob), lambda: core.adopt(knob))
        self.host.touched()

    def remove_knob(self, core: Core, knob: Knob) -> None:
        if knob._core is not core:
            raise ValueError("this knob does not belong to the node")
        self._knob_out(core, knob)
        self.host.undo.record("Remove knob", lambda: core.adopt(knob), lambda: self._knob_out(core, knob))
        self.host.touched()

    def _knob_out(self, core: Core, knob: Knob) -> None:
        core.knobs.pop(knob._name, None)
        core.unnamed = [one for one in core.unnamed if one is not knob]
        knob._core = None

    # Groups and clones.
    def clone(self, core: Core) -> Core:
        """A node that shares the knobs, but not its inputs and its place."""
        original = core.clone_of or core
        made = Core(self.host, original.class_name, original.parent)
        made.handle = NODE_KINDS.get(original.class_name, Node)(made)
        made.clone_of = original
        made.knobs = {name: made.knobs[name] if name in OWN_KNOBS else knob for name, knob in original.knobs.items()}
        (original.parent or self.host.root).children.append(made)
        self.host.undo.record("Clone", lambda: self._out(made), lambda: self._back(made))
        self.host.touched()
        return made

    def collapse(self, cores: Sequence[Core]) -> Core:
        """Moves nodes into a new group, with an Input for each source outside and one Output."""
        parent = cores[0].parent or self.host.root
        group = self.make("Group", parent)
        outside = list(dict.fromkeys(
            source for one in cores for source in one.inputs if source is not None and source not in cores))
        last = next((one for one in cores if any(out not in cores for out in one.outputs())), cores[0])
        readers = [(out, at) for out in last.outputs() if out not in cores
                   for at, source in enumerate(out.inputs) if source is last]
        for one in cores:
            self._move(one, group)
        doors = {}
        for number, source in enumerate(outside):
            door = self.make("Input", group)
            door.knobs["number"].setValue(number)
            doors[source] = door
        for one in cores:
            for at, outer in enumerate(list(one.inputs)):
                if outer in doors:
                    self._rewire(one, at, doors[outer])
        self.connect(self.make("Output", group), 0, last)
        for number, source in enumerate(outside):
            self.connect(group, number, source)
        for out, at in readers:
            self._rewire(out, at, group)
        self.select_only([group], parent)
        return group

    def _rewire(self, core: Core, at: int, other: Optional[Core]) -> None:
        before = core.inputs[at]
        core.connect(at, other)
        self.host.undo.record("Connect", lambda: core.connect(at, before), lambda: core.connect(at, other))

    def _move(self, core: Core, parent: Core) -> None:
        before = core.parent or self.host.root
        before.children.remove(core)
        core.parent = parent
        parent.children.append(core)

        def back() -> None:
            if core in parent.children:
                parent.children.remove(core)
            core.parent = before
            before.children.append(core)

        def forth() -> None:
            before.children.remove(core)
            core.parent = parent
            parent.children.append(core)

        self.host.undo.record("Move", back, forth)

    def expand(self, group: Core) -> None:
        """Takes the nodes out of a group and the group away."""
        parent = group.parent or self.host.root
        output = next((one for one in group.children if one.class_name == "Output"), None)
        source = output.inputs[0] if output and output.inputs else None
        outer = list(group.inputs)
        readers = [(out, at) for out in group.outputs() for at, one in enumerate(out.inputs) if one is group]
        doors = {door: outer[at] if at < len(outer) else None for at, door in enumerate(group.input_nodes())}
        moved = [one for one in list(group.children) if one.class_name not in ("Input", "Output")]
        for one in moved:
            self._move(one, parent)
            one.knobs["name"]._assign(one.name)
            for at, inner in enumerate(list(one.inputs)):
                if inner in doors:
                    self._rewire(one, at, doors[inner])
        for out, at in readers:
            self._rewire(out, at, source)
        self.delete(group)
        self.select_only(moved, parent)


def sanitised(name: str) -> str:
    """A node's name without what Nuke does not allow; it does not begin with a digit."""
    plain = _ILLEGAL.sub("_", name.strip())
    return "_" + plain if plain[:1].isdigit() else plain
