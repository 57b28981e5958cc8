"""Makes the names of the script's nodes clickable in an answer. Pure.

A name with a digit is one wherever it stands; one that could be a word of the language only where it is set as code.
"""

from __future__ import annotations

import re
from typing import Collection, List, Sequence, Tuple

from .markdown import Block, Para, Run, Table

SCHEME = "node:"
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


def with_node_links(blocks: Sequence[Block], names: Collection[str]) -> Tuple[Block, ...]:
    """The blocks with links on the names."""
    if not names:
        return tuple(blocks)
    return tuple(_block(block, names) for block in blocks)


def node_of(link: str) -> str:
    """The node's name in such a link, else empty."""
    return link[len(SCHEME):] if link.startswith(SCHEME) else ""


def _block(block: Block, names: Collection[str]) -> Block:
    if isinstance(block, Para):
        return block._replace(runs=_runs(block.runs, names))
    if isinstance(block, Table):
        return block._replace(rows=tuple(tuple(_runs(cell, names) for cell in row) for row in block.rows))
    return block


def _runs(runs: Tuple[Run, ...], names: Collection[str]) -> Tuple[Run, ...]:
    made: List[Run] = []
    for run in runs:
        if run.link or run.image:
            made.append(run)
            continue
        at = 0
        for match in _NAME.finditer(run.text):
            name = match.group()
            if name not in names or not (run.code or any(one.isdigit() for one in name)):
                continue
            if match.start() > at:
                made.append(run._replace(text=run.text[at:match.start()]))
            made.append(run._replace(text=name, link=SCHEME + name))
            at = match.end()
        if at < len(run.text) or not run.text:
            made.append(run._replace(text=run.text[at:]))
    return tuple(made)
