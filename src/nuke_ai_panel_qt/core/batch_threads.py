"""What the batch view does on threads, brought back to the main thread."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Callable, Optional

from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.providers.threads import in_daemon_thread
from nuke_ai_panel.utils.event_loop_manager import create_task

from ..qt import QtCore
from .event_bridge import outcome

if TYPE_CHECKING:
    from .chat_session import ChatSession

log = logging.getLogger(__name__)


def on_thread(
    session: ChatSession, owner: QtCore.QObject, work: Callable[[], Any],  # Any: whatever the work makes
    done: Callable[[Any], None], failed: Optional[Callable[[BaseException], None]] = None,
) -> None:
    """Does `work` on a thread and calls `done` with what it made, unless `owner` is gone by then."""
    def finished(future: Future[Any]) -> None:
        result = outcome(future)
        if result.error is None:
            done(result.value)
            return
        if not isinstance(result.error, NukeAIError):
            log.error("something of the batch view failed", exc_info=result.error)
        if failed is not None:
            failed(result.error)

    session.bridge.when_done(create_task(in_daemon_thread(work)), finished, owner=owner)
