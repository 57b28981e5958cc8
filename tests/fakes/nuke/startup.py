"""Nuke's start: init.py of every path always, menu.py with an interface, in Nuke's order."""
# ruff: noqa: N803  (Nuke's own names)

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Dict, List, Sequence

if TYPE_CHECKING:
    from .host import Host


class Startup:
    """The plug-in path and what was run from it."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.paths: List[str] = []
        self.ran: List[str] = []
        self.phase = ""

    def run(self, paths: Sequence[str]) -> None:
        """Starts Nuke with these folders in search order: the first one, ~/.nuke, is read last."""
        self.paths = [os.fspath(one) for one in paths]
        self.phase = "init"
        for path in reversed(list(self.paths)):
            self._file(path, "init.py")
        if self.host.gui:
            self.phase = "menu"
            for path in reversed(list(self.paths)):
                self._file(path, "menu.py")
        self.phase = ""

    def _file(self, folder: str, name: str) -> None:
        path = os.path.join(folder, name)
        if not os.path.isfile(path):
            return
        self.ran.append(path)
        with open(path, encoding="utf-8") as file:
            code = compile(file.read(), path, "exec")
        names: Dict[str, Any] = {"__name__": "__main__", "__file__": path}
        exec(code, names)

    def pluginAddPath(self, args: Any, addToSysPath: bool = True) -> None:
        self._add(args, addToSysPath, front=True)

    def pluginAppendPath(self, args: Any, addToSysPath: bool = True) -> None:
        self._add(args, addToSysPath, front=False)

    def _add(self, args: Any, to_sys: bool, *, front: bool) -> None:
        for one in args if isinstance(args, (list, tuple)) else [args]:
            base = os.path.dirname(self.ran[-1]) if self.ran else os.getcwd()
            path = os.path.normpath(os.path.join(base, os.fspath(one)))
            if path in self.paths:
                self.paths.remove(path)
            self.paths.insert(0 if front else len(self.paths), path)
            if to_sys and path not in sys.path:
                sys.path.insert(0 if front else len(sys.path), path)
            if self.phase == "init":
                self._file(path, "init.py")
