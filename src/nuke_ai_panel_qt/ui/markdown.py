"""Markdown to plain values: paragraphs of runs, code, tables, each with its source lines. Pure: no Qt, no network.

Raw HTML stays text, images become a text chip, and a link keeps its target only if a click may open it. Nesting beyond
`DEPTH_CAP` and text beyond `INLINE_CAP` is shown as plain text, so that no model output can freeze the panel.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, reference, table
from markdown_it.token import Token

from .safe_text import bare_links, by_direction, is_right_to_left, safe_link

DEPTH_CAP = 32
INLINE_CAP = 6_000
LONG_PARAGRAPH = 20_000
TABLE_CELLS = 1_000
TABLE_COLUMNS = 30
BRACKETS_CAP = 200  # each open one makes the parser read on to the end of the paragraph

_PARSER_NESTING = 90
_DEEP_LINE = re.compile(rf"^((?:[ \t]*(?:>|[-+*][ \t]|\d{{1,9}}[.)][ \t])){{{DEPTH_CAP}}})")
_TASK = re.compile(r"^\[([ xX])\] ")
_BREAK_TAG = re.compile(r"<br\s*/?>", re.IGNORECASE)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*$", re.MULTILINE)
LINE_BREAK = "\u2028"


class Run(NamedTuple):
    """A stretch of text in one style. `image` marks the chip that stands for an image; `link` is a safe target."""

    text: str
    bold: bool = False
    italic: bool = False
    strike: bool = False
    code: bool = False
    link: str = ""
    image: bool = False


class Para(NamedTuple):
    """A paragraph. `kind` is p, h, rule or plain; `marker` is what stands before a list item (•, 3., [ ], [x])."""

    runs: Tuple[Run, ...]
    kind: str = "p"
    level: int = 0
    indent: int = 0
    marker: str = ""
    quote: int = 0
    rtl: bool = False
    tight: bool = False


class Code(NamedTuple):
    """A code block: the exact text between its fences. `closed` turns its actions on. Prose too long to lay out is
    code without a language."""

    text: str
    language: str = ""
    closed: bool = True
    indent: int = 0
    quote: int = 0


class Table(NamedTuple):
    """Rows of cells, the first one the header; `aligns` are left, center or right per column."""

    rows: Tuple[Tuple[Tuple[Run, ...], ...], ...]
    aligns: Tuple[str, ...]
    indent: int = 0


Block = Union[Para, Code, Table]


class Top(NamedTuple):
    """A top-level block: its half-open range of source lines, its blocks, and the line its last list item starts at."""

    start: int
    end: int
    blocks: Tuple[Block, ...]
    kind: str
    last_item: int = -1


def _table_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A table, unless it is so wide that its cells alone would take a second."""
    if start + 1 < end and state.src.count("|", state.bMarks[start + 1], state.eMarks[start + 1]) > 10 * TABLE_COLUMNS:
        return False
    return table(state, start, end, silent)


def _reference_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Where a link leads that is named elsewhere, unless its line is no address: each character is looked at thrice."""
    return state.eMarks[start] - state.bMarks[start] <= INLINE_CAP and reference(state, start, end, silent)


class _Parser(MarkdownIt):
    """CommonMark with tables and strike-through; HTML off; inline parsing is ours to call, paragraph by paragraph."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False, "maxNesting": _PARSER_NESTING})
        self.enable(["table", "strikethrough"])
        self.block.ruler.at("table", _table_rule, {"alt": ["paragraph", "reference"]})
        self.block.ruler.at("reference", _reference_rule)
        self.core.ruler.disable(["inline"])

    def validateLink(self, url: str) -> bool:
        """Only what a click may open becomes a link or an image chip; the rest stays as it was written."""
        return safe_link(url) is not None


def parse(text: str) -> List[Top]:
    """The top-level blocks of `text`, in order."""
    source = "\n".join(_shallow(line) for line in text.split("\n")) if ">" in text or "- " in text else text
    lines = source.split("\n")
    env: Dict[str, Any] = {}
    tokens = _PARSER.parse(source, env)
    tops: List[Top] = []
    start = 0
    for index, token in enumerate(tokens):
        if token.level == 0 and token.nesting <= 0:
            tops.append(_top(tokens[start : index + 1], lines, env))
            start = index + 1
    return tops


def parse_question(text: str) -> List[Top]:
    """What an artist typed: plain text as it was written, with only fenced code recognised."""
    lines, tops, plain = text.split("\n"), [], []  # type: List[str], List[Top], List[str]
    index = plain_start = 0

    def flush(end: int) -> None:
        content = "\n".join(plain).strip("\n")
        if content:
            tops.append(Top(plain_start, end, _plain(content), "plain"))
        plain.clear()

    while index < len(lines):
        opening = _FENCE.match(lines[index])
        closing = _closing_line(lines, index, opening.group(1)) if opening else None
        if opening is None or closing is None:
            plain.append(lines[index])
            index += 1
            continue
        flush(index)
        language = lines[index].strip().lstrip("`~").strip()
        tops.append(Top(index, closing + 1, (Code("\n".join(lines[index + 1 : closing]), language),), "fence"))
        index = plain_start = closing + 1
    flush(len(lines))
    return tops


