"""Markdown to values: what is recognised, what stays text, and that a stream ends up as the whole does."""

from __future__ import annotations

import random
import time
from typing import List

import pytest

from nuke_ai_panel_qt.ui.markdown import Block, Code, Para, Table, parse, parse_question, plain_text
from nuke_ai_panel_qt.ui.markdown_stream import MarkdownStream, final_segments

EVERYTHING = r"""# Heading *one*

A paragraph with **bold**, *italic*, ~~struck~~, `code`, [a link](https://example.org/x) and
a second line.\
A hard break before this.

1. one
   ```py
   x = 1

   y = 2
   ```
2. two
   - nested
     - deeper

- [ ] open
- [x] done

> a quote
> > a deeper one
> ```
> quoted code
> ```

````md
```py
inner
```
````

| a | b |
|:--|--:|
| 1<br>2 | `x` |

---

   ```
   indented
     more
   ```

~~~tcl
set a [b]
~~~

مرحبا `code` بالعالم

Ordinary text at the end, List<int> and <b>no html</b>.
"""


def blocks(text: str) -> List[Block]:
    return [block for top in parse(text) for block in top.blocks]


def streamed(text: str, seed: int) -> List[Block]:
    stream, dice, at = MarkdownStream(), random.Random(seed), 0
    segments = stream.feed("")
    while at < len(text):
        step = dice.choice((1, 2, 7, 40, 200))
        segments = stream.feed(text[at : at + step])
        at += step
    return [block for segment in segments for block in segment.blocks]


@pytest.mark.parametrize("seed", range(12))
def test_a_stream_ends_up_as_the_whole_does(seed: int) -> None:
    text = EVERYTHING * 3

    assert streamed(text, seed) == blocks(text)


@pytest.mark.parametrize("seed", range(4))
def test_a_long_list_that_froze_item_by_item_keeps_its_numbers(seed: int) -> None:
    text = "".join(f"{number}. item **{number}** with some words\n" for number in range(1, 120))

    assert streamed(text, seed) == blocks(text)


def test_an_endless_paragraph_is_split_and_loses_nothing() -> None:
    text = "word " * 6_000

    assert plain_text(tuple(streamed(text, 1))).split() == ["word"] * 6_000


def test_segments_that_are_sealed_stay_the_same_objects() -> None:
    stream = MarkdownStream()
    before = stream.feed("A paragraph of some words.\n\n" * 300)

    after = stream.feed("more\n\n")

    sealed = sum(old is new for old, new in zip(before, after))
    assert sealed >= len(before) - 2 > 0


def test_fences_keep_their_exact_text_and_know_whether_they_are_closed() -> None:
    codes = [block for block in blocks(EVERYTHING) if isinstance(block, Code)]

    assert [(code.text, code.language, code.indent, code.quote) for code in codes] == [
        ("x = 1\n\ny = 2", "py", 1, 0),
        ("quoted code", "", 0, 1),
        ("```py\ninner\n```", "md", 0, 0),
        ("indented\n  more", "", 0, 0),
        ("set a [b]", "tcl", 0, 0),
    ]
    assert all(code.closed for code in codes)


@pytest.mark.parametrize("text", ["```py\nx", "```py\nx\n``", "````\n```\n", "~~~\n```", "- a\n\n  ```\n  x"])
def test_an_open_fence_is_not_closed(text: str) -> None:
    codes = [block for block in blocks(text) if isinstance(block, Code)]

    assert [code.closed for code in codes] == [False]


def test_lists_know_their_markers_and_depths() -> None:
    items = [(b.marker, b.indent) for b in blocks(EVERYTHING) if isinstance(b, Para) and b.marker]

    assert items == [("1.", 1), ("2.", 1), ("•", 2), ("•", 3), ("[ ]", 1), ("[x]", 1)]


def test_tables_know_rows_and_alignment() -> None:
    (table,) = [block for block in blocks(EVERYTHING) if isinstance(block, Table)]

    assert table.aligns == ("left", "right")
    assert [["".join(run.text for run in cell) for cell in row] for row in table.rows] == [
        ["a", "b"], ["1\u20282", "x"],
    ]  # fmt: skip


def test_direction_follows_the_first_strong_character() -> None:
    first = {plain_text((block,))[:5]: block.rtl for block in blocks(EVERYTHING) if isinstance(block, Para)}

    assert first["مرحبا"] is True
    assert first["Ordin"] is False


def test_html_and_generics_stay_text() -> None:
    assert plain_text(tuple(blocks("List<int> <b>x</b> &lt;"))) == "List<int> <b>x</b> <"


def test_a_question_is_shown_as_it_was_typed() -> None:
    text = "# no heading\n* no list\n__init__ a*b*c\n```python\nx = 1\n```\nafter"

    shown = [block for top in parse_question(text) for block in top.blocks]

    assert plain_text(tuple(shown)) == "# no heading\n* no list\n__init__ a*b*c\nx = 1\nafter"
    assert [type(block).__name__ for block in shown] == ["Para", "Code", "Para"]


def test_a_question_with_an_open_fence_stays_plain() -> None:
    shown = [block for top in parse_question("look:\n```\nx = 1") for block in top.blocks]

    assert plain_text(tuple(shown)) == "look:\n```\nx = 1"


def test_long_prose_is_cut_into_segments() -> None:
    segments = final_segments("A paragraph of some words that fill a line.\n\n" * 400)

    assert len(segments) > 5
    assert all(segment.kind == "text" for segment in segments)


@pytest.mark.parametrize("text", [
    "|a" * 4_000 + "|\n" + "|-" * 4_000 + "|",
    "![" * 1_000 + " and a word, so that a search for the end goes on " * 40,
])
def test_what_costs_the_parser_most_is_plain_text_at_once(text: str) -> None:
    begun = time.process_time()

    shown = "".join(run.text for top in parse(text) for block in top.blocks for run in getattr(block, "runs", ()))

    assert time.process_time() - begun < 0.3
    assert shown.replace(" ", "").replace("\n", "")[:400] == text.replace(" ", "")[:400]


def test_a_table_of_ordinary_width_stays_one() -> None:
    (top,) = parse("|" + "a|" * 20 + "\n|" + "-|" * 20 + "\n|" + "b|" * 20)

    assert isinstance(top.blocks[0], Table)
