"""What can be done with the code of answers and what is known of it: the presenter writes, blocks of code read.

Keyed by the text itself, because a block is a widget that shows another text a moment later. Main thread.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import FrozenSet, Optional, Tuple

from ..qt import QtClass, QtCore, QtWidgets, Signal

_KEPT = 500


@dataclass(frozen=True)
class CodeAction:
    """A button over the code; the answer to its click is the presenter's."""

    name: str
    words: str
    icon: str
    tip: str


@dataclass(frozen=True)
class CodeLine:
    """A line under the code: a finding, or how a run went. `action` is a name of ACTION_WORDS, empty for none."""

    text: str
    icon: str = "warning"
    role: str = "warning"
    action: str = ""


@dataclass(frozen=True)
class CodeTools:
    """All of it for one text."""

    actions: Tuple[CodeAction, ...] = ()
    lines: Tuple[CodeLine, ...] = ()


NOTHING = CodeTools()


class CodeBook(QtCore.QObject, metaclass=QtClass):
    """One transcript's. `wanted(text, language)` goes out once for a text that nobody has written about yet."""

    changed = Signal(str)
    wanted = Signal(str, str)
    nodes_changed = Signal()

    def __init__(self, parent: QtCore.QObject) -> None:
        super().__init__(parent)
        self._tools: OrderedDict[Tuple[str, str], Optional[CodeTools]] = OrderedDict()
        self.nodes: FrozenSet[str] = frozenset()

    def tools(self, text: str, language: str) -> CodeTools:
        """What is known now; asks for it if that is nothing."""
        key = (text, language)
        if key not in self._tools:
            self._tools[key] = None
            while len(self._tools) > _KEPT:
                self._tools.popitem(last=False)
            self.wanted.emit(text, language)
        return self._tools.get(key) or NOTHING

    def put(self, text: str, language: str, tools: CodeTools) -> None:
        """Writes what is known; the blocks that show this text follow."""
        key = (text, language)
        if self._tools.get(key) != tools:
            self._tools[key] = tools
            self.changed.emit(text)

    def set_nodes(self, names: FrozenSet[str]) -> None:
        """The nodes of the script, whose names can be clicked."""
        if names != self.nodes:
            self.nodes = names
            self.nodes_changed.emit()


def book_of(widget: QtWidgets.QWidget) -> Optional[CodeBook]:
    """The book of the transcript that a widget is in."""
    above: Optional[QtWidgets.QWidget] = widget
    while above is not None:
        book = getattr(above, "code_book", None)
        if isinstance(book, CodeBook):
            return book
        above = above.parentWidget()
    return None
