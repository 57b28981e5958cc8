"""Groups, the script itself, backdrops and viewers; and which Python class a node class has."""
# ruff: noqa: N803  (Nuke's own names)

from __future__ import annotations

from typing import Any, Dict, List, Type

from .nodes import Node


class Group(Node):
    """A node with nodes inside."""

    def begin(self) -> Any:
        self._core.host.scene.contexts.append(self._core)
        return self

    def end(self) -> None:
        contexts = self._core.host.scene.contexts
        if contexts:
            contexts.pop()

    def __enter__(self) -> Any:
        self._live()
        return self.begin()

    def __exit__(self, type: Any, value: Any, traceback: Any) -> None:
        # The group may be gone by now; the context ends all the same.
        contexts = self._core.host.scene.contexts
        if contexts:
            contexts.pop()

    def nodes(self) -> List[Any]:
        return [one.handle for one in reversed(self._core.children)]

    def node(self, s: str) -> Any:
        found = self._core.below(s)
        return found.handle if found else None

    def numNodes(self) -> int:
        return len(self._core.children)

    def selectedNodes(self) -> List[Any]:
        return [one.handle for one in self._core.host.scene.selected(self._core)]

    def selectedNode(self) -> Any:
        found = self.selectedNodes()
        return found[0] if found else None

    def output(self) -> Any:
        found = next((one for one in self._core.children if one.class_name == "Output"), None)
        return found.handle if found else None

    def run(self, callable: Any) -> Any:
        with self:
            return callable()

    def expand(self) -> None:
        self._core.host.scene.expand(self._core)


class Gizmo(Group):
    """A group of a file; its inside cannot be changed."""

    def filename(self) -> str:
        return f"{self._core.class_name}.gizmo"

    def command(self) -> str:
        return self._core.class_name

    def makeGroup(self) -> Any:
        raise NotImplementedError("fake nuke: Gizmo.makeGroup")


class Precomp(Group):
    """Another script as a node."""

    def reload(self) -> None:
        return None


class LiveGroup(Precomp):
    """A group that is published to a file; nobody writes into a published one."""

    def published(self) -> bool:
        return self._core.published

    def makeLocal(self) -> None:
        self._core.published = False

    def isLocal(self) -> bool:
        return not self._core.published

    def makeEditable(self) -> None:
        self._core.published = False

    def publish(self, *args: Any) -> None:
        self._core.published = True

    def modified(self) -> bool:
        return False


class BackdropNode(Node):
    """A coloured box behind nodes."""

    def getNodes(self) -> List[Any]:
        return [one.handle for one in self._core.host.scene.inside_backdrop(self._core)]

    def selectNodes(self, selectNodes: bool = True) -> None:
        for node in self.getNodes():
            node.setSelected(selectNodes)


class Viewer(Node):
    """A viewer."""

    def capture(self, file: str) -> None:
        raise NotImplementedError("fake nuke: pixels are not computed")


class Root(Group):
    """The script."""

    def setModified(self, modified: bool) -> None:
        self._core.host.files.modified = bool(modified)

    def modified(self) -> bool:
        return self._core.host.files.modified

    def firstFrame(self) -> int:
        return int(self._core.knobs["first_frame"].value())

    def lastFrame(self) -> int:
        return int(self._core.knobs["last_frame"].value())

    def fps(self) -> float:
        return float(self._core.knobs["fps"].value())

    def realFps(self) -> float:
        return self.fps()

    def proxy(self) -> bool:
        return bool(self._core.knobs["proxy"].value())

    def setFrame(self, n: int) -> None:
        self._core.knobs["frame"].setValue(int(n))

    def layers(self) -> List[str]:
        return self._core.host.layers.names()


NODE_KINDS: Dict[str, Type[Node]] = {
    "Group": Group, "VariableGroup": Group, "Gizmo": Gizmo, "Precomp": Precomp, "LiveGroup": LiveGroup,
    "BackdropNode": BackdropNode, "Viewer": Viewer, "Root": Root,
}
