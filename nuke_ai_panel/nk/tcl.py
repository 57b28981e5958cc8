"""Finds what Tcl would run in a text: everything in square brackets that is not known to be harmless. Pure.

Harmless is reading a knob, a metadata key or a part of a path, with plain words as arguments. Whatever cannot be
followed for certain counts as harmful: an unclosed bracket, a variable, a second command.
"""

from __future__ import annotations

import re
from typing import Optional

# A bracket written as a character code; Tcl's versions disagree on how many digits `\x` takes, so any number counts.
_CODED = re.compile(r"\\(?:x[0-9a-fA-F]*5[bB]|[uU]0*5[bB]|0*133(?![0-7]))")
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_BRACKET = re.compile(r"[\[\]]")
_PLAIN = re.compile(r"[\w .:/*+-]*\Z")
_READS = frozenset({"value", "metadata"})
_FILE_PARTS = frozenset({"tail", "rootname", "dirname", "extension"})
_DEPTH = 16
_CODE_WORDS = frozenset({"python", "pyfile", "exec", "open", "source", "eval", "file", "socket", "load", "puts"})


def runs_on_load(word: str) -> Optional[str]:
    """What Tcl would run while the raw `word` is read, None if nothing: brackets in braces or escaped stay text."""
    if word.startswith("{"):
        return None
    bare = _ESCAPED.sub("", word)
    at = bare.find("[")
    return None if at < 0 else f"Nuke runs {_named(bare[at + 1:])} while it reads this"


def hidden_bracket(word: str) -> Optional[str]:
    """Why a raw `word` with a bracket written as a character code cannot be trusted, None if it has none."""
    return "a bracket is hidden as a character code, and Nuke runs what it holds" if _CODED.search(word) else None


def runs_later(text: str) -> Optional[str]:
    """What Tcl would run when the decoded `text` is evaluated, None if nothing or only what is harmless."""
    return _harm(text, _DEPTH) if "[" in text else None


def _harm(text: str, depth: int) -> Optional[str]:
    at = text.find("[")
    while at >= 0:
        level, stop = 0, -1
        for found in _BRACKET.finditer(text, at):
            level += 1 if found.group() == "[" else -1
            if not level:
                stop = found.end()
                break
        if stop < 0:
            return f"the bracket before {_named(text[at + 1:])} is never closed"
        inside = text[at + 1:stop - 1]
        if depth <= 0 or not _harmless(inside, depth):
            return f"Nuke runs {_named(inside)} when it evaluates this"
        at = text.find("[", stop)
    return None


def _harmless(inside: str, depth: int) -> bool:
    parts = inside.split(None, 1)
    if not parts:
        return False
    command, rest = parts[0], parts[1] if len(parts) > 1 else ""
    if command == "file":
        part, _, rest = rest.partition(" ")
        if part not in _FILE_PARTS:
            return False
    elif command not in _READS:
        return False
    return (("[" not in rest) or _harm(rest, depth - 1) is None) and bool(_PLAIN.match(_without_brackets(rest)))


def _without_brackets(text: str) -> str:
    kept, level = [], 0
    for letter in text:
        level += letter == "["
        if not level:
            kept.append(letter)
        level -= letter == "]"
    return "".join(kept)


def _named(inside: str) -> str:
    words = inside.strip().lstrip("[{\"").split(None, 1)
    command = re.split(r"[\];{]", words[0])[0][:40] if words else ""
    if command in ("python", "pyfile"):
        return "Python code"
    if command in _CODE_WORDS:
        return f"the Tcl command {command}"
    return f"the Tcl command {command}" if command else "Tcl code"
