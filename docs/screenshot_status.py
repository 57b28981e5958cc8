"""The states of the connection that `screenshots.py` renders: one picture each, and a question that waits."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict
from unittest import mock

from screenshot_states import ACTS, CODER, QUESTION, SMALL, Stage, fail, meet


def absent() -> Any:  # a ProviderError
    """Ollama is not running."""
    error = fail("network", "connection refused", user_text="Ollama is not running at 127.0.0.1:11434.",
                 next_step="Start Ollama, then try again.", retryable=False, code="not_running")
    error.is_unsent = True
    return error


def chip_says(stage: Stage, state: str) -> None:
    """Waits until the chip is there."""
    stage.until(lambda: stage.panel.composer.status.value().state == state)


def unknown(stage: Stage) -> None:
    stage.choose("anthropic/claude-sonnet", "openrouter")
    chip_says(stage, "unknown")


def connecting(stage: Stage) -> None:
    meet(stage, None, after_s=600.0)
    stage.choose(CODER)
    stage.session.app.providers.reset("ollama")
    chip_says(stage, "connecting")


def connected(stage: Stage) -> None:
    stage.ask(QUESTION, SMALL)
    chip_says(stage, "connected")


def degraded(stage: Stage) -> None:
    meet(stage, fail("overloaded", "too many requests", status=503))
    stage.ask(QUESTION, SMALL)
    chip_says(stage, "degraded")


def unreachable(stage: Stage) -> None:
    meet(stage, absent())
    stage.choose(CODER)
    chip_says(stage, "unreachable")


def needs_key(stage: Stage) -> None:
    meet(stage, fail("auth", "invalid api key", status=401))
    stage.choose(CODER)
    chip_says(stage, "needs key")


def forbidden(stage: Stage) -> None:
    path = stage.session.app.settings.home / "policy.toml"
    path.write_text('contact = "pipeline@studio.example"\n[providers]\ndeny = ["ollama"]\n[end]\n')
    stage.later.callback(path.unlink)
    stage.choose(CODER)
    stage.later.enter_context(mock.patch.dict(os.environ, {"NUKE_AI_PANEL_POLICY": str(path)}))
    stage.session.app.providers.check("ollama")
    stage.until(lambda: stage.session.app.providers.status("ollama").state == "forbidden by policy")
    stage.turn(0.2)
    stage.manager.models.choose_model(stage.manager.models.picked())


def waiting(stage: Stage) -> None:
    """A question that waits for its server, and another behind it."""
    stage.ask("Does Premult go before or after the grade?", SMALL)
    meet(stage, absent())
    ACTS["absent"] = [absent()]
    stage.ask(QUESTION, act="absent", wait=False)
    stage.until(lambda: "Waiting for" in stage.panel.transcript.items()[-1].wait)
    stage.panel.composer.set_text("And what about the beard?")
    stage.panel.composer.prompt.submitted.emit()
    stage.until(lambda: stage.panel.composer.queue_rows())


def settings(stage: Stage) -> None:
    unreachable(stage)
    stage.manager.settings.open()
    stage.manager.settings.dialog.list.choose("provider:ollama")
    stage.turn(0.3)


STATUS_STATES: Dict[str, Callable[[Stage], None]] = {
    "status-unknown": unknown, "status-connecting": connecting, "status-connected": connected,
    "status-degraded": degraded, "status-unreachable": unreachable, "status-needs-key": needs_key,
    "status-forbidden": forbidden, "status-waiting": waiting, "status-settings": settings,
}
