"""The states of conversation craft that `screenshots.py` renders: system prompts, prompt library, forks and more."""

from __future__ import annotations

from typing import Callable, Dict

from screenshot_states import QUESTION, SMALL, Stage

SYSTEM = "You help a senior compositor in Nuke. Answer in a few sentences."


def system_sheet(stage: Stage) -> None:
    stage.choose(SMALL)
    stage.manager.system.open()
    sheet = stage.manager.system.sheet
    assert sheet is not None
    stage.until(lambda: bool(stage.session.prompts.shelf.presets))
    stage.turn(0.2)
    sheet.preset.choose("concise-compositor")
    stage.turn(0.2)


def system_changed(stage: Stage) -> None:
    stage.ask(QUESTION, SMALL)
    stage.manager.system.use(SYSTEM)
    stage.until(lambda: len(stage.panel.transcript.items()) == 3)
    stage.ask("And for the beard?", SMALL)


CRAFT_STATES: Dict[str, Callable[[Stage], None]] = {
    "system-sheet": system_sheet, "system-changed": system_changed,
}
