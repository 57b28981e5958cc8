"""Rows from .nk files: one a script, or one a node. Needs neither Nuke nor a licence; any thread."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Dict, Iterator, Optional

from ..messages import Json
from ..nk import NkSyntaxError, connect, digest, parse_bytes
from ..nk.graph import Placed
from ..words import tr
from .errors import InvalidBatchError
from .found_files import files_of, fixed_folder, whole_path
from .rows import Found, Source, fingerprint_of
from .values import Reject, Row
from .watch import Watch

DIGEST_TOKENS = 2000
_LARGEST_BYTES = 256 << 20


def glob_source(pattern: str, watch: Optional[Watch] = None) -> Source:
    """A row for each file that the pattern finds, in the order of their names; of scripts with their digest.

    Looking for them ends with StoppedError when the watch is stopped.
    """
    whole = whole_path(pattern)

    def read() -> Iterator[Found]:
        for path in files_of(whole, watch):
            try:
                yield _file_row(Path(path))
            except (OSError, NkSyntaxError) as exc:
                yield Reject(0, f"{path}: {exc}", path)

    def fingerprint() -> str:
        seen = hashlib.sha256()
        for path in files_of(whole, watch):
            with suppress(OSError):  # gone meanwhile: its row says it
                stat = Path(path).stat()
                seen.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode("utf-8", "replace"))
        return seen.hexdigest()

    if not files_of(whole, watch):
        raise InvalidBatchError(
            tr("{pattern} finds no file.", pattern=pattern),
            next_step=tr("Check the pattern; in a shell, put it in quotes."),
        )
    return Source(pattern, read, fingerprint, folder=fixed_folder(whole), path=whole)


def nodes_source(path: Path, wanted: str = "all") -> Source:
    """A row for each node of a script; `wanted` is `all`, `class:Read` or `name:Write*`. Raises InvalidBatchError."""
    path = Path(whole_path(str(path)))
    by, _, pattern = wanted.partition(":")
    if wanted != "all" and (by not in ("class", "name") or not pattern):
        raise InvalidBatchError(
            tr("“{wanted}” does not say which nodes.", wanted=wanted),
            next_step=tr("Say class:Read, name:Write* or all."),
        )
    if not os.path.isfile(path):
        raise InvalidBatchError(tr("{path} is not a file.", path=path), next_step=tr("Check the path of the script."))

    def fits(one: Placed) -> bool:
        if one.class_name == "Root":
            return pattern == "Root"
        return wanted == "all" or fnmatchcase(one.class_name if by == "class" else one.path, pattern)

    def read() -> Iterator[Found]:
        try:
            placed = connect(parse_bytes(path.read_bytes())).nodes
        except (OSError, NkSyntaxError) as exc:
            raise InvalidBatchError(
                tr("{path}: {reason}", path=path, reason=exc), next_step=tr("Check that it is a Nuke script.")
            ) from exc
        for one in placed:
            if fits(one):
                yield Row(_node_data(path, one), one.path, f"{path.name}:{one.path}", folder=str(path.parent.resolve()))

    return Source(f"{path} {wanted}", read, lambda: fingerprint_of(path), folder=str(path.parent.resolve()),
                  path=str(path))


def _file_row(path: Path) -> Row:
    raw, stat = path.read_bytes() if path.stat().st_size <= _LARGEST_BYTES else b"", path.stat()
    data: Dict[str, Json] = {
        "path": str(path), "name": path.stem, "size": stat.st_size, "mtime": stat.st_mtime,
        "sha256": hashlib.sha256(raw).hexdigest(),
    }
    if path.suffix.lower() in (".nk", ".gizmo", ".nknc"):
        found = digest(parse_bytes(raw), DIGEST_TOKENS)
        data.update(digest=found.text, nodes=found.node_count)
    return Row(data, str(path), str(path), folder=str(path.parent.resolve()))


def _node_data(path: Path, one: Placed) -> Dict[str, Json]:
    knobs = {knob.name: knob.value for knob in one.node.knobs}
    return {
        "script": str(path), "node": one.path, "name": one.path.rpartition(".")[2], "class": one.class_name,
        "knobs": knobs, "file": knobs.get("file", ""), "inputs": list(one.inputs),
    }
