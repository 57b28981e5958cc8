"""What is not there any more is named: files of ours, of packages, and packages that packages need."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Dict, List

import pytest

from nuke_ai_panel import diagnosis
from nuke_ai_panel.diagnosis import make_report
from nuke_ai_panel.install.packages import Package, explained, failure_to_load, look_at
from nuke_ai_panel.install.receipt import Receipt, sha256_of, write_receipt
from nuke_ai_panel.install.targets import SYSTEMS, Target
from nuke_ai_panel.install.wholeness import (
    data_that_is_broken,
    files_that_are_missing,
    needs_that_are_missing,
    parts_that_are_missing,
    unlike_the_receipt,
)

ROOT = Path(__file__).resolve().parents[2]
HERE = Target((3, 11), SYSTEMS["linux-x86_64"])


def make_package(folder: Path, name: str, version: str = "1.0", needs: str = "") -> Path:
    """A package as pip leaves it."""
    package = folder / name
    package.mkdir(parents=True)
    for file in ("__init__.py", "part.py"):
        (package / file).write_text("", encoding="utf-8")
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n{needs}\nText: Requires-Dist: nothing\n",
                                   encoding="utf-8")
    (info / "RECORD").write_text(f"{name}/__init__.py,sha256=x,0\n{name}/part.py,,\n../../bin/{name},,\n",
                                 encoding="utf-8")
    return package


def test_our_own_parts_are_all_there() -> None:
    for package in (ROOT / "nuke_ai_panel", ROOT / "src" / "nuke_ai_panel_qt"):
        assert parts_that_are_missing(package) == [] == data_that_is_broken(package)


def test_part_that_another_one_imports_is_named(tmp_path: Path) -> None:
    package = tmp_path / "ours"
    shutil.copytree(ROOT / "nuke_ai_panel" / "nk", package / "nk", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("errors", "words", "json_text"):
        (package / f"{name}.py").write_text("", encoding="utf-8")
    (package / "nk" / "tcl.py").unlink()
    (package / "nk" / "data" / "nuke_api.json").write_text('{"half', encoding="utf-8")

    assert "ours.nk.tcl, which ours.nk.screen needs" in parts_that_are_missing(package)
    assert [one.split(": ")[0] for one in data_that_is_broken(package)] == [
        str(package / "nk" / "data" / "nuke_api.json")]


def test_receipt_tells_what_is_missing_and_what_was_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files: Dict[str, str] = {}
    for name in ("menu.py", "init.py", "packages.txt"):
        (tmp_path / name).write_text(name, encoding="utf-8")
        files[name] = sha256_of(tmp_path / name)
    receipt = Receipt("1", "today", {}, {**files, "gone.svg": "0", "packages/py3.11-x/a.py": "0"})
    (tmp_path / "menu.py").write_text("# mine", encoding="utf-8")
    write_receipt(tmp_path, receipt)

    assert unlike_the_receipt(tmp_path, receipt) == (["gone.svg"], ["menu.py"])
    monkeypatch.setattr(diagnosis, "ROOT", tmp_path)
    lines = [line for section in make_report().sections if section.title == "Code" for line in section.lines]
    assert next(line.value for line in lines if line.name == "missing file" and line.state == "wrong") == "gone.svg"
    assert [(line.value, line.state) for line in lines if line.name == "changed file"] == [("menu.py", "note")]


def test_package_with_half_of_its_files_is_not_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = make_package(tmp_path, "someone")
    monkeypatch.syspath_prepend(str(tmp_path))
    asked = Package("someone", "someone", "0.5", "nothing")
    assert look_at(asked).problem == "" and files_that_are_missing(str(tmp_path), "someone") == []

    (package / "part.py").unlink()

    found = look_at(asked)
    assert (found.problem, found.is_wrong) == ("is not whole: someone/part.py is missing", True)


@pytest.mark.parametrize(("needs", "missing"), [
    ("Requires-Dist: absent>=2", ["absent"]), ("Requires-Dist: absent ; python_version < '3.8'", []),
    ("Requires-Dist: absent ; extra == 'more'", []), ("Requires-Dist: third", ["below"]),
    ("Requires-Dist: absent\nRequires-Dist: Also_Absent", ["absent", "also-absent"]), ("", []),
])
def test_what_a_package_needs_is_looked_for_all_the_way_down(needs: str, missing: List[str], tmp_path: Path) -> None:
    make_package(tmp_path, "first", needs=needs)
    make_package(tmp_path, "third", needs="Requires-Dist: below")

    assert needs_that_are_missing(str(tmp_path), "first", [str(tmp_path)], HERE) == missing


def test_module_of_somebody_elses_that_hides_a_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_package(tmp_path / "real", "someone")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "someone.py").write_text("raise ImportError('not me')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "real"))
    monkeypatch.syspath_prepend(str(tmp_path / "other"))

    found = look_at(Package("someone", "someone", "0.5", "nothing"))

    assert found.is_wrong and f"is not the real one, which is in {tmp_path / 'real'}" in found.problem
    assert "ImportError: not me" in failure_to_load("someone")
    error = raised_by("someone")
    assert explained(error)[0] == f"{tmp_path / 'other' / 'someone.py'} cannot be loaded: not me."


def raised_by(module: str) -> BaseException:
    try:
        __import__(module)
    except ImportError as error:
        return error
    raise AssertionError(f"{module} can be loaded")


def test_each_wrong_thing_is_told_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "settings.toml").write_text("[panel\n", encoding="utf-8")
    values: List[Any] = [line.value for line in make_report().wrong()]

    assert values and len(values) == len(set(values))


def test_working_folder_is_no_secret(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PWD", str(ROOT))

    assert "•••" not in make_report().text()
