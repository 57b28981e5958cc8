"""A TOML file on disk: read with line numbers, written whole or not at all. Any thread.

Python 3.11 reads TOML itself; below that tomlkit does. Saving always uses tomlkit, which keeps the user's comments
and order; it is imported only then, because the command line starts often and saves seldom.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Tuple

from ..errors import SettingsError
from ..messages import Json
from ..words import tr

_LIMIT_BYTES = 1 << 20
_BARE = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_DOTTED = rf"{_BARE}(?:\s*\.\s*{_BARE})*"
_TABLE = re.compile(rf"^\s*\[\[?\s*({_DOTTED})\s*\]\]?\s*(?:#.*)?$")
_PAIR = re.compile(rf"^\s*({_DOTTED})\s*=\s*(.*)$")
_PART = re.compile(_BARE)

Path_ = Tuple[str, ...]


@dataclass(frozen=True)
class TomlFile:
    """What a file says, and on which line each name stands."""

    path: Path
    data: Mapping[str, Json]
    lines: Mapping[Path_, int]

    def place(self, name: Path_) -> str:
        """`FILE, line N` for a name, or for the nearest table around it."""
        for length in range(len(name), 0, -1):
            line = self.lines.get(name[:length])
            if line is not None:
                return f"{self.path}, line {line}"
        return str(self.path)


def read_toml(path: Path, *, missing_ok: bool) -> TomlFile:
    """The file's contents; an absent file is empty where that is allowed. Raises SettingsError."""
    return parse_toml(path, read_text(path, missing_ok=missing_ok))


def parse_toml(path: Path, text: str) -> TomlFile:
    """What `text` says as the contents of `path`. Raises SettingsError."""
    return TomlFile(path=path, data=_parse(path, text), lines=find_lines(text))


def read_text(path: Path, *, missing_ok: bool) -> str:
    """The file's text without a byte order mark and with plain line ends. Raises SettingsError."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LIMIT_BYTES + 1)
    except FileNotFoundError as exc:
        if missing_ok:
            return ""
        raise SettingsError(tr("{path} does not exist", path=path),
            next_step=tr("Check the name, or create the file.")) from exc
    except NotADirectoryError as exc:
        raise SettingsError(tr("{parent} is not a folder", parent=path.parent),
            next_step=tr("Set NUKE_AI_PANEL_HOME to a folder.")) from exc
    except OSError as exc:
        raise SettingsError(
            tr("{path} cannot be read: {exc}", path=path, exc=exc.strerror or exc),
            next_step=tr("Check that it is a file that you may read.")
        ) from exc
    if len(raw) > _LIMIT_BYTES:
        raise SettingsError(tr("{path} is larger than a settings file can be", path=path),
            next_step=tr("Check what the file is."))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise SettingsError(
            tr("{path}, line {line}: not UTF-8 text", path=path, line=line),
            next_step=tr("Save the file again as UTF-8.")
        ) from exc
    return text.replace("\r\n", "\n")


def find_lines(text: str) -> Dict[Path_, int]:
    """The line of every table and key. A name inside an inline table is not found; its table is."""
    found: Dict[Path_, int] = {}
    table: Path_ = ()
    inside = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if inside:
            inside = "" if line.count(inside) % 2 else inside
            continue
        header = _TABLE.match(line)
        if header:
            table = _parts(header.group(1))
            found.setdefault(table, number)
            continue
        pair = _PAIR.match(line)
        if pair:
            found.setdefault(table + _parts(pair.group(1)), number)
        for quotes in ('"""', "'''"):
            if line.count(quotes) % 2:
                inside = quotes
    return found


def write_atomically(path: Path, text: str, *, mode: Optional[int] = None) -> None:
    """Replaces the file in one step, so that a crash leaves the old one or the new one. Raises SettingsError."""
    target = Path(os.path.realpath(path))
    temporary = ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=str(target.parent))
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if mode is None:
            mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except OSError as exc:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        raise SettingsError(
            tr("{path} cannot be written: {exc}", path=path, exc=exc.strerror or exc),
            next_step=tr("Check the folder's rights and the free space, or set NUKE_AI_PANEL_HOME."),
        ) from exc


def edited(path: Path, text: str, changes: Mapping[Path_, Json]) -> str:
    """`text` with some values set, or taken out where they are None; comments and order stay. Raises SettingsError."""
    import tomlkit

    read = parse_toml(path, text)
    document = tomlkit.parse(text)
    for name, value in changes.items():
        table: Json = document
        for depth, part in enumerate(name[:-1]):
            if part not in table:
                if value is None:
                    table = None
                    break
                table[part] = tomlkit.table(is_super_table=depth < len(name) - 2)
            elif not isinstance(table[part], dict):
                raise SettingsError(
                    tr("{place}: {names} must be a table", place=read.place(name[:depth + 1]),
                    names='.'.join(name[:depth + 1])),
                    next_step=tr("Correct the line, then save again."),
                )
            table = table[part]
        if value is not None:
            table[name[-1]] = list(value) if isinstance(value, tuple) else value
        elif table is not None:
            table.pop(name[-1], None)
    return tomlkit.dumps(document)


def _parse(path: Path, text: str) -> Mapping[str, Json]:
    if sys.version_info >= (3, 11):
        import tomllib

        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as exc:
            raise _syntax_error(path, text, str(exc)) from exc
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(text).unwrap()
    except TOMLKitError as exc:
        raise _syntax_error(path, text, str(exc)) from exc


def _syntax_error(path: Path, text: str, said: str) -> SettingsError:
    found = re.search(r"\bline (\d+)", said)
    line = found.group(1) if found else str(text.rstrip("\n").count("\n") + 1)
    reason = re.sub(r"\s*\(?\bat (?:line \d+,? col(?:umn)? \d+|end of document)\)?", "", said).rstrip(". ") or said
    place = f"{path}, line {line}"
    return SettingsError(tr("{place}: not valid TOML: {reason}", place=place, reason=reason),
        next_step=tr("Correct the line, or take it out."))


def _parts(dotted: str) -> Path_:
    found: List[str] = []
    for part in _PART.findall(dotted):
        found.append(part[1:-1] if part[0] in "\"'" else part)
    return tuple(found)
