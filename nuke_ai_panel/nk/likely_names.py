"""What a wrong name was probably meant to be: by a table of what people and models write, else by its letters. Pure."""

from __future__ import annotations

import difflib
import json
from functools import cache
from pathlib import Path
from typing import Dict, FrozenSet, Iterable, List, Mapping, Optional, Tuple

_DATA = Path(__file__).with_name("data") / "likely_names.json"


class _Table:
    """The wrong names, each with what was meant."""

    def __init__(self) -> None:
        data = json.loads(_DATA.read_text(encoding="utf-8"))
        self.module, self.node = _turned(data["module"]), _turned(data["node"])
        # What is a function of the module and no method.
        self.node_by_module = _turned(data["node_by_module"])
        self.knob, self.classes = _turned(data["knob"]), _turned(data["classes"])
        self.knob_types = _turned(data["knob_types"])
        # By class of the module.
        self.objects = {name: _turned(rows) for name, rows in data["objects"].items()}
        # By class, "" for any: a wrong knob → the right one.
        self.knobs = {name: _turned(rows) for name, rows in data["knobs"].items()}


def _turned(rows: Mapping[str, List[str]]) -> Dict[str, str]:
    return {wrong: right for right, wrongs in rows.items() for wrong in wrongs}


@cache
def _table() -> _Table:
    return _Table()


def near(name: str, known: Iterable[str], least: float = 0.75) -> Optional[str]:
    """The known name with the most alike letters; case and underscores count little."""
    plain: Dict[str, str] = {}
    for one in sorted(known):
        plain.setdefault(_plain(one), one)
    wanted = _plain(name)
    if wanted in plain:
        return plain[wanted]
    if len(wanted) < 3:
        return None
    found = difflib.get_close_matches(wanted, plain, 1, least)
    return plain[found[0]] if found else None


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


def module_name(name: str, known: Iterable[str], classes: Iterable[str]) -> str:
    """What `nuke.<name>` was meant to be, as code; empty if there is no idea."""
    if name in set(classes):
        return f'nuke.createNode("{name}")'
    known = frozenset(known)
    told = _table().module.get(name)
    if told is None and name.lower().endswith("knob"):
        told = _knob_type(name, known)
    if told is None:
        close = near(name, known, 0.8)
        if close is not None:
            return f"nuke.{close}"
        node = node_class(name, classes, 0.85) if name[:1].isupper() else None
        return f'nuke.createNode("{node}")' if node else f"nuke.{one}" if (one := near(name, known, 0.66)) else ""
    return told


def _knob_type(name: str, known: FrozenSet[str]) -> Optional[str]:
    """The type of knob that is spelt alike, or begins with what is written: Enum_Knob is an Enumeration_Knob."""
    stem = _plain(name)[:-4]
    types = {_plain(one)[:-4]: one for one in sorted(known, reverse=True) if one.endswith("_Knob")}
    for other, word in _table().knob_types.items():
        if _plain(name) == _plain(other):
            return f"nuke.{word}"
    begun = [types[one] for one in types if len(stem) > 2 and one.startswith(stem)]
    if stem in types or begun:
        return f"nuke.{types.get(stem) or min(begun, key=len)}"
    return None


def node_member(name: str, known: Iterable[str], *, is_sure: bool = False) -> str:
    """What a member of a node was meant to be, as code; `is_sure` leaves out what is only alike."""
    if name in _table().node_by_module:
        return _table().node_by_module[name]
    told = _table().node.get(name) or (None if is_sure else near(name, known, 0.7))
    return "" if not told else f"node{told}" if told.startswith("[") else f"node.{told}"


def knob_member(name: str, known: Iterable[str]) -> str:
    """What a member of a knob was meant to be, as code."""
    told = _table().knob.get(name) or near(name, known, 0.7)
    return f"knob.{told}" if told else ""


def object_member(name: str, class_name: str, known: Iterable[str]) -> str:
    """What a member of one of the module's objects was meant to be."""
    return _table().objects.get(class_name, {}).get(name) or near(name, known) or ""


def node_class(name: str, known: Iterable[str], least: float = 0.8) -> Optional[str]:
    """The class that a wrong one was meant to be."""
    known = frozenset(known)
    told = _table().classes.get(name)
    return told if told in known else near(name, known, least)


def knob_name(name: str, class_name: str, known: Iterable[str]) -> Tuple[Optional[str], bool]:
    """The knob that a wrong one was meant to be, and whether that is more than a likeness."""
    known = frozenset(known)
    # Camera and Camera4 have the slips of Camera2.
    stem = class_name.rstrip("0123456789")
    kin = [rows for name, rows in _table().knobs.items() if name and name.rstrip("0123456789") == stem]
    for table in (*kin, _table().knobs[""]):
        if table.get(name) in known:
            return table[name], True
    return near(name, known, 0.72), False
