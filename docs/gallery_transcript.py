"""Renders the transcript's states to PNG files, to be looked at. Offscreen, one binding at a time.

    QT_QPA_PLATFORM=offscreen QT_SCALE_FACTOR=2 python docs/gallery_transcript.py FOLDER

Every scene is drawn at 280, 420 and 1,000 px on Nuke's dark palette and on a light one.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Dict, Tuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from nuke_ai_panel_qt.qt import BINDING, QtCore, QtGui, QtWidgets  # noqa: E402
from nuke_ai_panel_qt.ui.theme import light_palette, nuke_palette  # noqa: E402
from nuke_ai_panel_qt.ui.transcript import Transcript  # noqa: E402
from nuke_ai_panel_qt.ui.values import Chip, ErrorCard, MessageItem  # noqa: E402

ANSWER = """\
The matte is clipped **before** the merge, so the despill sees a hard edge where the hair should be soft. \
Look at `Keylight1`: its *screen gain* is 1.3, and the `clip white` of 0.82 throws away the last fifth of the key.

1. Lower the screen gain to about `1.05` and let the core matte do the rest.
2. Put the despill **after** the edge extend, not before it:
   - branch from the original plate
   - keep the alpha of the key

```python
k = nuke.toNode("Keylight1")
k["screenGain"].setValue(1.05)
for node in nuke.selectedNodes("Merge2"):
    node["operation"].setValue("under")  # keeps the hair's own colour instead of the despilled one
```

See [Foundry's notes on keying](https://learn.foundry.com/nuke/content/keying.html) for the order they recommend.
"""

RICH = """\
## What changes between the two

> A despill removes the screen's colour from what is left of it.
> It cannot know where hair ends.

| Knob | Now | Better | Why |
|:-----|----:|-------:|:----|
| screenGain | 1.30 | 1.05 | keeps the soft edge |
| clipWhite | 0.82 | 0.96 | the last fifth of the key |
| despillBias | `0 1 0` | `0.1 0.9 0.1` | skin tones |

### Before you render

- [x] check the alpha at the *hair line*
- [ ] compare with ~~last week's~~ yesterday's version
- [ ] one more item with a [link](https://example.org/a/very/long/path/that/has/no/end) in it

---

- In a list:

  ```tcl
  set cut_paste_input [stack 0]
  Blur { size {{"Keylight1.screenGain * 2"}} name Blur3 }
  ```

- and after it. Raw `<b>HTML</b>` stays text: <script>alert(1)</script>, List<int>.

![a diagram](https://example.org/diagram.png)

שלום, זה משפט בעברית עם `inline code` בפנים.
"""

CHIPS = (Chip("1", "node", "Keylight1", 84), Chip("2", "node", "Merge2", 61), Chip("3", "file", "paste.txt", 2140))
ERROR = ErrorCard(
    "Ollama did not answer.",
    "Start it with “ollama serve”, or choose another model.",
    "Ollama · qwen2.5-coder:7b · connection refused",
    "details",
    ("retry", "switch_model", "copy_details"),
)
FACTS = {"label": "qwen2.5-coder:7b · Ollama", "facts": "412 tok · 38/s", "facts_detail": "First token 0.4 s"}


def scenes() -> Dict[str, Tuple[MessageItem, ...]]:
    """What is rendered, by name."""
    question = MessageItem("q1", "user", text="Why is my despill eating the edge?", chips=CHIPS[:2], time="14:32")
    long_question = MessageItem(
        "q2", "user", text="Compare the two keys, please.\nI want to know which knobs matter for hair:\n\n"
        "```\nKeylight1.screenGain 1.3\n```", branch=(2, 3), chips=CHIPS,
    )  # fmt: skip
    return {
        "chat": (
            question,
            MessageItem("a1", "assistant", text=ANSWER, thinking="The edge is soft.", thinking_s=12.3, **FACTS),
            MessageItem("q3", "user", text="Thanks"),
            MessageItem("a3", "assistant", text="Glad it helps.", branch=(2, 3), **FACTS),
        ),
        "rich": (long_question, MessageItem("a2", "assistant", text=RICH, **FACTS)),
        "states": (
            MessageItem("n1", "notice", text="Earlier messages were left out to fit the model's window: 12."),
            question,
            MessageItem("w", "assistant", status="streaming", wait="Loading qwen2.5-coder:7b… 12 s", **FACTS),
            MessageItem("t", "assistant", status="streaming", thinking="The artist asks", thinking_s=4, **FACTS),
            MessageItem("s", "assistant", status="streaming", text="The matte is clipped before the", **FACTS),
            MessageItem("x", "assistant", status="stopped", text="The matte is clipped", **FACTS),
            MessageItem("i", "assistant", status="interrupted", text="Look at the alpha first.", **FACTS),
            MessageItem("l", "assistant", text="A long list, part one.", truncated=True, **FACTS,
                        notices=("The server dropped about 1,200 tokens from the start.",)),
            MessageItem("e", "assistant", status="failed", text="The matte is", error=ERROR, **FACTS),
        ),
        "code": (
            MessageItem("c", "assistant", text="```python\n" + "\n".join(
                f"def grade_{n}(node: str, gain: float = {n}.5) -> bool:\n    return node != '{n}'  # a comment"
                for n in range(60)) + "\n```\n", **FACTS),
        ),
    }  # fmt: skip


def main(folder: Path) -> None:
    """Renders every scene into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    app = QtWidgets.QApplication.instance() or QtWidgets.QApplication(sys.argv[:1])
    app.setStyle("Fusion")
    font = QtGui.QFont("DejaVu Sans")
    font.setPixelSize(13)
    for mode, palette in (("dark", nuke_palette()), ("light", light_palette())):
        for name, items in scenes().items():
            for width in (280, 420, 1000):
                transcript = Transcript()
                transcript.setPalette(palette)
                transcript.setFont(font)
                transcript.resize(width, 700)
                transcript.show()
                transcript.set_items(items)
                transcript.scroll_to_start()
                content = transcript.verticalScrollBar().maximum() + 700
                transcript.resize(width, min(2400, content))
                transcript.scroll_to_start()
                for _ in range(5):
                    QtCore.QCoreApplication.processEvents()
                path = folder / f"{name}-{width}-{mode}-{BINDING}-{transcript.devicePixelRatioF():g}x.png"
                transcript.grab().save(str(path))
                transcript.deleteLater()
                QtCore.QCoreApplication.processEvents()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "gallery"))
