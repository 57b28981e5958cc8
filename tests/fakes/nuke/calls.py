"""The functions of the module `nuke` that make and find nodes."""
# ruff: noqa: N803  (Nuke's own names)

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Optional, Union

from nuke_ai_panel.nk import NkSyntaxError, parse_knobs

from . import node_text
from .cores import Core
from .guard import check_thread
from .nodes import Node, core_of

if TYPE_CHECKING:
    from .host import Host


class NodeConstructor:
    """nuke.nodes.Blur."""

    def __init__(self, calls: Calls, class_name: str) -> None:
        self._calls, self._class_name = calls, class_name

    def __call__(self, **kwargs: Any) -> Node:
        check_thread(self._calls.host, f"nuke.nodes.{self._class_name}")
        return self._calls.construct(self._class_name, kwargs)


class Nodes:
    """nuke.nodes: a constructor for every class, without selection, connection, panel and defaults of the user."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def __getattr__(self, item: str) -> NodeConstructor:
        host = self._calls.host
        if item.startswith("_") or (host.options.unknown_class_attribute and item not in host.class_names()):
            raise AttributeError(item)
        return NodeConstructor(self._calls, item)


class Calls:
    """Making, finding, selecting."""

    def __init__(self, host: Host) -> None:
        self.host = host

    # Making.
    def createNode(self, typ: str, knobs: str = "", inpanel: bool = True) -> Node:
        host, scene = self.host, self.host.scene
        where = scene.context()
        if not host.gui and typ in host.faults.ui_hook_classes:
            raise RuntimeError("Invalid function call in non-gui mode")
        if host.faults.create_error:
            error, host.faults.create_error = host.faults.create_error, ""
            raise RuntimeError(error)
        chosen = scene.selected(where)
        core = scene.make(typ, where)
        self._connect_selection(core, chosen)
        self._apply_defaults(core)
        try:
            self._apply_text(core, knobs)
        except RuntimeError:
            if not host.options.bad_creation_knob_keeps_node:
                scene.delete(core)
            raise
        scene.select_only([core], where)
        scene.autoplace(core)
        if host.gui:
            host.callbacks.fire("OnUserCreate", core)
        host.callbacks.fire("OnCreate", core)
        if inpanel:
            core.handle.showControlPanel()
        return self.host.handle(core)

    def _connect_selection(self, core: Core, chosen: List[Core]) -> None:
        scene, most = self.host.scene, core.wanted_inputs()
        order = chosen if self.host.options.merge_takes_last_as_b else chosen[::-1]
        taken = order[: len(order) if most is None else most]
        readers = [] if len(chosen) != 1 else [
            (out, at) for out in chosen[0].outputs() for at, one in enumerate(out.inputs)
            if one is chosen[0] and out.class_name != "Viewer"]
        mask = core.data.mask_input
        index = 0
        for one in taken:
            index += index == mask
            if scene.connect(core, index, one):
                index += 1
        if taken and core.class_name not in ("Viewer", "Write"):
            for out, at in readers:
                scene.connect(out, at, core)

    def _apply_defaults(self, core: Core) -> None:
        for key, value in self.host.knob_defaults.items():
            class_name, _, knob = key.rpartition(".")
            if class_name in ("", core.class_name) and knob in core.knobs:
                core.knobs[knob].fromScript(value)

    def _apply_text(self, core: Core, text: str) -> None:
        try:
            rows = parse_knobs(text)
        except NkSyntaxError as error:
            raise RuntimeError(str(error)) from error
        for row in rows:
            node_text.read_entry(core, row)

    def construct(self, class_name: str, knobs: Any) -> Node:
        """nuke.nodes.Cls(**knobs)."""
        host = self.host
        core = host.scene.make(class_name, host.scene.context(), name=str(knobs.get("name", "")))
        for at, source in enumerate(knobs.get("inputs", ())):
            host.scene.connect(core, at, core_of(source) if source is not None else None)
        for name, value in knobs.items():
            if name not in ("name", "inputs"):
                core.handle[name].setValue(value)
        host.callbacks.fire("OnCreate", core)
        return host.handle(core)

    def clone(self, n: Node, args: str = "", inpanel: bool = True) -> Node:
        core = self.host.scene.clone(core_of(n))
        self._apply_text(core, args)
        return self.host.handle(core)

    def collapseToGroup(self, show: bool = True) -> Node:
        chosen = self.host.scene.selected()
        if not chosen:
            raise ValueError("no node selected")
        return self.host.handle(self.host.scene.collapse(chosen))

    def expandSelectedGroup(self) -> None:
        for core in self.host.scene.selected():
            if core.class_name == "Group":
                self.host.scene.expand(core)

    # Finding.
    def root(self) -> Node:
        return self.host.handle(self.host.root)

    def toNode(self, s: str) -> Optional[Node]:
        if not isinstance(s, str):
            raise TypeError(f"a name is needed, not {type(s).__name__}")
        if s == "root":
            return self.root()
        if s == "preferences":
            return self.host.handle(self.host.preferences)
        found = self.host.scene.context().below(s) or self.host.root.below(s)
        return self.host.handle(found) if found else None

    def allNodes(self, filter: Optional[str] = None, group: Any = None, recurseGroups: bool = False) -> List[Node]:
        where = core_of(group) if group is not None else self.host.scene.context()
        cores = list(where.everything()) if recurseGroups else list(where.children)
        return [one.handle for one in reversed(cores) if filter in (None, one.class_name)]

    def selectedNodes(self, filter: Optional[str] = None) -> List[Node]:
        return [one.handle for one in self.host.scene.selected() if filter in (None, one.class_name)]

    def selectedNode(self) -> Node:
        found = self.host.scene.selected()
        if not found and self.host.version[0] >= 17:
            inside = [one for one in self.host.root.everything() if one.knobs["selected"].value()]
            found = inside[:1]
        if not found:
            raise ValueError("no node selected")
        return self.host.handle(found[0])

    def nodesSelected(self) -> bool:
        return bool(self.host.scene.selected())

    def selectAll(self) -> None:
        self.host.scene.select_only(self.host.scene.context().children)

    def invertSelection(self) -> None:
        for core in self.host.scene.context().children:
            self.host.scene.select(core, not core.knobs["selected"].value())

    def delete(self, n: Node) -> None:
        core = core_of(n)
        if core is self.host.root or core is self.host.preferences:
            raise ValueError("this node cannot be deleted")
        self.host.scene.delete(core)

    def exists(self, s: str) -> bool:
        node, _, knob = s.rpartition(".")
        core = self.host.root.below(node) if node else None
        return self.toNode(s) is not None or (core is not None and knob in core.knobs)

    def canCreateNode(self, name: str) -> bool:
        return name in self.host.class_names()

    def nodeTypes(self, force_plugin_load: bool = False) -> List[str]:
        return sorted(self.host.class_names())

    def filename(self, node: Node, i: int = 0) -> Optional[str]:
        knob = core_of(node).knobs.get("file")
        return str(knob.getEvaluatedValue()) if knob is not None else None

    # Where the program stands.
    def thisNode(self) -> Any:
        callbacks = self.host.callbacks
        if callbacks.this_node:
            return callbacks.this_node[-1].handle
        if self.host.options.this_node_outside_raises:
            raise ValueError("no node is this")
        return self.host.handle(self.host.scene.context())

    def thisKnob(self) -> Any:
        found = self.host.callbacks.this_knob
        return found[-1] if found else None

    def thisGroup(self) -> Node:
        return self.host.handle(self.host.scene.context())

    def thisParent(self) -> Any:
        parent = self.host.scene.context().parent
        return parent.handle if parent else None

    def thisClass(self) -> str:
        return str(self.thisNode().Class())

    def thisPane(self) -> Any:
        return self.host.desk.pane_now

    def lastHitGroup(self) -> Node:
        return self.thisGroup()

    def activeGroup(self) -> Node:
        return self.thisGroup()

    def nodeAtPath(self, path: str) -> Optional[Node]:
        found = self.host.root.below(path)
        return self.host.handle(found) if found else None

    # Looks.
    def show(self, n: Node, forceFloat: bool = False) -> None:
        core_of(n).handle.showControlPanel(forceFloat)

    def zoom(self, scale: Any = None, center: Any = None, group: Any = None) -> Optional[float]:
        return float(scale or 1) if self.host.gui else None

    def center(self) -> List[int]:
        return [0, 0]

    def zoomToFitSelected(self) -> None:
        self.host.desk.fitted = [one.path() for one in self.host.scene.context().children
                                 if one.knobs["selected"].value()]

    def showDag(self, n: Node) -> None:
        self.host.desk.tree = core_of(n).path()

    def autoplace(self, node: Node) -> None:
        node.autoplace()

    def autoplaceSnap(self, n: Node) -> None:
        n.autoplace()

    def activeViewer(self) -> Any:
        viewer = next((one for one in self.host.root.children if one.class_name == "Viewer"), None)
        return ViewerWindow(viewer) if viewer is not None and self.host.gui else None

    def connectViewer(self, inputNum: int, node: Node) -> None:
        viewer = next((one for one in self.host.root.children if one.class_name == "Viewer"), None)
        if viewer is not None:
            self.host.scene.connect(viewer, inputNum, core_of(node))

    def frame(self, f: Union[int, None] = None) -> int:
        if f is not None:
            self.host.root.knobs["frame"].setValue(int(f))
        return int(self.host.frame_now())

    def knobDefault(self, classknob: str, value: Optional[str] = None) -> Optional[str]:
        if value is None:
            return self.host.knob_defaults.get(classknob)
        self.host.knob_defaults[classknob] = value
        return None


class ViewerWindow:
    """The window of a viewer."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._active: Optional[int] = 0 if core.inputs else None

    def node(self) -> Any:
        return self._core.handle

    def activeInput(self, secondary: bool = False) -> Optional[int]:
        return self._active

    def activateInput(self, input: int, secondary: bool = False) -> None:
        if input >= len(self._core.inputs) or self._core.inputs[input] is None:
            raise ValueError(f"input {input} is not connected")
        self._active = input

    def view(self) -> str:
        return "main"
