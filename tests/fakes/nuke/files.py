"""Saving, opening, clearing scripts; copy and paste."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Optional

from . import node_text

if TYPE_CHECKING:
    from .host import Host

CLIPBOARD = "%clipboard%"


class Files:
    """The script's file and the clipboard."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.path = ""
        self.modified = False
        self.clipboard = ""

    def scriptName(self) -> str:
        if not self.path:
            raise RuntimeError("no script name: the script is untitled")
        return self.path

    def scriptSave(self, filename: Optional[str] = None) -> bool:
        if not filename and not self.path:
            if self.host.gui:
                return False
            raise RuntimeError("the script has no name")
        return self._save(filename or self.path)

    def scriptSaveAs(self, filename: Optional[str] = None, overwrite: int = -1) -> bool:
        if not filename:
            raise RuntimeError("no file name")
        if os.path.exists(filename) and overwrite != 1:
            if overwrite == -1 and self.host.gui and self.host.dialogs.ask(f"Overwrite {filename}?"):
                return self._save(filename)
            if self.host.options.save_over_raises:
                raise RuntimeError(f"{filename} exists")
            return False
        return self._save(filename)

    def save_to_temp(self, path: str) -> str:
        self._write(path)
        return path

    def _save(self, path: str) -> bool:
        before, self.path = self.path, path
        try:
            self.host.callbacks.fire("OnScriptSave", self.host.root)
            self._write(path)
        except BaseException:
            self.path = before
            raise
        self.modified = False
        return True

    def _write(self, path: str) -> None:
        if self.host.faults.read_only_disk:
            raise RuntimeError(f"{path}: Permission denied")
        with open(path, "w", encoding="utf-8") as file:
            file.write(node_text.to_script(self.host.root.children, self.host, root=True))

    def scriptClear(self) -> None:
        host = self.host
        host.callbacks.fire("OnScriptClose", host.root)
        for core in list(host.root.children):
            host.scene._out(core)
        self.path, self.modified = "", False
        host.scene.contexts.clear()
        host.undo.wipe()
        host.new_root()

    def scriptClose(self) -> bool:
        if self.modified and self.host.gui and not self.host.dialogs.ask("Close without saving?"):
            return False
        self.scriptClear()
        return True

    def scriptOpen(self, filename: str) -> None:
        path = filename
        if not os.path.exists(path):
            raise RuntimeError(f"{path}: No such file")
        self.scriptClear()
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.path = path
        self.host.undo.off += 1
        try:
            node_text.Reading(self.host, self.host.root).run(text, root=True)
        finally:
            self.host.undo.off -= 1
        self.host.callbacks.fire("OnCreate", self.host.root)
        self.host.callbacks.fire("OnScriptLoad", self.host.root)
        self.modified = False

    def scriptReadText(self, s: str) -> None:
        node_text.Reading(self.host, self.host.scene.context()).run(s)

    def scriptReadFile(self, s: str) -> None:
        self.scriptReadText(self._read(s))

    def _read(self, path: str) -> str:
        try:
            with open(path, encoding="utf-8") as file:
                return file.read()
        except OSError as error:
            raise RuntimeError(f"{path}: {error.strerror}") from error

    # Copy and paste.
    def nodeCopy(self, s: str) -> bool:
        if s == CLIPBOARD and not self.host.gui:
            raise RuntimeError("Cannot copy to clipboard in non-GUI mode")
        chosen = [one for one in self.host.scene.context().children if one.knobs["selected"].value()]
        if not chosen:
            return False
        text = node_text.to_script(chosen, self.host, clipboard=True)
        if s == CLIPBOARD:
            self.clipboard = text
        else:
            with open(s, "w", encoding="utf-8") as file:
                file.write(text)
        return True

    def nodePaste(self, s: str) -> Any:
        host = self.host
        if s == CLIPBOARD and not host.gui:
            raise RuntimeError("Cannot paste from clipboard in non-GUI mode")
        text = self.clipboard if s == CLIPBOARD else self._read(s)
        where = host.scene.context()
        selection = host.scene.selected(where)
        reading = node_text.Reading(host, where, selection[0] if selection else None)
        try:
            reading.run(text)
        finally:
            own = [one for one in reading.made if one.parent is where]
            if own:
                host.scene.select_only(own, where)
        return own[-1].handle if own else None
