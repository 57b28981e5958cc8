"""Whether all files of the product and of its packages are there: an update may have been cut off, a disk cleaned up.

The product is held against its receipt, where it has one, and against what its own modules import from each other; a
package against the list of files that pip left. Nothing is imported. Any thread.
"""

from __future__ import annotations

import csv
import json
import os
import re
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Set, Tuple

from ..errors import InstallError
from .pins import holds, normal
from .receipt import Receipt, sha256_of
from .targets import Target

_IMPORT = re.compile(r"^[ \t]*from (\.+)([A-Za-z_][\w.]*) import ", re.MULTILINE)
_REQUIRES = re.compile(r"^Requires-Dist:\s*([A-Za-z0-9][\w.-]*)[^;\n]*(?:;\s*(.*))?$", re.MULTILINE)
_METADATA = re.compile(r"([\w.-]+?)-[^-]+(?:-.*)?\.(?:dist|egg)-info\Z")


def parts_that_are_missing(package: Path) -> List[str]:
    """The modules that the package's own modules import and that are not there, as `name, which name needs`."""
    missing: Dict[str, str] = {}
    for path in sorted(package.rglob("*.py")):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # another check names it
        own = path.relative_to(package).with_suffix("").parts
        for wanted in _relative_imports(text, own[:-1]):
            base = package.joinpath(*wanted)
            if not (base.with_suffix(".py").is_file() or (base / "__init__.py").is_file() or not wanted):
                missing.setdefault(".".join((package.name, *wanted)), ".".join((package.name, *own)))
    return [f"{name}, which {user} needs" for name, user in missing.items()]


def _relative_imports(text: str, folder: Tuple[str, ...]) -> Iterator[Tuple[str, ...]]:
    for dots, module in _IMPORT.findall(text):
        if len(dots) <= len(folder) + 1:
            yield (*folder[:len(folder) + 1 - len(dots)], *module.split("."))


def data_that_is_broken(package: Path) -> List[str]:
    """The package's data files that cannot be read."""
    found = []
    for path in sorted(package.rglob("data/*.json")):
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            found.append(f"{path}: {error}")
    return found


def unlike_the_receipt(root: Path, receipt: Receipt) -> Tuple[List[str], List[str]]:
    """The product's files that are missing, and those that were changed since they were installed."""
    missing, changed = [], []
    for name, digest in receipt.files.items():
        if name.startswith(("packages/", "docs/")):
            continue
        path = root / name
        if not path.is_file():
            missing.append(name)
        elif sha256_of(path) != digest:
            changed.append(name)
    return missing, changed


def files_that_are_missing(folder: str, name: str) -> List[str]:
    """What pip put beside the package `name` in `folder` and is no longer there; empty where pip left no list."""
    info = _info(folder, name)
    record = os.path.join(info, "RECORD") if info else ""
    if not record or not os.path.isfile(record):
        return []
    try:
        with open(record, encoding="utf-8", newline="") as file:
            rows = [row[0] for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error):
        return []
    wanted = [one for one in rows if one.endswith((".py", ".so", ".pyd", ".json")) and not one.startswith((".", "/"))]
    return [one for one in wanted if not os.path.exists(os.path.join(folder, *one.split("/")))]


def needs_that_are_missing(folder: str, name: str, paths: List[str], target: Optional[Target]) -> List[str]:
    """The projects that `name` needs, or those need in turn, and that are on none of the `paths`."""
    if target is None:
        return []
    facts, there = target.markers(), _projects(paths)
    missing: List[str] = []
    seen: Set[str] = set()
    waiting = [(folder, normal(name))]
    while waiting:
        place, project = waiting.pop()
        for needed in _needs(_info(place, project), facts):
            if needed in seen:
                continue
            seen.add(needed)
            if needed in there and not files_that_are_missing(there[needed], needed):
                waiting.append((there[needed], needed))
            elif needed in there or not _is_importable(needed, paths):
                missing.append(needed)
    return sorted(missing)


def _needs(info: str, facts: Dict[str, str]) -> List[str]:
    try:
        with open(os.path.join(info, "METADATA"), encoding="utf-8", errors="replace") as file:
            text = file.read().split("\n\n", 1)[0]
    except OSError:
        return []
    found = []
    for name, marker in _REQUIRES.findall(text):
        try:
            if holds(marker.strip(), facts):
                found.append(normal(name))
        except InstallError:
            continue  # a marker that only pip understands
    return found


def _projects(paths: List[str]) -> Dict[str, str]:
    """The folder of every project with metadata, that of the first copy."""
    found: Dict[str, str] = {}
    for folder in paths:
        try:
            names = os.listdir(folder or os.curdir)
        except OSError:
            continue
        for entry in names:
            match = _METADATA.match(entry)
            if match:
                found.setdefault(normal(match.group(1)), folder)
    return found


def _is_importable(project: str, paths: List[str]) -> bool:
    module = project.replace("-", "_")
    return any(os.path.exists(os.path.join(folder, module + end)) for folder in paths for end in ("", ".py"))


def _info(folder: str, name: str) -> str:
    try:
        names = os.listdir(folder or os.curdir)
    except OSError:
        return ""
    for entry in names:
        match = _METADATA.match(entry)
        if match and normal(match.group(1)) == normal(name):
            return os.path.join(folder, entry)
    return ""
