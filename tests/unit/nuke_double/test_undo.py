"""Undo groups."""

from __future__ import annotations

import pytest

from tests.fakes.nuke import Host

from .rows import shows


@shows("B50")
def test_group_is_one_entry_with_its_name(host: Host) -> None:
    nuke = host.nuke
    undo = nuke.Undo
    with undo("AI: two blurs"):
        a = nuke.createNode("Blur", "name A", inpanel=False)
        with undo("inner"):
            nuke.createNode("Blur", "name B size 5", inpanel=False)
        a.setXYpos(100, 200)
    size = undo.undoSize()
    assert undo.undoDescribe(0) == "AI: two blurs" and size == 1

    nuke.undo()
    assert nuke.allNodes() == [] and undo().redoSize() == 1
    nuke.redo()
    assert [nuke.toNode("B")["size"].value(), nuke.toNode("A").xpos()] == [5.0, 100]
    assert nuke.toNode("B").input(0) is nuke.toNode("A")
    assert nuke.toNode("B").isSelected() and not nuke.toNode("A").isSelected()


@shows("B50")
def test_cancel_takes_everything_back_and_leaves_no_entry(host: Host) -> None:
    nuke = host.nuke
    blur = nuke.nodes.Blur(name="A", size=3)
    before = nuke.Undo.undoSize()
    undo = nuke.Undo()
    undo.begin("AI")
    blur["size"].setValue(9)
    blur.setName("Z")
    nuke.nodes.Dot()
    knob = nuke.String_Knob("note")
    blur.addKnob(knob)
    undo.cancel()

    assert (blur["size"].value(), blur.name(), len(nuke.allNodes()), blur.knob("note")) == (3.0, "A", 1, None)
    assert nuke.Undo.undoSize() == before


@shows("B50")
def test_changes_outside_a_group_are_an_entry_each_and_can_be_switched_off(host: Host) -> None:
    nuke, undo = host.nuke, host.nuke.Undo
    blur = nuke.nodes.Blur()
    start = undo.undoSize()
    blur["size"].setValue(1)
    blur["size"].setValue(2)
    assert undo.undoSize() == start + 2

    undo.disable()
    undo.disable()
    blur["size"].setValue(3)
    undo.enable()
    assert undo.disabled()
    blur["size"].setValue(4)
    undo.enable()
    assert undo.undoSize() == start + 2 and not undo.disabled()
    undo.undo()
    assert blur["size"].value() == 1.0


@shows("B50")
def test_objects_of_deleted_nodes_stay_dead_after_undo(host: Host) -> None:
    nuke = host.nuke
    group = nuke.nodes.Group(name="G")
    with group:
        inside = nuke.nodes.Blur(name="A")
    nuke.delete(group)
    nuke.undo()

    for old in (group, inside):
        with pytest.raises(ValueError, match="not attached"):
            old.name()
    assert nuke.toNode("G.A").name() == "A"


@shows("B51")
def test_exception_closes_the_group_and_keeps_the_changes(host: Host) -> None:
    nuke = host.nuke
    with pytest.raises(KeyError), nuke.Undo("x"):
        nuke.nodes.Dot(name="D")
        raise KeyError

    assert nuke.toNode("D") is not None
    assert (nuke.Undo.undoDescribe(0), nuke.Undo.undoSize()) == ("x", 1)
    nuke.nodes.Dot(name="E")
    assert nuke.Undo.undoSize() == 2


def test_clear_wipes_the_history(host: Host) -> None:
    host.nuke.nodes.Dot()
    host.nuke.scriptClear()

    assert host.nuke.Undo.undoSize() == 0


def test_name_and_new_begin_another_step(host: Host) -> None:
    undo = host.nuke.Undo
    undo.begin()
    undo.name("first")
    host.nuke.nodes.Dot()
    undo.new("second")
    host.nuke.nodes.Dot()
    undo.end()

    assert [undo.undoDescribe(0), undo.undoDescribe(1)] == ["second", "first"]
    undo.undoTruncate(1)
    assert undo.undoSize() == 1
