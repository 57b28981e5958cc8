"""Model output is untrusted: nothing loads, nothing navigates, nothing hides, nothing freezes."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any, List, Tuple

import pytest

from nuke_ai_panel_qt.qt import QtCore, QtGui, QtWidgets, event_position
from nuke_ai_panel_qt.ui.safe_text import plain_tip, safe_link, visible_code, visible_prose
from nuke_ai_panel_qt.ui.text_view import TextView
from nuke_ai_panel_qt.ui.values import Chip, ErrorCard, MessageItem

from .transcript_kit import code_of, live, open_transcript, prose_of, seen_text, settle

Qt = QtCore.Qt
SLOW_MACHINE_S = 1.0


def hostile(secret: Path) -> str:
    return (
        f"<script>alert(1)</script> <img src=file://{secret}> <body background={secret}>\n\n"
        f"![one](file://{secret}) ![two]({secret}) ![three](//host/share/x.png) ![four](\\\\host\\share\\x.png)\n\n"
        f"![five](http://127.0.0.1:9/x.png) ![six][ref] [click](javascript:alert(1)) [f](file://{secret}) List<int>\n\n"
        "<style>p { background: url(http://127.0.0.1:9/x.css) }</style> <iframe src='http://127.0.0.1:9/'></iframe>\n\n"
        f"[ref]: http://127.0.0.1:9/y.png\n\n| a | b |\n|--|--|\n| <img src={secret}> | ![t]({secret}) |\n\n"
        f"> <img src={secret}>\n\n- ![l]({secret})\n\n```html\n<img src={secret}>\n```\n"
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> List[str]:
    """Every resource that a document asked for."""
    seen: List[str] = []
    document_asks = TextView.loadResource

    def spy(self: TextView, kind: int, name: QtCore.QUrl) -> None:
        seen.append(str(name))
        return document_asks(self, kind, name)

    monkeypatch.setattr(TextView, "loadResource", spy)
    return seen


def test_a_hostile_answer_is_text_and_asks_for_nothing(qtbot: Any, asked: List[str], tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    image = QtGui.QImage(4, 4, QtGui.QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    image.save(str(secret))
    transcript = open_transcript(qtbot, [MessageItem("a", "assistant", text=hostile(secret))], (420, 1600))

    for _ in range(3):
        transcript.viewport().update()
        transcript.grab()
        settle()

    text = seen_text(transcript, "a")
    assert asked == []
    for shown in ("<script>alert(1)</script>", f"<img src=file://{secret}>", "List<int>", "javascript:alert(1)"):
        assert shown in text
    view = transcript.view_of("a")
    assert view is not None
    for part in view.body.parts():
        if isinstance(part, TextView):
            assert "\ufffc" not in part.words()  # no image object stands in any document
            hrefs = re.findall(r'<a href="([^"]*)', part.document().toHtml())
            assert all(href.startswith("http://127.0.0.1:9/") for href in hrefs)  # opened by a click, never by drawing
            assert "<img" not in part.document().toHtml()


def test_an_image_becomes_a_chip_that_names_it(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, [MessageItem("a", "assistant", text="![a diagram](https://example.org/d.png)")])

    assert seen_text(transcript, "a") == "image: a diagram"


@pytest.mark.parametrize(
    ("target", "opens"),
    [
        ("https://example.org/a?b=c#d", True), ("http://example.org", True), ("mailto:td@example.org", True),
        ("HTTPS://EXAMPLE.ORG", True),
        ("javascript:alert(1)", False), ("file:///etc/passwd", False), ("data:text/html,x", False),
        ("smb://host/share", False), ("ms-settings:privacy", False), ("vbscript:x", False), ("qrc:/x", False),
        ("//host/share", False), ("\\\\host\\share", False), ("/etc/passwd", False), ("C:/windows", False),
        ("java\tscript:alert(1)", False), (" https://example.org", False), ("https://exa\nmple.org", False),
        ("https:", False), ("https:\\\\host", False), ("", False), ("http://[bad", False),
    ],
)  # fmt: skip
def test_only_web_and_mail_links_may_open(target: str, opens: bool) -> None:
    assert (safe_link(target) == target) is opens
    assert opens or safe_link(target) is None


def link_position(view: TextView, words: str) -> QtCore.QPoint:
    cursor = view.document().find(words)
    cursor.setPosition(cursor.selectionStart() + 2)
    return view.cursorRect(cursor).center()


def test_a_click_on_a_link_reports_its_target_and_navigates_nowhere(qtbot: Any, asked: List[str]) -> None:
    text = "See [the manual](https://learn.foundry.com/nuke) and https://example.org/x_(y)."
    transcript = open_transcript(qtbot, [MessageItem("a", "assistant", text=text)])
    prose = prose_of(transcript, "a")
    said: List[Tuple[str, str, object]] = []
    transcript.action.connect(lambda *args: said.append(args))

    for words in ("the manual", "https://example"):
        qtbot.mouseClick(prose.viewport(), Qt.MouseButton.LeftButton, pos=link_position(prose, words))

    assert said == [("link", "a", "https://learn.foundry.com/nuke"), ("link", "a", "https://example.org/x_(y)")]
    assert "the manual" in prose.words()
    assert asked == []


def test_a_hovered_link_shows_its_target_and_is_underlined(qtbot: Any) -> None:
    transcript = open_transcript(
        qtbot, [MessageItem("a", "assistant", text="See [https://bank.example](https://evil.example/x).")]
    )
    prose = prose_of(transcript, "a")
    at = link_position(prose, "bank")
    move = QtGui.QMouseEvent(
        QtCore.QEvent.Type.MouseMove, QtCore.QPointF(at), QtCore.QPointF(prose.viewport().mapToGlobal(at)),
        Qt.MouseButton.NoButton, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip

    QtWidgets.QApplication.sendEvent(prose.viewport(), move)

    assert event_position(move) == at
    assert prose.viewport().toolTip() == "https://evil.example/x"
    assert len(prose.extraSelections()) == 1


def test_a_reference_defined_later_links_when_the_answer_is_complete(qtbot: Any) -> None:
    transcript = open_transcript(qtbot)
    transcript.append_item(live())
    transcript.append_text("live", "See [the manual][m].\n\nMore.\n\n")
    transcript.append_text("live", "[m]: https://learn.foundry.com\n")

    transcript.replace_item(MessageItem("live", "assistant", text=transcript.text_of("live")))
    settle()

    assert seen_text(transcript, "live") == "See the manual.\nMore."


def test_control_characters_and_direction_overrides_are_written_out() -> None:
    assert visible_prose("a\x1b[31mb\x07\r\x08 \u202egpj.exe") == "a\\x1b[31mb\\x07\\x0d\\x08 \\u202egpj.exe"
    assert visible_prose("tag \U000e0041") == "tag \\U000e0041"
    assert visible_prose("می\u200cخواهم 👩\u200d💻 \t\n") == "می\u200cخواهم 👩\u200d💻 \t\n"
    assert visible_code("x\u200b = 1\ufeff") == "x\\u200b = 1\\ufeff"


def test_hostile_labels_are_plain_text(qtbot: Any, asked: List[str]) -> None:
    bad = "<img src=/etc/passwd><b>x</b>"
    transcript = open_transcript(
        qtbot,
        [
            MessageItem("q", "user", text=bad, chips=(Chip("1", "node", bad, 3),)),
            MessageItem("a", "assistant", text=bad, thinking=bad, label=bad, facts=bad, facts_detail=bad,
                        notices=(bad,), status="failed", error=ErrorCard(bad, bad, bad, bad, ("retry",))),
        ],
        (420, 1200),
    )  # fmt: skip
    transcript.grab()

    labels = transcript.findChildren(QtWidgets.QLabel)
    tips = [widget.toolTip() for widget in transcript.findChildren(QtWidgets.QWidget) if widget.toolTip()]
    assert asked == []
    assert labels == []
    assert not any(QtGui.Qt.mightBeRichText(tip) for tip in tips if "img" in tip)
    assert any("img" in tip for tip in tips)
    assert QtGui.Qt.mightBeRichText(bad) and not QtGui.Qt.mightBeRichText(plain_tip(bad))


def test_copying_a_selection_is_plain_text(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, [MessageItem("a", "assistant", text="- **one** [x](https://e.org)\n- two")])
    prose = prose_of(transcript, "a")

    prose.selectAll()
    prose.copy()

    data = QtWidgets.QApplication.clipboard().mimeData()
    assert not data.hasHtml()
    assert data.text() == "• one x\n• two"


@pytest.mark.parametrize(
    "text",
    [
        "A" * 1_000_000,
        "```\n" + "x = 1\n" * 170_000 + "```",
        "```\n" + "B" * 1_000_000 + "\n```",
        "<div>" * 50_000,
        ">" * 100_000,
        "> " * 50_000 + "x",
        "[" * 50_000,
        "\n".join("  " * depth + "- x" for depth in range(400)),
        "**a " * 20_000,
        "| a " * 5_000 + "|\n" + "|--" * 5_000 + "|\n",
        "`a" * 20_000,
    ],
    ids=["line", "code", "code line", "tags", "quotes", "quotes 2", "brackets", "lists", "stars", "table", "ticks"],
)
def test_no_answer_freezes_the_panel(qtbot: Any, text: str) -> None:
    transcript = open_transcript(qtbot)

    started = time.perf_counter()
    transcript.set_items([MessageItem("a", "assistant", text=text)])
    transcript.grab()
    taken = time.perf_counter() - started

    assert taken < SLOW_MACHINE_S
    assert transcript.text_of("a") == text


@pytest.mark.parametrize("piece", ["A" * 400, "[" * 400, "> " * 200, "| a " * 100, "**a " * 100, "x = 1\n" * 60])
def test_no_stream_freezes_the_panel(qtbot: Any, piece: str) -> None:
    transcript = open_transcript(qtbot)
    transcript.append_item(live())

    flushes = []
    for _ in range(150):
        started = time.perf_counter()
        transcript.append_text("live", piece)
        flushes.append(time.perf_counter() - started)
        settle()

    assert transcript.text_of("live") == piece * 150
    assert sorted(flushes)[len(flushes) // 2] < 0.05
    assert max(flushes) < SLOW_MACHINE_S


def test_deep_nesting_stays_visible_as_text(qtbot: Any) -> None:
    text = "\n".join("  " * depth + f"- level{depth}" for depth in range(120))
    transcript = open_transcript(qtbot, [MessageItem("a", "assistant", text=text)], (420, 3000))
    shown = seen_text(transcript, "a") + "".join(block.code() for block in code_of(transcript, "a"))

    assert all(f"level{depth}" in shown for depth in range(120))