def plain_text(blocks: Tuple[Block, ...]) -> str:
    """The words of `blocks` without markup, for screen readers and titles."""
    parts = []
    for block in blocks:
        if isinstance(block, Para):
            parts.append("".join(run.text for run in block.runs))
        elif isinstance(block, Code):
            parts.append(block.text)
        else:
            parts.extend(" ".join("".join(run.text for run in cell) for cell in row) for row in block.rows)
    return "\n".join(parts).replace(LINE_BREAK, "\n")


def plain_words(text: str) -> str:
    """Markdown as a reader would type it: no markup, list marks and code as they are, an empty line between parts."""
    parts = []
    for top in parse(text):
        marked = [f"{'  ' * (one.indent - 1)}{one.marker} {plain_text((one,))}" if isinstance(one, Para) and one.marker
                  else plain_text((one,)) for one in top.blocks]
        parts.append("\n".join(marked).rstrip("\n"))
    return "\n\n".join(parts)


def _shallow(line: str) -> str:
    """A line whose quote or list markers nest too deep, with the excess escaped so that it stays text."""
    match = _DEEP_LINE.match(line)
    return f"{match.group(1)} \\{line[match.end() :].lstrip()}" if match and line[match.end() :].strip() else line


def _closing_line(lines: List[str], opening: int, fence: str) -> Optional[int]:
    for index in range(opening + 1, len(lines)):
        stripped = lines[index].strip()
        if stripped and not stripped.strip(fence[0]) and len(stripped) >= len(fence):
            return index
    return None


def _plain(content: str) -> Tuple[Block, ...]:
    if len(content) > LONG_PARAGRAPH:
        return (Code(content),)
    return tuple(
        Para(tuple(_with_links(Run(part.replace("\n", LINE_BREAK)))), kind="plain", rtl=rtl, tight=True)
        for part, rtl in by_direction(content)
    )


def _top(tokens: List[Token], lines: List[str], env: Dict[str, Any]) -> Top:
    first = tokens[0]
    start, end = first.map or (0, 0)
    last_item = -1
    for token in tokens:
        if token.type == "list_item_open" and token.level == 1 and token.map:
            last_item = token.map[0]
    if max(token.level for token in tokens) >= _PARSER_NESTING - 2:
        return Top(start, end, _plain("\n".join(lines[start:end])), "plain")
    return Top(start, end, tuple(_Walk(lines, env).blocks(tokens)), first.type, last_item)


class _Walk:
    """Flattens one top-level block's tokens; lists and quotes become indents, markers and depths."""

    def __init__(self, lines: List[str], env: Dict[str, Any]) -> None:
        self._lines = lines
        self._env = env
        self._out: List[Block] = []
        self._lists: List[List[int]] = []  # one counter per open list; a negative counter is a bullet
        self._marker = ""
        self._quote = 0
        self._hidden = False
        self._heading = 0

    def blocks(self, tokens: List[Token]) -> List[Block]:
        index = 0
        while index < len(tokens):
            token = tokens[index]
            if token.type == "table_open":
                end = next(i for i in range(index, len(tokens)) if tokens[i].type == "table_close")
                self._out += self._table(tokens[index:end])
                index = end
            else:
                self._visit(token)
            index += 1
        return self._out

    def _table(self, tokens: List[Token]) -> Tuple[Block, ...]:
        cells = sum(token.type == "inline" for token in tokens)
        columns = sum(token.type == "th_open" for token in tokens)
        if cells > TABLE_CELLS or columns > TABLE_COLUMNS:
            start, end = tokens[0].map or (0, 0)
            return _plain("\n".join(self._lines[start:end]))
        return (_table(tokens, self._indent(), self._env),)

    def _visit(self, token: Token) -> None:
        kind = token.type
        if kind == "inline":
            self._paragraph(token)
        elif kind in ("fence", "code_block"):
            self._code(token)
        elif kind == "ordered_list_open":
            self._lists.append([int(token.attrGet("start") or 1)])
        elif kind == "bullet_list_open":
            self._lists.append([-1])
        elif kind in ("ordered_list_close", "bullet_list_close"):
            self._lists.pop()
        elif kind == "list_item_open":
            self._open_item(token)
        elif kind == "list_item_close":
            if self._marker:  # an item with nothing in it still shows its marker
                self._add(Para((), indent=self._indent(), marker=self._take_marker(), quote=self._quote, tight=True))
        elif kind == "blockquote_open":
            self._quote += 1
        elif kind == "blockquote_close":
            self._quote -= 1
        elif kind == "heading_open":
            self._heading = int(token.tag[1])
        elif kind == "heading_close":
            self._heading = 0
        elif kind == "paragraph_open":
            self._hidden = token.hidden
        elif kind == "hr":
            self._add(Para((), kind="rule", indent=self._indent(), quote=self._quote))

    def _open_item(self, token: Token) -> None:
        counter = self._lists[-1]
        if counter[0] < 0:
            self._marker = "•"
        else:
            self._marker = f"{counter[0]}{token.markup}"
            counter[0] += 1

    def _paragraph(self, token: Token) -> None:
        content = token.content
        marker = self._take_marker()
        if len(content) > LONG_PARAGRAPH:
            self._add(Code(content, indent=self._indent(), quote=self._quote))
            return
        task = _TASK.match(content) if marker == "•" else None
        if task:
            marker, content = f"[{task.group(1).lower()}]", content[4:]
        self._add(
            Para(
                tuple(inline_runs(content, self._env)),
                kind="h" if self._heading else "p",
                level=self._heading,
                indent=self._indent(),
                marker=marker,
                quote=min(self._quote, DEPTH_CAP),
                rtl=is_right_to_left(content),
                tight=self._hidden,
            )
        )

    def _code(self, token: Token) -> None:
        self._take_marker()
        text = token.content[:-1] if token.content.endswith("\n") else token.content
        closed = True
        if token.type == "fence" and token.map:
            start, end = token.map
            last = self._lines[end - 1].strip(" \t>") if end - 1 < len(self._lines) else ""
            closed = end - 1 > start and len(last) >= len(token.markup) and not last.strip(token.markup[0])
        language = token.info.strip().split()[0] if token.info.strip() else ""
        self._add(Code(text, language, closed, self._indent(), min(self._quote, DEPTH_CAP)))

    def _add(self, block: Block) -> None:
        self._out.append(block)

    def _take_marker(self) -> str:
        marker, self._marker = self._marker, ""
        return marker

    def _indent(self) -> int:
        return min(len(self._lists), DEPTH_CAP)


