"""Who may import whom: arrows point down only, and each foreign library has one door."""

from __future__ import annotations

from typing import Dict, FrozenSet, Optional

import pytest

from .imports import ROOT, Import, imports

ALL = imports()
VALUES = frozenset({"messages", "events", "errors", "settings", "keys", "words"})
# Threads, the loop, what survives a reload: the ground that the siblings stand on.
GROUND = VALUES | {"utils"}
SIBLINGS = frozenset({"providers", "tools", "store", "nk"})
BELOW_CORE = GROUND | SIBLINGS
FRONTS = frozenset({"cli", "api", "batch", "bridge", "__main__"})

# layer of nuke_ai_panel → the layers it may import besides itself
MAY: Dict[str, FrozenSet[str]] = {
    **{name: VALUES for name in VALUES},
    "utils": VALUES,
    **{name: GROUND for name in SIBLINGS},
    "core": BELOW_CORE,
    "app": BELOW_CORE | {"core"},
    "reload": BELOW_CORE | {"core", "app"},
    "log_file": BELOW_CORE | {"reload"},
    "install": VALUES,
    "report": {"diagnosis"},
    "diagnosis_values": BELOW_CORE,
    "diagnosis": BELOW_CORE | {"core", "app", "reload", "install", "log_file", "diagnosis_values"},
    **{name: BELOW_CORE | {"core", "app", "reload", "code_watch", "log_file", "install", "diagnosis"}
       for name in FRONTS},
    "code_watch": BELOW_CORE | {"core", "app", "reload"},
    "troubleshooter": BELOW_CORE | {"core", "app", "reload", "api", "code_watch", "log_file", "report"},
    "__main__": VALUES | {"cli"},
}
# What the Script Editor's functions are made of. Whether an answer has its shape, the batch runner knows.
MAY.update(scripting=BELOW_CORE | {"core", "app", "reload"}, api=MAY["api"] | {"scripting", "batch"})
# The batch runner shares the App of the Script Editor's API, and the command line is a front of the batch runner.
MAY.update(batch=MAY["batch"] | {"api", "scripting"}, cli=MAY["cli"] | {"batch"})
QT_MAY = {
    "qt": frozenset(),
    "ui": frozenset({"qt"}),
    "core": frozenset({"ui", "qt"}),
    "host": frozenset({"core", "ui", "qt"}),
}
# foreign library → the modules that may name it
DOORS = {
    "aiohttp": ("nuke_ai_panel.providers.http", "nuke_ai_panel.bridge"),
    "sqlite3": ("nuke_ai_panel.store",),
    "keyring": ("nuke_ai_panel.keys",),
    "PySide2": ("nuke_ai_panel_qt.qt",),
    "PySide6": ("nuke_ai_panel_qt.qt",),
    "shiboken2": ("nuke_ai_panel_qt.qt",),
    "shiboken6": ("nuke_ai_panel_qt.qt",),
    "nuke": ("nuke_ai_panel_qt.host",),
    "nukescripts": ("nuke_ai_panel_qt.host",),
    "xllamacpp": ("nuke_ai_panel.providers.local_server",),
    "prompt_toolkit": ("nuke_ai_panel.cli",),
    "jinja2": ("nuke_ai_panel.batch.templates",),
}


def layer(module: str) -> Optional[str]:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def place(one: Import) -> str:
    return f"{one.path.relative_to(ROOT)}:{one.line}: {one.module} imports {one.imported}"


def inside(module: str, door: str) -> bool:
    return module == door or module.startswith((door + ".", door + "_"))


def test_library_layers_point_down() -> None:
    wrong = []
    for one in ALL:
        if not one.module.startswith("nuke_ai_panel.") or one.typing_only or one.module == "nuke_ai_panel":
            continue
        if not inside(one.imported, "nuke_ai_panel") or one.imported.startswith("nuke_ai_panel_qt"):
            continue
        mine, theirs = layer(one.module), layer(one.imported)
        if mine is None or theirs is None or mine == theirs:
            continue
        if theirs not in MAY[mine]:
            wrong.append(place(one))
    assert wrong == []


def test_library_never_imports_the_panel() -> None:
    allowed = "nuke_ai_panel.cli"
    wrong = [
        place(one) for one in ALL
        if one.module.split(".")[0] == "nuke_ai_panel" and one.imported.startswith("nuke_ai_panel_qt")
        and not inside(one.module, allowed)
    ]
    assert wrong == []


def test_panel_layers_point_down() -> None:
    wrong = []
    for one in ALL:
        mine, theirs = layer(one.module), layer(one.imported)
        if not one.module.startswith("nuke_ai_panel_qt.") or mine not in QT_MAY:
            continue
        if inside(one.imported, "nuke_ai_panel_qt") and theirs not in (None, mine) and theirs not in QT_MAY[mine]:
            wrong.append(place(one))
    assert wrong == []


def test_widgets_know_only_values() -> None:
    values = {f"nuke_ai_panel.{name}" for name in ("messages", "events", "errors", "words")}
    wrong = [
        place(one) for one in ALL
        if one.module.startswith("nuke_ai_panel_qt.ui") and one.imported.split(".")[0] == "nuke_ai_panel"
        and one.imported not in values
    ]
    assert wrong == []


@pytest.mark.parametrize("library", sorted(DOORS))
def test_foreign_library_has_one_door(library: str) -> None:
    wrong = [
        place(one) for one in ALL
        if one.imported.split(".")[0] == library and not any(inside(one.module, door) for door in DOORS[library])
    ]
    assert wrong == []


def test_imports_in_functions_stand_behind_a_door() -> None:
    optional = {
        *DOORS, "tomlkit", "platformdirs", "certifi", "asyncio", "ssl", "concurrent.futures", "importlib.metadata",
        "tomllib", "ctypes", "filelock",
    }
    startup = ("nuke_ai_panel.cli", "nuke_ai_panel.__main__", "nuke_ai_panel.api", "nuke_ai_panel_qt.__main__",
               "nuke_ai_panel_qt.standalone", "nuke_ai_panel_qt.host", "nuke_ai_panel.utils.event_loop_manager",
               "nuke_ai_panel.diagnosis", "nuke_ai_panel.install.packages")
    wrong = [
        place(one) for one in ALL
        if one.nested and not one.typing_only and one.path.name != "__init__.py"  # lazy public names
        and not any(one.imported == name or one.imported.startswith(name + ".") for name in optional)
        and not any(inside(one.module, front) for front in startup)
    ]
    assert wrong == []
