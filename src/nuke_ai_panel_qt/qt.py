"""The Qt door: the only module that names PySide. Main thread; importing it decides the binding once.

A thin shim in Qt 6 style. The binding the host has loaded always wins, so that a second one never stands beside it;
without a host it is PySide6, then PySide2. `NUKE_AI_PANEL_QT` (PySide2 or PySide6) forces one where none is loaded yet.
Nothing process-wide is touched: the bindings' own modules stay as they are, what Qt 6 moved is added to a copy of ours.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, Callable, Optional

from nuke_ai_panel.utils.spare_classes import make_class

BINDINGS = ("PySide6", "PySide2")
FORCE_VARIABLE = "NUKE_AI_PANEL_QT"


def choose_binding(
    *, loaded: Callable[[str], bool], available: Callable[[str], bool], forced: Optional[str] = None
) -> str:
    """The name of the binding to use; raises ImportError with the command that mends it when there is none."""
    for name in BINDINGS:
        if loaded(name):
            return name
    if forced:
        if forced not in BINDINGS:
            raise ImportError(f"{FORCE_VARIABLE} is {forced!r}; it may be PySide2 or PySide6.")
        return forced
    for name in BINDINGS:
        if available(name):
            return name
    raise ImportError('No Qt binding was found. Run: python -m pip install "nuke-ai-panel[standalone]"')


def _loaded(name: str) -> bool:
    return f"{name}.QtCore" in sys.modules


def _available(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _qtgui_with_qt6_names(gui: ModuleType, widgets: ModuleType) -> ModuleType:
    """A copy of Qt 5's QtGui that also has what Qt 6 moved there from QtWidgets."""
    copy = ModuleType(f"{__name__}.QtGui")
    copy.__dict__.update({name: value for name, value in vars(gui).items() if not name.startswith("__")})
    for name in ("QAction", "QActionGroup", "QShortcut", "QUndoCommand", "QUndoStack"):
        setattr(copy, name, getattr(widgets, name))
    return copy


if TYPE_CHECKING:
    from PySide6 import QtCore as QtCore
    from PySide6 import QtGui as QtGui
    from PySide6 import QtSvg as QtSvg
    from PySide6 import QtWidgets as QtWidgets

    BINDING: str
    # The stubs of Signal lack connect and emit on instances; widgets declare `Signal` attributes by the hundred.
    Signal: Any
    Slot: Any

    class QtClass(type):
        """What every class of ours that derives from one of Qt's names as its metaclass; see spare_classes."""
else:
    BINDING = choose_binding(loaded=_loaded, available=_available, forced=os.environ.get(FORCE_VARIABLE))
    QtCore = importlib.import_module(f"{BINDING}.QtCore")
    QtGui = importlib.import_module(f"{BINDING}.QtGui")
    QtWidgets = importlib.import_module(f"{BINDING}.QtWidgets")
    QtSvg = importlib.import_module(f"{BINDING}.QtSvg")
    if BINDING == "PySide2":
        QtGui = _qtgui_with_qt6_names(QtGui, QtWidgets)
    Signal = QtCore.Signal
    Slot = QtCore.Slot
    QtClass = functools.partial(make_class, signal=Signal)

_shiboken = importlib.import_module("shiboken6" if BINDING == "PySide6" else "shiboken2")


def is_valid(obj: Optional[QtCore.QObject]) -> bool:
    """Whether the C++ object behind `obj` is still alive."""
    return obj is not None and bool(_shiboken.isValid(obj))


def destroy(obj: QtCore.QObject) -> None:
    """Deletes the C++ object now, with its children; nothing of it may be running."""
    _shiboken.delete(obj)


def exec_app(app: QtCore.QCoreApplication) -> int:
    """Runs the application's event loop until it quits."""
    return int(_exec(app)())


def exec_loop(loop: QtCore.QEventLoop) -> int:
    """Runs a nested event loop until something ends it, and returns the code that it was ended with."""
    return int(_exec(loop)())


def exec_dialog(dialog: QtWidgets.QDialog) -> int:
    """Runs `dialog` modally and returns its result code."""
    return int(_exec(dialog)())


def exec_menu(menu: QtWidgets.QMenu, position: QtCore.QPoint) -> Optional[QtGui.QAction]:
    """Shows `menu` at a global position and returns the chosen action. `menu.popup` does not block and is preferred."""
    # The bindings return an untyped QAction.
    chosen: Any = _exec(menu)(position)
    return chosen if chosen is None else _as_action(chosen)


def event_position(event: QtGui.QMouseEvent) -> QtCore.QPoint:
    """Where a mouse event happened, in the receiving widget's coordinates."""
    if hasattr(event, "position"):
        return event.position().toPoint()
    return event.pos()


def event_global_position(event: QtGui.QMouseEvent) -> QtCore.QPoint:
    """Where a mouse event happened on the screen."""
    if hasattr(event, "globalPosition"):
        return event.globalPosition().toPoint()
    return event.globalPos()


def flag_value(flags: Any) -> int:  # an enum's type differs per binding
    """A Qt enum or flag as a number: PySide6's are Python enums, PySide2's are numbers."""
    return int(getattr(flags, "value", flags))


def _as_action(chosen: Any) -> QtGui.QAction:  # untyped in the bindings, see exec_menu
    action: QtGui.QAction = chosen
    return action


def _exec(target: object) -> Callable[..., Any]:  # what exec returns depends on the target
    found: Callable[..., Any] = getattr(target, "exec_" if BINDING == "PySide2" else "exec")
    return found
