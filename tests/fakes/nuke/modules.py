"""Puts a host's functions together into the modules `nuke`, `nukescripts` and their inner names."""
# ruff: noqa: N803  (Nuke's own names)

from __future__ import annotations

import functools
from types import ModuleType
from typing import TYPE_CHECKING, Any, Callable, Dict, List

from . import knobs as knob_flags
from .calls import Calls, Nodes, ViewerWindow
from .cores import KINDS
from .curves import CONSTANT, LINEAR, SMOOTH, AnimationCurve, AnimationKey
from .dialogs import CancelledError, ProgressTask, environment
from .formats import Box, Format, Layer
from .group_nodes import NODE_KINDS
from .guard import check_thread
from .menus import Menu, MenuItem
from .nodes import Node
from .stubs import add_missing
from .undo import undo_class

if TYPE_CHECKING:
    from .host import Host

CONSTANTS = {
    "INVISIBLE": knob_flags.INVISIBLE, "DO_NOT_WRITE": knob_flags.DO_NOT_WRITE, "DISABLED": knob_flags.DISABLED,
    "NO_ANIMATION": knob_flags.NO_ANIMATION, "STARTLINE": knob_flags.STARTLINE, "ENDLINE": knob_flags.ENDLINE,
    "ALWAYS_SAVE": knob_flags.ALWAYS_SAVE, "NO_UNDO": knob_flags.NO_UNDO, "READ_ONLY": knob_flags.READ_ONLY,
    "NO_MULTIVIEW": knob_flags.NO_MULTIVIEW, "KNOB_CHANGED_ALWAYS": knob_flags.KNOB_CHANGED_ALWAYS,
    "TABBEGINGROUP": 1, "TABBEGINCLOSEDGROUP": 2, "TABENDGROUP": -1, "TO_SCRIPT": 1, "TO_VALUE": 2,
    "WRITE_USER_KNOB_DEFS": 4, "WRITE_ALL": 8, "WRITE_NON_DEFAULT_ONLY": 16, "EXPRESSIONS": 1, "INPUTS": 2,
    "HIDDEN_INPUTS": 4, "LINKINPUTS": 8, "SMOOTH": SMOOTH, "CONSTANT": CONSTANT, "LINEAR": LINEAR,
}
# Names that are no touch of the graph and may be used on any thread.
ANY_THREAD = frozenset({"executeInMainThread", "executeInMainThreadWithResult", "waitForThreadsToFinish"})
# Names that types-nuke, made for Nuke 13, does not have, and from which version on they exist.
LATER = {"lastHitGroup": 13, "activeGroup": 16, "nodeAtPath": 16}


def build(host: Host) -> Dict[str, ModuleType]:
    """The modules of a host by the name they have in sys.modules."""
    nuke = ModuleType("nuke")
    calls = Calls(host)
    names: Dict[str, Any] = {name: value for name, value in _functions(host, calls).items()
                             if LATER.get(name, 0) <= host.version[0]}
    for name, function in names.items():
        setattr(nuke, name, function if name in ANY_THREAD else _guarded(host, name, function))
    for name, value in {**CONSTANTS, **_facts(host)}.items():
        setattr(nuke, name, value)
    for kind in (*KINDS.values(), *NODE_KINDS.values(), Node, AnimationCurve, AnimationKey, Format, Box, Menu, MenuItem,
                 ProgressTask, CancelledError, ViewerWindow):
        setattr(nuke, kind.__name__, kind)
    nuke.Layer = _layer_class(host)  # type: ignore[attr-defined]  # a module is what is set on it
    nuke.Undo = undo_class(host)  # type: ignore[attr-defined]
    nuke.nodes = Nodes(calls)  # type: ignore[attr-defined]
    nuke.env = environment(host)  # type: ignore[attr-defined]
    add_missing(nuke)
    if host.hiero:
        del nuke.message  # Hiero has none
    scripts = _nukescripts(host)
    modules = {"nuke": nuke, "nukescripts": scripts, "nukescripts.panels": scripts.panels}
    if host.version[0] >= 14:
        modules.update({"_nuke": nuke, "nuke_internal": nuke})
    return modules


