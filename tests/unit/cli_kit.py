"""What the tests of the command line share: the real program in a process of its own, against a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-W", "error", "-m", "nuke_ai_panel"]
TIMEOUT_S = 60


class Cli:
    """Runs `nuke-ai-panel` with a home of its own. `server` options are added to every command that talks."""

    def __init__(self, home: Path, base_url: str = "") -> None:
        self.home = home
        self.talk = ["--provider", "openai", "--base-url", base_url, "--model", "fake-model", "--retries", "0"]

    def env(self, **more: str) -> Dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "SYSTEMROOT", "TMPDIR")}
        return {**kept, "HOME": str(self.home), "NUKE_AI_PANEL_HOME": str(self.home), "PYTHONPATH": str(ROOT), **more}

    def run(
        self, *arguments: str, stdin: Optional[bytes] = None, env: Optional[Dict[str, str]] = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*PROGRAM, *arguments], input=stdin, stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True, timeout=TIMEOUT_S, env=self.env(**(env or {})), check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
        )

    def ask(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return self.run("ask", *self.talk, *arguments, **more)

    def ask_json(self, *arguments: str, **more: Any) -> Dict[str, Any]:
        found: Dict[str, Any] = json.loads(self.ask("--json", *arguments, **more).stdout)
        return found

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*PROGRAM, *arguments],
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": self.env(),
               **options},
        )

    def start_python(self, script: str) -> subprocess.CompletedProcess[str]:
        """Runs a script in a process of its own, with the same home."""
        return subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=TIMEOUT_S, env=self.env(),
            check=False,
        )

    def conversations(self) -> List[Dict[str, Any]]:
        found: List[Dict[str, Any]] = json.loads(self.run("history", "list", "--json").stdout)
        return found

    def messages(self) -> List[Dict[str, Any]]:
        """The messages of the newest conversation."""
        shown = json.loads(self.run("history", "show", self.conversations()[0]["id"], "--json").stdout)
        found: List[Dict[str, Any]] = shown["messages"]
        return found


def is_clean(stderr: str) -> bool:
    """Whether standard error holds no traceback and no warning of Python's."""
    return "Traceback" not in stderr and "Warning" not in stderr


def wait_until(is_so: Callable[[], bool], timeout_s: float = 20) -> None:
    """Fails the test when it does not become so."""
    end = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def read_to_end(terminal: int) -> str:
    """What arrives at the master's end of a terminal until nobody writes to it any more; closes it."""
    parts: List[bytes] = []
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode()
