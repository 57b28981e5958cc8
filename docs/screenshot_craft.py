"""The states of conversation craft that `screenshots.py` renders: system prompts, prompt library, forks and more."""

from __future__ import annotations

from typing import Callable, Dict
from unittest import mock

from screenshot_states import QUESTION, SCRIPTS, SMALL, Stage, say

from nuke_ai_panel.core.craft import add_summary
from nuke_ai_panel.messages import Attachment
from nuke_ai_panel.utils.event_loop_manager import create_task

SYSTEM = "You help a senior compositor in Nuke. Answer in a few sentences."


def system_sheet(stage: Stage) -> None:
    stage.choose(SMALL)
    stage.manager.system.open()
    sheet = stage.manager.system.sheet
    assert sheet is not None
    stage.until(lambda: bool(stage.session.craft.prompts.shelf.presets))
    stage.turn(0.2)
    sheet.preset.choose("concise-compositor")
    stage.turn(0.2)


def system_changed(stage: Stage) -> None:
    stage.ask(QUESTION, SMALL)
    stage.manager.system.use(SYSTEM)
    stage.until(lambda: len(stage.panel.transcript.items()) == 3)
    stage.ask("And for the beard?", SMALL)


def nearly_full(stage: Stage) -> None:
    stage.ask(QUESTION, SMALL)
    text = "The hair is cut off at the left edge of the plate. " * 10_000
    stage.manager.draft.attachments = (Attachment("a", "paste", "plate notes.txt", text=text),)
    stage.manager.draft.put("And the beard?", stage.manager.draft.attachments)
    stage.turn(0.3)
    stage.panel.composer.send.click()


def summarised(stage: Stage) -> None:
    stage.ask(QUESTION, SMALL)
    create_task(add_summary(
        stage.session.app.store, stage.manager.shown.id, stage.manager.shown.path[-1].id, "They key hair.", model=SMALL
    )).result(5)
    stage.manager.shown.reload()
    stage.until(lambda: len(stage.panel.transcript.items()) == 3)


def slash(stage: Stage) -> None:
    stage.ask(QUESTION, SMALL)
    stage.panel.focus_composer()
    stage.panel.composer.prompt.insertPlainText("/")
    stage.until(lambda: bool(stage.manager.prompts.list.rows()))
    stage.turn(0.2)


def filling_in(stage: Stage) -> None:
    slash(stage)
    stage.panel.composer.set_text("")
    stage.manager.prompts.insert(stage.session.craft.prompts.shelf.prompts[-1].text)
    stage.turn(0.2)


def prompt_library(stage: Stage) -> None:
    slash(stage)
    stage.manager.prompts.open()
    sheet = stage.manager.prompts.sheet
    assert sheet is not None
    sheet.preset.choose("roto-plan")
    stage.turn(0.2)


def temporary(stage: Stage) -> None:
    stage.manager.commands.begin_temporary()
    stage.ask(QUESTION, SMALL)


def forked(stage: Stage) -> None:
    stage.ask(QUESTION, SMALL)
    stage.manager.commands.fork()
    stage.until(lambda: stage.panel.header.source.isVisible())
    stage.turn(0.3)


def right_to_left(stage: Stage) -> None:
    arabic = "لماذا حافة الشعر ناعمة بعد Keylight1؟"
    with mock.patch.dict(SCRIPTS, {SMALL: say(
        f"{arabic} ارفع `screenGain` قليلا.\n\n- القناع مقصوص قبل الدمج\n- the plate is soft\n\n"
        "```python\n# الكسب\nkey[\"screenGain\"].setValue(1.05)\n```\n\nIn English again.\n"
    )}):
        stage.ask(f"{arabic}\nand in English?", SMALL)
    stage.manager.draft.put("وماذا عن اللحية؟")
    stage.turn(0.2)


CRAFT_STATES: Dict[str, Callable[[Stage], None]] = {
    "system-sheet": system_sheet, "system-changed": system_changed, "nearly-full": nearly_full,
    "summarised": summarised, "slash": slash, "filling-in": filling_in, "prompt-library": prompt_library,
    "temporary": temporary, "forked": forked, "right-to-left": right_to_left,
}
