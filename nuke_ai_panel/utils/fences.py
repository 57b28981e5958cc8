"""Where a code block of Markdown is still open at the end of a text. Pure; any thread.

As CommonMark has it: at most three blanks stand before a fence, counted from where its list item's text begins; one of
backticks has none in its first line; it is closed by one of the same character, at least as long, with nothing behind
it, or by the end of the list item or quotation that it stands in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import List, Optional, Tuple

_OPENING = re.compile(r"(`{3,})[^`]*$|(~{3,})")
_CLOSING = re.compile(r"(`{3,}|~{3,})[ \t]*$")
_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])(?=[ \t]|$)")
_BREAK = re.compile(r"(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_UNDERLINE = re.compile(r"(?:=+|-+)[ \t]*$")  # what makes a heading of the paragraph above it
# A quotation among the containers; a list item is the number of columns that its text is indented by.
_QUOTE = -1


@dataclass(frozen=True)
class OpenFence:
    """`mark` is the fence itself, ``` or ~~~~; `line` is the whole line that would close it where it stands."""

    mark: str
    line: str


def open_fence(text: str) -> Optional[OpenFence]:
    """The fence of the code block that `text` ends inside of, None outside of one."""
    containers: List[int] = []
    known = 0
    mark, in_paragraph, is_bare = "", False, False
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        rest, depth = _inside(line.expandtabs(4), containers)
        is_blank = not rest.strip()
        has_left = depth < len(containers) and not (is_blank and _QUOTE not in containers[depth:])
        if has_left and (mark or not in_paragraph or _begins_block(rest)):
            del containers[depth:]
            mark, in_paragraph = "", False
        body = rest.lstrip(" ")
        indent = len(rest) - len(body)
        if mark:
            closing = _CLOSING.match(body) if indent <= 3 else None
            if closing is not None and closing.group(1)[0] == mark[0] and len(closing.group(1)) >= len(mark):
                mark, in_paragraph = "", False
            continue
        if is_blank:
            if is_bare and len(containers) == known:
                containers.pop()  # an item without text in its first line has it in the second, or is over
            in_paragraph = is_bare = False
            continue
        if in_paragraph and not has_left and indent <= 3 and _UNDERLINE.match(body):
            in_paragraph = is_bare = False
            continue
        known = len(containers)
        body, indent, in_paragraph = _enter(body, indent, containers, in_paragraph)
        is_bare = not body and len(containers) > known and containers[-1] != _QUOTE
        known = len(containers)
        opening = _OPENING.match(body) if indent <= 3 else None
        if opening is not None:
            mark, in_paragraph = opening.group(1) or opening.group(2), False
    return OpenFence(mark, _prefix(containers) + mark) if mark else None


def closed(text: str) -> str:
    """Markdown whose last code block is closed, ending with a new line."""
    end = "" if text.endswith("\n") or not text else "\n"
    fence = open_fence(text)
    return f"{text}{end}{fence.line}\n" if fence is not None else f"{text}{end}"


def _inside(line: str, containers: List[int]) -> Tuple[str, int]:
    """What is left of a line inside its containers, and how many of them it goes on in."""
    for depth, width in enumerate(containers):
        indent = len(line) - len(line.lstrip(" "))
        if width == _QUOTE:
            if indent > 3 or line[indent : indent + 1] != ">":
                return line, depth
            line = line[indent + 1 :]
            line = line[1:] if line.startswith(" ") else line
        elif indent >= width:
            line = line[width:]
        else:
            return line, depth
    return line, len(containers)


def _begins_block(rest: str) -> bool:
    """Whether a line ends a paragraph that it stands outside of, instead of going on with it."""
    body = rest.lstrip(" ")
    if len(rest) - len(body) > 3:
        return False
    is_block = _OPENING.match(body) or _BREAK.match(body) or re.match(r"#{1,6}(?:\s|$)|>", body)
    return bool(is_block) or not body or _ITEM.match(body) is not None


def _can_interrupt(body: str) -> bool:
    item = _ITEM.match(body)
    return item is not None and bool(body[item.end() :].strip()) and item.group() in ("-", "*", "+", "1.", "1)")


def _enter(body: str, indent: int, containers: List[int], in_paragraph: bool) -> Tuple[str, int, bool]:
    """Steps into the list items and quotations that begin in this line; whether a paragraph is open after it."""
    while indent <= 3 and body:
        if body[0] == ">":
            containers.append(_QUOTE)
            body = body[1:]
            body = body[1:] if body.startswith(" ") else body
        else:
            item = _ITEM.match(body)
            if item is None or _BREAK.match(body) or (in_paragraph and not _can_interrupt(body)):
                break
            text = body[item.end() :]
            gap = len(text) - len(text.lstrip(" "))
            gap = gap if text.strip() and gap <= 4 else 1
            containers.append(indent + item.end() + gap)
            body = text[gap:]
        in_paragraph = False
        stripped = body.lstrip(" ")
        indent, body = len(body) - len(stripped), stripped
    is_text = bool(body) and (in_paragraph or indent <= 3)
    return body, indent, is_text and not _BREAK.match(body) and not re.match(r"#{1,6}(?:\s|$)", body)


def _prefix(containers: List[int]) -> str:
    return "".join("> " if width == _QUOTE else " " * width for width in containers)
