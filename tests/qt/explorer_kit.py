"""A history with known chats, and the explorer over the panel that shows them."""

from __future__ import annotations

import time
from typing import Any, List, Optional, Sequence, Tuple

from nuke_ai_panel.messages import ConversationKind, Message
from nuke_ai_panel.store import Store, new_id
from nuke_ai_panel_qt.core.explorer import ExplorerDesk
from nuke_ai_panel_qt.qt import QtCore
from nuke_ai_panel_qt.ui.explorer_values import ExplorerRow
from nuke_ai_panel_qt.ui.memory_explorer import MemoryExplorer

from .panel_kit import Desk

Qt = QtCore.Qt
WAIT_S = 20.0
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def chat(
    store: Store, title: str, *texts: str, kind: ConversationKind = "chat", tags: Sequence[str] = (),
    provider: str = "demo", model: str = "echo", script: Optional[str] = None, run_id: Optional[str] = None,
    days_ago: float = 0.0, **answer: Any,  # Any: fields of a Message
) -> Tuple[str, List[Message]]:
    """Stores a chat; every second text is an answer."""
    found = store.create_conversation(
        title=title, kind=kind, tags=tags, provider=provider, model=model, script=script, run_id=run_id
    ).result(WAIT_S)
    messages: List[Message] = []
    for number, text in enumerate(texts):
        is_answer = bool(number % 2)
        messages.append(Message(
            new_id(), found.id, messages[-1].id if messages else None, "assistant" if is_answer else "user", text,
            created_at=time.time() - days_ago * 86_400 + number,
            **({"provider": provider, "model": model, **answer} if is_answer else {}),
        ))
    for message in messages:
        store.add_message(message).result(WAIT_S)
    return found.id, messages


def open_explorer(desk: Desk) -> MemoryExplorer:
    """Ctrl+K, as an artist does."""
    desk.press(Qt.Key.Key_K, CONTROL)
    view = desk.manager.explorer.view
    assert view is not None and desk.panel.overlay.content() is view
    settle(desk)
    return view


def settle(desk: Desk) -> None:
    """Until nothing is typed, asked or read any more."""
    view, reader = desk.manager.explorer.view, desk.manager.explorer.desk
    assert view is not None and reader is not None
    desk.until(lambda: is_settled(view, reader))


def is_settled(view: MemoryExplorer, reader: ExplorerDesk) -> bool:
    """Whether what stands there is what is asked for."""
    return not view._timer.isActive() and not reader._is_reading and not reader._again.isActive()


def search(desk: Desk, text: str) -> Tuple[ExplorerRow, ...]:
    """Types over what stands in the field; the rows that come."""
    view = desk.manager.explorer.view
    assert view is not None
    view.focus_query()
    desk.bot.keyClicks(view.query, text)
    settle(desk)
    return view.list.rows.shown


def titles(view: MemoryExplorer) -> List[str]:
    """The titles on show."""
    return [row.title for row in view.list.rows.shown]


def pick(view: MemoryExplorer, *wanted: str) -> None:
    """Selects chats by their titles."""
    view.list.select([row.id for row in view.list.rows.shown if row.title in wanted])
