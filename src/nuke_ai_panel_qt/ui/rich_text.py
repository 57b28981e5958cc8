"""Writes Markdown blocks into a QTextDocument through formats of our own: no HTML, no resources. Main thread.

A `RichText` owns what it wrote: an update keeps the blocks that are the same and rewrites only what follows, and a last
paragraph that merely grew gets only its new letters.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from ..qt import QtCore, QtGui, flag_value
from .markdown import Block, Para, Run, Table
from .safe_text import is_right_to_left, longest_unbroken, visible_code, visible_prose
from .theme import LINE_HEIGHT_PERCENT, Theme

Qt = QtCore.Qt
Cursor = QtGui.QTextCursor

INDENT_STEPS = 5
QUOTE_STEPS = 3.5
MAX_VISIBLE_DEPTH = 8
LONG_WORD = 1_000
# What a text view needs in order to draw a paragraph's marker, quote bars and rule.
MARKER = flag_value(QtGui.QTextFormat.Property.UserProperty) + 1
QUOTE_DEPTH = MARKER + 1
IS_RULE = MARKER + 2

_PROPORTIONAL = flag_value(QtGui.QTextBlockFormat.LineHeightTypes.ProportionalHeight)
_CELL_WIDTH_CHARACTERS = 26


class RichText:
    """The writer of one document."""

    def __init__(self, document: QtGui.QTextDocument, theme: Theme) -> None:
        self._document = document
        self._theme = theme
        self._formats: Dict[Tuple[object, ...], QtGui.QTextCharFormat] = {}
        self._blocks: List[Block] = []
        self._starts: List[int] = []
        self.faded = False  # dim text, for thinking and notices
        document.setUndoRedoEnabled(False)
        document.setDocumentMargin(0)
        document.setDefaultFont(theme.body)
        self._anywhere = False

    @property
    def blocks(self) -> List[Block]:
        """What the document shows."""
        return self._blocks

    def set_theme(self, theme: Theme, *, faded: bool = False) -> None:
        """Another theme; the document is written anew with the next `update`."""
        if theme is not self._theme or faded != self.faded:
            self._theme, self.faded = theme, faded
            self._formats.clear()
            self._document.setDefaultFont(theme.small if faded else theme.body)
            self.clear()

    def clear(self) -> None:
        """Forgets everything, so that the next `update` writes all."""
        self._document.clear()
        self._blocks, self._starts = [], []

    def update(self, blocks: Tuple[Block, ...]) -> bool:
        """Makes the document show `blocks`; whether anything changed."""
        same = 0
        for old, new in zip(self._blocks, blocks):
            if old is not new and old != new:
                break
            same += 1
        if same == len(blocks) == len(self._blocks):
            return False
        cursor = Cursor(self._document)
        cursor.beginEditBlock()
        if not self._grow_last(cursor, blocks, same):
            self._rewrite(cursor, blocks, same)
        cursor.endEditBlock()
        self._blocks = list(blocks)
        return True

    def _grow_last(self, cursor: Cursor, blocks: Tuple[Block, ...], same: int) -> bool:
        if same != len(blocks) - 1 or len(blocks) != len(self._blocks):
            return False
        old, new = self._blocks[-1], blocks[-1]
        if not isinstance(old, Para) or not isinstance(new, Para) or not old.runs or not new.runs:
            return False
        shared = len(old.runs) - 1
        if old._replace(runs=()) != new._replace(runs=()) or old.runs[:shared] != new.runs[:shared]:
            return False
        first = new.runs[shared] if len(new.runs) > shared else Run("")
        if first[1:] != old.runs[-1][1:] or not first.text.startswith(old.runs[-1].text):
            return False
        cursor.movePosition(Cursor.MoveOperation.End)
        grown = first._replace(text=first.text[len(old.runs[-1].text) :])
        self._write_runs(cursor, (grown, *new.runs[shared + 1 :]), new)
        return True

    def _rewrite(self, cursor: Cursor, blocks: Tuple[Block, ...], same: int) -> None:
        if same == 0 or same >= len(self._starts):
            start = 0
            if same:
                cursor.movePosition(Cursor.MoveOperation.End)
                start = cursor.position()
        else:
            start = self._starts[same] - 1
        if same == 0:
            self._document.clear()
            self._document.setDefaultFont(self._theme.small if self.faded else self._theme.body)
            cursor.setPosition(0)
        else:
            cursor.setPosition(start)
            cursor.movePosition(Cursor.MoveOperation.End, Cursor.MoveMode.KeepAnchor)
            cursor.removeSelectedText()
        del self._starts[same:]
        for index in range(same, len(blocks)):
            block = blocks[index]
            if isinstance(block, Para):
                before = blocks[index - 1] if index else None
                layout = self._block_format(block, before if isinstance(before, Para) else None, first=index == 0)
                if index:
                    cursor.insertBlock(layout, self._format(Run("")))
                else:
                    cursor.setBlockFormat(layout)
                    cursor.setBlockCharFormat(self._format(Run("")))
                self._starts.append(cursor.position())
                self._write_runs(cursor, block.runs, block)
            elif isinstance(block, Table):
                self._starts.append(cursor.position())
                self._write_table(cursor, block)

    def _write_runs(self, cursor: Cursor, runs: Tuple[Run, ...], para: Para) -> None:
        for run in runs:
            text = visible_code(run.text) if run.code else visible_prose(run.text)
            cursor.insertText(text, self._format(run, para.level if para.kind == "h" else 0))
            if not self._anywhere and len(text) > LONG_WORD and longest_unbroken(text) > LONG_WORD:
                self._break_anywhere()

    def _break_anywhere(self) -> None:
        # Looking for a word boundary is quadratic in an unbroken line: 200,000 characters froze the host for 10 s.
        self._anywhere = True
        option = self._document.defaultTextOption()
        option.setWrapMode(QtGui.QTextOption.WrapMode.WrapAnywhere)
        self._document.setDefaultTextOption(option)

    def _block_format(self, para: Para, before: Optional[Para], *, first: bool) -> QtGui.QTextBlockFormat:
        theme = self._theme
        layout = QtGui.QTextBlockFormat()
        depth = theme.space(INDENT_STEPS) * min(para.indent, MAX_VISIBLE_DEPTH)
        depth += theme.space(QUOTE_STEPS) * min(para.quote, MAX_VISIBLE_DEPTH)
        if para.rtl:
            layout.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
            layout.setRightMargin(depth)
        else:
            layout.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
            layout.setLeftMargin(depth)
        layout.setTopMargin(0 if first else self._gap(para, before))
        layout.setLineHeight(LINE_HEIGHT_PERCENT, _PROPORTIONAL)
        if para.marker:
            layout.setProperty(MARKER, para.marker)
        if para.quote:
            layout.setProperty(QUOTE_DEPTH, min(para.quote, MAX_VISIBLE_DEPTH))
        if para.kind == "rule":
            layout.setProperty(IS_RULE, True)
        return layout

    def _gap(self, para: Para, before: Optional[Para]) -> int:
        if para.kind == "h":
            return self._theme.space(4 if para.level <= 2 else 3.5)
        if before is not None and before.kind == "h":
            return self._theme.space(1.5)
        if para.tight and before is not None and (before.tight or para.indent > before.indent):
            return self._theme.space(1)
        return self._theme.space(2.5)

    def _format(self, run: Run, level: int = 0) -> QtGui.QTextCharFormat:
        key = (*run[1:], level)
        made = self._formats.get(key)
        if made is None:
            made = self._formats[key] = self._make_format(run, level)
        return made

    def _make_format(self, run: Run, level: int) -> QtGui.QTextCharFormat:
        theme = self._theme
        font = QtGui.QFont(theme.heading(level) if level else theme.small if self.faded else theme.body)
        if run.code:
            font = QtGui.QFont(theme.code)
        if run.bold:
            font.setWeight(QtGui.QFont.Weight.DemiBold)
        if run.italic:
            font.setItalic(True)
        if run.strike:
            font.setStrikeOut(True)
        made = QtGui.QTextCharFormat()
        made.setFont(font)
        made.setForeground(theme.dim if self.faded or run.image else theme.text)
        if run.code or run.image:
            made.setBackground(theme.raised if run.code else theme.hover)
        if run.link:
            made.setForeground(theme.link)
            made.setAnchor(True)
            made.setAnchorHref(run.link)
            made.setFontUnderline(False)
        return made

    def _write_table(self, cursor: Cursor, block: Table) -> None:
        theme = self._theme
        columns = max(len(row) for row in block.rows)
        layout = QtGui.QTextTableFormat()
        layout.setBorderStyle(QtGui.QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        layout.setBorder(1)
        layout.setBorderBrush(QtGui.QBrush(theme.hairline))
        layout.setBorderCollapse(True)
        layout.setCellPadding(theme.space(1.5))
        layout.setCellSpacing(0)
        table = cursor.insertTable(len(block.rows), columns, layout)
        for row_index, row in enumerate(block.rows):
            for column in range(columns):
                cell = table.cellAt(row_index, column)
                if row_index == 0:
                    ground = QtGui.QTextTableCellFormat()
                    ground.setBackground(theme.raised)
                    cell.setFormat(ground)
                runs = row[column] if column < len(row) else ()
                self._write_cell(cell.firstCursorPosition(), runs, block.aligns[column : column + 1], row_index == 0)
        if len(block.rows) > 1 and not any(run.text.strip() for runs in block.rows[0] for run in runs):
            table.removeRows(0, 1)  # a table without a heading

    def _write_cell(self, at: Cursor, runs: Tuple[Run, ...], align: Tuple[str, ...], header: bool) -> None:
        text = "".join(run.text for run in runs)
        layout = QtGui.QTextBlockFormat()
        layout.setAlignment(
            {"right": Qt.AlignmentFlag.AlignRight, "center": Qt.AlignmentFlag.AlignHCenter}.get(
                align[0] if align else "", Qt.AlignmentFlag.AlignLeft
            )
        )
        if is_right_to_left(text):
            layout.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        at.setBlockFormat(layout)
        cell_runs = tuple(run._replace(bold=True) for run in runs) if header else runs
        self._write_runs(at, cell_runs, Para(cell_runs, rtl=False))
        if len(text) > LONG_WORD:
            self._break_anywhere()


def table_width(block: Table, theme: Theme) -> int:
    """The narrowest width at which a table still reads well; the view scrolls sideways below it."""
    metrics = QtGui.QFontMetrics(theme.body)
    total = 0
    for column in range(max(len(row) for row in block.rows)):
        longest = 0
        for row in block.rows:
            if column < len(row):
                text = "".join(run.text for run in row[column])
                words = [len(word) for word in text.split()] or [1]
                longest = max(longest, *words, min(len(text), _CELL_WIDTH_CHARACTERS // 2))
        total += metrics.averageCharWidth() * min(longest + 1, _CELL_WIDTH_CHARACTERS) + 2 * theme.space(1.5) + 2
    return total
