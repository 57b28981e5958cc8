"""Rows from .nk files: one a script, or one a node. Needs neither Nuke nor a licence; any thread."""

from __future__ import annotations

import glob
import hashlib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Dict, Iterator, List

from ..messages import Json
from ..nk import NkSyntaxError, connect, digest, parse_bytes
from ..nk.graph import Placed
from ..words import tr
from .errors import InvalidBatchError
from .rows import Found, Source
from .values import Reject, Row

DIGEST_TOKENS = 2000
_LARGEST_BYTES = 256 << 20


def glob_source(pattern: str) -> Source:
    """A row for each file that the pattern finds, in the order of their names; of scripts with their digest."""
    def read() -> Iterator[Found]:
        for number, path in enumerate(_paths(pattern), 1):
            try:
                yield _file_row(Path(path))
            except (OSError, NkSyntaxError) as exc:
                yield Reject(number, f"{path}: {exc}", path)

    def fingerprint() -> str:
        seen = hashlib.sha256()
        for path in _paths(pattern):
            stat = Path(path).stat()
            seen.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode("utf-8", "replace"))
        return seen.hexdigest()

    if not _paths(pattern):
        raise InvalidBatchError(
            tr("{pattern} finds no file.", pattern=pattern), next_step=tr("Check the pattern; quote it in the shell.")
        )
    return Source(pattern, read, fingerprint, folder=_fixed_part(pattern))


def nodes_source(path: Path, wanted: str = "all") -> Source:
    """A row for each node of a script; `wanted` is `all`, `class:Read` or `name:Write*`. Raises InvalidBatchError."""
    by, _, pattern = wanted.partition(":")
    if wanted != "all" and (by not in ("class", "name") or not pattern):
        raise InvalidBatchError(
            tr("--nodes {wanted} is not understood.", wanted=wanted),
            next_step=tr("Say class:Read, name:Write* or all."),
        )
    if not path.is_file():
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

    def fingerprint() -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()

    return Source(f"{path} {wanted}", read, fingerprint, folder=str(path.parent.resolve()))


def _file_row(path: Path) -> Row:
    raw, stat = path.read_bytes() if path.stat().st_size <= _LARGEST_BYTES else b"", path.stat()
    data: Dict[str, Json] = {
        # Whole, so that a template reads it from wherever the run was started.
        "path": str(path.absolute()), "name": path.stem, "size": stat.st_size, "mtime": stat.st_mtime,
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


def _paths(pattern: str) -> List[str]:
    return sorted(path for path in glob.iglob(pattern, recursive=True) if Path(path).is_file())


def _fixed_part(pattern: str) -> str:
    parts = Path(pattern).expanduser().parts
    kept: List[str] = []
    for part in parts[:-1]:
        if glob.has_magic(part):
            break
        kept.append(part)
    return str(Path(*kept).resolve()) if kept else str(Path.cwd())
