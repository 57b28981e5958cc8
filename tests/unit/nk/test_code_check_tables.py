"""Sixty slips and sixty right programs: what is flagged before it runs, with which name, and what never is."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from nuke_ai_panel.nk.api_names import LiveNames
from nuke_ai_panel.nk.code_check import check_python

from .snippets_right import RIGHT
from .snippets_wrong import WRONG


def test_nine_of_ten_slips_are_flagged_with_the_right_name() -> None:
    missed = [
        (code, right, [str(one) for one in check_python(code)]) for code, right in WRONG
        if not any(right in one.sentence for one in check_python(code))
    ]
    assert len(WRONG) == 60 and len(missed) <= 6, missed


@pytest.mark.parametrize("code", RIGHT, ids=range(len(RIGHT)))
def test_nothing_is_flagged_in_what_is_right(code: str) -> None:
    assert [str(one) for one in check_python(code)] == []


def test_there_are_sixty_of_each() -> None:
    assert (len(WRONG), len(RIGHT)) == (60, 60)


def test_a_running_nuke_flags_the_same_slips(nuke_double: Callable[..., Any]) -> None:
    names = LiveNames(nuke_double(version=16).nuke)
    missed = [code for code, right in WRONG if not any(right in one.sentence for one in check_python(code, names))]
    assert len(missed) <= 6, missed


@pytest.mark.parametrize("version", [15, 16])
def test_a_running_nuke_flags_only_the_plug_ins_that_it_has_not(nuke_double: Callable[..., Any], version: int) -> None:
    names = LiveNames(nuke_double(version=version).nuke)
    found = {one.what for code in RIGHT for one in check_python(code, names)}
    # The Nuke of the tests has fewer classes than the real one, and preferences without knobs.
    lacks = {f"There is no node class {one}" for one in ("Axis3", "Camera3", "SplineWarp3")}
    assert found - lacks - {"Preferences has no knob “UIFontSize”"} == {
        "There is no node class StudioDespill_v3", "There is no node class AP_LightWrap"}


def test_the_other_versions_qt_is_a_slip_unless_it_is_only_tried(nuke_double: Callable[..., Any]) -> None:
    names = LiveNames(nuke_double(version=16).nuke)
    (found,) = check_python("import nuke\nfrom PySide2.QtWidgets import QLabel", names)
    assert found.suggestion == "PySide6.QtWidgets" and found.line == 2
    for code in (
        "from PySide6 import QtWidgets", "try:\n    import PySide2\nexcept ImportError:\n    import PySide6",
        "import nuke\nif nuke.NUKE_VERSION_MAJOR < 16:\n    from PySide2 import QtCore",
    ):
        assert check_python(code, names) == ()
    assert check_python("from PySide2 import QtWidgets") == (), "which Nuke it is for is not known"


def test_a_node_that_is_used_at_once_must_be_in_the_script(nuke_double: Callable[..., Any]) -> None:
    host = nuke_double(version=15)
    for name in ("MainGrade", "Plate_BG"):
        host.nuke.nodes.Grade(name=name)
    names = LiveNames(host.nuke)
    (found,) = check_python("nuke.toNode('MainGrad')['white'].setValue(2)", names)
    assert found.suggestion == 'nuke.toNode("MainGrade")'
    for code in (
        "nuke.toNode('MainGrade')['white'].setValue(2)",
        "n = nuke.toNode('MainGrad')\nif n:\n    n['white'].setValue(2)",
        "nuke.nodePaste('/tmp/a.nk')\nnuke.toNode('MainGrad')['white'].setValue(2)",
        "nuke.nodes.Grade(name='MainGrad')\nnuke.toNode('MainGrad')['white'].setValue(2)",
        "try:\n    nuke.toNode('MainGrad')['white'].setValue(2)\nexcept TypeError:\n    pass",
        "nuke.toNode('SomethingElse')['white'].setValue(2)",
    ):
        assert check_python(code, names) == (), code


@pytest.mark.parametrize(("code", "right"), [
    ("nuke.menu('Nodes').addSubMenu('A')", "nuke.menu('Nodes').addMenu"),
    ("m = nuke.menu('Nuke').addMenu('A')\nm.addItem('x', 'y')", "m.addCommand"),
    ("t = nuke.ProgressTask('x')\nt.setPercent(3)", "t.setProgress"),
    ("p = nuke.Panel('x')\np.addCheckBox('a', True)", "p.addBooleanCheckBox"),
    ("c = nuke.toNode('Blur1')['size'].animation(0)\nc.insertKey(1, 2)", "c.setKey"),
    ("u = nuke.Undo()\nu.finish()", "u.end"),
    ("nuke.callbacks()", ""),
    ("nuke.Bool_Knob('a')", "nuke.Boolean_Knob"),
    ("nuke.Checkbox_Knob('a')", "nuke.Boolean_Knob"),
    ("nuke.Button_Knob('a')", "nuke.PyScript_Knob"),
    ("n = nuke.toNode('Write1')\nnuke.execute(1, 10, n)", "nuke.execute(n, 1, 10)"),
])
def test_slips_with_the_modules_own_objects_are_told(code: str, right: str) -> None:
    (found,) = check_python(code)
    assert found.suggestion.startswith(right) and (right or found.what)
