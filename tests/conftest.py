"""What every test stands on: a home of its own, and no log line above INFO that it did not announce."""

from __future__ import annotations

import importlib.util
import logging
import signal
from pathlib import Path
from typing import Iterator, List

import pytest

from nuke_ai_panel.app import App
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider
from nuke_ai_panel.settings.presets import ADDRESS_ENVS, BUILT_IN, OTHER_KEY_ENVS
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop

from .unit.turn_kit import OVERRIDES

# A shell that runs the tests in the background has them, and all that they start, deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.fakes.fixtures"] if importlib.util.find_spec("tests.fakes.fixtures") else []


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user data of this test, empty; nothing of the person who runs the tests is read or written."""
    path: Path = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("NUKE_AI_PANEL_HOME", str(path))
    keys = [row["key_env"] for row in BUILT_IN.values() if "key_env" in row]
    keys += [variable for variables in OTHER_KEY_ENVS.values() for variable in variables]
    for name in ("NUKE_AI_PANEL_CONFIG", "NUKE_AI_PANEL_PROVIDER", "NUKE_AI_PANEL_MODEL", "DBUS_SESSION_BUS_ADDRESS",
                 *ADDRESS_ENVS, *keys):
        monkeypatch.delenv(name, raising=False)
    return path


class LogLines(logging.Handler):
    """Collects what is logged; a test takes away the lines that it expects with `take`."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: List[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        # What asyncio's debug mode finds slow depends on what else the machine does.
        if not (record.name == "asyncio" and record.getMessage().startswith("Executing ")):
            self.lines.append(record)

    def take(self, part: str) -> logging.LogRecord:
        """Removes and returns the first line whose text contains `part`; fails if there is none."""
        for record in self.lines:
            if part in record.getMessage():
                self.lines.remove(record)
                return record
        raise AssertionError(f"no log line contains {part!r}: {[one.getMessage() for one in self.lines]}")


@pytest.fixture(autouse=True)
def log_lines() -> Iterator[LogLines]:
    """Fails the test for every warning or error in the log that the test did not `take`."""
    lines = LogLines()
    root = logging.getLogger()
    root.addHandler(lines)
    yield lines
    root.removeHandler(lines)
    left = [f"{one.levelname} {one.name}: {one.getMessage()}" for one in lines.lines]
    assert not left, "unexpected log lines:\n" + "\n".join(left)


@pytest.fixture
def app() -> Iterator[App]:
    """An App whose default provider plays scripts; `ScriptedProvider.scripts` are restored afterwards."""
    kept = dict(ScriptedProvider.scripts)
    ScriptedProvider.scripts["say"] = ["Hello", ", ", "artist."]
    opened = App.open(overrides=OVERRIDES)
    yield opened
    opened.close()
    shutdown_event_loop()
    ScriptedProvider.scripts.clear()
    ScriptedProvider.scripts.update(kept)
