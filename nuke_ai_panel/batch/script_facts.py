"""What a script says that a small model could not work out: whether its files are there, what changed between two.

Behind the templates' filters `nk_reads` and `nk_changes`. Pure but for looking into the folders that a script reads
from; needs neither Nuke nor a licence. Any thread.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Optional, Tuple

from ..nk import Placed, connect, parse
from ..nk.digest_rows import LOOKS, READS, is_default, told_value

_FRAME = re.compile(r"%(\d*)d|(#+)")
_VIEW = re.compile(r"%[vV]")
_MOST_CHANGES = 60
_MOST_VALUE = 60


def reads_text(text: str, folder: str) -> str:
    """A line for each node that reads a file: what it reads, and whether that is there. Raises NkSyntaxError."""
    listings: Dict[str, List[str]] = {}
    lines = []
    for one in connect(parse(text)).nodes:
        knobs = {knob.name: knob.value for knob in one.node.knobs}
        path = knobs.get("file", "")
        if one.class_name not in READS or (not path and one.class_name != "Read"):
            continue
        lines.append(f"{one.path}: {path or 'no file'} ({_state(path, knobs, folder, listings)})")
    return "\n".join(lines) if lines else "No node reads a file."


def changes_text(old: str, new: str) -> str:
    """What changed from one version of a script to the next, a line each. Raises NkSyntaxError."""
    before, after = _nodes(old), _nodes(new)
    lines = [f"+ {name} ({one.class_name}) is new" for name, one in after.items() if name not in before]
    lines += [f"- {name} ({one.class_name}) is gone" for name, one in before.items() if name not in after]
    for name, one in after.items():
        if name in before:
            lines += [f"~ {name} ({one.class_name}): {what}" for what in _differences(before[name], one)]
    if len(lines) > _MOST_CHANGES:
        lines[_MOST_CHANGES:] = [f"and {len(lines) - _MOST_CHANGES} more changes"]
    return "\n".join(lines) if lines else "Nothing changed but where the nodes lie."


def matches(text: object, pattern: str) -> bool:
    """Whether the whole of a text fits a regular expression, for rules of naming."""
    return re.fullmatch(pattern, str(text)) is not None


def _nodes(text: str) -> Mapping[str, Placed]:
    return {one.path or "Root": one for one in connect(parse(text)).nodes if one.class_name not in ("Dot", "Viewer")}


def _differences(old: Placed, new: Placed) -> Iterator[str]:
    if old.class_name != new.class_name:
        yield f"was a {old.class_name}"
    if old.inputs != new.inputs:
        yield f"its inputs were {_inputs(old)}, now {_inputs(new)}"
    before, after = _knobs(old), _knobs(new)
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield f"{name} was {before.get(name, 'at its default')}, now {after.get(name, 'at its default')}"


def _knobs(one: Placed) -> Dict[str, str]:
    found = {}
    for knob in one.node.knobs:
        # Where a node lies on the canvas says nothing about the picture.
        if knob.name not in LOOKS and not is_default(one.class_name, knob):
            value = " ".join(told_value(knob).split())
            found[knob.name] = value if len(value) <= _MOST_VALUE else value[:_MOST_VALUE] + "…"
    return found


def _inputs(one: Placed) -> str:
    return ", ".join(name or "nothing" for name in one.inputs) or "none"


def _state(path: str, knobs: Mapping[str, str], folder: str, listings: Dict[str, List[str]]) -> str:
    if not path:
        return "MISSING: no file is set"
    if "[" in path:
        return "not checked: only Nuke can work its path out"
    whole = Path(path) if Path(path).is_absolute() else Path(folder or ".") / path
    pattern = _pattern(whole.name)
    if pattern is None:
        return "on disk" if whole.exists() else "MISSING on disk"
    names = listings.setdefault(str(whole.parent), _names(whole.parent))
    frames = {int(found.group(1)) for found in map(pattern.fullmatch, names) if found is not None}
    if not frames:
        return "MISSING: no frame on disk"
    asked = _range(knobs)
    absent = sorted(set(range(asked[0], asked[1] + 1)) - frames) if asked is not None else []
    if absent:
        return f"MISSING {len(absent)} of {asked[1] - asked[0] + 1} frames, the first is {absent[0]}" if asked else ""
    return f"on disk, frames {min(frames)} to {max(frames)}"


def _pattern(name: str) -> Optional[re.Pattern[str]]:
    """The names of a sequence's files, with the frame as its group; None for a single file."""
    found = _FRAME.search(name)
    if found is None:
        return None
    digits = int(found.group(1) or 0) if found.group(2) is None else len(found.group(2))
    frame = rf"(-?\d{{{digits},}})" if digits else r"(-?\d+)"
    before, after = (_VIEW.sub("%v", one) for one in (name[: found.start()], name[found.end() :]))
    view = r"\w+"
    return re.compile(re.escape(before).replace("%v", view) + frame + re.escape(after).replace("%v", view))


def _range(knobs: Mapping[str, str]) -> Optional[Tuple[int, int]]:
    first, last = knobs.get("first", ""), knobs.get("last", "")
    if not (first.lstrip("-").isdigit() and last.lstrip("-").isdigit()) or int(last) - int(first) > 100_000:
        return None
    return (int(first), int(last)) if int(first) <= int(last) else None


def _names(folder: Path) -> List[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
