"""Quits, exits and kills processes that have 32 answers under way, from servers and from the built-in model's child,
however they were started.

Each is gone in time, says nothing, leaves no process behind, and the history holds what was acknowledged.
NUKE_AI_PANEL_CAMPAIGN multiplies the number of rounds (1 each). Prints how long leaving took.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

import pytest

from nuke_ai_panel.store import Store
from tests.campaigns.leaving import QUESTION
from tests.contract.local_model import install_model, model_file
from tests.fakes.model_server import FakeModelServer
from tests.unit.connection_kit import until

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("NUKE_AI_PANEL_CAMPAIGN", "1"))
WORDS = tuple(f"word{number} " for number in range(20_000))
# What is promised, and what a loaded machine with two cores may make of it.
PROMISED_S, ALLOWED_S = 2.0, 5.0
HAS_QT = any(importlib.util.find_spec(one) for one in ("PySide2", "PySide6"))
MODES = ("python", "terminal", "script", "render", "nuke", "window")
ALL = [(mode, how) for mode in MODES for how in ("end", "exit", "term")]
LOCAL = "smollm2"


@pytest.mark.skipif(os.name == "nt", reason="a process group is asked after")
@pytest.mark.parametrize(("mode", "how"), ALL)
def test_leaving_with_32_streams_loses_nothing_and_leaves_nothing(
    mode: str, how: str, home: Path, model_server: FakeModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    if mode in ("nuke", "window") and not HAS_QT:
        pytest.skip("there is no Qt here")
    model_server.words, model_server.tokens_per_s = WORDS, 50.0
    took: List[float] = []
    for number in range(ROUNDS):
        own = home / str(number)
        own.mkdir()
        took.append(one_round(mode, how, own, model_server))
    with capsys.disabled():
        print(f"\n{mode}, {how}: {ROUNDS} × 32 streams, gone after {sorted(took)[len(took) // 2]:.2f} s (median), "
              f"{max(took):.2f} s (most); promised {PROMISED_S:g} s")
    assert max(took) < ALLOWED_S


def one_round(mode: str, how: str, home: Path, model_server: FakeModelServer) -> float:
    (home / "settings.toml").write_text(f'[providers.ollama]\nbase_url = "{model_server.url}"\n', encoding="utf-8")
    has_local = has_model()
    if has_local:
        install_model(home, model_file())
    process = subprocess.Popen(
        [sys.executable, "-X", "dev", "-m", "tests.campaigns.leaving", mode, how], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, env={
            **os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src"))), "QT_QPA_PLATFORM": "offscreen",
            "NUKE_AI_PANEL_HOME": str(home), "OPENAI_BASE_URL": model_server.base_url, "OPENAI_API_KEY": "sk-leaving",
            "QT_LOGGING_RULES": "*=false", "NUKE_AI_PANEL_TEST_LOCAL": LOCAL if has_local else "",
        },
    )
    assert process.stdout is not None
    ready = process.stdout.readline()
    left = time.monotonic()
    if how == "term":
        process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    took = time.monotonic() - left
    assert ready, errors
    found: Dict[str, Any] = json.loads(ready)
    assert len(found["answers"]) == 32
    assert only_unavoidable(errors) == []
    if how == "end":
        assert process.returncode == 0
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert bool(found["children"]) is has_local
    # A child of its own session ends by itself when its parent is gone, which a killed one cannot wait for.
    until(lambda: not any(is_running(pid) for pid in found["children"]), PROMISED_S if how == "end" else ALLOWED_S)
    assert_kept(home, found["answers"], is_orderly=how == "end")
    return took


def has_model() -> bool:
    """Whether the built-in model can be one of those who answer."""
    return importlib.util.find_spec("xllamacpp") is not None and not os.environ.get("NUKE_AI_PANEL_TEST_NO_MODEL")


def is_running(pid: int) -> bool:
    """Whether the process is there, and not only its entry that nobody has fetched yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def only_unavoidable(errors: str) -> List[str]:
    """What a process said at its end, without what Qt and asyncio's debug mode say of the machine."""
    return [
        line for line in errors.splitlines()
        if line and not line.startswith(("Executing <", "This plugin does not support", "QStandardPaths"))
    ]


def assert_kept(home: Path, answers: Dict[str, str], *, is_orderly: bool) -> None:
    store = Store(home / "history.db")
    try:
        for id_, text in answers.items():
            message = store.message(id_).result(30)
            assert message is not None
            assert message.text.startswith(text)
            assert message.status == "interrupted" or not is_orderly or message.provider == "local"
            path = store.path(message.conversation_id).result(30)
            assert [one.text for one in path][:1] == [QUESTION]
    finally:
        store.close()
