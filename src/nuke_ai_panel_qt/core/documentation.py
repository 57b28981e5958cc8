"""Opens the pages about the product that lie beside its code. Main thread."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import nuke_ai_panel
from nuke_ai_panel.errors import HostError
from nuke_ai_panel.words import tr

from ..qt import QtCore, QtGui

PAGES = ("nuke.md", "tutorial.md")


def page() -> Optional[Path]:
    """The page to begin with: of the source tree, of an installed folder, or of an installed package."""
    package = Path(nuke_ai_panel.__file__).resolve().parent
    for folder in (package.parent / "docs", package / "install" / "docs"):
        for name in PAGES:
            if (folder / name).is_file():
                return folder / name
    return None


def open_documentation() -> None:
    """Hands the page to the system. Raises HostError with its path when nothing there can show it."""
    found = page()
    if found is None:
        raise HostError(
            "this copy came without its pages", user_text=tr("This copy came without its documentation."),
            next_step=tr("nuke-ai-panel --help says what the commands do."),
        )
    if not QtGui.QDesktopServices.openUrl(QtCore.QUrl.fromLocalFile(str(found))):
        raise HostError(
            "nothing here shows a page", user_text=tr("Nothing on this machine could open the documentation."),
            next_step=tr("It lies in {parent}.", parent=found.parent),
        )
