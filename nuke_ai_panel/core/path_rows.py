"""Files by the first letters of their path, for a list that is being typed into. Any thread; a share may be slow."""

from __future__ import annotations

import os
import re
from itertools import islice
from pathlib import Path
from typing import List, Tuple

# A path as it is typed: from the root, the home, a drive or this folder.
PATH_START = re.compile(r"(?:[~/\\]|\.{1,2}[/\\]|[A-Za-z]:[/\\])")
_MOST_LOOKED_AT = 5000


def path_rows(typed: str, limit: int = 40) -> Tuple[str, ...]:
    """The paths that begin so, written with `/`; folders first, ending in one. Nothing where nothing can be read."""
    typed = typed.replace("\\", "/")
    folder, _, start = typed.rpartition("/")
    return tuple(f"{folder}/{name}" for name in names_in(os.path.expanduser(f"{folder}/"), start, limit))


def names_in(folder: str, start: str, limit: int = 40) -> Tuple[str, ...]:
    """The names in a folder that begin so; hidden ones only when they are asked for."""
    wanted, found = start.lower(), []
    try:
        with os.scandir(Path(folder)) as entries:
            for entry in islice(entries, _MOST_LOOKED_AT):
                if entry.name.lower().startswith(wanted) and (wanted or not entry.name.startswith(".")):
                    found.append((not _is_folder(entry), entry.name.lower(), entry.name))
    except (OSError, ValueError):
        return ()
    rows: List[str] = [name if is_file else f"{name}/" for is_file, _, name in sorted(found)]
    return tuple(rows[:limit])


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
