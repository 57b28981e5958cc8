"""Does for a terminal what an installed folder's init.py does for Nuke: puts its packages at the end of Python's path.

Without it the doctor of a whole folder would miss every package.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ..install.targets import folder_of

ROOT = Path(__file__).resolve().parents[2]


def add_packages() -> None:
    """Appends the panel and this Python's packages, where this is a folder that `install` built."""
    if not (ROOT / "packages").is_dir():
        return
    for folder in (ROOT / "src", ROOT / "packages" / folder_of()):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.append(str(folder))
