"""The pane and the menus as Nuke takes them: texts that are evaluated later."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Callable

import pytest

import nuke_ai_panel_qt
from nuke_ai_panel_qt import qt
from tests.fakes.nuke import Host

ROOT = Path(__file__).resolve().parent.parent.parent
VERSIONS = (16, 17) if qt.BINDING == "PySide6" else (14, 15)


@pytest.fixture(autouse=True)
def fresh_host_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The door to Nuke is loaded anew, because it keeps the Nuke that it met first."""
    for name in [one for one in sys.modules if one.startswith("nuke_ai_panel_qt.host")]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize("version", VERSIONS)
def test_pane_is_registered_once_by_text_under_a_stable_id(version: int, nuke_double: Callable[..., Host]) -> None:
    host = nuke_double(version=version)
    nuke_ai_panel_qt.install()
    assert host.panels.registrations == ["com.nuke_ai_panel.chat", "com.nuke_ai_panel.explorer"]
    assert [item.name() for item in host.menus.menu("Pane").items()] == ["AI Panel", "AI Memory"]


@pytest.mark.parametrize("version", VERSIONS)
def test_menus_hold_texts_only(version: int, nuke_double: Callable[..., Host]) -> None:
    host = nuke_double(version=version)
    nuke_ai_panel_qt.install()
    for menu in ("Nuke", "Node Graph"):
        ours = host.menus.menu(menu).findItem("AI Panel")
        assert ours is not None
        scripts = [item.script() for item in ours.items() if item.name()]  # type: ignore[union-attr]  # it is a menu
        assert scripts and all(isinstance(one, str) for one in scripts)


def test_every_entry_has_its_action(nuke_double: Callable[..., Host]) -> None:
    nuke_double(version=VERSIONS[0])
    from nuke_ai_panel_qt.host.actions import ACTIONS
    from nuke_ai_panel_qt.host.menu import ENTRIES, NODE_ENTRIES

    wanted = {entry.action for entry in (*ENTRIES, *NODE_ENTRIES) if entry.action}
    assert wanted == set(ACTIONS)


def test_hiero_gets_nothing(nuke_double: Callable[..., Host]) -> None:
    host = nuke_double(version=VERSIONS[0], hiero=True)
    nuke_ai_panel_qt.install()
    assert host.panels.registrations == [] and host.menus.menu("Nuke").items() == []


def test_terminal_gets_nothing(nuke_double: Callable[..., Host]) -> None:
    host = nuke_double(version=VERSIONS[0], gui=False)
    nuke_ai_panel_qt.install()
    assert host.panels.registrations == []


def test_key_of_the_settings_opens_the_panel(nuke_double: Callable[..., Host], home: Path) -> None:
    (home / "settings.toml").write_text('[panel]\nnuke_shortcut = "Ctrl+Alt+A"\n', encoding="utf-8")
    host = nuke_double(version=VERSIONS[0])
    other = host.menus.menu("Nuke").addCommand("Somebody/Else", "pass", shortcut="F9")
    nuke_ai_panel_qt.install()
    from nuke_ai_panel_qt.host.menu import set_shortcut

    set_shortcut()
    item = host.menus.menu("Nuke").findItem("AI Panel/Open the panel")
    assert item is not None and item.shortcut() == "Ctrl+Alt+A"
    assert other.shortcut() == "F9"


def test_broken_settings_leave_the_entry_without_a_key(nuke_double: Callable[..., Host], home: Path) -> None:
    (home / "settings.toml").write_text("[panel\n", encoding="utf-8")
    host = nuke_double(version=VERSIONS[0])
    nuke_ai_panel_qt.install()
    from nuke_ai_panel_qt.host.menu import set_shortcut

    set_shortcut()
    item = host.menus.menu("Nuke").findItem("AI Panel/Open the panel")
    assert item is not None and item.shortcut() == ""


def test_importing_the_package_loads_no_qt() -> None:
    heavy = "('PySide', 'shiboken', 'aiohttp', 'nuke_ai_panel.app', 'nuke_ai_panel_qt.')"
    code = f"import sys, nuke_ai_panel_qt; print([n for n in sys.modules if n.startswith({heavy})])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"})
    assert done.stdout.strip() == "[]"
