"""A real transcript on the screen, driven by wheel, mouse and keys."""

from __future__ import annotations

from typing import Any, Iterable, List, Tuple

from nuke_ai_panel_qt.qt import QtCore, QtGui, QtWidgets
from nuke_ai_panel_qt.ui.code_block import CodeBlock
from nuke_ai_panel_qt.ui.text_view import TextView
from nuke_ai_panel_qt.ui.theme import nuke_palette
from nuke_ai_panel_qt.ui.transcript import Transcript
from nuke_ai_panel_qt.ui.values import MessageItem

Qt = QtCore.Qt
NOTCH = 120
PROSE = "The **matte** is clipped before the merge, so the despill sees a hard edge where the hair should be soft. "


def talk(count: int) -> List[MessageItem]:
    """`count` questions and answers."""
    items = []
    for number in range(count):
        items.append(MessageItem(f"q{number}", "user", text=f"Question {number}: why does the edge break?"))
        items.append(MessageItem(f"a{number}", "assistant", text=f"Answer {number}. {PROSE * (2 + number % 5)}"))
    return items


def live(item_id: str = "live", text: str = "") -> MessageItem:
    """An answer that streams."""
    return MessageItem(item_id, "assistant", text=text, status="streaming")


def open_transcript(
    bot: Any, items: Iterable[MessageItem] = (), size: Tuple[int, int] = (420, 600), *, closed_by_bot: bool = True
) -> Transcript:
    """A shown transcript; `bot` is pytest-qt's, which has no types and holds widgets weakly."""
    transcript = Transcript()
    if closed_by_bot:
        bot.addWidget(transcript)
    bot.keeps = transcript
    transcript.setPalette(nuke_palette())
    transcript.resize(*size)
    transcript.show()
    bot.waitExposed(transcript).__enter__()
    transcript.activateWindow()
    transcript.set_items(items)
    settle()
    return transcript


def settle() -> None:
    """Lets every queued event be handled."""
    for _ in range(4):
        QtCore.QCoreApplication.processEvents()


def turn_wheel(transcript: Transcript, notches: float) -> None:
    """Turns the wheel over the middle of the transcript, as the system delivers it: from the widget under the pointer
    outward until one accepts it. Qt itself propagates only events of the window system."""
    middle = QtCore.QPoint(transcript.viewport().width() // 2, transcript.viewport().height() // 2)
    target = transcript.viewport().childAt(middle) or transcript.viewport()
    while target is not None:
        inside = target.mapFrom(transcript.viewport(), middle) if target is not transcript else middle
        event = QtGui.QWheelEvent(
            QtCore.QPointF(inside), QtCore.QPointF(target.mapToGlobal(inside)), QtCore.QPoint(0, 0),
            QtCore.QPoint(0, int(notches * NOTCH)), Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        event.ignore()
        QtWidgets.QApplication.sendEvent(target, event)
        if event.isAccepted() or target is transcript.viewport():
            break
        target = target.parentWidget()
    settle()


def at_end(transcript: Transcript) -> bool:
    """Whether the end is in view."""
    bar = transcript.verticalScrollBar()
    return bar.value() == bar.maximum()


def prose_of(transcript: Transcript, item_id: str) -> TextView:
    """The first stretch of prose of a message in sight."""
    view = transcript.view_of(item_id)
    assert view is not None
    return next(part for part in view.body.parts() if isinstance(part, TextView))


def code_of(transcript: Transcript, item_id: str) -> List[CodeBlock]:
    """The code blocks of a message in sight."""
    view = transcript.view_of(item_id)
    assert view is not None
    return [part for part in view.body.parts() if isinstance(part, CodeBlock)]


def seen_text(transcript: Transcript, item_id: str) -> str:
    """What the widgets of a message show."""
    view = transcript.view_of(item_id)
    assert view is not None
    return "\n".join(part.words() for part in view.body.parts())


def top_line(transcript: Transcript) -> Tuple[str, int]:
    """The message at the top of the screen, and the pixels of it that have scrolled out."""
    for item in transcript.items():
        view = transcript.view_of(item.id)
        if view is not None and not view.isHidden() and view.y() + view.height() > 0:
            return item.id, -view.y()
    return "", 0


def expect_text(bot: Any, transcript: Transcript, item_id: str, text: str) -> None:
    """Waits until a message shows exactly `text`: a stream rests after a parse that was dear."""
    bot.waitUntil(lambda: seen_text(transcript, item_id) == text, timeout=3000)


def let_draw(bot: Any, transcript: Transcript, item_id: str) -> None:
    """Waits until everything that has arrived in a message is drawn."""
    view = transcript.view_of(item_id)
    assert view is not None
    bot.waitUntil(lambda: not view.body.is_behind(), timeout=3000)
