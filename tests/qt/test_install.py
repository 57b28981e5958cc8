"""The pane as Nuke takes it: a text that is evaluated later and called without arguments."""

from __future__ import annotations

import importlib
import subprocess
import sys
import types
from pathlib import Path
from typing import Any, List, Tuple

import pytest

import nuke_ai_panel_qt

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> List[Tuple[str, str, str]]:
    """A double of Nuke's registry, with its contract: text, name, id."""
    calls: List[Tuple[str, str, str]] = []
    nuke, nukescripts = types.ModuleType("nuke"), types.ModuleType("nukescripts")
    nuke.GUI = True  # type: ignore[attr-defined]  # a double
    nuke.env = {"hiero": False}  # type: ignore[attr-defined]
    nukescripts.registerWidgetAsPanel = lambda *given: calls.append(given)  # type: ignore[attr-defined, arg-type]
    monkeypatch.setitem(sys.modules, "nuke", nuke)
    monkeypatch.setitem(sys.modules, "nukescripts", nukescripts)
    monkeypatch.delitem(sys.modules, "nuke_ai_panel_qt.host.install", raising=False)
    return calls


def test_the_registered_text_builds_the_panel(registered: List[Tuple[str, str, str]], qtbot: Any) -> None:
    nuke_ai_panel_qt.install()
    (text, name, panel_id), = registered
    assert (name, panel_id) == ("AI Panel", "com.nuke_ai_panel.chat")
    pane = eval(text, {})()  # as Nuke does
    qtbot.addWidget(pane)
    pane.updateValue()
    widget = importlib.import_module("nuke_ai_panel_qt.core.pane").content(pane)
    assert widget.panel is not None
    importlib.import_module("nuke_ai_panel_qt.core.panel_widget").shared_session().close()


def test_hiero_gets_nothing(registered: List[Tuple[str, str, str]]) -> None:
    sys.modules["nuke"].env["hiero"] = True  # type: ignore[attr-defined]  # a double
    nuke_ai_panel_qt.install()
    assert registered == []


def test_importing_the_package_loads_no_qt() -> None:
    code = "import sys, nuke_ai_panel_qt; print([n for n in sys.modules if n.startswith(('PySide', 'nuke_ai_panel.'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"})
    assert done.stdout.strip() == "[]"
