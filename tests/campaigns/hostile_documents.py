"""Shows hostile answers in the panel's real widgets and says what came of it; a program of test_hostile_documents.

    python -m tests.campaigns.hostile_documents COUNT SEED TRAP_FOLDER      # prints one JSON object

Every document names files under the folder of traps, hosts that do not exist and servers on this machine, in every
place where a renderer may fetch something. Each is streamed in pieces, completed, hovered, drawn three times, told as a
title, a tooltip, a chip and an error, copied, and collapsed or shown raw. Python's own audit hook sees what Python
opens; run it under strace to see what Qt opens too. The marks BEGIN and END in the trace lie around the documents.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, Dict, List, Tuple

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from nuke_ai_panel_qt.qt import QtCore, QtGui, QtWidgets
from nuke_ai_panel_qt.ui.safe_text import plain_tip
from nuke_ai_panel_qt.ui.theme import nuke_palette
from nuke_ai_panel_qt.ui.transcript import Transcript
from nuke_ai_panel_qt.ui.values import Chip, ErrorCard, MessageItem

BEGIN, END = "/hostile-documents-begin", "/hostile-documents-end"
HOST = "hostile.invalid"
FLUSH = 4_000  # characters that arrive between two frames of a quick stream
FRAME_MS = 100
PORT = 9
SCHEMES = (
    "file://", "file:", "http://", "https://", "ftp://", "smb://", "data:text/html,", "javascript:", "vbscript:",
    "qrc:",
    "qthelp://", "ms-msdt:", "ms-settings:", "search-ms:", "nuke://", "chrome://", "about:", "view-source:", "mailto:",
    "tel:", "JaVaScRiPt:", "java\tscript:", "&#106;avascript:", "&#x66;ile:", "%66ile:", "\\\\", "//", "/", "C:\\",
    "~/",
)
BIDI = "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u200e\u200f\ufeff\U000e0041"


class Maker:
    """Documents from a seed; `trap` is the folder whose files must not be opened."""

    def __init__(self, rng: random.Random, trap: Path) -> None:
        self._rng, self._trap = rng, trap

    def target(self) -> str:
        """An address of something that must not be fetched."""
        name = self._rng.choice(("secret.png", "secret.svg", "secret.css", "secret.html", "bomb.png", "none.png"))
        path = f"{self._trap}/{name}"
        return self._rng.choice((
            f"file://{path}", path, f"file:{path}", f"FILE://localhost{path}", f"//{HOST}/share/{name}",
            f"\\\\{HOST}\\share\\{name}", f"file://{HOST}/share/{name}", f"http://127.0.0.1:{PORT}/{name}",
            f"http://{HOST}/{name}", f"https://[::1]:{PORT}/{name}", f"qrc:{path}", f"image://theme/{path}",
            f"{path}?x=1", f"./../../../../../..{path}", f"file://{path}".replace("e", "%65"),
            "data:image/png;base64," + "iVBORw0KGgo" * 40, "data:image/svg+xml,<svg onload=alert(1)>",
            f"{self._rng.choice(SCHEMES)}{path}",
        ))

    def piece(self) -> str:
        """One attack."""
        one, other = self.target(), self.target()
        return self._rng.choice((
            f"![p]({one})", f"![p](<{one}> \"t\")", f"![p][r]\n\n[r]: {one}", f"[![p]({one})]({other})",
            f"<img src=\"{one}\">", f"<img src={one} srcset='{other} 2x'>", f"<body background=\"{one}\">",
            f"<div style=\"background:url({one})\">x</div>",
            f"<style>@import url('{one}'); p{{background:url({other})}}</style>",
            f"<link rel=stylesheet href=\"{one}\">", f"<iframe src=\"{one}\"></iframe>", f"<object data=\"{one}\">",
            f"<embed src=\"{one}\">", f"<video poster=\"{one}\" src=\"{other}\" autoplay>", f"<audio src=\"{one}\">",
            f"<svg><image href=\"{one}\"/><use xlink:href=\"{other}#a\"/></svg>", f"<script src=\"{one}\"></script>",
            f"<meta http-equiv=refresh content=\"0;url={one}\">", f"<base href=\"{one}\">",
            f"<form action=\"{one}\"><input>",
            f"<a href=\"{one}\">x</a>", f"[x]({one})", f"<{one}>", one, f"[x]({one} \"<img src={other}>\")",
            f"&lt;img src=&quot;{one}&quot;&gt;", f"&#60;img src=&#34;{one}&#34;&#62;",
            f"<table background='{one}'><tr><td>x",
            f"| a |\n|---|\n| ![p]({one}) <img src=\"{other}\"> |", f"> ![p]({one})", f"- [ ] ![p]({one})",
            f"```html\n<img src=\"{one}\">\n```", f"    <img src=\"{one}\">", f"<!-- <img src=\"{one}\"> -->",
            f"<![CDATA[<img src=\"{one}\">]]>", f"<img\nsrc\n=\n\"{one}\"\n>",
            f"<img src=\"{one}\" <img src=\"{other}\"",
            f"# ![p]({one})", f"{BIDI}![p]({one}){BIDI}", f"``` {one}\nx\n```", f"~~![p]({one})~~ **![p]({other})**",
            f"[^1]: ![p]({one})\n\nx[^1]", f"$$\\href{{{one}}}{{x}}$$", f"<math><mtext><img src=\"{one}\">",
            f"![{'[' * 30}]({one})", f"<p><!DOCTYPE x [<!ENTITY e SYSTEM \"{one}\">]>&e;",
            f"\x1b]8;;{one}\x1b\\x\x1b]8;;\x1b\\",
        ))

    def bomb(self) -> str:
        """Something that is large or deep."""
        size = self._rng.choice((200, 2_000, 20_000))
        return self._rng.choice((
            "A" * size * 5, "![" * size, "[" * size, "> " * size + "x", "- " * size, "<div>" * size, "*a " * size,
            "`" * size, "|a" * size + "|\n" + "|-" * size + "|", "&amp;" * size, "(" * size, "\u202e" * size,
            "a\u0301" * size, "<img src=x " + "a=b " * size, "```\n" + "x = 1\n" * size + "```", "\n" * size + "x",
            "".join(f"{'  ' * depth}- x\n" for depth in range(min(size, 400))), "![x](" + "a" * size * 4 + ")",
            "data:image/png;base64," + "A" * size * 20, "<b>" * size + "x" + "</b>" * size, "#" * size + " x",
            f"![big](file://{self._trap}/bomb.png)\n" * min(size, 400), "\ud83d\ude00" * (size // 2),
            "\u05d0 a " * size,
        ))

    def document(self) -> str:
        """A few attacks with prose between them, sometimes with a bomb."""
        parts = [self.piece() for _ in range(self._rng.randint(3, 12))]
        if self._rng.random() < 0.3:
            parts.insert(self._rng.randrange(len(parts)), self.bomb())
        return self._rng.choice(("\n\n", "\n", " ")).join(parts)


class Audit:
    """What Python itself opened or connected to while it was on."""

    def __init__(self, trap: Path) -> None:
        self._trap, self.is_on = str(trap), False
        self.seen: List[str] = []
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: Tuple[Any, ...]) -> None:  # Any: whatever Python reports
        if not self.is_on:
            return
        if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "webbrowser.open"):
            self.seen.append(f"{event} {arguments[1:]!r}"[:300])
        elif event == "open" and (self._trap in str(arguments[0]) or HOST in str(arguments[0])):
            self.seen.append(f"open {arguments[0]!r}"[:300])


def lay_traps(trap: Path) -> None:
    """The files that the documents point at: real ones, so that a renderer that looks finds something."""
    image = QtGui.QImage(6000, 6000, QtGui.QImage.Format.Format_Mono)
    image.fill(1)
    image.save(str(trap / "bomb.png"))
    image.copy(0, 0, 4, 4).save(str(trap / "secret.png"))
    (trap / "secret.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' width='4' height='4'/>", encoding="utf-8")
    (trap / "secret.css").write_text("p { color: red }", encoding="utf-8")
    (trap / "secret.html").write_text("<p>secret</p>", encoding="utf-8")


class Stage:
    """One transcript on which document after document is shown; `worst_ms` is the longest step of any."""

    def __init__(self) -> None:
        self.transcript = Transcript()
        self.transcript.setPalette(nuke_palette())
        self.transcript.resize(420, 700)
        self.transcript.show()
        self.opened: List[str] = []
        self.transcript.action.connect(lambda action, _id, payload: self.opened.append(f"{action} {payload}"))
        self.label = QtWidgets.QLabel()
        self.worst_ms, self.worst, self.over = 0.0, "", 0

    def show(self, number: int, text: str) -> None:
        """Streams, completes, draws and hovers one document, and tells it wherever else words of a model stand."""
        name = f"m{number}"
        self._step("begin", lambda: self.transcript.set_items([MessageItem(name, "assistant", status="streaming")]))
        for at in range(0, len(text), FLUSH):
            self._step("stream", partial(self.transcript.append_text, name, text[at:at + FLUSH]))
        short = text[:300]
        whole = MessageItem(
            name, "assistant", text=text, label=short, facts=short, facts_detail=short, notices=(short,),
            chips=(Chip("c", "file", short),),
            error=ErrorCard(sentence=short, next_step=short, facts=short, details=short, actions=("retry",)),
        )
        self._step("end", lambda: self.transcript.replace_item(whole))
        self.label.setToolTip(plain_tip(short))
        for _ in range(3):
            self._step("draw", self._draw)
        self._hover()
        QtWidgets.QApplication.clipboard().setText(text[:2_000])

    def _draw(self) -> None:
        self.transcript.viewport().update()
        self.transcript.grab()

    def _hover(self) -> None:
        for y in range(20, 680, 60):
            point = QtCore.QPoint(60 + y % 250, y)
            target = self.transcript.viewport().childAt(point) or self.transcript.viewport()
            inside = QtCore.QPointF(target.mapFrom(self.transcript.viewport(), point))
            move = QtGui.QMouseEvent(
                QtCore.QEvent.Type.MouseMove, inside, QtCore.QPointF(target.mapToGlobal(inside.toPoint())),
                QtCore.Qt.MouseButton.NoButton, QtCore.Qt.MouseButton.NoButton,
                QtCore.Qt.KeyboardModifier.NoModifier,
            )
            QtWidgets.QApplication.sendEvent(target, move)

    def _step(self, name: str, work: Any) -> None:  # Any: a callable whose result nobody reads
        begun = time.process_time()
        work()
        QtWidgets.QApplication.processEvents()
        took = (time.process_time() - begun) * 1000
        self.over += took > FRAME_MS
        if took > self.worst_ms:
            self.worst_ms, self.worst = took, name


def run(count: int, seed: int, trap: Path) -> Dict[str, Any]:
    """Shows `count` documents and says what was opened, and how long the longest step took in CPU time."""
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    lay_traps(trap)
    maker, audit, stage = Maker(random.Random(seed), trap), Audit(trap), Stage()
    # The first letter of a script makes Qt look for a font, once in the life of a program.
    stage.show(0, f"# Warm {BIDI}\n\n`x` **y** ~~z~~ *\u05d0\u0627\U0001f600a\u0301\u4e2d* [z](https://example.org) "
                  f"$\u2211$\n\n"
               "| a |\n|---|\n| b |\n\n> q\n\n```python\nprint(1)  # \u05d0\U0001f600\n```\n\n```html\n<p>\n```\n\n- "
               "[ ] x")
    application.processEvents()
    stage.worst_ms, stage.over = 0.0, 0
    audit.is_on = True
    os.path.exists(BEGIN)
    shown, slowest = 0, ""
    for number in range(1, count + 1):
        text, before = maker.document(), stage.worst_ms
        stage.show(number, text)
        slowest = f"{text[:60]!r} of {len(text)}" if stage.worst_ms > before else slowest
        shown += 1
    os.path.exists(END)
    audit.is_on = False
    return {
        "shown": shown, "audit": audit.seen, "opened": stage.opened, "worst_ms": round(stage.worst_ms, 1),
        "worst_step": stage.worst, "slowest": slowest, "steps_over_100_ms": stage.over,
    }


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))))
