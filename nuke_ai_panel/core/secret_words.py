"""Finds what should not leave in a text: paths, people's names, hosts, a studio's words. Pure; any thread.

Every detector looks at the whole text by itself, and what overlaps is one find: so no rest of a path stays because a
word began before it. Words count everywhere, also inside other words; names of people only as words of their own,
because an account called `max` must not eat `maximum`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Dict, FrozenSet, Iterable, List, NamedTuple, Optional, Pattern, Sequence, Tuple

from ..settings.user import GENERIC

PLACEHOLDER = re.compile(r"<<[A-Z]{1,8}_\d{6}>>")

_QUOTES = "\"'`“”‘’«»"
_STOPS = rf"\s{_QUOTES}<>|;(){{}}\[\]"
_PART = rf"[^{_STOPS},/\\]"
_SEPARATOR = r"[/\\]"
# What a path begins with: file://, a drive, two slashes and a server, ~, dots, a variable, or a slash and two parts;
# last, a relative one whose file has an extension.
_PATH = re.compile(
    r"(?<![\w/\\#])(?:"
    rf"(?:file|smb|nfs|afp|ftp|sftp):/{{1,3}}[^{_STOPS}]+"
    rf"|[A-Za-z]:{_SEPARATOR}{{1,2}}[^{_STOPS}]*"
    rf"|(?:\\\\|(?<!:)//){_PART}+{_SEPARATOR}[^{_STOPS}]*"
    rf"|\.{{1,2}}{_SEPARATOR}{_PART}[^{_STOPS}]*"
    rf"|~{_PART}*{_SEPARATOR}[^{_STOPS}]*"
    rf"|(?:\$\w+|\$\{{\w+\}}|%\w+%){_SEPARATOR}[^{_STOPS}]*"
    rf"|/{_PART}+(?: {_PART}+)?/+{_PART}[^{_STOPS}]*"
    rf"|(?<=[{_QUOTES}])/[^{_QUOTES}\n]+/[^{_QUOTES}\n]*"
    rf"|(?<!\.)[\w.-]+(?:{_SEPARATOR}[\w.%#@+=-]+)*{_SEPARATOR}[\w.%#@+=-]*\w\.[A-Za-z][A-Za-z0-9]{{1,4}}\b"
    r")"
)
# A folder's name may hold a blank: the next word belongs to the path when it goes on with a separator.
_MORE = re.compile(rf" {_PART}+{_SEPARATOR}[^{_STOPS}]*")
_FILE = re.compile(rf" {_PART}+\.[A-Za-z0-9]{{2,4}}\b")
_TAIL = ".,:!?"
_HOME = re.compile(r"(?:^|[/\\])(?:home|Users|Documents and Settings)[/\\]+([^/\\\s\"'<>|:]+)", re.I)
_INSIDE_HOST = re.compile(
    r"(?<![\w.-])(?:[\w-]+\.)+(?:local|lan|internal|intranet|corp|home\.arpa)(?![\w-])(?!\()"
    r"|(?<![\w.])(?:10(?:\.\d{1,3}){3}|192\.168(?:\.\d{1,3}){2}|172\.(?:1[6-9]|2\d|3[01])(?:\.\d{1,3}){2})(?!\w|\.\d)",
    re.I,
)
_SHORTEST_NAME = 3


class Find(NamedTuple):
    """A stretch of text, and what it is: PATH, WORD, USER, HOST, or TEXT that looks like a placeholder."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class Wanted:
    """What to look for."""

    paths: bool = True
    words: Tuple[str, ...] = ()
    users: Tuple[str, ...] = ()
    hosts: Tuple[str, ...] = ()
    learns_users: bool = False
    finds_hosts: bool = False


def finds_in(text: str, wanted: Wanted, learnt: FrozenSet[str] = frozenset()) -> List[Find]:
    """All finds from left to right, none touching another's text."""
    found = [Find(one.start(), one.end(), "TEXT") for one in PLACEHOLDER.finditer(text)] if "<<" in text else []
    if wanted.paths:
        found += _paths(text)
    words = word_pattern(wanted.words)
    if words is not None:
        folded, places = _folded(text)
        found += (Find(places[one.start(1)], _after(places, one.end(1), text), "WORD")
                  for one in words.finditer(folded))
    users = _name_pattern((*wanted.users, *sorted(learnt)))
    if users is not None:
        found += (Find(one.start(), one.end(), "USER") for one in users.finditer(text))
    hosts = _name_pattern(wanted.hosts)
    if hosts is not None:
        found += (Find(one.start(), one.end(), "HOST") for one in hosts.finditer(text))
    if wanted.finds_hosts:
        found += (Find(one.start(), one.end(), "HOST") for one in _INSIDE_HOST.finditer(text))
    return _united(found)


