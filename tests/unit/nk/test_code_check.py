"""Code is checked before it runs: what is wrong is found with the right name, what is right is left alone."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from nuke_ai_panel.nk.api_names import LiveNames
from nuke_ai_panel.nk.code_check import check_python

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
