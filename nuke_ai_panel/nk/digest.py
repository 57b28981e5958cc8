"""A script in few words, for a prompt: what it reads and writes, its nodes, what is not at its default, and who feeds
whom. Pure. What does not fit the limit is left out in a fixed order, and the digest says what that was.

First the knobs of the nodes inside groups go, then those of the others, then whole nodes; what a script reads and
writes stays longest. Where a node sits in the graph's picture, its colours and fonts are never told. Dots without a
label are passed over: what they feed is said to be fed by what feeds them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Callable, Iterator, List, Set, Tuple, Union

from .digest_rows import Row, Sheet, census, counted, sheet_of
from .model import Script
from .parser import parse

DEFAULT_LIMIT = 2000
_BYTES_PER_TOKEN = 3.0
# What the last line, which says what is missing, may need.
_RESERVE = 90


@dataclass(frozen=True)
class Digest:
    """The summary. `left_out` says in plain words what is missing; the same sentences end `text`."""

    text: str
    tokens: int
    node_count: int
    shown_count: int
    left_out: Tuple[str, ...] = ()


def estimate_tokens(text: str) -> int:
    """About how many tokens a text is, at three bytes a token; never too few for a script."""
    return int(len(text.encode("utf-8", "replace")) / _BYTES_PER_TOKEN) + 1


def digest(
    script: Union[Script, str], limit_tokens: int = DEFAULT_LIMIT, *,
    estimate: Callable[[str], int] = estimate_tokens,
) -> Digest:
    """The digest of a script, at most `limit_tokens` long by `estimate`; raises NkSyntaxError for a broken text."""
    sheet = sheet_of(parse(script) if isinstance(script, str) else script)
    full, shown = _choose(sheet, limit_tokens, estimate)
    while True:
        text, left = _text(sheet, set(full), sorted(shown))
        tokens = estimate(text)
        if tokens <= limit_tokens:
            return Digest(text, tokens, sheet.node_count, len(shown), left)
        # The guess by lines was a little low.
        if full:
            del full[-max(1, len(full) // 10):]
        elif shown:
            del shown[-max(1, len(shown) // 10):]
        else:
            return _shortest(sheet, limit_tokens, estimate)


def _choose(sheet: Sheet, limit: int, estimate: Callable[[str], int]) -> Tuple[List[int], List[int]]:
    """Which rows are told in full, and which are shown, each the least important last."""
    order = sorted(range(len(sheet.rows)), key=lambda at: (sheet.rows[at].depth, at))
    room = limit - estimate(sheet.head) - min(_RESERVE, limit // 4)
    costs = [estimate(f"{row.file}\n{row.brief}") for row in sheet.rows]
    spent = sum(costs)
    if spent > room:
        order.sort(key=lambda at: not sheet.rows[at].is_door)
        return [], _greedy(order, costs, room)
    every = list(range(len(sheet.rows)))
    more = [max(0, estimate(row.full) - cost) for row, cost in zip(sheet.rows, costs)]
    if spent + sum(more) <= room + _RESERVE // 2:
        return order, every
    return _greedy(order, more, room - spent), every


def _greedy(order: List[int], costs: List[int], room: int) -> List[int]:
    """As many as fit, in order; what is too long gives way to what comes after it."""
    taken = []
    for at in order:
        if costs[at] <= room:
            taken.append(at)
            room -= costs[at]
    return taken


def _text(sheet: Sheet, full: Set[int], shown: List[int]) -> Tuple[str, Tuple[str, ...]]:
    """The digest and what it leaves out."""
    lines = [sheet.head, *(sheet.rows[at].file for at in shown if at not in full and sheet.rows[at].file)]
    lines += [sheet.rows[at].full if at in full else sheet.rows[at].brief for at in shown]
    left = tuple(_left_out(sheet, full, shown))
    if left:
        lines.append(f"Left out: {'; '.join(left)}.")
    return "\n".join(lines), left


def _left_out(sheet: Sheet, full: Set[int], shown: List[int]) -> Iterator[str]:
    visible = set(shown)
    gone = [row for at, row in enumerate(sheet.rows) if at not in visible]
    if gone:
        classes = Counter(row.placed.class_name for row in gone)
        yield f"{counted(len(gone), 'node')} ({census(classes)})"
    bare = sum(1 for at in shown if at not in full and _has_more(sheet.rows[at]))
    if bare:
        yield f"the knobs of {counted(bare, 'node')}"
    if sheet.passed:
        yield counted(sheet.passed, "Dot")
    cut = sum(sheet.rows[at].cut for at in full)
    if cut:
        yield f"the rest of {counted(cut, 'long value')}"


def _has_more(row: Row) -> bool:
    # The path of a file is told even where the knobs are not.
    return len(row.knobs) > bool(row.file)


def _shortest(sheet: Sheet, limit_tokens: int, estimate: Callable[[str], int]) -> Digest:
    """The head line alone, cut if even that is too long; in the end only what is left out, or not even that."""
    left = (f"all {counted(sheet.node_count, 'node')}",) if sheet.node_count else ()
    last = f"\nLeft out: {left[0]}." if left else ""
    head = sheet.head
    while head and estimate(head + last) > limit_tokens:
        head = head[: len(head) * 3 // 4]
    text = (head + last).strip()
    while text and estimate(text) > limit_tokens:
        text = text[: len(text) * 3 // 4]
    return Digest(text, estimate(text), sheet.node_count, 0, left)
