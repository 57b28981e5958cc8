"""Every public name of the double exists in Nuke, with the same parameters, as far as the stubs of types-nuke know."""

from __future__ import annotations

import inspect
import sys
from typing import Any, List

import pytest

from tests.fakes.nuke import Host
from tests.fakes.nuke.cores import KINDS
from tests.fakes.nuke.group_nodes import NODE_KINDS
from tests.fakes.nuke.modules import LATER
from tests.fakes.nuke.nodes import Node
from tests.fakes.nuke.stubs import Parameters, UnknownConstant, method, stub_folder, stubs

from .rows import BEHAVIOURS, ERRORS, INDEX, SHOWN, index

# In Nuke, and not in stubs made by looking at Nuke 13: newer names and those without documentation.
ALSO = {"KNOB_CHANGED_ALWAYS", *LATER}

needs_stubs = pytest.mark.skipif(stub_folder() is None, reason="types-nuke is not installed")


def agrees(function: Any, known: List[Parameters]) -> bool:
    """Whether the double takes what the stub says, under the same names."""
    mine = list(inspect.signature(function).parameters.values())
    if any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in mine) or None in known:
        return True
    own = [one.name for one in mine if one.name != "self"]
    needed = {one.name for one in mine if one.default is one.empty} - {"self"}
    return any(
        [name for name in own if name in one] == one and needed <= set(one) for one in known if one is not None)


@needs_stubs
@pytest.mark.parametrize("version", [13, 14, 15, 16, 17])
def test_module_has_only_names_that_nuke_has(version: int) -> None:
    known = stubs()
    names = {*known.functions, *known.classes, *known.constants}
    nuke = Host(version=(version, 0, 1)).nuke

    public = [name for name in vars(nuke) if not name.startswith("_")]
    assert [name for name in public if name not in names and name not in ALSO] == []
    wrong = [name for name in public if inspect.isfunction(getattr(nuke, name)) and name in known.functions
             and not agrees(getattr(nuke, name), known.functions[name])]
    assert wrong == []


@needs_stubs
def test_names_of_nuke_that_the_double_does_not_play_exist_and_say_so() -> None:
    nuke = Host().nuke
    missing = [name for name in stubs().functions if not name.startswith("_") and not hasattr(nuke, name)]

    assert missing == []
    assert isinstance(nuke.FONT, UnknownConstant) and not isinstance(nuke.INVISIBLE, UnknownConstant)
    for call in (nuke.getColor, nuke.nodes.Blur().opHashes, nuke.nodes.Blur()["size"].getIntegral):
        with pytest.raises(NotImplementedError, match="fake nuke"):
            call()


@needs_stubs
@pytest.mark.parametrize("kind", [Node, *NODE_KINDS.values(), *KINDS.values()], ids=lambda kind: kind.__name__)
def test_class_has_only_methods_that_nuke_has(kind: Any) -> None:
    public = [name for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))]

    unknown = [name for name in public if method(kind.__name__, name) is None]
    wrong = [name for name in public if name not in unknown
             and not agrees(getattr(kind, name), method(kind.__name__, name) or [])]
    assert (unknown, wrong) == ([], [])


@needs_stubs
@pytest.mark.parametrize("name", ["Undo", "Format", "Box", "Menu", "MenuItem", "AnimationCurve", "ProgressTask",
                                  "ViewerWindow", "Layer"])
def test_other_class_has_only_methods_that_nuke_has(name: str) -> None:
    kind = getattr(Host().nuke, name)

    public = [one for one in dir(kind) if not one.startswith("_")]
    assert [one for one in public if method(name, one) is None] == []


def test_stubs_are_there_where_the_surface_counts() -> None:
    if sys.version_info[:2] == (3, 11):
        assert stub_folder() is not None, "pip install types-nuke: without it nothing checks the double's names"
        assert len(stubs().functions) > 150 and len(stubs().classes) > 100
    else:
        assert (stub_folder() is None) == (not stubs().functions)


def test_every_row_has_a_test_and_the_index_is_fresh() -> None:
    text = index()

    assert [row for row in ERRORS + BEHAVIOURS if not SHOWN.get(row)] == []
    assert INDEX.read_text(encoding="utf-8") == text, "python -m tests.unit.nuke_double.rows"
