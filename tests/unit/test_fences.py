"""Code blocks of Markdown that are still open, judged by the library that renders the answers."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from nuke_ai_panel.utils.fences import closed, open_fence

PARSER = MarkdownIt("commonmark", {"html": False})
LINES = st.sampled_from([
    "```", "````", "~~~", "```py", "``` py", "~~~~ x ``` y", "```x``` is code", "``", "  ```", "   ~~~", "    ```",
    "\t```", "text", "", "  text", "    code", "- item", "- ```py", "1. one", "2) two", "  - deep", "   ```",
    "      ```", "> said",
    "> ```", ">   ```", "> - ```", "  ~~~~", "```  ", "``` a`b", "---", "# head", "-", "10. ten", "    ~~~", "* ~~~",
])


def blocks(text: str) -> int:
    return sum(token.type == "fence" for token in PARSER.parse(text))


def shows(text: str, word: str) -> bool:
    """Whether a word is prose and not code."""
    return any(word in token.content for token in PARSER.parse(text) if token.type == "inline")


@settings(max_examples=600, deadline=None)
@given(st.lists(LINES, max_size=9).map("\n".join))
@example("- a\n  ```py\n  x")
@example("-\n\n  ```\n```")
@example("- -\n\n    ```\n  ~~~")
@example("> ```\n> x")
@example("- a\n  ```py\n  x\nout of it")
def test_what_is_closed_is_closed_and_nothing_else(text: str) -> None:
    whole = closed(text)
    assert blocks(whole) == blocks(text), whole
    assert shows(f"{whole}\n\nAFTERWARDS", "AFTERWARDS"), whole
    assert open_fence(whole) is None


@pytest.mark.parametrize(("text", "line"), [
    ("a\n```py\nb", "```"), ("- a\n  ~~~sh\n  ls", "  ~~~"), ("> ````\n> x", "> ````"), ("    ```\n    code", None),
    ("```x``` is code", None), ("~~~\n```\n~~~\n", None), ("````\n```\n", "````"), ("```\r\nx\r\n", "```"), ("", None),
])
def test_the_line_that_closes_stands_where_the_block_does(text: str, line: str) -> None:
    fence = open_fence(text)
    assert (fence.line if fence is not None else None) == line
