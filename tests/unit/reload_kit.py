"""A copy of the library that a test may break, and another process that works with it and reloads it on command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict

REPO = Path(__file__).resolve().parents[2]

# Runs the lines that it is sent, one by one, in one namespace; answers each with its value of `result` as JSON.
_PROCESS = """
import gc, json, os, sys, threading, time, traceback, weakref
import nuke_ai_panel as ai
for line in sys.stdin:
    result = None
    try:
        exec(json.loads(line))
    except BaseException:
        result = {"raised": traceback.format_exc()}
    sys.__stdout__.write("\\n=> " + json.dumps(result, default=str) + "\\n")
    sys.__stdout__.flush()
"""

# What a process with a panel needs to be driven; `application` comes from whoever uses it.
PANEL = """
import importlib
def current(name):
    return importlib.import_module(name)
def pump(seconds=0.05):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        application.processEvents(); time.sleep(0.005)
def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        pump(0.02)
"""


class Copy:
    """A folder with both packages in it, and edits of their files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPO / "nuke_ai_panel", folder / "nuke_ai_panel", ignore=skip)
        shutil.copytree(REPO / "src" / "nuke_ai_panel_qt", folder / "nuke_ai_panel_qt", ignore=skip)

    def file(self, name: str) -> Path:
        """A source file by its path inside the packages."""
        return self.folder / name

    def edit(self, name: str, old: str, new: str) -> None:
        """Replaces `old`, which must be there, with `new`."""
        path = self.file(name)
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {name}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")


class Worker:
    """Another Python with the copy on its path. `do` runs code in it; what it prints goes to `printed`."""

    def __init__(self, copy: Copy, env: Dict[str, str]) -> None:
        environment = {**os.environ, **env, "PYTHONPATH": str(copy.folder)}
        environment.pop("PYTHONDEVMODE", None)
        self.printed = ""
        # A file: what asyncio's debug mode says on a busy machine fills a pipe that nobody reads.
        self._errors = tempfile.TemporaryFile(mode="w+", encoding="utf-8")  # noqa: SIM115 - it lives as long as this
        self._process = subprocess.Popen(
            [sys.executable, "-X", "dev", "-W", "error", "-c", _PROCESS], env=environment, cwd=str(copy.folder),
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )

    def do(self, code: str) -> Any:  # Any: whatever the code puts into `result`
        """Runs `code` there and returns what it left in `result`. Raises AssertionError with its traceback."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("=> "):
                result = json.loads(line[3:])
                if isinstance(result, dict) and set(result) == {"raised"}:
                    raise AssertionError(result["raised"])
                return result
            self.printed += line
        self._process.communicate()
        raise AssertionError(f"it ended: {self._read_errors()}")

    def end(self) -> str:
        """Lets it end by itself; what it wrote to stderr. Kills it if it does not end."""
        try:
            self._process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise
        # What asyncio's debug mode finds slow depends on what else the machine does.
        lines = self._read_errors().splitlines(True)
        return "".join(line for line in lines if not line.startswith("Executing <"))

    def _read_errors(self) -> str:
        self._errors.seek(0)
        with self._errors:
            return self._errors.read()
