"""Every kind of broken installation: Nuke starts all the same, and the panel and the doctor name the cause.

Each case is a folder as `install` builds it, with something missing or wrong in it, in a Python that has nothing else.
"""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Tuple

import pytest

from nuke_ai_panel.install.targets import folder_of

ROOT = Path(__file__).resolve().parents[2]
PANELS = ["com.nuke_ai_panel.chat", "com.nuke_ai_panel.explorer"]
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
# Starts as Nuke does and opens the pane, with what menu.py may touch of Nuke and not a name more.
START = """
import json, os, sys, types
tree = sys.argv[1].split(os.pathsep)
commands, panels, messages = [], [], []
class Menu:
    def addMenu(self, name): return self
    def addCommand(self, name, command="", shortcut="", tooltip=""): commands.append((name, command))
    def addSeparator(self): pass
    def findItem(self, name): return None
nuke = types.ModuleType("nuke"); nuke.GUI = True; nuke.env = {"hiero": False}; nuke.NUKE_VERSION_STRING = "16.0v8"
nuke.menu = lambda name: Menu(); nuke.message = messages.append
scripts = types.ModuleType("nukescripts")
scripts.registerWidgetAsPanel = lambda text, name, id: panels.append((text, name, id))
sys.modules.update({"nuke": nuke, "nukescripts": scripts})
if len(sys.argv) > 2:
    sys.version_info = eval(sys.argv[2])
for name in ("init.py", "menu.py"):
    for folder in reversed(tree):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            exec(compile(open(path, encoding="utf-8").read(), path, "exec"), {"__name__": "__main__", "__file__": path})
texts = []
for name, command in commands:
    if callable(command): command()
application = None
try:
    try: from PySide6 import QtWidgets
    except ImportError: from PySide2 import QtWidgets
    application = QtWidgets.QApplication([])
except ImportError: pass
for text, name, id in panels:
    pane = eval(text, {})()
    pane.updateValue()
    if application is None: continue
    pane.show()
    for _ in range(20): application.processEvents()
    for one in [pane, *pane.findChildren(QtWidgets.QWidget)]:
        read = getattr(one, "toPlainText", None) or getattr(one, "text", None)
        if callable(read): texts.append(read())
    application.aboutToQuit.emit()
print("=> " + json.dumps({"panels": [one[2] for one in panels], "texts": texts, "messages": messages}))
"""


@dataclass(frozen=True)
class Install:
    """A folder as `install` builds it; `folder` is what NUKE_PATH names, `qt` what Nuke itself brings."""

    folder: Path

    @property
    def qt(self) -> Path:
        return self.folder.parent / f"Qt of {self.folder.name}"

    @property
    def packages(self) -> Path:
        return self.folder / "packages" / folder_of()

    def without(self, *names: str) -> None:
        for name in names:
            path = self.packages / name
            path.unlink() if path.is_symlink() else shutil.rmtree(path)

    def own(self, name: str) -> Path:
        """A package that is a copy and may be broken."""
        source = (self.packages / name).resolve()
        self.without(name)
        shutil.copytree(source, self.packages / name)
        return self.packages / name

    def damage(self, name: str) -> None:
        """Half of a file of ours is something else."""
        path = self.folder / name
        path.write_text(path.read_text(encoding="utf-8")[:200] + "\n\ndef broken(:\n", encoding="utf-8")


def make_install(folder: Path) -> Install:
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "nuke_ai_panel", folder / "nuke_ai_panel", ignore=skip)
    shutil.copytree(ROOT / "src" / "nuke_ai_panel_qt", folder / "src" / "nuke_ai_panel_qt", ignore=skip)
    for name in ("init.py", "menu.py"):
        shutil.copyfile(ROOT / name, folder / name)
    made = Install(folder)
    made.packages.mkdir(parents=True)
    qt = folder.parent / f"Qt of {folder.name}"
    qt.mkdir()
    for place in site.getsitepackages():
        for path in Path(place).iterdir():
            folder_for = qt if path.name.startswith(("PySide", "shiboken")) else made.packages
            if path.suffix not in (".pth", ".egg-link") and not path.name.startswith(("nuke_ai_panel", "__")):
                (folder_for / path.name).symlink_to(path)
    return made


@pytest.fixture
def install(tmp_path: Path) -> Install:
    return make_install(tmp_path / "AI Panel")


