"""The packages that the product needs: which are there, which copy of each counts, and what a failed import means.

Standard library only; nothing is imported to find out but by `failure_to_load`. Any thread.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from .targets import Target, folder_of, this_system
from .wholeness import files_that_are_missing, needs_that_are_missing

ROOT = Path(__file__).resolve().parents[2]
_BUILT_FOR = re.compile(r"\.(?:cpython-|cp)(\d)(\d+)[-.]")


@dataclass(frozen=True)
class Package:
    """One dependency: `name` for pip, `module` for Python, the oldest version that works, and what it is for."""

    name: str
    module: str
    oldest: str
    purpose: str
    is_vital: bool = True


REQUIRED: Tuple[Package, ...] = (
    Package("aiohttp", "aiohttp", "3.8.6", "connections to every provider"),
    Package("certifi", "certifi", "2023.7.22", "certificates where the system has none", is_vital=False),
    Package("filelock", "filelock", "3.12", "telling sessions apart that share a history"),
    Package("jinja2", "jinja2", "3.1.3", "templates of batches", is_vital=False),
    Package("keyring", "keyring", "24", "the system's key store", is_vital=False),
    Package("markdown-it-py", "markdown_it", "2.2", "the look of answers"),
    Package("platformdirs", "platformdirs", "3.10", "finding the folder of user data"),
    Package("prompt_toolkit", "prompt_toolkit", "3.0.39", "chat in a terminal", is_vital=False),
    Package("pygments", "pygments", "2.15", "colours in code"),
    Package("tomlkit", "tomlkit", "0.12", "settings files"),
)
# What they stand on. These have parts that are built for one Python; in another they are slow, or do not load at all.
COMPILED: Tuple[Package, ...] = (
    Package("multidict", "multidict", "0", "the speed of aiohttp", is_vital=False),
    Package("yarl", "yarl", "0", "the speed of aiohttp", is_vital=False),
    Package("frozenlist", "frozenlist", "0", "the speed of aiohttp", is_vital=False),
    Package("propcache", "propcache", "0", "the speed of aiohttp", is_vital=False),
    Package("markupsafe", "markupsafe", "0", "the speed of templates", is_vital=False),
)


@dataclass(frozen=True)
class Found:
    """What Python would import: `place` and `version` of the copy that counts, and other copies `behind` it.

    `is_wrong` tells what has to be mended from what can be done without.
    """

    package: Package
    place: str = ""
    version: str = ""
    behind: Tuple[str, ...] = ()
    problem: str = ""
    is_wrong: bool = False


def look_at(package: Package) -> Found:
    """Where the package is, without importing it."""
    copies = _copies(package.module)
    if not copies:
        return Found(package, problem="is missing", is_wrong=package.is_vital)
    version = _version(package.name, copies[0])
    problem = ""
    if version and _numbers(version) < _numbers(package.oldest):
        problem = f"is {version}, and {package.oldest} is the oldest that works"
    built_for = wrong_python(os.path.join(copies[0], package.module))
    if built_for:
        problem = f"was built for Python {built_for}, and this is {sys.version_info[0]}.{sys.version_info[1]}"
    is_wrong = bool(problem) and (package.is_vital or bool(built_for))
    if not problem:
        problem = _not_whole(package, copies, version)
        is_wrong = bool(problem) and package.is_vital
    return Found(package, copies[0], version, tuple(copies[1:]), problem, is_wrong)


def _not_whole(package: Package, copies: List[str], version: str) -> str:
    """What the copy that counts lacks, or that it is no copy of the package at all."""
    behind = next((one for one in copies[1:] if not version and _version(package.name, one)), "")
    if behind:
        return f"is not the real one, which is in {behind} and comes later on the path"
    gone = files_that_are_missing(copies[0], package.name)
    if gone:
        return f"is not whole: {gone[0]} is missing" + (f", and {len(gone) - 1} more" if gone[1:] else "")
    system = this_system()
    here = Target((sys.version_info[0], sys.version_info[1]), system) if system is not None else None
    needs = needs_that_are_missing(copies[0], package.name, sys.path, here)
    return f"needs {' and '.join(needs)}, which {'are' if needs[1:] else 'is'} missing" if needs else ""


def look_at_all() -> List[Found]:
    """Every package that the product needs, and those among what they need that were built for another Python."""
    below = [found for found in map(look_at, COMPILED) if found.is_wrong or found.behind]
    return [*(look_at(one) for one in REQUIRED), *below]


def failure_to_load(module: str) -> str:
    """Why a package that is there cannot be loaded; empty where it can. It is loaded: only that shows a system too
    old for it, or a package that raises."""
    try:
        importlib.import_module(module)
    except Exception as error:  # noqa: BLE001  (a broken package may raise anything)
        return f", cannot be loaded: {type(error).__name__}: {error}"
    return ""


def wrong_python(folder: str) -> str:
    """The Python that a package's compiled parts were built for, if it is another than this one; else empty."""
    try:
        names = [name for name in os.listdir(folder) if name.endswith((".so", ".pyd"))]
    except OSError:
        return ""
    built = {found.groups() for name in names for found in [_BUILT_FOR.search(name)] if found}
    here = (str(sys.version_info[0]), str(sys.version_info[1]))
    return ".".join(sorted(built)[0]) if built and here not in built else ""


