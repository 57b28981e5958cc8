"""The words of one message: prose, tables and code in order, each in a widget that is kept and reused. Main thread.

An answer that streams goes through a `MarkdownStream`; sealed segments keep their widgets untouched. A message beyond
`WHOLE_CHARACTERS` shows its beginning and, below it, the whole as plain text that unfolds.
"""

from __future__ import annotations

import time
from typing import Dict, List, Literal, Optional, Tuple, Union

from nuke_ai_panel.messages import clean_text
from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtWidgets, Signal
from .code_block import CodeBlock
from .markdown import Code, parse_question
from .markdown_stream import MarkdownStream, Segment, final_segments, group
from .rich_text import INDENT_STEPS, MAX_VISIBLE_DEPTH, QUOTE_STEPS
from .text_view import TextView
from .theme import Theme

BodyKind = Literal["answer", "question", "source", "thinking"]
Part = Union[TextView, CodeBlock]
# Where the top of the screen stands inside a message: a part of its body, a text position in it, pixels below that.
Place = Tuple[int, int, int]

WHOLE_CHARACTERS = 200_000
PREVIEW_CHARACTERS = 6_000
SPARE_WIDGETS = 6
# A parse that cost this much is not repeated before ten times as much time has passed.
CHEAP_PARSE_S = 0.004
PARSE_REST = 10