def start(installs: List[Install], home: Path, *, version: str = "", before: str = "") -> Tuple[Dict[str, list], str]:
    """What a Nuke with these on NUKE_PATH shows, and what it wrote to stderr. `before` is a folder of PYTHONPATH."""
    folders = os.pathsep.join(str(one.folder) for one in installs)
    words = [sys.executable, "-S", "-s", "-c", START, folders, *([version] if version else [])]
    path = os.pathsep.join(filter(None, (before, str(installs[-1].qt))))
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=60, cwd=home, env=environment(home, {"PYTHONPATH": path}))
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("=> "))
    return json.loads(line[3:]), done.stderr


def doctor(install: Install, home: Path, env: Dict[str, str]) -> str:
    path = os.pathsep.join(map(str, (install.folder, install.folder / "src", install.packages)))
    done = subprocess.run(
        [sys.executable, "-S", "-s", "-m", "nuke_ai_panel", "doctor"], capture_output=True, text=True, timeout=60,
        cwd=install.folder, env={**environment(home, env), "PYTHONPATH": path},
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def environment(home: Path, more: Dict[str, str]) -> Dict[str, str]:
    names = ("PATH", "SYSTEMROOT", "TMPDIR", "LD_LIBRARY_PATH")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return {**kept, "HOME": str(home), "NUKE_AI_PANEL_HOME": str(home / "data"), "QT_QPA_PLATFORM": "offscreen",
            "QT_LOGGING_RULES": "*=false", **more}


def wrong_abi(install: Install) -> None:
    folder = install.own("multidict")
    compiled = [path for path in folder.iterdir() if path.suffix in (".so", ".pyd")]
    assert compiled
    for path in compiled:
        path.rename(path.with_name(path.name.replace(f"cpython-{HERE.replace('.', '')}", "cpython-38")))


def half_a_package(install: Install) -> None:
    (install.own("aiohttp") / "client.py").unlink()


def empty_package(install: Install) -> None:
    (install.folder / "src/nuke_ai_panel_qt/__init__.py").write_text("", encoding="utf-8")


def other_nuke(install: Install) -> None:
    install.packages.rename(install.packages.with_name("py3.8-linux-x86_64"))


def broken_qt(install: Install) -> None:
    no_qt(install)
    for name in ("PySide6", "PySide2"):
        (install.qt / name).mkdir(parents=True)
        (install.qt / name / "__init__.py").write_text(
            f"raise ImportError('libQt: undefined symbol', name='{name}.QtCore')\n", encoding="utf-8")


def no_qt(install: Install) -> None:
    shutil.rmtree(install.qt)


def broken_settings(install: Install) -> None:
    home = install.folder.parent / "user" / "data"
    home.mkdir(parents=True)
    (home / "settings.toml").write_text('default_provider = "local"\n[panel\n', encoding="utf-8")


def no_tomlkit(install: Install) -> None:
    """It is needed as soon as there are settings to read; Python 3.11 can read them without it."""
    home = install.folder.parent / "user" / "data"
    home.mkdir(parents=True)
    (home / "settings.toml").write_text('default_provider = "local"\n', encoding="utf-8")
    install.without("tomlkit")


def unwritable_home(install: Install) -> None:
    """A home that nobody can write to, not even root: it lies below a file."""
    home = install.folder.parent / "user"
    home.mkdir()
    (home / "data").write_text("a file", encoding="utf-8")


@dataclass(frozen=True)
class Case:
    """`shown` is in the panel, a message or stderr; `told` in the doctor's report (nothing: it cannot run there)."""

    name: str
    break_it: Callable[[Install], None]
    shown: str
    told: str = ""


CASES = (
    Case("no aiohttp", lambda one: one.without("aiohttp"), "The package aiohttp is missing", "is missing"),
    Case("no yarl, which aiohttp needs", lambda one: one.without("yarl"), "The package yarl is missing",
         "needs yarl, which is missing"),
    Case("half of aiohttp", half_a_package, "cannot be loaded: No module named 'aiohttp.client'",
         "is not whole: aiohttp/client.py is missing"),
    Case("no panel at all", lambda one: shutil.rmtree(one.folder / "src"), "A part of it is missing", "missing file"),
    Case("empty file of the panel", empty_package, "install it again: nuke-ai-panel install", "the file is empty"),
    Case("no tomlkit", no_tomlkit, "" if sys.version_info >= (3, 11) else "The package tomlkit is missing",
         "is missing"),
    Case("no markdown-it", lambda one: one.without("markdown_it"), "The package markdown_it is missing", "is missing"),
    Case("wrong ABI", wrong_abi, "", "was built for Python 3.8"),
    Case("another Nuke's packages", other_nuke, "", "built for py3.8-linux-x86_64"),
    Case("no Qt", no_qt, "No Qt binding was found", ""),
    Case("a Qt that does not load", broken_qt, "Nuke's Qt cannot be loaded", ""),
    Case("syntax error in settings", broken_settings, "settings.toml", "settings.toml"),
    Case("home that cannot be written to", unwritable_home, "is not a folder", "may not be written to"),
    Case("broken file of the panel", lambda one: one.damage("src/nuke_ai_panel_qt/core/panel_manager.py"),
         "panel_manager.py, line", "panel_manager.py, line"),
    Case("broken file of the library", lambda one: one.damage("nuke_ai_panel/app.py"), "app.py, line", "app.py, line"),
    Case("broken package of the panel", lambda one: one.damage("src/nuke_ai_panel_qt/__init__.py"), "SyntaxError",
         "__init__.py, line"),
    Case("missing file of the panel", lambda one: (one.folder / "src/nuke_ai_panel_qt/core/pane.py").unlink(),
         "A part of the panel is missing", "nuke_ai_panel_qt.core.pane, which"),
    Case("no start file", lambda one: (one.folder / "init.py").unlink(), "init.py did not run", "missing file"),
    Case("broken door to Nuke", lambda one: one.damage("src/nuke_ai_panel_qt/host/install.py"), "SyntaxError",
         "install.py, line"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nuke_starts_and_the_cause_is_named(case: Case, install: Install, tmp_path: Path) -> None:
    case.break_it(install)
    home = tmp_path / "user"
    home.mkdir(exist_ok=True)
    seen, errors = start([install], home)
    assert seen["panels"] == PANELS, errors
    assert case.shown in "\n".join([*seen["texts"], *seen["messages"], errors])
    if case.told:
        assert case.told in doctor(install, home, {})


def test_whole_install_shows_the_panel(install: Install, tmp_path: Path) -> None:
    seen, errors = start([install], tmp_path)
    assert errors == "" and seen["messages"] == []
    assert "Try again" not in seen["texts"] and len(seen["texts"]) > 10


@pytest.mark.parametrize("version", ["(3, 7, 0)", "(3, 8, 1)"])
def test_old_python_is_named(version: str, install: Install, tmp_path: Path) -> None:
    seen, errors = start([install], tmp_path, version=version)
    assert "needs Nuke 14 or newer" in seen["messages"][0] and "needs Nuke 14" in "".join(seen["texts"])
    assert "needs Nuke 14" in errors


def test_start_files_are_plain_enough_for_every_python_that_nuke_had() -> None:
    import ast

    for name in ("init.py", "menu.py"):
        text = (ROOT / name).read_text(encoding="utf-8")
        ast.parse(text, feature_version=(3, 4))
        assert "f\"" not in text and "nonlocal" not in text and text.isascii()


def test_second_copy_refuses_and_says_where_the_first_is(install: Install, tmp_path: Path) -> None:
    second = make_install(tmp_path / "second")
    seen, errors = start([second, install], tmp_path)
    assert seen["panels"] == PANELS and seen["messages"] == []
    assert f"The one in {install.folder} comes first, so the one in {second.folder} is not used" in errors
    assert len(seen["texts"]) > 10


def test_copy_that_python_finds_first_is_named_in_the_panel(install: Install, tmp_path: Path) -> None:
    first = make_install(tmp_path / "installed by pip")
    seen, errors = start([install], tmp_path, before=str(first.folder))
    assert f"The one in {first.folder} comes first" in "".join(seen["texts"]) and "comes first" in errors


def test_doctor_names_a_second_copy(install: Install, tmp_path: Path) -> None:
    second = make_install(tmp_path / "second")
    said = doctor(install, tmp_path, {"NUKE_PATH": str(second.folder)})
    assert "second copy" in said and "/second" in said