def _table(tokens: List[Token], indent: int, env: Dict[str, Any]) -> Table:
    rows: List[Tuple[Tuple[Run, ...], ...]] = []
    cells: List[Tuple[Run, ...]] = []
    aligns: List[str] = []
    for token in tokens:
        if token.type == "th_open":
            style = str(token.attrGet("style") or "")
            aligns.append("center" if "center" in style else "right" if "right" in style else "left")
        elif token.type == "inline":
            cells.append(tuple(_broken(run) for run in inline_runs(token.content, env)))
        elif token.type == "tr_close":
            rows.append(tuple(cells))
            cells = []
    return Table(tuple(rows), tuple(aligns), indent)


def _broken(run: Run) -> Run:
    return run if run.code else run._replace(text=_BREAK_TAG.sub(LINE_BREAK, run.text))


def inline_runs(content: str, env: Dict[str, Any]) -> List[Run]:
    """The runs of one paragraph's source; `env` holds the link references that its document defines."""
    if len(content) > INLINE_CAP or content.count("[") > BRACKETS_CAP:
        return [Run(content.replace("\n", " "))]
    children: List[Token] = []
    _PARSER.inline.parse(content, _PARSER, env, children)
    runs: List[Run] = []
    bold = italic = strike = 0
    links: List[str] = []
    for token in children:
        kind = token.type
        if kind == "strong_open" or kind == "strong_close":
            bold += token.nesting
        elif kind == "em_open" or kind == "em_close":
            italic += token.nesting
        elif kind == "s_open" or kind == "s_close":
            strike += token.nesting
        elif kind == "link_open":
            links.append(safe_link(str(token.attrGet("href") or "")) or "")
        elif kind == "link_close":
            links.pop()
        else:
            made = _leaf(token, Run("", bold > 0, italic > 0, strike > 0, link=links[-1] if links else ""))
            _extend(runs, made)
    return runs


def _leaf(token: Token, style: Run) -> List[Run]:
    if token.type == "code_inline":
        return [style._replace(text=token.content, code=True)]
    if token.type == "softbreak":
        return [style._replace(text=" ")]
    if token.type == "hardbreak":
        return [style._replace(text=LINE_BREAK)]
    if token.type == "image":
        source = str(token.attrGet("src") or "")
        return [style._replace(text=f"image: {token.content or source}", link=safe_link(source) or "", image=True)]
    return _with_links(style._replace(text=token.content))


def _with_links(run: Run) -> List[Run]:
    spans = [] if run.link else bare_links(run.text)
    if not spans:
        return [run] if run.text else []
    runs, at = [], 0
    for start, end in spans:
        if start > at:
            runs.append(run._replace(text=run.text[at:start]))
        runs.append(run._replace(text=run.text[start:end], link=run.text[start:end]))
        at = end
    if at < len(run.text):
        runs.append(run._replace(text=run.text[at:]))
    return runs


def _extend(runs: List[Run], made: List[Run]) -> None:
    for run in made:
        if runs and runs[-1][1:] == run[1:] and not run.image:
            runs[-1] = run._replace(text=runs[-1].text + run.text)
        else:
            runs.append(run)


_PARSER = _Parser()
