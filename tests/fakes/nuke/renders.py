"""Rendering without pixels: what was executed is noted, a tiny picture is written where a test wants one."""
# ruff: noqa: N803  (Nuke's own names)

from __future__ import annotations

import base64
import os
import re
from typing import TYPE_CHECKING, Any, Dict, List, Tuple

if TYPE_CHECKING:
    from .cores import Core
    from .host import Host

EXTENSIONS = frozenset({"exr", "png", "jpg", "jpeg", "tif", "tiff", "dpx", "mov", "tga", "cin", "hdr", "sgi", "pic"})
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


class Renders:
    """nuke.execute and what a node says of its errors and frames."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.done: List[Tuple[str, List[int]]] = []
        self.write_pictures = False

    def execute(self, nameOrNode: Any, start: int = 1, end: int = 0, incr: int = 1, views: Any = None,
                continueOnError: bool = False) -> None:
        core = self.host.core_of(nameOrNode)
        faults = self.host.faults
        if faults.cancel_execute:
            faults.cancel_execute = False
            raise RuntimeError("Cancelled")
        error, faults.execute_error = faults.execute_error or self.tree_error(core), ""
        if error:
            raise RuntimeError(error)
        frames = list(range(int(start), int(end or start) + 1, max(int(incr), 1)))
        if core.class_name == "Write":
            self._check_write(core)
        self.host.callbacks.fire("BeforeRender", core)
        for frame in frames:
            self.host.callbacks.fire("BeforeFrameRender", core)
            if self.write_pictures and core.class_name == "Write":
                self._picture(core, frame)
            self.host.callbacks.fire("AfterFrameRender", core)
        self.host.callbacks.fire("AfterRender", core)
        self.done.append((core.path(), frames))

    def executeMultiple(self, nodes: Any, ranges: Any, views: Any = None, continueOnError: bool = False) -> None:
        for node in nodes:
            for one in ranges:
                self.execute(node, *one)

    def _check_write(self, core: Core) -> None:
        path = str(core.knobs["file"].value())
        if core.knobs["disable"].value() and self.host.options.disabled_write_raises:
            raise RuntimeError(f"{core.path()} is disabled")
        extension = str(core.knobs["file_type"].value() or "") or os.path.splitext(path)[1].lstrip(".")
        if not path or extension.lower() not in EXTENSIONS:
            raise RuntimeError(f"{core.path()}: no file type for {path or 'an empty name'}")
        folder = os.path.dirname(path)
        if folder and not os.path.isdir(folder):
            if not core.knobs["create_directories"].value():
                raise RuntimeError(f"{core.path()}: no folder {folder}")
            os.makedirs(folder)
        if not core.inputs:
            raise RuntimeError(f"{core.path()}: Missing input")

    def _picture(self, core: Core, frame: int) -> None:
        path = str(core.knobs["file"].value())
        path = re.sub(r"%0?(\d*)d", lambda found: str(frame).zfill(int(found.group(1) or 0)), path)
        path = re.sub(r"#+", lambda found: str(frame).zfill(len(found.group())), path)
        with open(path, "wb") as file:
            file.write(PIXEL)

    def tree_error(self, core: Core) -> str:
        """The first error at or above a node."""
        seen, waiting = set(), [core]
        while waiting:
            one = waiting.pop(0)
            if one.error_text:
                return one.error_text
            if id(one) not in seen:
                seen.add(id(one))
                waiting.extend(source for source in one.inputs if source is not None)
        return ""

    def metadata(self, core: Core) -> Dict[str, Any]:
        """A Read's file name, handed on."""
        if core.class_name == "Read":
            return {"input/filename": str(core.knobs["file"].value())}
        source = next((one for one in core.inputs[:1] if one is not None), None)
        return self.metadata(source) if source is not None else {}

    def frames(self, core: Core) -> Tuple[int, int]:
        """A Read's range, handed on; without one the root's."""
        if core.class_name == "Read":
            return int(core.knobs["first"].value()), int(core.knobs["last"].value())
        source = next((one for one in core.inputs[:1] if one is not None), None)
        if source is not None:
            return self.frames(source)
        root = self.host.root.knobs
        return int(root["first_frame"].value()), int(root["last_frame"].value())
