"""The panel's view of Nuke on the double: context is taken, code runs as one step, what fails changes nothing."""

from __future__ import annotations

import time
from typing import Any, Callable, Tuple

import pytest

from nuke_ai_panel_qt import qt
from nuke_ai_panel_qt.core.host_door import Job, find_host
from nuke_ai_panel_qt.qt import QtWidgets

VERSIONS = (16, 17) if qt.QtWidgets.__name__.startswith("PySide6") else (14, 15)
Pair = Tuple[Any, Any]  # the double, and what the panel sees of it


@pytest.fixture(params=VERSIONS)
def pair(request: Any, nuke_double: Callable[..., Any], qtbot: Any) -> Pair:
    host = nuke_double(version=request.param)
    return host, find_host()


def test_outside_nuke_there_is_no_host() -> None:
    assert find_host() is None


def test_held_nodes_are_told_under_their_name_of_the_moment(pair: Pair) -> None:
    double, host = pair
    nuke = double.nuke
    grade = nuke.nodes.Grade(name="G", white=1.2)
    plate = nuke.nodes.Read(name="R")
    merge = nuke.nodes.Merge2(name="M", inputs=[grade, plate], operation="plus")
    merge["mix"].setExpression("frame/10")
    grade["gamma"].setAnimated()
    grade["gamma"].setValueAt(1.0, 1)
    grade["gamma"].setValueAt(2.0, 50)
    origin = host.hold(("G", "M"))
    grade.setName("Key_grade")
    taken = host.take(origin)

    assert taken.problem == "" and taken.name == "Key_grade, M"
    assert "Grade Key_grade {" in taken.text and "white 1.2" in taken.text
    assert "inputs B Key_grade, A R" in taken.text and "operation plus" in taken.text
    assert "= frame/10" in taken.text and "curve of 2 keys, frames 1 to 50" in taken.text

    nuke.delete(merge)
    assert "no longer in the script: M" in host.take(origin).text.replace("No", "no")
    nuke.delete(grade)
    assert host.take(origin).problem


def test_errors_script_and_selection_are_told(pair: Pair) -> None:
    double, host = pair
    nuke = double.nuke
    read = nuke.nodes.Read(name="Plate", file="/no/where/a.exr")
    nuke.nodes.Blur(name="Soft", inputs=[read], size=3)
    assert host.take("errors").problem
    double.set_error(read, "no such file")
    read.setSelected(True)

    assert host.selected() == ("Plate",)
    assert "/no/where/a.exr does not exist" in host.take("errors").text
    script = host.take("script")
    assert "2 nodes" in script.text and "size 3" in script.text


def test_two_hundred_nodes_are_taken_in_time(pair: Pair) -> None:
    double, host = pair
    nuke = double.nuke
    for number in range(200):
        nuke.nodes.Grade(name=f"G{number}", white=1.5, inputs=[nuke.toNode(f"G{number - 1}")] if number else [])
    origin = host.hold(tuple(f"G{number}" for number in range(200)))
    host.take(origin)
    spent = []
    for _ in range(7):
        started = time.thread_time()
        taken = host.take(origin)
        spent.append(time.thread_time() - started)

    assert taken.text.count("Grade G") == 200
    assert min(spent) < 0.040  # twice what is promised: machines are busy


def test_python_is_one_step_and_one_undo_removes_it(pair: Pair) -> None:
    double, host = pair
    code = "for i in range(5):\n    nuke.createNode('Blur')['size'].setValue(i)\nprint('made', i)\nlen(nuke.allNodes())"
    ran = host.run(Job("python", code, "Ask: five blurs"))

    assert ran.is_ok and len(ran.made) == 5, ran
    assert ran.output == "made 4\n# Result: 5\n"
    assert ran.undo_title == "Ask: five blurs" and double.nuke.Undo.undoSize() == 1
    assert host.undo(ran.undo_title)
    assert double.nuke.allNodes() == []


def test_what_fails_changes_nothing_and_says_where(pair: Pair) -> None:
    double, host = pair
    ran = host.run(Job("python", "print('one')\nnuke.createNode('Blur')\nnuke.selected()", "x"))

    assert not ran.is_ok and ran.output == "one\n" and ran.line == 3
    assert "nuke.selected()" in ran.trace and "code_run" not in ran.trace
    assert "AttributeError" in ran.error
    assert double.nuke.allNodes() == [] and double.nuke.Undo.undoSize() == 0


@pytest.mark.parametrize("code", [
    "import sys\nnuke.createNode('Blur')\nsys.exit(3)", "raise KeyboardInterrupt", "def x(:",
])
def test_code_cannot_end_nuke(pair: Pair, code: str) -> None:
    double, host = pair
    ran = host.run(Job("python", code, "x"))
    assert not ran.is_ok and ran.trace and double.nuke.allNodes() == []


