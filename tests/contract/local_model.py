"""The real model file that the tests of the built-in model run on.

NUKE_AI_PANEL_TEST_GGUF names it; otherwise it is fetched once into a cache that all test runs of this user share. No
network is a failure, never a silent skip, unless NUKE_AI_PANEL_TEST_NO_MODEL says that there is none.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from nuke_ai_panel.errors import ModelFileError
from nuke_ai_panel.providers.model_pull import pull
from nuke_ai_panel.utils.event_loop_manager import run_coroutine, shutdown_event_loop

CACHE = Path.home() / ".cache" / "nuke-ai-panel-tests"


def model_file() -> Path:
    """The SmolLM2 file. Skips where xllamacpp is not installed; fails where the file cannot be had."""
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed for this Python")
    named = os.environ.get("NUKE_AI_PANEL_TEST_GGUF")
    if named:
        assert Path(named).is_file(), f"NUKE_AI_PANEL_TEST_GGUF names no file: {named}"
        return Path(named)
    if os.environ.get("NUKE_AI_PANEL_TEST_NO_MODEL"):
        pytest.skip("NUKE_AI_PANEL_TEST_NO_MODEL is set")
    try:
        return run_coroutine(pull("smollm2", CACHE), timeout=600)
    except ModelFileError as exc:
        pytest.fail(f"{exc.user_text} {exc.next_step} NUKE_AI_PANEL_TEST_NO_MODEL=1 runs the tests without it.")
    finally:
        shutdown_event_loop()


def install_model(home: Path, source: Path) -> Path:
    """Puts the model into a test's own home without copying it."""
    target = home / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(source)
    return target
