"""Takes a generation of our modules out of `sys.modules`, imports the next one, and puts the old back if that fails.

A generation is every loaded module of our packages and of the third parties that plug into them. Whoever imports
meanwhile would get a mixture, so this runs on one thread while nothing of ours works. Nothing is kept here: the caller
holds the modules that were set aside for as long as they may have to come back.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import sys
import time
import typing
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Dict, Iterable, Mapping, Optional, Tuple, TypeVar, cast

from .survivors import OUR_PACKAGES

_Function = TypeVar("_Function", bound=Callable[..., Any])

_SPARE_CLASSES = f"{__package__}.spare_classes"
# A file that changed this recently may have a compiled copy of the same second and size, which Python believes.
_FRESH_S = 3.0
# What is older was read when this generation was imported, and compiled then.
_IMPORTED_AT = time.time()


def generation(third_parties: Iterable[str] = ()) -> Dict[str, ModuleType]:
    """The loaded modules of our packages and of `third_parties` (names of top-level packages), by name."""
    packages = {*OUR_PACKAGES, *third_parties}
    return {
        name: module for name, module in list(sys.modules.items())
        if name.partition(".")[0] in packages and isinstance(module, ModuleType)
    }


def broken_file(modules: Mapping[str, ModuleType]) -> Optional[Tuple[str, int, str]]:
    """The first of their source files that does not compile, as (path, line, what is wrong).

    Only those are looked at that changed since they were imported: compiling all takes a second, and an older file
    that came in their place is found out by its import. One that is gone is no fault by itself: only its importers can
    tell whether it is missed.
    """
    for module in modules.values():
        path = source_of(module)
        if path is None:
            continue
        try:
            if path.stat().st_mtime >= _IMPORTED_AT - _FRESH_S:
                compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        except SyntaxError as error:
            return str(path), error.lineno or 0, error.msg or "does not compile"
        except ValueError as error:  # a NUL byte: half written
            return str(path), 0, str(error)
        except FileNotFoundError:
            continue
        except OSError as error:
            return str(path), 0, error.strerror or str(error)
    return None


def source_of(module: ModuleType) -> Optional[Path]:
    """The source file of a module, if it has one."""
    name = getattr(module, "__file__", None)
    return Path(name) if isinstance(name, str) and name.endswith(".py") else None


def replace_generation(old: Mapping[str, ModuleType]) -> None:
    """Imports every module of `old` anew. If one fails, the old ones are back in place and its error is raised."""
    for module in old.values():
        _forget_fresh_copy(module)
    importlib.invalidate_caches()
    for name in old:
        sys.modules.pop(name, None)
    try:
        for name in sorted(old, key=lambda one: (one.count("."), one)):
            if name not in sys.modules and not _is_gone(name, old[name]):
                importlib.import_module(name)
    except BaseException:
        put_back(old)
        raise


def put_back(old: Mapping[str, ModuleType]) -> None:
    """Takes the present generation out, and `old` back in."""
    packages = {name.partition(".")[0] for name in old}
    present = {name: module for name, module in list(sys.modules.items()) if name.partition(".")[0] in packages}
    for name in present:
        sys.modules.pop(name, None)
    sys.modules.update(old)
    if present.get(_SPARE_CLASSES) is not old.get(_SPARE_CLASSES):
        _retire_classes(present)
    for name, module in old.items():
        parent, _, child = name.rpartition(".")
        if parent in old:
            setattr(old[parent], child, module)


def forget(old: Mapping[str, ModuleType]) -> None:
    """Clears what the interpreter itself still holds of a generation that was replaced."""
    for clean in getattr(typing, "_cleanups", ()):  # its caches hold our classes as parts of aliases
        clean()
    _retire_classes(old)
    for name, module in old.items():
        if name in OUR_PACKAGES:
            _forward(module)


def of_today(function: _Function) -> _Function:
    """Lets a public function that was imported before a reload do what its namesake of today does."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        today = sys.modules.get(function.__module__)
        current = getattr(today, function.__name__, None)
        return (function if current is call or current is None else current)(*args, **kwargs)

    return cast(_Function, call)


def _forward(package: ModuleType) -> None:
    """Lets `import nuke_ai_panel as ai` of before the reload reach the package of today."""
    name, names = package.__name__, package.__dict__

    kept = {key: value for key, value in names.items() if key in ("__name__", "__path__", "__file__", "__spec__")}
    names.clear()
    names.update(kept)
    namespace: Dict[str, object] = {"__name__": name}
    exec(
        "import sys\n"
        "def __getattr__(attribute):\n"
        f"    return getattr(sys.modules[{name!r}], attribute)\n"
        "def __dir__():\n"
        f"    return dir(sys.modules[{name!r}])\n",
        namespace,
    )
    names["__getattr__"], names["__dir__"] = namespace["__getattr__"], namespace["__dir__"]


def _retire_classes(gone: Mapping[str, ModuleType]) -> None:
    """Empties those classes of a generation out of service that nobody can free."""
    made = gone.get(_SPARE_CLASSES)
    retire = getattr(made, "retire", None)
    if retire is not None:
        retire()


def _is_gone(name: str, module: ModuleType) -> bool:
    """Whether a module of the old generation has no source any more: it was renamed or deleted, and is not missed."""
    path = source_of(module)
    return "." in name and path is not None and not path.exists()


def _forget_fresh_copy(module: ModuleType) -> None:
    path = source_of(module)
    if path is None:
        return
    try:
        if time.time() - path.stat().st_mtime < _FRESH_S:
            os.unlink(importlib.util.cache_from_source(str(path)))
    except (OSError, NotImplementedError):  # no copy, or nowhere to have one
        pass
