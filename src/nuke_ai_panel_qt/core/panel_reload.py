"""What a reload of our code does to the panels: their states out, the next generation's panels in. Main thread.

Registered as a part of `nuke_ai_panel.reload`. States are plain values; panes are Qt's own widgets. The panel that
asked for the reload is destroyed by it, so it must ask from Qt's event loop and not from one of its own slots: see
`ask_soon`.
"""

from __future__ import annotations

import gc
from typing import Any, Dict, List, Tuple

from nuke_ai_panel.messages import Json
from nuke_ai_panel.reload import Outcome, Part, When, register, reload, running_answers, set_later

from ..qt import QtClass, QtCore, QtWidgets, Signal, destroy, is_valid
from . import panel_widget
from .main_loop import offer_main_loop
from .pane import content, fill, make_pane, panes

PART = "panel"
LOOK_EVERY_MS = 200

_waiting: List[When] = []


class _Asker(QtCore.QObject, metaclass=QtClass):
    """Carries the wish for a reload from any thread to the main one."""

    asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.asked.connect(self._ask, QtCore.Qt.ConnectionType.QueuedConnection)

    def _ask(self, when: str) -> None:
        ask_soon("stop" if when == "stop" else "finished")


_askers: List[_Asker] = []


def open_pane() -> QtWidgets.QWidget:
    """A pane that a reload brings back. Cannot raise."""
    take_part()
    return make_pane()


def take_part() -> None:
    """From now on a reload brings the panels back."""
    register(Part(PART, freeze, f"{__name__}:thaw", tell))
    if not _askers:
        _askers.append(_Asker())
    set_later(_askers[0].asked.emit)
    offer_main_loop()


def ask_soon(when: When = "finished") -> None:
    """Reloads from Qt's event loop: now, or as soon as no answer is being written."""
    is_new = not _waiting
    _waiting[:] = [when]
    if is_new:
        QtCore.QTimer.singleShot(0, _look)


def freeze() -> Dict[str, Any]:  # Any: plain values and Qt's widgets
    """Takes the panels out of their panes and ends the session, without ending its App."""
    frozen: List[Tuple[QtWidgets.QWidget, Dict[str, Json]]] = []
    for pane in panes():
        widget = content(pane)
        if widget is None:
            continue
        frozen.append((pane, widget.view_state()))
        widget.release()
        pane.setFocusProxy(None)  # type: ignore[arg-type]  # None takes it away
        destroy(widget)
    session = panel_widget.release_session()
    while _askers:
        destroy(_askers.pop())
    # What our code has asked Qt to delete later must not outlive it.
    QtCore.QCoreApplication.sendPostedEvents(None, _DEFERRED_DELETE)
    return {"panes": frozen, "session": session}


def thaw(state: Dict[str, Any]) -> None:
    """Fills the panes again. Raises what a panel stumbled over, unless it is for the artist to mend."""
    take_part()
    if state["session"] is not None:
        panel_widget.shared_session().take_back(state["session"])
    for pane, view in state["panes"]:
        if is_valid(pane):
            bug = fill(pane, view).bug
            if bug is not None:
                raise bug


def tell(outcome: Outcome) -> None:
    """Says in every panel how the reload went."""
    # The old generation is garbage as soon as the reload has returned. Qt's objects among it belong to this thread.
    QtCore.QTimer.singleShot(0, gc.collect)
    for pane in panes():
        widget = content(pane)
        if widget is not None and widget.manager is not None:
            widget.manager.show_reload(outcome)


def _look() -> None:
    if not _waiting:
        return
    if _waiting[0] == "finished" and running_answers():
        QtCore.QTimer.singleShot(LOOK_EVERY_MS, _look)
        return
    when = _waiting.pop()
    reload(when="stop" if when == "stop" else "idle")


_DEFERRED_DELETE = int(getattr(QtCore.QEvent.Type.DeferredDelete, "value", QtCore.QEvent.Type.DeferredDelete))
