"""What Nuke calls for a new pane. It cannot raise: where there is no panel, the pane says why and what mends it.

Main thread. Nothing of ours is loaded before the first pane is asked for, so whatever is missing or broken shows here:
a dependency, one that was built for another Python, a file of ours that does not compile.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any, Optional, Tuple

from nuke_ai_panel.words import tr

log = logging.getLogger(__name__)

# The names by which a reload finds panes, and the modules that fill them: neither can be asked while it is broken.
_PANEL, _EXPLORER = "nuke_ai_panel_pane", "nuke_ai_panel_explorer"
_FILLED_BY = {_PANEL: "nuke_ai_panel_qt.core.panel_reload", _EXPLORER: "nuke_ai_panel_qt.core.explorer_pane"}

def open_pane() -> Any:  # Any: a widget of whichever Qt this Nuke has
    """A pane with a panel in it, or with the reason why there is none. Cannot raise."""
    try:
        from ..core.panel_reload import open_pane as make
    except Exception as error:  # noqa: BLE001  (Nuke would show a blank pane and no reason)
        return pane_that_says_why(error)
    return make()


def open_explorer() -> Any:  # Any: see open_pane
    """A pane with the memory explorer in it, or with the reason why there is none. Cannot raise."""
    try:
        from ..core.explorer_pane import open_explorer_pane as make
    except Exception as error:  # noqa: BLE001  (see open_pane)
        return pane_that_says_why(error, _EXPLORER)
    return make()


class Placeholder:
    """Stands in a pane where there is no Qt to show anything with; Nuke asks every widget for `updateValue`."""

    def updateValue(self) -> None:
        """There is no knob behind it."""


def pane_that_says_why(error: Exception, kind: str = _PANEL) -> Any:
    """A pane with the reason in it instead of a panel. Cannot raise."""
    sentence, next_step = explained(error)
    details = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    log.debug("no panel: %s", details)
    try:
        from ..qt import QtWidgets

        pane = QtWidgets.QWidget()
        pane.setObjectName(kind)
        pane.updateValue = bool  # type: ignore[attr-defined]  # no attribute of Qt's
        QtWidgets.QVBoxLayout(pane).setContentsMargins(0, 0, 0, 0)
        _show_reason(pane, f"{sentence} {next_step}".strip(), details)
        return pane
    except Exception as other:  # noqa: BLE001  (no Qt, or none that works)
        sys.stderr.write(f"AI Panel cannot be shown. {sentence} {next_step}\n")
        if type(other) is not type(error):
            sys.stderr.write(f"{type(other).__name__}: {other}\n")
        return Placeholder()


def explained(error: Exception) -> Tuple[str, str]:
    """What is wrong, as a sentence, and what mends it."""
    if isinstance(error, SyntaxError) and error.filename:
        return (
            tr("A file of the panel does not compile: {filename}, line {lineno}: {msg}.", filename=error.filename,
            lineno=error.lineno, msg=error.msg),
            tr("Install the panel again, or mend the file and press Try again."),
        )
    try:
        from nuke_ai_panel.install.packages import explained as of_import
    except Exception:  # noqa: BLE001  (that one may be the broken file)
        return tr("The panel cannot be loaded: {name}: {error}.", name=type(error).__name__,
            error=error), tr("Install the panel again.")
    return of_import(error)


def _show_reason(pane: Any, sentence: str, details: str) -> None:
    from ..qt import QtWidgets

    page = QtWidgets.QWidget(pane)
    box = QtWidgets.QVBoxLayout(page)
    label = QtWidgets.QLabel(sentence)
    label.setWordWrap(True)
    label.setTextInteractionFlags(_selectable())
    text = QtWidgets.QPlainTextEdit(details)
    text.setReadOnly(True)
    text.setAccessibleName(tr("What went wrong"))
    again = QtWidgets.QPushButton(tr("Try again"))
    again.clicked.connect(lambda: _try_again(pane, page))
    for widget in (label, text, again):
        box.addWidget(widget)
    pane.layout().addWidget(page)


def _try_again(pane: Any, page: Any) -> None:
    """Another attempt in the same pane, after something was installed or mended."""
    import importlib

    importlib.invalidate_caches()
    failure: Optional[Exception] = None
    try:
        filled_by = importlib.import_module(_FILLED_BY[pane.objectName()])
    except Exception as error:  # noqa: BLE001  (still broken, perhaps otherwise)
        failure = error
    pane.layout().removeWidget(page)
    page.hide()
    page.deleteLater()
    if failure is None:
        filled_by.take_part()
        filled_by.fill(pane)
        return
    sentence, next_step = explained(failure)
    _show_reason(pane, f"{sentence} {next_step}".strip(), "".join(
        traceback.format_exception(type(failure), failure, failure.__traceback__)))


def _selectable() -> Any:
    from ..qt import QtCore

    return QtCore.Qt.TextInteractionFlag.TextSelectableByMouse
