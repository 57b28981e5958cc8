"""The panel in a language that brackets and lengthens every sentence: nothing of ours is bare, nothing is cut.

The surfaces are the states of docs/screenshots.py. NUKE_AI_PANEL_SURFACES=all walks every one of them, at every width.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Iterator, List, Set

import pytest

from nuke_ai_panel import words
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop
from nuke_ai_panel_qt.core.chat_session import ChatSession
from nuke_ai_panel_qt.core.panel_widget import PanelWidget
from nuke_ai_panel_qt.qt import QtGui, QtWidgets
from nuke_ai_panel_qt.ui.theme import nuke_palette

from .surfaces import Seen, cut, texts, untranslated

sys.path.append(str(Path(__file__).resolve().parents[2] / "docs"))
from screenshots import FONT_PX, HEIGHT, STATES, Stage, open_app

# Their scripts press or say what is English.
SPEAK_ENGLISH = {
    "first-run", "download", "loading", "retrying", "provider-tested", "settings-tested", "status-waiting", "log",
    "no-key", "banner", "missing-package", "reload-failed", "reload-traceback",
}
FEW = ("empty", "answer", "picker", "settings", "provider", "explorer", "ledger", "prompt-library", "nearly-full")
ALL = os.environ.get("NUKE_AI_PANEL_SURFACES") == "all"
SURFACES = [name for name in STATES if name not in SPEAK_ENGLISH] if ALL else FEW
WIDTHS = (280, 420, 1000) if ALL else (280,)
# What an artist or a provider has written and named is shown as it is.
CONTENT = {"TextView", "MessageView", "ExplorerList", "_ConversationView", "_ModelView", "Mentions", "SlashList",
           "QPlainTextEdit", "LiveRegion", "Footer", "_Query", "QLabel", "QListView"}
NAMES = re.compile(
    r"https?://\S+|/\S+|\b[\w-]+(?:[.:/][\w-]+)+|\b\w+_\w+\b|\b(?:Ctrl|Shift|Alt|Esc|Del|F\d+)\b|\bNuke AI Panel\b"
    r"|\bLens|Pinned|{{|}}|\b(?:Up|Down|HTTP|openai|ollama|openrouter|network|GB|MB|KB)\b|#\w+|[a-z]+\d+"
)


@pytest.fixture
def pseudo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(words, "_load", lambda language, folders: words._Pseudo())
    words.choose(words.PSEUDO)
    yield
    monkeypatch.undo()
    words.choose("")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("state", SURFACES)
def test_a_surface_is_translated_whole_and_nothing_is_cut(
    state: str, width: int, pseudo: None, qapp: QtWidgets.QApplication, qtbot: Any, tmp_path: Path
) -> None:
    before, font_before = qapp.palette(), qapp.font()
    qapp.setPalette(nuke_palette())
    font = QtGui.QFont("DejaVu Sans")
    font.setPixelSize(FONT_PX)
    qapp.setFont(font)
    session = ChatSession(open_app(tmp_path, state))
    widget = PanelWidget(session=session)
    widget.resize(width, HEIGHT)
    widget.show()
    widget.activateWindow()
    with ExitStack() as later:
        stage = Stage(qapp, session, widget, later)
        stage.turn(0.05)
        STATES[state](stage)
        stage.turn(0.3)
        shown = stage.shown()
        names = names_of(session)
        bare = [one for one in texts(shown) if is_bare(one, names)]
        short = cut(shown)
        widget.close()
        session.close()
    widget.deleteLater()
    qapp.processEvents()
    qapp.setPalette(before)
    qapp.setFont(font_before)
    shutdown_event_loop()

    assert bare == []
    assert short == []


def names_of(session: ChatSession) -> Set[str]:
    """What is called as it is called, whoever reads it."""
    rows = session.app.settings.providers.values()
    found = {row.name for row in rows} | {row.label for row in rows} | {one.title for one in session.conversations}
    return {name for name in found | {"Roto plan", "plate notes.txt", "paste", "fallback"} if name}


def is_bare(one: Seen, names: Set[str]) -> bool:
    """Whether there are words of ours in it that went through no catalogue."""
    if one.where in CONTENT:
        return one.text in english()
    rest = NAMES.sub(" ", untranslated(one.text).replace("plate notes.txt", ""))
    for name in sorted(names, key=len, reverse=True):
        rest = rest.replace(name, " ")
    for half in names:  # titles are cut where there is no room
        if len(rest) > 12 and half.startswith(rest.rstrip("…. ")):
            return False
    return re.search(r"[A-Za-z]{3}", rest) is not None


def english() -> Set[str]:
    """A few words of ours that stand in lists beside content."""
    return {"Today", "Yesterday", "You", "Answer", "Favourites", "Recent", "New conversation", "Another time"}


def test_the_walk_tells_what_is_bare(qtbot: Any) -> None:
    row: List[Seen] = [Seen("Button", "[Çöpý~]"), Seen("Button", "Copy"), Seen("Text", "[Üšé [93 MB~] nöw~] gone")]

    assert [is_bare(one, set()) for one in row] == [False, True, True]
