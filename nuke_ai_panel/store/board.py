"""What others are told about the history: why it is not being saved, what was mended, what other sessions wrote.

The store thread writes it; any thread reads and listens. A listener is called on the store thread and must not wait.
"""

from __future__ import annotations

import logging
import threading
from typing import Callable, Dict, Optional

from ..messages import ErrorInfo
from .values import StoreChange

log = logging.getLogger(__name__)

Listener = Callable[[StoreChange], None]


class Board:
    """The newest facts and who wants to hear of them."""

    def __init__(self) -> None:
        self.trouble: Optional[ErrorInfo] = None
        self.notice: Optional[ErrorInfo] = None
        self.mode = ""
        self._lock = threading.Lock()
        self._listeners: Dict[int, Listener] = {}
        self._count = 0

    @property
    def has_listeners(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Adds a listener; the answer takes it away again. Any thread."""
        with self._lock:
            self._count += 1
            number = self._count
            self._listeners = {**self._listeners, number: listener}

        def leave() -> None:
            with self._lock:
                self._listeners = {key: one for key, one in self._listeners.items() if key != number}

        return leave

    def set_trouble(self, trouble: Optional[ErrorInfo]) -> None:
        """Says why history is not being saved; None when it is again."""
        if trouble != self.trouble:
            self.trouble = trouble
            self.tell(StoreChange(trouble=trouble, kind="trouble"))

    def set_notice(self, notice: ErrorInfo) -> None:
        """Says what was mended or ought to be known."""
        log.info("chat history: %s", notice.user_text)
        self.notice = notice
        self.tell(StoreChange(trouble=self.trouble, notice=notice, kind="notice"))

    def tell(self, change: StoreChange) -> None:
        """Calls every listener."""
        for listener in tuple(self._listeners.values()):
            try:
                listener(change)
            except Exception:  # a listener of ours that fails must not stop the store
                log.exception("a listener of the chat history failed")
