"""The few lines in the artist's own init.py that lead Nuke to the folder; put in once, taken out whole. Blocking."""

from __future__ import annotations

import os
from pathlib import Path

BEGIN = "# nuke-ai-panel: begin (written by nuke-ai-panel install, removed by nuke-ai-panel uninstall)"
END = "# nuke-ai-panel: end"


def nuke_home() -> Path:
    """Where Nuke reads an artist's own start files."""
    return Path(os.path.expanduser("~")) / ".nuke"


def add(folder: Path) -> Path:
    """Adds or renews the lines in ~/.nuke/init.py; the file's path. Everything else in it stays as it is."""
    path = nuke_home() / "init.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = _without(_read(path))
    lines = f"{BEGIN}\nimport nuke\nnuke.pluginAddPath({folder.as_posix()!r}, addToSysPath=False)\n{END}\n"
    _write(path, text + ("" if not text or text.endswith("\n") else "\n") + lines)
    return path


def remove(path: Path) -> None:
    """Takes the lines out; a file that held nothing else goes too."""
    if not path.is_file():
        return
    text = _without(_read(path))
    if text.strip():
        _write(path, text)
    else:
        path.unlink()


def _without(text: str) -> str:
    before, begin, rest = text.partition(BEGIN)
    if not begin:
        return text
    return before + rest.partition(END)[2].lstrip("\n")


def _read(path: Path) -> str:
    # Bytes that are no UTF-8 come back as they were.
    return path.read_bytes().decode("utf-8", "surrogateescape") if path.is_file() else ""


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(text.encode("utf-8", "surrogateescape"))
    os.replace(fresh, path)
