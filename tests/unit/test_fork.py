"""A process that our process starts inherits nothing of ours, and one that it forks leaves everything to its parent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.model_server import FakeModelServer

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

# While an answer streams, everything of ours is open: sockets, the loop's pipe, the history, locks.
INHERIT = """
import fcntl, json, os, subprocess, sys, threading, time
before = set(os.listdir("/proc/self/fd"))
from nuke_ai_panel import api
from nuke_ai_panel.app import ModelChoice, TurnRequest
handle = api.shared_app().start_turn(TurnRequest("go", choice=ModelChoice("openai", "fake-model")), lambda event: None)
while not handle.snapshot().text:
    time.sleep(0.01)
open_now, inheritable = [], []
for name in set(os.listdir("/proc/self/fd")) - before:
    try:
        target = os.readlink(f"/proc/self/fd/{name}")
        flags = fcntl.fcntl(int(name), fcntl.F_GETFD)
    except OSError:
        continue
    open_now.append(target)
    if not flags & fcntl.FD_CLOEXEC:
        inheritable.append(target)
child = subprocess.run([sys.executable, "-c", "import os; print(sorted(os.readlink(f'/proc/self/fd/{one}')"
                        " for one in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{one}')))"],
                       close_fds=False, capture_output=True, text=True)
handle.stop()
handle.result(5)
api.close()
print(json.dumps({"open": open_now, "inheritable": inheritable, "child": child.stdout}))
"""

FORKED = """
import multiprocessing, os, sys, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12 on: that is what is tried here
import nuke_ai_panel as ai
from nuke_ai_panel import api
def ask(text):
    return str(ai.ask(text, provider="openai", model="fake-model"))
def child(answers):
    names = [one.name for one in threading.enumerate()]
    answers.put((names, ask("from the child"), api.shared_app().store.trouble.code))
    api.close()
    answers.close(); answers.join_thread()
    os._exit(0)
assert ask("before") == "Hello, artist."
context = multiprocessing.get_context("fork")
answers = context.Queue()
process = context.Process(target=child, args=(answers,))
process.start()
names, text, trouble = answers.get(timeout=30)
process.join(30)
assert text == "Hello, artist.", text
assert trouble == "forked", trouble  # its parent has the file: it never touches that, and says so
assert not [name for name in names if name.startswith("nuke-ai")], names
assert ask("after") == "Hello, artist."
assert len(api.shared_app().store.conversations(kinds=("api",)).result(10)) == 2
api.close()
print("well")
"""


def run(code: str, home: Path, server: FakeModelServer) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=90, check=False, env={
            **os.environ, "PYTHONPATH": str(ROOT), "NUKE_AI_PANEL_HOME": str(home), "OPENAI_BASE_URL": server.base_url,
            "OPENAI_API_KEY": "sk-fork",
        },
    )


def test_everything_that_is_open_is_closed_in_a_program_that_is_started(
    home: Path, model_server: FakeModelServer
) -> None:
    model_server.words, model_server.tokens_per_s = ("word ",) * 2000, 50.0
    done = run(INHERIT, home, model_server)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert any(one.startswith("socket:") for one in found["open"])
    assert any("history.db" in one for one in found["open"])
    assert found["inheritable"] == []
    assert "history" not in found["child"]


def test_forked_child_has_a_loop_of_its_own_and_leaves_the_history_to_its_parent(
    home: Path, model_server: FakeModelServer
) -> None:
    done = run(FORKED, home, model_server)
    assert (done.returncode, done.stdout.strip()) == (0, "well"), done.stderr