def names_in_paths(text: str) -> FrozenSet[str]:
    """The people whose home folders the text names."""
    names = (one.strip(".,") for one in _HOME.findall(text))
    return frozenset(name for name in names if len(name) >= _SHORTEST_NAME and name.lower() not in GENERIC)


def holds_word(text: str, wanted: Wanted) -> bool:
    """Whether a word or a name stands in a short text, as in a placeholder that is to be made."""
    words = word_pattern(wanted.words)
    lower = _folded(text)[0]
    return (words is not None and words.search(lower) is not None) or any(
        name.lower() in lower for name in (*wanted.users, *wanted.hosts))


@lru_cache(maxsize=16)
def word_pattern(words: Tuple[str, ...]) -> Optional[Pattern[str]]:
    """Finds the longest word at every place of a folded text; group 1 is the word."""
    spellings = {_folded(word)[0] for word in words if word.strip()}
    if not spellings:
        return None
    tree: Dict[str, Dict] = {}  # type: ignore[type-arg]  # a tree of itself
    for word in spellings:
        branch = tree
        for char in word:
            branch = branch.setdefault(char, {})
        branch[""] = {}
    return re.compile(f"(?=({_alternatives(tree)}))")


def _folded(text: str) -> Tuple[str, Sequence[int]]:
    """The text without differences of case and of how accents are written, and where each of its letters was."""
    if text.isascii():
        return text.lower(), range(len(text) + 1)
    letters: List[str] = []
    places: List[int] = []
    for place, char in enumerate(text):
        folded = char.lower() if char.isascii() else unicodedata.normalize("NFKD", char).casefold()
        letters.append(folded)
        places += [place] * len(folded)
    return "".join(letters), [*places, len(text)]


def _after(places: Sequence[int], end: int, text: str) -> int:
    """Where a find that ends before the folded letter `end` ends in the text: after its last letter's accents."""
    place = places[end - 1] + 1
    while place < len(text) and unicodedata.combining(text[place]):
        place += 1
    return place


def _alternatives(root: Dict[str, Dict]) -> str:  # type: ignore[type-arg]  # a tree of itself
    """A pattern that decides letter by letter, so that ten thousand words cost little more than one."""
    # Deepest first, without recursion: a word may be longer than Python's stack.
    done: Dict[int, str] = {}
    stack = [root]
    while stack:
        branch = stack[-1]
        waiting = [child for child in branch.values() if id(child) not in done]
        if waiting:
            stack.extend(waiting)
            continue
        stack.pop()
        options = [re.escape(char) + done[id(child)] for char, child in branch.items() if char]
        if not options:
            done[id(branch)] = ""
        else:
            group = options[0] if len(options) == 1 and "" not in branch else f"(?:{'|'.join(options)})"
            done[id(branch)] = f"{group}?" if "" in branch else group
    return done[id(root)]


@lru_cache(maxsize=64)
def _name_pattern(names: Tuple[str, ...]) -> Optional[Pattern[str]]:
    known = sorted({name for name in names if len(name) >= _SHORTEST_NAME}, key=len, reverse=True)
    if not known:
        return None
    return re.compile(rf"(?<![^\W\d_])(?:{'|'.join(map(re.escape, known))})(?![^\W\d_])", re.I)


def _paths(text: str) -> Iterable[Find]:
    if "/" not in text and "\\" not in text:
        return
    place = 0
    while True:
        found = _PATH.search(text, place)
        if found is None:
            return
        start, end = found.span()
        opening = text[start - 1] if start else ""
        closing = text.find(_CLOSING[opening], end) if opening in _CLOSING else -1
        line_end = text.find("\n", end)
        if closing >= 0 and (line_end < 0 or closing < line_end):
            end = closing
        else:
            more = _MORE.match(text, end)
            while more is not None:
                end = more.end()
                more = _MORE.match(text, end)
            last = _FILE.match(text, end) if "." not in re.split(_SEPARATOR, text[start:end])[-1] else None
            end = last.end() if last is not None else end
            while end > start + 1 and text[end - 1] in _TAIL:
                end -= 1
        yield Find(start, end, "PATH")
        place = max(end, start + 1)


_CLOSING = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»"}


def _united(found: List[Find]) -> List[Find]:
    united: List[Find] = []
    for one in sorted(found):
        last = united[-1] if united else None
        if last is not None and one.start < last.end:
            label = "PATH" if "PATH" in (last.label, one.label) else last.label
            united[-1] = Find(last.start, max(last.end, one.end), label)
        elif one.end > one.start:
            united.append(one)
    return united
