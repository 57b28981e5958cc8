"""Markdown that is still arriving: finished blocks freeze, only the last one is parsed again. Pure; one per answer.

A long list freezes item by item and an endless paragraph at a word boundary; `final_segments` parses the whole
once more and so mends what such a split got wrong. An open top-level fence is followed line by line, never parsed.
"""

from __future__ import annotations

import re
from typing import List, NamedTuple, Optional, Tuple

from .markdown import Block, Code, Para, parse

LONG_TAIL = 800
LONG_LINE_TAIL = 5_000
SEGMENT_CHARACTERS = 3_000
SEGMENT_BLOCKS = 30

_OPENING = re.compile(r"^( {0,3})(`{3,}|~{3,})([^\n`]*|[^\n]*)\n")


class Segment(NamedTuple):
    """What one widget shows: a stretch of paragraphs, or one code block, or one table."""

    kind: str
    blocks: Tuple[Block, ...]


def group(blocks: List[Block]) -> List[Segment]:
    """`blocks` as segments; stretches of prose are cut so that no document grows long."""
    segments: List[Segment] = []
    prose: List[Block] = []
    size = 0
    for block in blocks:
        if isinstance(block, Para) and size < SEGMENT_CHARACTERS and len(prose) < SEGMENT_BLOCKS:
            prose.append(block)
            size += sum(len(run.text) for run in block.runs)
            continue
        if prose:
            segments.append(Segment("text", tuple(prose)))
            prose, size = [], 0
        if isinstance(block, Para):
            prose, size = [block], sum(len(run.text) for run in block.runs)
        else:
            segments.append(Segment("code" if isinstance(block, Code) else "table", (block,)))
    if prose:
        segments.append(Segment("text", tuple(prose)))
    return segments


class _Fence(NamedTuple):
    indent: int
    marker: str
    language: str
    body_start: int


class MarkdownStream:
    """Feeds on text, answers with segments. Sealed segments keep their identity, so that a widget can skip them."""

    def __init__(self) -> None:
        self._sealed: List[Segment] = []
        self._frozen: List[Block] = []  # frozen blocks after the last sealed segment
        self._tail = ""
        self._fence: Optional[_Fence] = None
        self._scanned = 0  # no closing fence stands before this offset of the tail
        self._tail_blocks: Tuple[Block, ...] = ()

    def feed(self, text: str) -> List[Segment]:
        """Appends `text`; the segments as they now are."""
        self._tail += text
        while self._advance():
            pass
        return self.segments()

    def segments(self) -> List[Segment]:
        """Everything so far: the sealed segments and the ones that may still change."""
        open_segments = group([*self._frozen, *self._tail_blocks])
        if len(open_segments) > 2:  # the last frozen block may still share a segment with the tail
            frozen = group(self._frozen)
            keep = frozen[:-1]
            if keep and open_segments[: len(keep)] == keep:
                self._sealed += keep
                self._frozen = list(frozen[-1].blocks)
                open_segments = open_segments[len(keep) :]
        return [*self._sealed, *open_segments]

    def _advance(self) -> bool:
        """Parses the tail; True when something froze and what is left must be looked at again."""
        if self._fence is None:
            self._fence = _opening(self._tail)
            self._scanned = self._fence.body_start if self._fence else 0
        if self._fence is not None:
            return self._follow_fence(self._fence)
        tops = parse(self._tail)
        self._tail_blocks = tuple(block for top in tops for block in top.blocks)
        if not tops:
            return False
        lines = self._tail.split("\n")
        last = tops[-1]
        cut = last.start
        if cut == 0 and len(self._tail) > LONG_TAIL and last.last_item > 0:
            cut = last.last_item
        if cut > 0:
            self._freeze("\n".join(lines[:cut]) + "\n", "\n".join(lines[cut:]))
            return True
        if last.kind == "paragraph_open" and len(self._tail) > LONG_LINE_TAIL:
            at = max(self._tail.rfind(" ", 0, LONG_LINE_TAIL), self._tail.rfind("\n", 0, LONG_LINE_TAIL))
            at = at + 1 if at > 0 else LONG_LINE_TAIL
            self._freeze(self._tail[:at], self._tail[at:])
            return True
        return False

    def _freeze(self, done: str, rest: str) -> None:
        self._frozen += [block for top in parse(done) for block in top.blocks]
        self._tail, self._tail_blocks = rest, ()

    def _follow_fence(self, fence: _Fence) -> bool:
        closing = re.compile(rf"^ {{0,3}}{fence.marker[0]}{{{len(fence.marker)},}}[ \t]*(\n|\Z)", re.MULTILINE)
        match = closing.search(self._tail, self._scanned)
        if match is None:
            body = self._tail[fence.body_start :]
            last = body[body.rfind("\n") + 1 :]
            if last.strip() and not last.strip().strip(fence.marker[0]):  # a closing fence on its way
                body = body[: body.rfind("\n") + 1]
            self._tail_blocks = (self._code(fence, body, closed=False),)
            self._scanned = max(self._scanned, self._tail.rfind("\n") + 1)
            return False
        block = self._code(fence, self._tail[fence.body_start : match.start()], closed=True)
        if not match.group(1):
            self._tail_blocks = (block,)
            return False
        self._frozen.append(block)
        self._tail, self._tail_blocks, self._fence = self._tail[match.end() :], (), None
        return bool(self._tail)

    @staticmethod
    def _code(fence: _Fence, body: str, *, closed: bool) -> Code:
        if fence.indent:
            body = re.sub(rf"^ {{0,{fence.indent}}}", "", body, flags=re.MULTILINE)
        return Code(body[:-1] if body.endswith("\n") else body, fence.language, closed)


def _opening(tail: str) -> Optional[_Fence]:
    """The fence that the tail begins with, after blank lines."""
    blank = len(tail) - len(tail.lstrip("\n"))
    match = _OPENING.match(tail[blank : blank + 300])
    if match is None or (match.group(2)[0] == "`" and "`" in match.group(3)):
        return None
    info = match.group(3).strip().split()
    return _Fence(len(match.group(1)), match.group(2), info[0] if info else "", blank + match.end())


def final_segments(text: str) -> List[Segment]:
    """The segments of a finished text, parsed whole."""
    return group([block for top in parse(text) for block in top.blocks])