def test_nodes_are_pasted_and_half_a_paste_is_taken_back(pair: Pair) -> None:
    double, host = pair
    good = host.run(Job("nk", "Blur {\n inputs 0\n size 7\n name Soft\n}\nGrade {\n white 2\n}\n", "paste"))
    assert good.is_ok and double.nuke.toNode("Soft")["size"].value() == 7
    assert host.undo("paste") and double.nuke.allNodes() == []

    bad = host.run(Job("nk", "Blur {\n inputs 0\n}\nNoSuchNodeClass {\n}\n", "paste"))
    assert not bad.is_ok and double.nuke.allNodes() == []


def test_an_expression_is_set_on_the_knob_that_was_chosen(pair: Pair) -> None:
    double, host = pair
    blur = double.nuke.nodes.Blur(name="B")
    blur.setSelected(True)
    assert "B.size" in host.targets()
    assert host.run(Job("expression", "frame*2\n", "x", "B.size")).is_ok
    assert blur["size"].hasExpression()
    assert not host.run(Job("expression", "frame", "x", "B.none")).is_ok


def test_the_mark_follows_the_script_and_not_the_selection(pair: Pair) -> None:
    double, host = pair
    blur = double.nuke.nodes.Blur(name="B")
    first = host.mark()
    blur.setSelected(True)
    assert host.mark() == first
    blur["size"].setValue(3)
    second = host.mark()
    assert second != first
    with double.nuke.nodes.Group(name="Rig"):
        inner = double.nuke.nodes.Blur(name="Inner")
    third = host.mark()
    inner["size"].setValue(9)
    assert len({first, second, third, host.mark()}) == 4
    double.nuke.scriptClear()
    assert host.mark() not in (first, second, third)


def test_undo_is_refused_when_something_else_was_done_since(pair: Pair) -> None:
    double, host = pair
    ran = host.run(Job("python", "nuke.createNode('Blur')", "mine"))
    double.nuke.createNode("Grade")
    assert not host.undo(ran.undo_title)
    assert len(double.nuke.allNodes()) == 2


def test_a_click_on_a_name_selects_that_node_alone(pair: Pair) -> None:
    double, host = pair
    for name in "AB":
        double.nuke.nodes.NoOp(name=name).setSelected(True)
    assert host.go_to("A") and host.selected() == ("A",)
    assert not host.go_to("C")


def test_a_node_in_a_group_is_gone_to_in_its_own_graph(pair: Pair) -> None:
    double, host = pair
    nuke = double.nuke
    group, outside = nuke.nodes.Group(name="Group1"), nuke.nodes.NoOp(name="Outside")
    with group:
        inner, beside = nuke.nodes.NoOp(name="Inner"), nuke.nodes.NoOp(name="Beside")
    beside.setSelected(True)
    outside.setSelected(True)
    assert host.go_to("Group1.Inner")
    assert inner["selected"].value() and not beside["selected"].value() and outside["selected"].value()
    assert double.desk.tree == "Group1" and double.desk.fitted == ["Group1.Inner"]
    assert host.go_to("Outside") and double.desk.fitted == ["Outside"]
    assert not host.go_to("Group1.Gone") and not host.go_to("root")


def test_held_nodes_say_what_they_are_called_now(pair: Pair) -> None:
    double, host = pair
    nuke = double.nuke
    for name in "AB":
        nuke.nodes.NoOp(name=name)
    origin = host.hold(("A", "B", "C"))
    nuke.toNode("A").setName("Key")
    assert host.held(origin) == {"A": "Key", "B": "B"}
    nuke.delete(nuke.toNode("B"))
    assert host.held(origin) == {"A": "Key"}
    nuke.scriptClear()
    nuke.nodes.NoOp(name="A")
    assert host.held(origin) == {}


def test_the_script_editor_takes_text_at_its_caret_and_gives_its_selection(pair: Pair, qtbot: Any) -> None:
    _, host = pair
    assert not host.insert("x")
    editor = QtWidgets.QWidget()
    editor.setObjectName("uk.co.thefoundry.scripteditor.1")
    box = QtWidgets.QVBoxLayout(editor)
    output, code = QtWidgets.QTextEdit(), QtWidgets.QPlainTextEdit("keep = 1")
    box.addWidget(output)
    box.addWidget(code)
    qtbot.addWidget(editor)
    editor.show()
    code.moveCursor(qt.QtGui.QTextCursor.MoveOperation.End)
    output.setPlainText("hello\nTraceback (most recent call last):\n  File 'x', line 1\nNameError: y\nmore")

    assert host.insert("new = 2\n")
    assert code.toPlainText() == "keep = 1\nnew = 2\n"
    assert host.take("traceback").text == "Traceback (most recent call last):\n  File 'x', line 1\nNameError: y"
    code.selectAll()
    assert host.take("editor").text == "keep = 1\nnew = 2\n"
