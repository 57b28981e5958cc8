"""One Nuke: its modules, script, interface and what goes wrong in it. Everything a test needs hangs here."""

from __future__ import annotations

import builtins
import re
import sys
import threading
from types import ModuleType
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple

from nuke_ai_panel.nk import NodeClass, node_classes
from nuke_ai_panel.nk.tcl import runs_on_load

from . import expressions
from .callbacks import Callbacks
from .cores import Core
from .desk import Desk, View
from .dialogs import Dialogs
from .files import Files
from .formats import Formats, Layers
from .group_nodes import Root
from .guard import Faults, Options, TclExecutedError
from .menus import Menus
from .modules import build
from .nodes import Node
from .panels import Panels
from .renders import Renders
from .scene import Scene
from .startup import Startup
from .threads import MainQueue
from .undo import History

SINCE = {"VariableGroup": 16}


class Host:
    """A Nuke of a version, with an interface or in the terminal."""

    def __init__(
        self, version: Tuple[int, int, int] = (16, 0, 8), gui: bool = True, *, terminal: bool = False,
        hiero: bool = False,
        options: Optional[Options] = None, arguments: Sequence[str] = (),
    ) -> None:
        self.version = version
        self.gui = gui and not terminal
        self.hiero = hiero
        self.arguments = tuple(arguments)
        self.options = options or Options()
        self.faults = Faults()
        self.main_thread = threading.current_thread()
        self.result_patience_s = 5.0
        # What was seen; tests read these.
        self.said: List[str] = []
        self.pressed: List[Tuple[str, str, str]] = []
        self.refused: List[Tuple[str, int]] = []
        self.wrong_threads: List[str] = []
        self.tcl_executed: List[Tuple[str, str]] = []
        self.panel_errors: List[str] = []
        self.stored_layout = ""
        self.about_to_quit: List[Callable[[], None]] = []
        self.at_exit: List[Callable[[], None]] = []
        self._threads_before = set(threading.enumerate())
        self.has_quit = False
        # What it is made of.
        self.extra_classes: Dict[str, NodeClass] = {}
        self.knob_defaults: Dict[str, str] = {}
        self.undo = History()
        self.callbacks = Callbacks(self)
        self.layers = Layers()
        self.formats = Formats(self)
        self.scene = Scene(self)
        self.files = Files(self)
        self.renders = Renders(self)
        self.dialogs = Dialogs(self)
        self.queue = MainQueue(self)
        self.menus = Menus(self)
        self.panels = Panels(self)
        self.desk = Desk(self)
        self.startup = Startup(self)
        self.root: Core
        self.new_root()
        self.preferences = Core(self, "Preferences", None)
        self.preferences.knobs["name"]._state = "preferences"
        self.preferences.handle = Node(self.preferences)
        self.main_namespace: Dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
        self.modules: Dict[str, ModuleType] = build(self)
        self._kept: Dict[str, Optional[ModuleType]] = {}
        self._kept_path: List[str] = []

    @property
    def nuke(self) -> Any:
        """The module `nuke`."""
        return self.modules["nuke"]

    @property
    def nukescripts(self) -> Any:
        """The module `nukescripts`."""
        return self.modules["nukescripts"]

    @property
    def qt_binding(self) -> str:
        """The Qt binding that this version has."""
        return "PySide6" if self.version[0] >= 16 else "PySide2"

    def new_root(self) -> None:
        """The root of an empty script; programs that held the old one have nothing."""
        if hasattr(self, "root"):
            object.__setattr__(self.root.handle, "_dead", True)
        self.root = Core(self, "Root", None)
        self.root.handle = Root(self.root)

    # For the parts.
    def touched(self) -> None:
        """Something of the script changed."""
        self.files.modified = True

    def frame_now(self) -> float:
        return self.root.knobs["frame"]._state[0].value if hasattr(self, "root") else 1.0

    def class_names(self) -> Set[str]:
        """The classes that this version can make."""
        known = {name for name in node_classes() if SINCE.get(name, 0) <= self.version[0] and name != "Root"}
        return known | set(self.extra_classes)

    def core_of(self, name_or_node: Any) -> Core:
        if isinstance(name_or_node, Node):
            return name_or_node._live()
        found = self.root.below(str(name_or_node))
        if found is None:
            raise ValueError(f"no node {name_or_node}")
        return found

    def handle(self, core: Core) -> Node:
        """The node's Python object of the moment."""
        handle: Node = core.handle
        return handle

    def say(self, text: str) -> None:
        """What Nuke prints."""
        self.said.append(text)

    def check_tcl(self, word: str, where: str) -> None:
        """Notes an open bracket in text that is read; fails the test unless it allows that."""
        if runs_on_load(word) is None and not re.search(r"\{\s*\[", word):
            return
        self.tcl_executed.append((where, word))
        if not self.options.allow_tcl:
            raise TclExecutedError(f"{where}: {word}")

    def expression(self, text: str) -> float:
        return expressions.evaluate(text, lambda name: self.root.look_up(name, "", self.frame_now()))

    # For tests.
    def add_class(self, data: NodeClass) -> None:
        """A class that exists in this Nuke and not in the data."""
        self.extra_classes[data.name] = data

    def set_error(self, node: Any, text: str) -> None:
        """Gives a node an error."""
        self.core_of(node).error_text = text

    def pump(self, most: int = 1_000_000) -> int:
        """Serves the main thread's queue."""
        return self.queue.pump(most)

    def run_startup(self, paths: Sequence[str]) -> None:
        self.startup.run(paths)

    def restore_layout(self, xml: str) -> List[View]:
        return self.desk.restore_layout(xml)

    def install(self) -> None:
        """Puts the modules into sys.modules."""
        self._kept = {name: sys.modules.get(name) for name in ("nuke", "_nuke", "nuke_internal", "nukescripts",
                                                              "nukescripts.panels")}
        self._kept_path = list(sys.path)
        self.remove_modules()
        sys.modules.update(self.modules)

    def remove_modules(self) -> None:
        for name in self._kept:
            sys.modules.pop(name, None)

    def uninstall(self) -> None:
        """Takes the modules out again; what was there before comes back."""
        self.remove_modules()
        sys.modules.update({name: module for name, module in self._kept.items() if module is not None})
        sys.path[:] = self._kept_path

    def quit(self) -> None:
        """Nuke ends: aboutToQuit, then Qt's objects die, then Python's exit runs. Fails where Nuke would hang or call
        into the void."""
        for slot in list(self.about_to_quit):
            slot()
        self.desk.destroy_widgets()
        self.queue.closed = True
        self.has_quit = True
        for call in list(self.at_exit):
            call()
        alive = [one.name for one in set(threading.enumerate()) - self._threads_before if not one.daemon]
        assert not alive, f"Nuke cannot end: {alive} are still running and no daemons"
        assert not self.callbacks.left(), f"callbacks are left: {self.callbacks.left()}"
