"""The transcript's budgets, measured on the running binding and printed beside what they may be. Asserts nothing.

    QT_QPA_PLATFORM=offscreen python -m bench.transcript

`measure()` answers the figures; the suite allows twice each budget.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from pathlib import Path
from typing import Dict, List, NamedTuple

if sys.platform != "win32":
    import resource

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from nuke_ai_panel_qt.qt import BINDING, QtCore, QtWidgets  # noqa: E402
from nuke_ai_panel_qt.ui.theme import nuke_palette  # noqa: E402
from nuke_ai_panel_qt.ui.transcript import Transcript  # noqa: E402
from nuke_ai_panel_qt.ui.values import MessageItem  # noqa: E402

MESSAGES = 2_000
TOKENS_PER_S = 250
TOKEN_CHARACTERS = 4
FLUSH_S = 0.04
STREAM_S = 6.0
PROSE = (
    "The **matte** is clipped before the merge, so the despill sees a hard edge where the hair should be soft. "
    "Look at `Keylight1`: its *screen gain* is 1.3, and the clip white of 0.82 throws away the last fifth.\n\n"
)
LIST = "1. Lower the screen gain to about `1.05`.\n2. Put the despill after the edge extend:\n   - branch the plate\n\n"
CODE = """```python
k = nuke.toNode("Keylight1")
k["screenGain"].setValue(1.05)
for n in nuke.selectedNodes():
    n.setSelected(False)
```

"""


class Figure(NamedTuple):
    """A measured value and its budget."""

    name: str
    value: float
    budget: float
    unit: str


def conversation(count: int = MESSAGES) -> List[MessageItem]:
    """A long conversation of questions and answers of everyday length."""
    items = []
    for number in range(count // 2):
        text = f"## Step {number}\n\n{PROSE * (1 + number % 4)}{LIST}{CODE if number % 2 else ''}{PROSE}"
        items.append(MessageItem(f"q{number}", "user", text=f"Why is my despill eating the edge of shot {number}?"))
        items.append(MessageItem(f"a{number}", "assistant", text=text, label="model · Ollama", facts="412 tok · 38/s"))
    return items


def stream_text(characters: int) -> str:
    """An answer with headings, prose, lists, a table and code."""
    table = "| Knob | Now | Better |\n|:--|--:|--:|\n| screenGain | 1.30 | 1.05 |\n| clipWhite | 0.82 | 0.96 |\n\n"
    chapter = f"### A chapter\n\n{PROSE * 2}{LIST * 2}{CODE}{table}> {PROSE}"
    return (chapter * (characters // len(chapter) + 1))[:characters]


def spin(seconds: float) -> None:
    """Lets Qt work for a while."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        QtCore.QCoreApplication.processEvents()
        time.sleep(0.001)


def shown() -> Transcript:
    """A transcript of a pane's size, on the screen."""
    transcript = Transcript()
    transcript.setPalette(nuke_palette())
    transcript.resize(420, 900)
    transcript.show()
    spin(0.05)
    return transcript


def measure_open(items: List[MessageItem]) -> float:
    """Milliseconds from the data of a long conversation to its painted end."""
    transcript = shown()
    started = time.perf_counter()
    transcript.set_items(items)
    transcript.grab()
    taken = time.perf_counter() - started
    transcript.deleteLater()
    spin(0.01)
    return taken * 1000


def measure_stream(items: List[MessageItem], *, seconds: float = STREAM_S) -> Dict[str, float]:
    """Flush times, heartbeat gaps and the share of a core while an answer streams into a long conversation."""
    transcript = shown()
    transcript.set_items(items)
    transcript.append_item(MessageItem("live", "assistant", status="streaming", label="model"))
    transcript.follow()
    spin(0.3)
    text = stream_text(int(seconds * TOKENS_PER_S * TOKEN_CHARACTERS))
    step = int(TOKENS_PER_S * TOKEN_CHARACTERS * FLUSH_S)
    flushes: List[float] = []
    gap, last = 0.0, time.perf_counter()
    cpu_started, started = time.process_time(), time.perf_counter()
    at = 0
    while at < len(text):
        now = time.perf_counter()
        if now - started >= len(flushes) * FLUSH_S:
            transcript.append_text("live", text[at : at + step])
            at += step
            flushes.append(time.perf_counter() - now)
        QtCore.QCoreApplication.processEvents()
        now = time.perf_counter()
        gap, last = max(gap, now - last), now
        time.sleep(0.004)
    share = (time.process_time() - cpu_started) / (time.perf_counter() - started)
    assert transcript.text_of("live") == text
    transcript.deleteLater()
    spin(0.01)
    flushes.sort()
    return {
        "mean": statistics.mean(flushes) * 1000,
        "p95": flushes[int(len(flushes) * 0.95)] * 1000,
        "gap": gap * 1000,
        "share": share * 100,
    }


def measure_resize(items: List[MessageItem]) -> float:
    """Milliseconds of the slowest of 20 steps of a dragged dock edge, painted; the median of three drags."""
    transcript = shown()
    transcript.set_items(items)
    transcript.scroll_by(-40_000)
    spin(0.3)
    drags = []
    for drag in range(3):
        steps = []
        for step in range(20):
            started = time.perf_counter()
            transcript.resize(420 + (step if drag % 2 else 20 - step) * 8, 900)
            QtCore.QCoreApplication.processEvents()
            steps.append(time.perf_counter() - started)
        drags.append(sorted(steps)[int(len(steps) * 0.9)])
    transcript.deleteLater()
    spin(0.01)
    return statistics.median(drags) * 1000


def measure_memory(items: List[MessageItem]) -> float:
    """Megabytes that showing a long conversation and walking through it adds; 0 where the system does not count."""
    if sys.platform == "win32":
        return 0.0
    transcript = shown()
    transcript.set_items(items[:20])
    spin(0.1)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    transcript.set_items(items)
    for _ in range(60):
        transcript.scroll_by(-4_000)
        spin(0.005)
    added = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    transcript.deleteLater()
    spin(0.01)
    return added / 1024


def measure(*, seconds: float = STREAM_S) -> List[Figure]:
    """Every figure with its budget."""
    items = conversation()
    memory = measure_memory(items)
    opened = statistics.median(measure_open(items) for _ in range(3))
    stream = measure_stream(items, seconds=seconds)
    return [
        Figure("open 2,000 messages", opened, 150, "ms"),
        Figure("flush, mean", stream["mean"], 3, "ms"),
        Figure("flush, p95", stream["p95"], 8, "ms"),
        Figure("longest heartbeat gap", stream["gap"], 50, "ms"),
        Figure("share of a core at 250 tokens/s", stream["share"], 20, "%"),
        Figure("added memory", memory, 30, "MB"),
        Figure("step of a dock resize", measure_resize(items), 16, "ms"),
    ]


def main() -> None:
    """Prints the figures."""
    app = QtWidgets.QApplication.instance() or QtWidgets.QApplication(sys.argv[:1])
    app.setStyle("Fusion")
    print(f"transcript on {BINDING} {QtCore.qVersion()}")
    for figure in measure():
        within = "" if figure.value <= figure.budget else "   over"
        print(f"  {figure.name:<34}{figure.value:8.1f} {figure.unit:<3} budget {figure.budget:g} {figure.unit}{within}")


if __name__ == "__main__":
    main()
