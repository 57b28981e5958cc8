"""Reads requirements with hashes, and picks those that a target needs. Pure.

pip holds markers against the Python that runs it, also when it fetches for another one: a folder for Nuke 15 that was
made by Python 3.11 would lack what only 3.10 needs. So markers are decided here, and pip gets exact versions only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, List, Tuple

from ..errors import InstallError
from .targets import Target

# Only for the built-in model, which is an extra.
LOCAL_ONLY = frozenset({"xllamacpp"})
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;]+)\s*(?:;\s*(.*))?$")
_TOKEN = re.compile(
    r"""\s*(?:(\()|(\))|(and|or)\b|(not\s+in\b|in\b|===|==|!=|<=|>=|~=|<|>)|'([^']*)'|"([^"]*)"|([a-z_]+))"""
)
_VERSIONS = frozenset({"python_version", "python_full_version", "implementation_version"})


@dataclass(frozen=True)
class Pin:
    """One exact requirement. `hashes` are as pip writes them: sha256:…"""

    name: str
    version: str
    marker: str = ""
    hashes: Tuple[str, ...] = ()

    def line(self) -> str:
        """As pip reads it, without the marker."""
        return " ".join([f"{self.name}=={self.version}", *(f"--hash={one}" for one in self.hashes)])


def read_pins(text: str, origin: str) -> List[Pin]:
    """Every pin of a requirements file. Raises InstallError for a line that is no exact version."""
    pins = []
    joined = text.replace("\\\n", " ").replace("\\\r\n", " ")
    for number, raw in enumerate(joined.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*$", "", raw).strip()
        if not line:
            continue
        requirement, *hashes = re.split(r"\s+--hash[=\s]", line)
        found = _PIN.match(requirement.strip())
        if found is None:
            raise InstallError(f"{origin}: {requirement.strip()!r} (requirement {number}) is no exact version",
                               next_step="Write each requirement as name==version, with its hashes.")
        name, version, marker = found.groups()
        pins.append(Pin(normal(name), version, marker or "", tuple(one.strip() for one in hashes)))
    return pins


def pins_for(pins: List[Pin], target: Target, *, local: bool = False) -> List[Pin]:
    """The pins that the target needs; `local` adds the built-in model's. Raises InstallError for an unknown marker."""
    facts = target.markers()
    chosen = [one for one in pins if (local or one.name not in LOCAL_ONLY) and holds(one.marker, facts)]
    twice = {one.name for one in chosen if sum(other.name == one.name for other in chosen) > 1}
    if twice:
        raise InstallError(f"two versions are pinned for {target.version}: {', '.join(sorted(twice))}")
    return chosen


def normal(name: str) -> str:
    """A project's name as indexes spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def holds(marker: str, facts: Dict[str, str]) -> bool:
    """Whether an environment marker is true."""
    if not marker.strip():
        return True
    tokens = _tokens(marker)
    value = _either(tokens, facts, marker)
    if tokens:
        raise InstallError(f"the marker {marker!r} cannot be read")
    return value


def _tokens(marker: str) -> List[Tuple[str, str]]:
    found, place = [], 0
    while place < len(marker.rstrip()):
        match = _TOKEN.match(marker, place)
        if match is None:
            raise InstallError(f"the marker {marker!r} cannot be read")
        place = match.end()
        opening, closing, word, operator, single, double, name = match.groups()
        kind = next(kind for kind, text in (
            ("(", opening), (")", closing), ("word", word), ("is", operator), ("text", single), ("text", double),
            ("name", name)) if text is not None)
        text = next(text for text in match.groups() if text is not None)
        found.append((kind, re.sub(r"\s+", " ", text) if kind == "is" else text))
    return found


def _either(tokens: List[Tuple[str, str]], facts: Dict[str, str], marker: str) -> bool:
    value = _both(tokens, facts, marker)
    while tokens and tokens[0] == ("word", "or"):
        tokens.pop(0)
        value = _both(tokens, facts, marker) or value
    return value


def _both(tokens: List[Tuple[str, str]], facts: Dict[str, str], marker: str) -> bool:
    value = _one(tokens, facts, marker)
    while tokens and tokens[0] == ("word", "and"):
        tokens.pop(0)
        value = _one(tokens, facts, marker) and value
    return value


def _one(tokens: List[Tuple[str, str]], facts: Dict[str, str], marker: str) -> bool:
    try:
        if tokens[0][0] == "(":
            tokens.pop(0)
            value = _either(tokens, facts, marker)
            if tokens.pop(0)[0] != ")":
                raise IndexError
            return value
        left, operator, right = tokens.pop(0), tokens.pop(0)[1], tokens.pop(0)
    except IndexError:
        raise InstallError(f"the marker {marker!r} cannot be read") from None
    names = [text for kind, text in (left, right) if kind == "name"]
    if any(name not in facts for name in names):
        raise InstallError(f"the marker {marker!r} names something unknown")
    first, second = (facts[text] if kind == "name" else text for kind, text in (left, right))
    return _compare(first, operator, second, is_version=bool(_VERSIONS.intersection(names)))


def _compare(first: str, operator: str, second: str, *, is_version: bool) -> bool:
    if operator in ("in", "not in"):
        return (first in second) is (operator == "in")
    if not is_version:
        return {"==": first == second, "===": first == second, "!=": first != second, "<": first < second,
                "<=": first <= second, ">": first > second, ">=": first >= second, "~=": False}[operator]
    if second.endswith(".*"):
        wanted = _numbers(second[:-2])
        return (_numbers(first)[: len(wanted)] == wanted) is (operator == "==")
    one, two = _padded(_numbers(first)), _padded(_numbers(second))
    if operator == "~=":
        return one >= two and _numbers(first)[: len(_numbers(second)) - 1] == _numbers(second)[:-1]
    return {"==": one == two, "===": one == two, "!=": one != two, "<": one < two, "<=": one <= two, ">": one > two,
            ">=": one >= two}[operator]


def _numbers(version: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _padded(numbers: Tuple[int, ...]) -> Tuple[int, ...]:
    return (*numbers, 0, 0, 0, 0)[:4]
