"""Code into coloured spans: Pygments, once, in slices short enough for the host's main thread. Main thread.

The lexer is a generator, so a large block is coloured a few milliseconds at a time and nothing waits for the rest.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Dict, Iterator, List, Optional, Tuple

from pygments.lexer import Lexer  # type: ignore[import-untyped]  # Pygments ships no types
from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]  # the same
from pygments.token import Token, _TokenType  # type: ignore[import-untyped]  # the same
from pygments.util import ClassNotFound  # type: ignore[import-untyped]  # the same

from ..qt import QtClass, QtCore, QtGui
from .theme import Theme

FIRST_SLICE_S = 0.004
SLICE_S = 0.005
MAX_CHARACTERS = 2_000_000

_ALIASES = {"nk": "tcl", "nuke": "tcl", "blink": "cpp", "blinkscript": "cpp", "py3": "python", "vex": "c", "osl": "c"}
_ROLES: Tuple[Tuple[_TokenType, str], ...] = (
    (Token.Comment, "comment"),
    (Token.Literal.String, "string"),
    (Token.Literal.Number, "number"),
    (Token.Keyword, "keyword"),
    (Token.Operator.Word, "keyword"),
    (Token.Name.Decorator, "decorator"),
    (Token.Name.Builtin, "builtin"),
    (Token.Name.Exception, "builtin"),
    (Token.Name.Function, "name"),
    (Token.Name.Class, "name"),
    (Token.Name.Tag, "keyword"),
    (Token.Name.Attribute, "name"),
    (Token.Generic.Inserted, "inserted"),
    (Token.Generic.Deleted, "deleted"),
    (Token.Generic.Heading, "name"),
)
Span = Tuple[int, int, str]


@lru_cache(maxsize=64)
def lexer_for(language: str) -> Optional[Lexer]:
    """The lexer of a fence's language tag, None when it is plain text or unknown."""
    name = _ALIASES.get(language.lower(), language.lower())
    if not name or name in ("text", "txt", "plain", "output"):
        return None
    try:
        return get_lexer_by_name(name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


def spans_of(text: str, language: str) -> Iterator[Tuple[int, Span]]:
    """(line, (start, length, role)) for everything coloured, in order; offsets in UTF-16 units as Qt counts."""
    lexer = lexer_for(language)
    if lexer is None:
        return
    line = column = 0
    for _offset, kind, value in lexer.get_tokens_unprocessed(text):
        role = _role(kind)
        for index, piece in enumerate(value.split("\n")):
            if index:
                line, column = line + 1, 0
            width = len(piece) + sum(ch > "\uffff" for ch in piece) if not piece.isascii() else len(piece)
            if role and width:
                yield line, (column, width, role)
            column += width


@lru_cache(maxsize=512)
def _role(kind: _TokenType) -> str:
    for ancestor, role in _ROLES:
        if kind in ancestor:
            return role
    return ""


class CodeHighlighter(QtGui.QSyntaxHighlighter, metaclass=QtClass):
    """Colours one document in slices; before and after, its text is the same."""

    def __init__(self, document: QtGui.QTextDocument) -> None:
        super().__init__(document)
        self._spans: Dict[int, List[Span]] = {}
        self._formats: Dict[str, QtGui.QTextCharFormat] = {}
        self._pending: Optional[Iterator[Tuple[int, Span]]] = None
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._next_slice)

    def start(self, text: str, language: str, theme: Theme) -> None:
        """Colours the document, which holds `text`, from the top."""
        self.stop()
        self._formats = {}
        for role, color in theme.syntax.items():
            made = QtGui.QTextCharFormat()
            made.setForeground(color)
            self._formats[role] = made
        if len(text) <= MAX_CHARACTERS and lexer_for(language) is not None:
            self._pending = spans_of(text, language)
            self._slice(FIRST_SLICE_S)

    def stop(self) -> None:
        """Forgets colours and work."""
        self._timer.stop()
        self._pending = None
        if self._spans:
            self._spans = {}
            self.rehighlight()

    def highlightBlock(self, text: str) -> None:
        for start, length, role in self._spans.get(self.currentBlock().blockNumber(), ()):
            self.setFormat(start, length, self._formats[role])

    def _next_slice(self) -> None:
        self._slice(SLICE_S)

    def _slice(self, seconds: float) -> None:
        deadline = time.perf_counter() + seconds
        touched: List[int] = []
        for line, span in self._pending or ():
            self._spans.setdefault(line, []).append(span)
            if not touched or touched[-1] != line:
                touched.append(line)
                if time.perf_counter() > deadline:
                    self._timer.start()
                    break
        else:
            self._pending = None
            self._timer.stop()
        document = self.document()
        for line in touched:
            block = document.findBlockByNumber(line)
            if block.isValid():
                self.rehighlightBlock(block)
