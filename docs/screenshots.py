"""Renders every state of the panel on the running binding: dark and light, 100 % and 200 %, at 280, 420 and 1000 px.

    python docs/screenshots.py                       all states into build/screenshots/<binding>/
    python docs/screenshots.py --states answer error --scales 1 --widths 420
    python docs/screenshots.py --curated             the few that the pages show, into docs/screenshots/

Each picture is a real panel on a real App, brought into its state by clicks; only the models are scripted. Needs no
display and no network.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src"), str(ROOT / "docs")]
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from screenshot_batch import BATCH_STATES  # noqa: E402
from screenshot_craft import CRAFT_STATES  # noqa: E402
from screenshot_explorer import EXPLORER_STATES  # noqa: E402
from screenshot_nuke import NUKE_STATES  # noqa: E402
from screenshot_states import STATES, DemoProvider, Stage  # noqa: E402
from screenshot_status import STATUS_STATES  # noqa: E402

from nuke_ai_panel.app import App  # noqa: E402 - the path comes first
from nuke_ai_panel.keys import Keys  # noqa: E402
from nuke_ai_panel.providers.registry import provider_class  # noqa: E402
from nuke_ai_panel.settings import load_settings  # noqa: E402
from nuke_ai_panel.store import Store  # noqa: E402
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop  # noqa: E402
from nuke_ai_panel_qt.core.chat_session import ChatSession  # noqa: E402
from nuke_ai_panel_qt.core.panel_widget import PanelWidget  # noqa: E402
from nuke_ai_panel_qt.qt import BINDING, QtGui, QtWidgets  # noqa: E402
from nuke_ai_panel_qt.ui.theme import light_palette, nuke_palette  # noqa: E402

STATES.update({**BATCH_STATES, **CRAFT_STATES, **EXPLORER_STATES, **NUKE_STATES, **STATUS_STATES})
WIDTHS, SCALES, PALETTES = (280, 420, 1000), (1, 2), ("dark", "light")
HEIGHT = 760
FONT_PX = 12
# (file name, state, palette, width): what README and the tutorial show, at 200 %.
CURATED = (
    ("answer", "answer", "dark", 460), ("first-run", "first-run", "dark", 460), ("model-picker", "picker", "dark", 460),
    ("error", "unreachable", "dark", 460), ("wide", "wide", "dark", 1000), ("light", "answer", "light", 460),
    ("context-menu", "context-menu", "dark", 460), ("mention", "mention", "dark", 460),
    ("findings", "findings", "dark", 460), ("run-sheet", "run-sheet", "dark", 460),
    ("run-result", "run-result", "dark", 460),
    ("thinking", "thinking", "dark", 460), ("branches", "branches", "dark", 460),
    ("batch-plan", "batch-plan", "dark", 460), ("batch-running", "batch-running", "dark", 460),
    ("batch-done", "batch-done", "dark", 460),
    ("right-to-left", "right-to-left", "dark", 460), ("explorer-search", "explorer-search", "dark", 460),
    ("statistics", "explorer-use", "dark", 460), ("explorer-light", "explorer", "light", 760),
    ("damaged-history", "damaged", "dark", 460),
    ("missing-package", "missing-package", "dark", 460), ("report", "report", "dark", 760),
)


# ---------------------------------------------------------------- rendering


def open_app(home: Path, state: str) -> App:
    """An App whose providers play scripts."""
    scripted = {"openrouter"} if state == "first-run-no-ollama" else {"ollama", "openrouter"}
    rows: Dict[str, Any] = {"providers.ollama.retries": 2 if state == "retrying" else 0}
    if "ollama" not in scripted:
        rows["providers.ollama.base_url"] = "http://127.0.0.1:9"
    env = {"NUKE_AI_PANEL_HOME": str(home)}
    settings = load_settings(env=env, overrides=rows)
    return App(
        settings, keys=Keys(env, home), store=Store(home / "history.db"),
        reload=lambda: load_settings(env=env, overrides=rows),
        classes=lambda kind: DemoProvider if kind in scripted else provider_class(kind),
    )


def render(
    application: QtWidgets.QApplication, state: str, palette: str, widths: Sequence[int], save: Callable[[int], Path]
) -> List[Path]:
    """Brings a panel into a state once for each width and saves it."""
    saved = []
    application.setPalette(nuke_palette() if palette == "dark" else light_palette())
    for width in widths:
        with tempfile.TemporaryDirectory() as folder:
            session = ChatSession(open_app(Path(folder), state))
            widget = PanelWidget(session=session)
            widget.move(60, 60)  # away from the pointer, which would hover over something
            widget.resize(width, HEIGHT)
            widget.show()
            widget.activateWindow()
            with ExitStack() as later:
                stage = Stage(application, session, widget, later)
                stage.turn(0.05)
                STATES[state](stage)
                stage.turn(0.4)
                target = save(width)
                target.parent.mkdir(parents=True, exist_ok=True)
                stage.shown().grab().save(str(target))
                saved.append(target)
                widget.close()
                session.close()
            widget.deleteLater()
            application.processEvents()
    return saved


def draw_here(states: Sequence[str], palettes: Sequence[str], widths: Sequence[int], scale: int, out: Path) -> None:
    """Draws in this process, whose scale factor Qt has taken from the environment."""
    application = make_application()
    for palette in palettes:
        for state in states:
            render(application, state, palette, widths,
                   lambda width, state=state, palette=palette: out / f"{state}-{palette}-{width}-{scale}x.png")
    shutdown_event_loop()


def draw_curated(out: Path) -> None:
    """The committed pictures."""
    application = make_application()
    for name, state, palette, width in CURATED:
        render(application, state, palette, (width,), lambda _, name=name: out / f"{name}.png")
    shutdown_event_loop()


def make_application() -> QtWidgets.QApplication:
    """Looks like the standalone window, with one font on every machine that has it."""
    application = QtWidgets.QApplication([])
    application.setStyle("Fusion")
    font = QtGui.QFont("DejaVu Sans")
    font.setPixelSize(FONT_PX)
    application.setFont(font)
    return application


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--states", nargs="*", default=list(STATES), choices=list(STATES))
    parser.add_argument("--palettes", nargs="*", default=list(PALETTES), choices=PALETTES)
    parser.add_argument("--widths", nargs="*", type=int, default=list(WIDTHS))
    parser.add_argument("--scales", nargs="*", type=int, default=list(SCALES))
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "screenshots" / BINDING)
    parser.add_argument("--curated", action="store_true")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.here and given.curated:
        draw_curated(ROOT / "docs" / "screenshots")
        return 0
    if given.here:
        draw_here(given.states, given.palettes, given.widths, given.scales[0], given.out)
        return 0
    for scale in (2,) if given.curated else given.scales:
        command = [sys.executable, __file__, "--here", "--scales", str(scale), "--out", str(given.out)]
        command += ["--curated"] if given.curated else [
            "--states", *given.states, "--palettes", *given.palettes, "--widths", *map(str, given.widths),
        ]
        subprocess.run(command, check=True, env={**os.environ, "QT_SCALE_FACTOR": str(scale)})
    print(f"saved in {ROOT / 'docs' / 'screenshots' if given.curated else given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
