"""What is no .nk text says where: line and column, counted from 1."""

from __future__ import annotations

import pytest

from nuke_ai_panel.nk import NkSyntaxError, pages, parse, parse_user_knob


@pytest.mark.parametrize(("text", "line", "column", "why"), [
    ("Blur {\n size 10\n", 1, 6, "never closed"),
    ("Dot {}\nBlur {\n label \"abc\n}\n", 3, 8, "quote is never closed"),
    ("Blur {\n size\n name Blur1\n}\n", 2, 2, "the knob size has no value"),
    ("Blur {\n size 10\n name\n}", 3, 2, "the knob name has no value"),
    ("Blur {\n size {1 2}3\n}\n", 2, 12, "space after the closing brace"),
    ("Blur {\n label \"a\"b\n}\n", 2, 11, "space after the closing quote"),
    ("Blur {} x{\nlabel [value x\n", 2, 7, "bracket is never closed"),
    ("Dot {}\nend_group\n", 2, 1, "end_group without a group"),
    ("version 15.0\n Group {\n name G\n}\n Dot {}\n", 2, 2, "this Group has no end_group"),
    ("Blur {size 10}extra\n", 1, 15, "space after the closing brace"),
    ("Blur {\n label \"it} is\"\n}\n", 3, 1, "closes nothing"),
    ("\"open", 1, 1, "quote is never closed"),
    ("x\n\n  {a", 3, 3, "brace is never closed"),
    ("Group {\n}\n" * 300, 257 * 2 - 1, 1, "nested more than 256 deep"),
])
def test_error_names_the_place(text: str, line: int, column: int, why: str) -> None:
    with pytest.raises(NkSyntaxError) as caught:
        parse(text)

    assert (caught.value.line, caught.value.column) == (line, column)
    assert why in caught.value.why
    assert f"line {caught.value.line}, column {caught.value.column}" in caught.value.user_text
    assert caught.value.next_step


def test_ten_thousand_braces_are_an_error_and_no_crash() -> None:
    with pytest.raises(NkSyntaxError):
        parse("Blur " + "{" * 10_000)
    assert len(list(parse("Blur {a " + "{" * 9_000 + "}" * 9_000 + "}").nodes())) == 1


@pytest.mark.parametrize("word", ["{}", "{x y}", "{7 amount R 1}", "{7 amount l}", "{² a}", "{99999999 a}", '{7 "a}'])
def test_user_knob_that_is_none_is_refused(word: str) -> None:
    with pytest.raises(NkSyntaxError):
        parse_user_knob(word)


@pytest.mark.parametrize("xml", [
    "<layout>", "", "no xml", '<!DOCTYPE a [<!ENTITY b "c">]><layout/>', '<?xml encoding="x-none"?><layout/>',
])
def test_layout_that_is_no_xml_is_refused(xml: str) -> None:
    with pytest.raises(NkSyntaxError):
        pages(xml)
