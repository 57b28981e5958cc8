"""Names of files that stand in one list: what is below the folder they share, shortened in its middle. Pure."""

from __future__ import annotations

import re
from typing import Callable, Optional, Sequence

_PARTS = re.compile(r"[^/\\\\]*[/\\\\]+")


def common_folder(paths: Sequence[str], known: Optional[str] = None) -> Optional[str]:
    """The folder above all of these, with its last slash, and above or at the `known` one; None before the first."""
    found = known
    for path in paths:
        own = _PARTS.findall(path)
        shared = own if found is None else _PARTS.findall(found)
        same = 0
        while same < min(len(own), len(shared)) and own[same] == shared[same]:
            same += 1
        found = "".join(shared[:same])
    return found


def below(path: str, folder: Optional[str]) -> str:
    """A path as it is called in its folder."""
    return path[len(folder):] if folder and path.startswith(folder) else path


def shortened(path: str, fits: Callable[[str], bool]) -> str:
    """As much of a path as fits: its first folders and its file; the last form is returned whether it fits or not."""
    parts = _PARTS.findall(path)
    name = path[sum(map(len, parts)):]
    for kept in range(len(parts), 0, -1):
        shown = path if kept == len(parts) else f"{''.join(parts[:kept])}…/{name}"
        if fits(shown):
            return shown
    return f"{parts[0]}…/{name}" if len(parts) > 1 else path
