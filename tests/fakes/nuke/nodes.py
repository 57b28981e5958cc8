"""The nodes that Nuke's Python hands out. One object for each node, until the node is deleted: then every use of it,
even repr(), raises ValueError, also after an undo brought the node back."""
# ruff: noqa: N803  (Nuke's own names)

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Optional

from . import node_text
from .guard import DEAD, check_thread
from .knobs import Knob
from .stubs import missing_method

if TYPE_CHECKING:
    from .cores import Core


class Node:
    """A node."""

    _core: Core

    def __init__(self, core: Core) -> None:
        object.__setattr__(self, "_core", core)
        object.__setattr__(self, "_dead", False)

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_"):
            check_thread(object.__getattribute__(self, "_core").host, f"Node.{name}")
            object.__getattribute__(self, "_live")()
        return object.__getattribute__(self, name)

    def __getattr__(self, name: str) -> Any:
        return missing_method(self, name)

    def _live(self) -> Core:
        if object.__getattribute__(self, "_dead"):
            raise ValueError(DEAD)
        core: Core = object.__getattribute__(self, "_core")
        check_thread(core.host, f"Node of {core.class_name}")
        return core

    def __repr__(self) -> str:
        core = self._live()
        return f"<{core.name} at 0x{id(core):x}>"

    def __getitem__(self, name: str) -> Any:
        check_thread(self._core.host, "Node.__getitem__")
        found = self._live().knobs.get(name)
        if found is None:
            raise NameError(f"knob {name} does not exist")
        return found

    def __len__(self) -> int:
        return len(self._live().knobs)

    def __bool__(self) -> bool:
        return True

    def Class(self) -> str:
        return self._core.class_name

    def name(self) -> str:
        return self._core.name

    def fullName(self) -> str:
        return self._core.path()

    def setName(self, name: str, uncollide: bool = True, updateExpressions: bool = False) -> None:
        self._core.host.scene.rename(self._core, name, uncollide, updateExpressions)

    def parent(self) -> Any:
        parent = self._core.parent
        return parent.handle if parent else None

    def rootNode(self) -> Any:
        return self._core.host.root.handle

    # Knobs.
    def knob(self, p: str, follow_link: bool = True) -> Any:
        return self._core.knobs.get(p)

    def knobs(self) -> Dict[str, Knob]:
        return dict(self._core.knobs)

    def allKnobs(self) -> List[Knob]:
        return [*self._core.knobs.values(), *self._core.unnamed]

    def numKnobs(self) -> int:
        return len(self._core.knobs)

    def getNumKnobs(self) -> int:
        return len(self._core.knobs)

    def addKnob(self, knob: Knob) -> None:
        self._core.host.scene.add_knob(self._core, knob)

    def removeKnob(self, knob: Knob) -> None:
        self._core.host.scene.remove_knob(self._core, knob)

    def resetKnobsToDefault(self) -> None:
        for name, knob in self._core.knobs.items():
            if name not in ("name", "xpos", "ypos", "selected") and knob._default is not None:
                knob._start(knob._default)

    def writeKnobs(self, flags: int = 0) -> str:
        return node_text.write_knobs(self._core, flags)

    def readKnobs(self, s: str) -> None:
        node_text.read_knobs(self._core, s)

    # Connections.
    def inputs(self) -> int:
        return len(self._core.inputs)

    def input(self, index: int) -> Any:
        found = self._core.inputs[index] if 0 <= index < len(self._core.inputs) else None
        return found.handle if found else None

    def setInput(self, i: int, node: Optional[Node]) -> bool:
        return self._core.host.scene.connect(self._core, i, core_of(node) if node is not None else None)

    def canSetInput(self, i: int, node: Optional[Node]) -> bool:
        return self._core.accepts(i, core_of(node) if node is not None else None)

    def connectInput(self, i: int, node: Node) -> bool:
        scene = self._core.host.scene
        if i >= len(self._core.inputs) or self._core.inputs[i] is None:
            return scene.connect(self._core, i, core_of(node))
        free = next((at for at, one in enumerate(self._core.inputs) if one is None), len(self._core.inputs))
        return scene.connect(self._core, free, core_of(node))

    def maxInputs(self) -> int:
        most = self._core.wanted_inputs()
        return 1000 if most is None else most

    def maximumInputs(self) -> int:
        return self.maxInputs()

    def minInputs(self) -> int:
        return self._core.data.min_inputs

    def minimumInputs(self) -> int:
        return self._core.data.min_inputs

    def optionalInput(self) -> int:
        return self._core.data.mask_input or 0

    def maxOutputs(self) -> int:
        return 0 if self._core.class_name in ("Viewer", "BackdropNode", "StickyNote") else -1

    def dependencies(self, mask: int = 3) -> List[Any]:
        found = [one.handle for one in self._core.inputs if one is not None] if mask & 2 else []
        spoken = self._core.host.scene.expression_sources(self._core) if mask & 1 else []
        return list(dict.fromkeys(found + spoken))

    def dependent(self, mask: int = 3, forceEvaluate: bool = True) -> List[Any]:
        return [one.handle for one in self._core.outputs()] if mask & 2 else []

    # Place and looks.
    def xpos(self) -> int:
        return int(self._core.knobs["xpos"].value())

    def ypos(self) -> int:
        return int(self._core.knobs["ypos"].value())

    def setXpos(self, x: int) -> None:
        self._core.knobs["xpos"].setValue(int(x))

    def setYpos(self, y: int) -> None:
        self._core.knobs["ypos"].setValue(int(y))

    def setXYpos(self, x: int, y: int) -> None:
        self.setXpos(x)
        self.setYpos(y)

    def screenWidth(self) -> int:
        return self._drawn(80)

    def screenHeight(self) -> int:
        return self._drawn(18)

    def _drawn(self, usual: int) -> int:
        """A side of the node's picture: nothing is drawn in the terminal."""
        name = self._core.class_name
        return 0 if not self._core.host.gui else 12 if name == "Dot" else (
            60 if name.startswith(("Camera", "Axis")) else usual)

    def autoplace(self) -> None:
        self._core.host.scene.autoplace(self._core)

    def isSelected(self) -> bool:
        return bool(self._core.knobs["selected"].value())

    def setSelected(self, selected: bool) -> None:
        self._core.host.scene.select(self._core, bool(selected))

    def selectOnly(self) -> None:
        self._core.host.scene.select_only([self._core])

    def showControlPanel(self, forceFloat: bool = False) -> None:
        if self._core.host.gui:
            self._core.panel_open = True
            self._core.host.callbacks.dummy_knob(self._core, "showPanel")

    def hideControlPanel(self) -> None:
        if self._core.panel_open:
            self._core.host.callbacks.dummy_knob(self._core, "hidePanel")
        self._core.panel_open = False

    def shown(self) -> bool:
        return self._core.panel_open

    # Clones, locks, states.
    def clones(self) -> int:
        return sum(one.clone_of is self._core for one in self._core.host.root.everything())

    def isCloneable(self) -> bool:
        return self._core.class_name not in ("Root", "Viewer", "Input", "Output")

    def lock(self) -> None:
        self._core.locked = True

    def unlock(self) -> None:
        self._core.locked = False

    def locked(self) -> bool:
        return self._core.locked

    def hasError(self) -> bool:
        return self._core.class_name != "Viewer" and bool(self._core.error_text)

    def treeHasError(self) -> bool:
        return self._core.class_name != "Viewer" and self._core.host.renders.tree_error(self._core) != ""

    def error(self) -> bool:
        return self.hasError()

    def metadata(self, key: Optional[str] = None, time: Any = None, view: Any = None) -> Any:
        found = self._core.host.renders.metadata(self._core)
        return dict(found) if key is None else found.get(key)

    def format(self) -> Any:
        return self._core.host.formats.of(self._core)

    def width(self) -> int:
        return int(self.format().width())

    def height(self) -> int:
        return int(self.format().height())

    def pixelAspect(self) -> float:
        return float(self.format().pixelAspect())

    def bbox(self) -> Any:
        return self._core.host.formats.bbox(self._core)

    def channels(self) -> List[str]:
        return self._core.host.layers.channels_of(self._core)

    def firstFrame(self) -> int:
        return self._core.host.renders.frames(self._core)[0]

    def lastFrame(self) -> int:
        return self._core.host.renders.frames(self._core)[1]

    def sample(self, *args: Any) -> float:
        raise NotImplementedError("fake nuke: pixels are not computed")

    def help(self) -> str:
        return ""

    def redraw(self) -> None:
        return None

    def forceValidate(self) -> None:
        return None

    def running(self) -> bool:
        return False


def core_of(node: Any) -> Core:
    """The inside of a node; TypeError for anything else."""
    if not isinstance(node, Node):
        raise TypeError(f"a node is needed, not {type(node).__name__}")
    return node._live()