class MessageBody(QtWidgets.QWidget, metaclass=QtClass):
    """A column of text views, tables and code blocks."""

    link_activated = Signal(str)
    code_copied = Signal(str)
    code_acted = Signal(str, str, str)
    height_changed = Signal()
    user_selected = Signal(object)

    def __init__(self, theme: Theme, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._kind: BodyKind = "answer"
        self._text = ""
        self._pending = ""
        self._live = False
        self._stream: Optional[MarkdownStream] = None
        self._segments: List[Segment] = []
        self._parts: List[Part] = []
        self._spare: Dict[str, List[Part]] = {"text": [], "code": []}
        self._layout: Tuple[int, int] = (-1, 0)
        self._next_parse = 0.0
        self._find: Tuple[str, int] = ("", -1)
        self._late = QtCore.QTimer(self)
        self._late.setSingleShot(True)
        self._late.timeout.connect(self._parse_late)

    # ------------------------------------------------------------------ content

    def show_text(self, text: str, kind: BodyKind, theme: Theme, *, live: bool = False) -> None:
        """Shows another text, or the same one in another theme or kind."""
        if (text, kind, live) == (self._text, self._kind, self._live) and theme is self._theme and not self._pending:
            return
        if kind != self._kind:
            self.clear()
        self._theme, self._kind, self._live = theme, kind, live
        self._text, self._pending, self._stream = text, "", None
        self._late.stop()
        if live and kind != "source":
            self._stream = MarkdownStream()
            self._pending = text
            self._feed()
        else:
            self._show(self._finished(clean_text(text)))

    def append_text(self, text: str) -> None:
        """Adds what just arrived; only the tail is parsed and written again."""
        if self._stream is None:
            self.show_text(self._text + text, self._kind, self._theme, live=self._live)
            return
        self._text += text
        self._pending += text
        wait_s = self._next_parse - time.perf_counter()
        if wait_s > 0:
            if not self._late.isActive():
                self._late.start(int(wait_s * 1000) + 1)
            return
        self._feed()

    def is_behind(self) -> bool:
        """Whether text has arrived that is not drawn yet: a dear parse is followed by a rest."""
        return self._late.isActive()

    def clear(self) -> None:
        """Gives every widget back."""
        self._late.stop()
        self._show([])
        self._text, self._pending, self._stream, self._live = "", "", None, False

    def parts(self) -> List[Part]:
        """The widgets that show something, from top to bottom."""
        return self._parts

    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return not self._parts

    def has_selection(self) -> bool:
        """Whether some of the text is selected."""
        for part in self._parts:
            text = part.text_widget() if isinstance(part, CodeBlock) else part
            if text.textCursor().hasSelection():
                return True
        return False

    def ends_in_prose(self) -> bool:
        """Whether the last line is text, which brings its own leading."""
        return bool(self._segments) and self._segments[-1].kind == "text"

    def ideal_width(self) -> Optional[int]:
        """The width of the longest line when the body is one short stretch of prose, else None."""
        if len(self._parts) != 1 or not isinstance(self._parts[0], TextView):
            return None
        return int(self._parts[0].document().idealWidth() + 1.5)

    # ------------------------------------------------------------------ layout

    def height_for(self, width: int) -> int:
        """Lays every part out at `width` and answers the height they need."""
        if self._layout[0] == width:
            return self._layout[1]
        theme, y = self._theme, 0
        for index, (segment, part) in enumerate(zip(self._segments, self._parts)):
            if index:
                y += theme.space(3)
            left = self._left(segment)
            inner = max(theme.space(20), width - left)
            height = part.height_for(inner)
            if part.geometry() != QtCore.QRect(left, y, inner, height):
                part.setGeometry(left, y, inner, height)
            y += height
        self._layout = (width, y)
        return y

    def _left(self, segment: Segment) -> int:
        block = segment.blocks[0]
        if segment.kind == "text":
            return 0
        depth = self._theme.space(INDENT_STEPS) * min(getattr(block, "indent", 0), MAX_VISIBLE_DEPTH)
        return depth + self._theme.space(QUOTE_STEPS) * min(getattr(block, "quote", 0), MAX_VISIBLE_DEPTH)

    # ------------------------------------------------------------------ places

    def place_at(self, y: int) -> Optional[Place]:
        """The part, text position and remaining pixels at `y`; None above, below and between parts."""
        for index, part in enumerate(self._parts):
            if part.y() <= y < part.y() + part.height():
                position = part.position_at(y - part.y())
                return index, position, y - part.y() - part.y_of(position)
        return None

    def y_of_place(self, place: Place) -> Optional[int]:
        """Where a place is now; None when there is no such part."""
        index, position, below = place
        if not 0 <= index < len(self._parts):
            return None
        return self._parts[index].y() + self._parts[index].y_of(position) + below

    # ------------------------------------------------------------------ find

    def highlight(self, query: str, current: int) -> Optional[int]:
        """Marks every `query`, the `current`-th of them strongly; the y of that one, if it is drawn."""
        self._find = (query, current)
        places = [(part, at) for part in self._parts for at in part.find_all(query)] if query else []
        chosen = min(current, len(places) - 1) if current >= 0 else -1
        spans: Dict[int, List[Tuple[int, int, bool]]] = {}
        for index, (part, at) in enumerate(places):
            spans.setdefault(id(part), []).append((at, len(query), index == chosen))
        for part in self._parts:
            part.set_found(spans.get(id(part), []))
        if chosen < 0:
            return None
        part, at = places[chosen]
        return part.y() + part.y_of(at)

    # ------------------------------------------------------------------ inside

    def _finished(self, text: str) -> List[Segment]:
        if self._kind == "source":
            return [Segment("code", (Code(text, "markdown"),))]
        if len(text) > WHOLE_CHARACTERS:
            size = tr("whole message as plain text, {count:,} KB", count=len(text) // 1000)
            return [*final_segments(text[:PREVIEW_CHARACTERS]), Segment("code", (Code(text, size),))]
        if self._kind == "question":
            return group([block for top in parse_question(text) for block in top.blocks])
        return final_segments(text)

    def _parse_late(self) -> None:
        self._feed()
        self.height_changed.emit()

    def _feed(self) -> None:
        if self._stream is None:
            return
        pending = self._pending
        # Half a surrogate pair waits for its other half.
        held = pending[-1:] if pending and "\ud800" <= pending[-1] <= "\udbff" else ""
        self._pending = held
        if len(self._text) > WHOLE_CHARACTERS and self._kind != "question":
            self._next_parse = time.perf_counter() + 1.0
            self._show(self._finished(clean_text(self._text)))
            return
        started = time.perf_counter()
        self._show(self._stream.feed(clean_text(pending[: len(pending) - len(held)])))
        now = time.perf_counter()
        self._next_parse = now + (now - started) * PARSE_REST if now - started > CHEAP_PARSE_S else 0.0

    def _show(self, segments: List[Segment]) -> None:
        changed = len(segments) != len(self._segments)
        for index in range(len(segments), len(self._parts)):
            self._give_back(self._parts[index])
        del self._parts[len(segments) :]
        for index, segment in enumerate(segments):
            part = self._part(index, segment)
            last = self._live and index == len(segments) - 1
            if isinstance(part, TextView):
                changed = part.set_segment(segment, self._theme, faded=self._kind == "thinking") or changed
                part.set_caret(last and self._kind == "answer")
            else:
                code = segment.blocks[0]
                assert isinstance(code, Code)
                changed = part.set_code(code, self._theme, live=last) or changed
        self._segments = segments
        if changed:
            self._layout = (-1, 0)
            if self._find[0]:
                self.highlight(*self._find)

    def _part(self, index: int, segment: Segment) -> Part:
        wanted = "code" if segment.kind == "code" else "text"
        if index < len(self._parts):
            part = self._parts[index]
            if isinstance(part, CodeBlock) == (wanted == "code"):
                return part
            self._give_back(part)
            self._parts[index] = part = self._take(wanted)
            return part
        part = self._take(wanted)
        self._parts.append(part)
        return part

    def _take(self, wanted: str) -> Part:
        if self._spare[wanted]:
            part = self._spare[wanted].pop()
        elif wanted == "code":
            block = CodeBlock(self._theme, self)
            block.copied.connect(self.code_copied)
            block.acted.connect(self.code_acted)
            block.link_activated.connect(self.link_activated)
            block.height_changed.connect(self._on_code_height)
            block.user_selected.connect(self._on_selected)
            part = block
        else:
            view = TextView(self._theme, self)
            view.link_activated.connect(self.link_activated)
            view.user_selected.connect(self._on_selected)
            part = view
        part.show()
        return part

    def _give_back(self, part: Part) -> None:
        part.hide()
        part.set_found([])
        if isinstance(part, CodeBlock):
            part.reset()
        else:
            part.set_caret(False)
        spare = self._spare["code" if isinstance(part, CodeBlock) else "text"]
        if len(spare) < SPARE_WIDGETS:
            spare.append(part)
        else:
            part.setParent(None)
            part.deleteLater()

    def _on_code_height(self) -> None:
        self._layout = (-1, 0)
        self.height_changed.emit()

    def _on_selected(self) -> None:
        self.user_selected.emit(self.sender())