def _guarded(host: Host, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        check_thread(host, f"nuke.{name}")
        return function(*args, **kwargs)

    return call


def _functions(host: Host, calls: Calls) -> Dict[str, Callable[..., Any]]:
    files, queue, plug_ins = host.files, host.queue, host.startup
    own = {name: getattr(calls, name) for name in dir(calls) if not name.startswith("_") and name not in (
        "host", "construct")}
    dialogs = {name: getattr(host.dialogs, name) for name in ("message", "ask", "askWithCancel", "getInput")}
    script = {name: getattr(files, name) for name in (
        "scriptName", "scriptSave", "scriptSaveAs", "scriptClear", "scriptClose", "scriptOpen",
        "scriptReadText", "scriptReadFile", "nodeCopy", "nodePaste")}
    return {
        **own, **dialogs, **script, **host.callbacks.module_functions(),
        "scriptNew": files.scriptClear, "scriptSaveToTemp": lambda str: files.save_to_temp(str),
        "execute": host.renders.execute, "render": host.renders.execute,
        "executeMultiple": host.renders.executeMultiple, "executeInMainThread": queue.executeInMainThread,
        "executeInMainThreadWithResult": queue.executeInMainThreadWithResult,
        "menu": host.menus.menu, "toolbar": host.menus.toolbar,
        "getPaneFor": lambda panelName: host.desk.pane_for(panelName),
        "undo": lambda: host.undo.undo() and None, "redo": lambda: host.undo.redo() and None,
        "modified": lambda state=None: _modified(host, state),
        "channels": lambda node=None: host.layers.channels_of(node._live() if node is not None else host.root),
        "layers": lambda node=None: host.layers.names(), "formats": lambda: list(host.formats.known),
        "addFormat": lambda s: host.formats.add(s), "views": lambda: ["main"],
        "expression": lambda s: host.expression(s), "expr": lambda s: host.expression(s),
        "tcl": lambda cmd, *args: _no(f"Tcl: {cmd}"), "runIn": lambda object, cmd: _no("runIn"),
        "sample": lambda *args: _no("pixels are not computed"),
        "suspendPathProcessing": lambda: None, "resumePathProcessing": lambda: None,
        "waitForThreadsToFinish": lambda: "", "pluginPath": lambda: list(plug_ins.paths),
        "pluginAddPath": plug_ins.pluginAddPath, "pluginAppendPath": plug_ins.pluginAppendPath,
        "tprint": lambda *args, **kwargs: host.say(" ".join(map(str, args))),
        "warning": lambda message: host.say(message), "error": lambda message: host.say(message),
        "debug": lambda message: host.say(message),
    }


def _modified(host: Host, state: Any) -> bool:
    if state is not None:
        host.files.modified = bool(state)
    return host.files.modified


def _no(what: str) -> Any:
    raise NotImplementedError(f"fake nuke: {what}")


def _facts(host: Host) -> Dict[str, Any]:
    major, minor, release = host.version
    return {
        "GUI": host.gui, "INTERACTIVE": host.gui, "NUKE_VERSION_MAJOR": major, "NUKE_VERSION_MINOR": minor,
        "NUKE_VERSION_RELEASE": release, "NUKE_VERSION_STRING": f"{major}.{minor}v{release}",
        "EXE_PATH": f"/usr/local/Nuke{major}.{minor}v{release}/Nuke{major}.{minor}", "THREADS": 2, "NUM_CPUS": 2,
        "PLUGIN_EXT": "so", "rawArgs": list(host.arguments),
    }


def _layer_class(host: Host) -> Any:
    class ScriptLayer(Layer):
        """A layer that the script knows from now on."""

        def __init__(self, name: str, channels: List[str]) -> None:
            super().__init__(name, channels)
            host.layers.add(name, channels)

    ScriptLayer.__name__ = "Layer"
    return ScriptLayer


def _nukescripts(host: Host) -> Any:
    scripts = ModuleType("nukescripts")
    panels = host.panels.module()
    for name in ("registerPanel", "unregisterPanel", "restorePanel", "registerWidgetAsPanel"):
        setattr(panels, name, _guarded(host, f"nukescripts.{name}", getattr(panels, name)))
    for name in ("registerPanel", "unregisterPanel", "restorePanel", "registerWidgetAsPanel", "PythonPanel"):
        setattr(scripts, name, getattr(panels, name))
    scripts.panels = panels  # type: ignore[attr-defined]
    scripts.executeDeferred = host.queue.executeInMainThread  # type: ignore[attr-defined]
    scripts.cut_paste_file = lambda: "%clipboard%"  # type: ignore[attr-defined]
    return scripts