def other_pythons(root: Optional[Path] = None) -> List[str]:
    """For which Pythons the folder holds packages while it holds none for this one."""
    folder = (root or ROOT) / "packages"
    try:
        names = sorted(path.name for path in folder.iterdir() if path.name.startswith("py"))
    except OSError:
        return []
    return [] if folder_of() in names else names


def mending_command() -> str:
    """What to type in a terminal so that this Python has its packages."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if (ROOT / "menu.py").is_file():
        python = "python" if os.name == "nt" else "python3"
        return f'cd "{ROOT}" && {python} -m nuke_ai_panel install --python {version} --target "{ROOT}"'
    return f"nuke-ai-panel install --python {version}"


def explained(error: BaseException) -> Tuple[str, str]:
    """What is wrong when the product cannot be loaded, as a sentence, and what mends it."""
    command = f"In a terminal: {mending_command()}. Then press Try again, or start Nuke anew."
    if isinstance(error, SyntaxError):
        place = f"{error.filename}, line {error.lineno}: " if error.filename else ""
        return (
            f"A file does not compile: {place}{error.msg}.",
            "Install the panel again, or mend the file and press Try again.",
        )
    if not isinstance(error, ImportError):
        return (
            f"The panel cannot be loaded: {type(error).__name__}: {error}.",
            f"Nuke > AI Panel > Report says more, and so does nuke-ai-panel doctor. {_told_by(error)}".rstrip(),
        )
    top = (error.name or "").partition(".")[0]
    if top in ("nuke_ai_panel", "nuke_ai_panel_qt"):
        again = f"Install the panel again. In a terminal: {reinstalling_command()}"
        return f"A part of the panel is missing or broken: {error}.", again
    if "Qt" in (error.name or str(error)):
        return f"Nuke's Qt cannot be loaded: {error}.", "Take every PySide out of PYTHONPATH: Nuke brings its own."
    found = importlib.util.find_spec(top) if top and top not in sys.modules else None
    place = next(iter(found.submodule_search_locations or []), "") if found is not None else ""
    if not place and top in sys.modules:
        place = next(iter(getattr(sys.modules[top], "__path__", [])), "")
    built_for = wrong_python(place) if place else ""
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if built_for:
        return (
            f"{top} in {os.path.dirname(place)} was built for Python {built_for}, and this Nuke has Python {here}.",
            command,
        )
    others = other_pythons()
    if others:
        return f"This folder holds the packages of {', '.join(others)}, and this Nuke is {folder_of()}.", command
    if place:
        return f"{top} in {os.path.dirname(place)} cannot be loaded: {error}.", command
    failed = "" if top else _file_that_failed(error)
    if failed:
        return f"{failed} cannot be loaded: {error}.", f"Take it off the path. {command}"
    return f"The package {top or error} is missing.", command


def reinstalling_command() -> str:
    """What to type in a terminal so that the product's own files are whole again."""
    if (ROOT / "menu.py").is_file() or (ROOT / "init.py").is_file():
        return f'nuke-ai-panel install --python {sys.version_info[0]}.{sys.version_info[1]} --target "{ROOT}"'
    return "python -m pip install --force-reinstall nuke-ai-panel"


def _told_by(error: BaseException) -> str:
    failed = _file_that_failed(error)
    return f"It was raised in {failed}." if failed else ""


def _file_that_failed(error: BaseException) -> str:
    """The last file that was running, where it is not ours."""
    last, trace = "", error.__traceback__
    while trace is not None:
        last, trace = trace.tb_frame.f_code.co_filename, trace.tb_next
    return last if os.path.isfile(last) and "nuke_ai_panel" not in last else ""


def second_copies(paths: Sequence[str] = ()) -> List[str]:
    """Folders on Python's and Nuke's path that hold another copy of the product than the one in use."""
    nuke_path = [one for one in os.environ.get("NUKE_PATH", "").split(os.pathsep) if one]
    seen = {_real(str(ROOT)), _real(str(ROOT / "src"))}
    found = []
    for entry in (*(paths or sys.path), *nuke_path):
        for folder in (entry or os.getcwd(), os.path.join(entry or os.getcwd(), "src")):
            real = _real(folder)
            has_one = any(os.path.isfile(os.path.join(folder, name, "__init__.py"))
                          for name in ("nuke_ai_panel", "nuke_ai_panel_qt"))
            if has_one and real not in seen:
                seen.add(real)
                found.append(folder)
    return found


def _copies(module: str) -> List[str]:
    """Every folder of Python's path that holds the module, the one that counts first."""
    found: List[str] = []
    for entry in sys.path:
        folder = entry or os.getcwd()
        has_it = os.path.isfile(os.path.join(folder, f"{module}.py")) or os.path.isfile(
            os.path.join(folder, module, "__init__.py"))
        if has_it and _real(folder) not in map(_real, found):
            found.append(folder)
    return found


def _version(name: str, folder: str) -> str:
    """What the metadata beside the package says; empty without any."""
    wanted = re.sub(r"[-_.]+", "_", name).lower()
    try:
        names = os.listdir(folder)
    except OSError:
        return ""
    for entry in names:
        stem, dot, kind = entry.rpartition(".")
        base, _, version = stem.partition("-")
        if dot and kind in ("dist-info", "egg-info") and re.sub(r"[-_.]+", "_", base).lower() == wanted:
            return version.partition("-")[0]
    return ""


def _numbers(version: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:4])


def _real(path: str) -> str:
    return os.path.normcase(os.path.realpath(path))
