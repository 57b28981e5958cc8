"""What a search asks for, and where a text holds it: words, "phrases", pre*fixes, -exclusions. Pure.

Text is compared without case and accents; `_`, dots and the like part words, and each Chinese, Japanese or Korean
character is a word of its own, so that those languages are found without a dictionary. Nothing that is typed has a
meaning beyond that: a query can not be wrong.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Iterator, List, NamedTuple, Optional, Tuple

_CJK = "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff" \
       "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
_MARKS = "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff"
_WORD = re.compile(f"[{_CJK}]|(?:(?![{_CJK}])[^\\W_])(?:(?:(?![{_CJK}])[^\\W_])|[{_MARKS}])*")
_PART = re.compile(r'(-?)"([^"]*)"?(\*?)|(-?)(\S+)')
_SNIPPET, _LEAD = 160, 48
_LOOKED_THROUGH = 400_000
_MOST_TERMS = 32


@dataclass(frozen=True)
class Term:
    """Words that must stand side by side. With `is_prefix` the last one may go on."""

    words: Tuple[str, ...]
    is_prefix: bool = False


@dataclass(frozen=True)
class Query:
    """All of `terms` and none of `excluded`; `literal` is set instead when nothing that was typed is a word."""

    terms: Tuple[Term, ...] = ()
    excluded: Tuple[Term, ...] = ()
    literal: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing at all."""
        return not self.terms and not self.literal

    def fts(self) -> str:
        """The query in FTS5's language; only words of ours stand in it, each quoted."""
        wanted = " AND ".join(map(_fts_term, self.terms))
        return f"({wanted})" + "".join(f" NOT {_fts_term(term)}" for term in self.excluded)


class Word(NamedTuple):
    """A word of a text: how it is compared, and where it stands."""

    folded: str
    start: int
    end: int


def parse(text: str, *, as_typed: bool = False) -> Query:
    """The query in `text`; with `as_typed` the last word is still being written and may go on."""
    terms: List[Term] = []
    excluded: List[Term] = []
    for part in list(_PART.finditer(text))[:_MOST_TERMS]:
        minus, phrase, star = part.group(1), part.group(2), part.group(3)
        if phrase is None:
            minus, phrase = part.group(4), part.group(5)
            star = "*" if phrase.endswith("*") else ""
        words = tuple(word.folded for word in words_of(phrase))
        if words:
            (excluded if minus else terms).append(Term(words, bool(star)))
    if as_typed and terms and not text.endswith((" ", '"', "*")) and len(terms[-1].words[-1]) > 1:
        terms[-1] = Term(terms[-1].words, is_prefix=True)
    if not terms:
        return Query(literal=text.strip() if not excluded else "")
    return Query(tuple(terms), tuple(excluded))


def words_of(text: str) -> Iterator[Word]:
    """The words of a text in order."""
    for found in _WORD.finditer(text):
        yield Word(fold(found.group()), found.start(), found.end())


def fold(text: str) -> str:
    """How text is compared: without case and accents."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text)
    return "".join(char for char in plain if not unicodedata.combining(char)).casefold()


def indexed(text: str) -> str:
    """A text as the index gets it: its words as they are compared."""
    if text.isascii():
        return text.lower().replace("_", " ")
    return " ".join(word.folded for word in words_of(text))


def spans(text: str, query: Query) -> Optional[List[Tuple[int, int]]]:
    """Where `text` holds what is searched for, in order; None when it does not."""
    if query.literal:
        return _literal_spans(text, query.literal)
    words = list(words_of(text))
    found: List[Tuple[int, int]] = []
    for term in query.terms:
        places = _places(words, term)
        if not places:
            return None
        found += places
    if any(_places(words, term) for term in query.excluded):
        return None
    return sorted(set(found))


def may_hold(folded: str, query: Query) -> bool:
    """A quick look at a folded text: False is sure, True is not."""
    if query.literal:
        return fold(query.literal) in folded
    return all(word in folded for term in query.terms for word in term.words)


def snippet(text: str, found: List[Tuple[int, int]]) -> Tuple[str, Tuple[Tuple[int, int], ...]]:
    """One line around the first match, and what to highlight in it."""
    first = found[0][0] if found else 0
    start = max(0, first - _LEAD)
    if start:
        space = text.find(" ", start, first)
        start = space + 1 if space >= 0 else start
    end = min(len(text), start + _SNIPPET)
    line = "".join(" " if char.isspace() or unicodedata.category(char) == "Cc" else char for char in text[start:end])
    lead, tail = ("…" if start else ""), ("…" if end < len(text) else "")
    shift = len(lead) - start
    marks = tuple((a + shift, min(b, end) + shift) for a, b in found if a >= start and a < end)
    return f"{lead}{line}{tail}", marks


def looked_through(text: str) -> str:
    """As much of a text as is worth searching for a highlight."""
    return text if len(text) <= _LOOKED_THROUGH else text[:_LOOKED_THROUGH]


def _places(words: List[Word], term: Term) -> List[Tuple[int, int]]:
    length, last = len(term.words), term.words[-1]
    found = []
    for at in range(len(words) - length + 1):
        end = words[at + length - 1]
        if not (end.folded.startswith(last) if term.is_prefix else end.folded == last):
            continue
        if all(words[at + number].folded == term.words[number] for number in range(length - 1)):
            found.append((words[at].start, end.end))
    return found


def _literal_spans(text: str, literal: str) -> Optional[List[Tuple[int, int]]]:
    found = [(one.start(), one.end()) for one in re.finditer(re.escape(literal), text, re.IGNORECASE)]
    return found or None


def _fts_term(term: Term) -> str:
    return f'"{" ".join(term.words)}"' + (" *" if term.is_prefix else "")
