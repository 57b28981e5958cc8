"""What the menus mend: restart, reconnect, developers' mode. Main thread; what takes time happens on another one."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from typing import Callable, Optional

from nuke_ai_panel import troubleshooter
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.words import tr

from ..qt import QtCore
from ..ui.panel_values import Banner
from . import explorer_pane, panel_reload
from .event_bridge import outcome
from .pane import content, panes
from .panel_manager import PanelManager

log = logging.getLogger(__name__)


def restart_soon() -> None:
    """Restarts from Qt's event loop, never from a slot of a panel that it takes apart."""
    QtCore.QTimer.singleShot(0, _restart)


def say_when_done(manager: PanelManager, meanwhile: str, call: Callable[[], str]) -> None:
    """Runs `call` on a thread of its own and says in the panel what it returned, or why it failed."""
    manager.panel.say(meanwhile)
    answer: Future[str] = Future()

    def work() -> None:
        try:
            answer.set_result(call())
        except Exception as error:  # noqa: BLE001  # not stopped here: it is said in the panel
            answer.set_exception(error)

    def said(done: Future[str]) -> None:
        if not manager.is_alive():
            return
        found = outcome(done)
        if found.error is None:
            manager.panel.say(found.value or "")
        else:
            manager.panel.banner.set_banner(Banner("warning", _words(found.error)))

    manager.session.bridge.when_done(answer, said, owner=manager)
    threading.Thread(target=work, name="nuke-ai-mending", daemon=True).start()


def switch_developer_mode(manager: PanelManager) -> None:
    """Turns `developer.reload` on or off in the user's settings, and says which."""
    wanted = not manager.session.app.settings.developer.reload
    words = tr("Developers' mode is on: a saved file counts at once.") if wanted else tr("Developers' mode is off.")

    def said(error: Optional[BaseException]) -> None:
        if not manager.is_alive():
            return
        if error is None:
            manager.panel.say(words)
        else:
            manager.panel.banner.set_banner(Banner("warning", _words(error)))

    manager.session.writer.save({"developer.reload": wanted}, said)


def _restart() -> None:
    explorers, panels = explorer_pane.freeze(), panel_reload.freeze()
    try:
        troubleshooter.restart()
    finally:
        panel_reload.thaw(panels)
        explorer_pane.thaw(explorers)
    for pane in panes():
        widget = content(pane)
        if widget is not None and widget.manager is not None:
            widget.manager.panel.say(tr("Restarted. The next question connects anew."))


def _words(error: BaseException) -> str:
    if isinstance(error, NukeAIError):
        return f"{error.user_text} {error.next_step}".strip()
    log.error("mending failed", exc_info=error)
    return tr("That failed: {error}", error=error)
