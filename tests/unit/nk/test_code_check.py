"""Code is checked before it runs: what is wrong is found with the right name, what is right is left alone."""

from __future__ import annotations

import argparse
import asyncio.base_events
import dataclasses
import inspect
import os
import random
import typing
from types import ModuleType
from typing import Any, Callable

import pytest

from nuke_ai_panel.nk.api_names import LiveNames
from nuke_ai_panel.nk.code_check import check_python
from nuke_ai_panel.nk.context_text import NodeFacts, nodes_text
from nuke_ai_panel.nk.digest import estimate_tokens
from nuke_ai_panel.nk.fences import code_kind

from .snippets import RIGHT, WRONG


def test_of_forty_wrong_snippets_thirty_six_are_flagged_with_the_right_name() -> None:
    missed = [
        (code, right, [str(one) for one in check_python(code)]) for code, right in WRONG
        if not any(right in one.suggestion for one in check_python(code))
    ]
    assert len(WRONG) == 40
    assert len(missed) <= 4, missed


@pytest.mark.parametrize("code", RIGHT)
def test_right_code_is_not_flagged(code: str) -> None:
    assert [str(one) for one in check_python(code)] == []


def test_there_are_forty_right_snippets() -> None:
    assert len(RIGHT) == 40


@pytest.mark.parametrize(("code", "right"), WRONG)
def test_a_running_nuke_flags_the_same(nuke_double: Callable[..., Any], code: str, right: str) -> None:
    host = nuke_double(version=16)
    found = check_python(code, LiveNames(host.nuke))
    assert any(right in one.suggestion for one in found), [str(one) for one in found]


@pytest.mark.parametrize("module", [argparse, asyncio.base_events, dataclasses, typing])
def test_programs_that_have_nothing_to_do_with_nuke_are_not_flagged(module: ModuleType) -> None:
    assert check_python(inspect.getsource(module)) == ()


def test_broken_programs_are_findings_and_never_errors() -> None:
    chance = random.Random(7)
    pool = [code for code, _ in WRONG] + RIGHT
    marks = ["", "\0", "é[", "\ud800", "((((", "nuke.", "[x for x in ", '"', "\\", "lambda: "]
    for _ in range(800 * int(os.environ.get("NUKE_AI_PANEL_CAMPAIGN", "1"))):
        code = chance.choice(pool)
        cut = chance.randrange(len(code))
        check_python(code[:cut] + chance.choice(marks) + code[cut + chance.randrange(3):])
    assert check_python("(" * 5000)[0].kind == "syntax"
    assert [one.kind for one in check_python("x = " + "-" * 100_000 + "1")] in ([], ["syntax"])
    assert check_python("a" + ".b" * 30_000)[0].kind == "syntax"


@pytest.mark.parametrize(("language", "text", "kind"), [
    ("python", "x = 1", "python"), ("", "import nuke\nnuke.root()", "python"), ("", "Blur {\n size 3\n}\n", "nk"),
    ("nuke", "nuke.root()", "python"), ("nuke", "Blur {\n size 3\n}", "nk"), ("tcl", "knob Blur1.size 3", "tcl"),
    ("expression", "frame*2", "expression"), ("cpp", "kernel A : ImageComputationKernel<ePixelWise> {};", "blink"),
    ("bash", "rm -rf /", ""), ("", "just words", ""), ("json", "{}", ""),
])
def test_a_fence_is_told_by_its_word_and_by_what_it_holds(language: str, text: str, kind: str) -> None:
    assert code_kind(language, text) == kind


def test_what_is_left_out_of_a_context_is_said() -> None:
    many = [NodeFacts(f"Grade{n}", "Grade", (f"Grade{n - 1}",), "white 1.2\ngamma 0.8") for n in range(400)]
    told = nodes_text(many, 1500)
    assert estimate_tokens(told.text) <= 1500
    assert told.left_out and told.text.endswith(f"Left out: {'; '.join(told.left_out)}.")
    assert nodes_text(many[:3]).left_out == ()
