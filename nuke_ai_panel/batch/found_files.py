"""The files that a pattern finds: each once, however many links lead to it. Blocking; any thread."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Set, Tuple

from .watch import Watch

_ANY_DEPTH = f"{os.sep}**{os.sep}"


def whole_path(path: str) -> str:
    """The path, or the pattern, from the root on, so that it names the same from every folder."""
    return str(Path(os.path.expanduser(path)).absolute())


def files_of(pattern: str, watch: Optional[Watch] = None) -> List[str]:
    """The files of a whole pattern in the order of their paths; of several ways to a folder the one without links.

    Raises StoppedError when the watch is stopped.
    """
    kept: Dict[Tuple[str, str], Tuple[bool, str]] = {}
    for path in _matches(pattern, watch):
        if watch is not None:
            watch.look()
        if os.path.isfile(path):
            folder, name = os.path.split(path)
            real = os.path.realpath(folder)
            one = (folder != real, path)
            kept[real, name] = min(one, kept.get((real, name), one))
    return sorted(path for _, path in kept.values())


def fixed_folder(pattern: str) -> str:
    """The folder in which a whole pattern begins to search."""
    kept: List[str] = []
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            break
        kept.append(part)
    return str(Path(*kept).resolve())


def _matches(pattern: str, watch: Optional[Watch]) -> Iterator[str]:
    """What a pattern finds, folder by folder where it goes down to any depth."""
    if pattern.endswith(f"{os.sep}**"):
        pattern = os.path.join(pattern, "*")
    top, any_depth, rest = pattern.partition(_ANY_DEPTH)
    if not any_depth:
        yield from glob.iglob(pattern)
        return
    for start in glob.iglob(top) if glob.has_magic(top) else (top or os.sep,):
        for folder in _folders(start):
            if watch is not None:
                watch.look()
            yield from _matches(os.path.join(glob.escape(folder), rest), watch)


def _folders(top: str) -> Iterator[str]:
    """A folder and those below it, each once; links are followed last, and hidden folders not at all."""
    seen: Set[str] = set()
    tops = [top]
    for start in tops:
        for folder, names, _ in os.walk(start):
            real = os.path.realpath(folder)
            if real in seen:
                names.clear()
                continue
            seen.add(real)
            names[:] = sorted(name for name in names if not name.startswith("."))
            tops += [path for path in (os.path.join(folder, name) for name in names) if os.path.islink(path)]
            yield folder
