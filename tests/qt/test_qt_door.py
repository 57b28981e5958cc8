"""One binding, the host's first; nothing of Qt's own is changed."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any, FrozenSet, Optional

import pytest

from nuke_ai_panel_qt import qt

NOTHING: FrozenSet[str] = frozenset()


@pytest.mark.parametrize(
    ("loaded", "available", "forced", "chosen"),
    [
        ({"PySide2"}, {"PySide2", "PySide6"}, None, "PySide2"),
        ({"PySide6"}, {"PySide2", "PySide6"}, None, "PySide6"),
        ({"PySide2"}, {"PySide2", "PySide6"}, "PySide6", "PySide2"),
        (NOTHING, {"PySide2", "PySide6"}, None, "PySide6"),
        (NOTHING, {"PySide2"}, None, "PySide2"),
        (NOTHING, {"PySide2", "PySide6"}, "PySide2", "PySide2"),
    ],
)
def test_the_hosts_binding_wins_then_the_forced_then_the_newer(
    loaded: FrozenSet[str], available: FrozenSet[str], forced: Optional[str], chosen: str
) -> None:
    found = qt.choose_binding(loaded=loaded.__contains__, available=available.__contains__, forced=forced)

    assert found == chosen


def test_without_a_binding_the_error_names_the_command() -> None:
    with pytest.raises(ImportError, match="pip install"):
        qt.choose_binding(loaded=NOTHING.__contains__, available=NOTHING.__contains__)


def test_an_unknown_forced_binding_is_refused() -> None:
    with pytest.raises(ImportError, match="PySide2 or PySide6"):
        qt.choose_binding(loaded=NOTHING.__contains__, available=NOTHING.__contains__, forced="PyQt5")


def test_only_one_binding_is_loaded_and_its_modules_are_untouched() -> None:
    code = (
        "import sys\n"
        "from nuke_ai_panel_qt import qt\n"
        "import importlib\n"
        "gui = importlib.import_module(qt.BINDING + '.QtGui')\n"
        "loaded = {name for name in ('PySide2', 'PySide6') if name + '.QtCore' in sys.modules}\n"
        "assert loaded == {qt.BINDING}, loaded\n"
        "assert qt.BINDING == 'PySide6' or not hasattr(gui, 'QAction')\n"
        "assert qt.QtGui.QAction and qt.QtGui.QShortcut\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_deleted_object_is_not_valid(qapp: Any) -> None:
    alive = qt.QtCore.QObject()
    child = qt.QtCore.QObject(alive)

    importlib.import_module("shiboken6" if qt.BINDING == "PySide6" else "shiboken2").delete(alive)

    assert not qt.is_valid(child)
    assert not qt.is_valid(None)
