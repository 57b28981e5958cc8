"""Making, connecting, naming, selecting, deleting nodes as Nuke does."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

import pytest

from nuke_ai_panel.nk import NodeClass
from tests.fakes.nuke import Host, Options

from .rows import shows


def names(nodes: List[Any]) -> List[str]:
    return sorted(node.name() for node in nodes)


@shows("B1")
def test_created_node_goes_between_the_selection_and_its_outputs(host: Host) -> None:
    nuke = host.nuke
    a, c = nuke.nodes.NoOp(name="A"), nuke.nodes.NoOp(name="C")
    c.setInput(0, a)
    a.setSelected(True)

    made = nuke.createNode("NoOp", inpanel=False)

    assert (made.input(0), c.input(0)) == (a, made)
    assert nuke.selectedNodes() == [made]


@shows("B1")
def test_created_node_without_a_selection_stands_alone(host: Host) -> None:
    made = host.nuke.createNode("NoOp")

    assert (made.input(0), host.nuke.selectedNodes()) == (None, [made])


@shows("B1")
@pytest.mark.parametrize("last_is_b", [True, False])
def test_merge_connects_both_selected_nodes_in_either_order(last_is_b: bool) -> None:
    nuke = Host(options=Options(merge_takes_last_as_b=last_is_b)).nuke
    a, b = nuke.nodes.Constant(), nuke.nodes.Constant()
    a.setSelected(True)
    b.setSelected(True)

    merge = nuke.createNode("Merge2")

    assert [merge.input(0), merge.input(1)] == ([b, a] if last_is_b else [a, b])


@shows("B2")
def test_constructor_needs_no_selection_and_fires_only_on_create(host: Host) -> None:
    nuke, seen = host.nuke, []
    nuke.knobDefault("Blur.size", "7")
    nuke.addOnCreate(lambda: seen.append("create"))
    nuke.addOnUserCreate(lambda: seen.append("user"))
    a = nuke.nodes.NoOp(name="A")
    a.setSelected(True)

    made = nuke.nodes.Blur(name="N", inputs=[a], channels="rgba")

    assert (made.name(), made.input(0), made["channels"].value(), made["size"].value()) == ("N", a, "rgba", 0)
    assert nuke.selectedNodes() == [a]
    assert seen == ["create", "create"]
    seen.clear()
    assert nuke.createNode("Blur")["size"].value() == 7
    assert seen == ["user", "create"]


@shows("B3")
def test_names_are_unique_clean_and_not_mechanical(host: Host) -> None:
    nuke = host.nuke
    expected = {"Merge2": "Merge1", "Text2": "Text1", "EdgeDetectWrapper": None, "Mirror2": "Mirror2_1",
                "BackdropNode": "BackdropNode1", "FilterErode": "FilterErode1", "Shuffle2": "Shuffle1"}
    for name, made in expected.items():
        if made is not None:
            assert nuke.createNode(name).name() == made

    first, second = nuke.nodes.Blur(name="Soft"), nuke.nodes.Blur(name="Soft")
    second.setName("a b")

    assert (first.name(), second.name()) == ("Soft", "a_b")
    assert nuke.nodes.Blur(name="Soft").name() == "Soft1"
    second.setName("Soft")
    assert second.name() == "Soft2"
    second["name"].setValue("Soft b")
    assert second.name() == "Soft_b"
    second["name"].setValue("Soft")
    assert second.name() == "Soft2"


@shows("B4")
def test_inputs_count_to_the_highest_connected_one(host: Host) -> None:
    nuke = host.nuke
    a, merge = nuke.nodes.NoOp(), nuke.nodes.Merge2()

    assert merge.setInput(2, a) and merge.inputs() == 3
    assert merge.setInput(2, None) and merge.inputs() == 0
    assert merge.setInput(0, None) is True
    assert merge.connectInput(0, a) and merge.connectInput(0, a) and merge.input(1) is a
    assert merge.optionalInput() == 2


@shows("B5", "B50")
def test_deleting_leaves_inputs_empty_and_undo_restores(host: Host) -> None:
    nuke = host.nuke
    a = nuke.nodes.NoOp(name="A")
    b = nuke.nodes.NoOp(name="B", inputs=[a])

    with nuke.Undo("gone"):
        nuke.delete(a)
    assert b.input(0) is None

    nuke.undo()
    assert b.input(0).name() == "A"
    with pytest.raises(ValueError, match="not attached"):
        a.name()


@shows("B6")
def test_one_python_object_for_each_node(host: Host) -> None:
    node = host.nuke.createNode("Blur", "name A")

    assert host.nuke.toNode("A") is node is host.nuke.allNodes()[0]
    assert host.nuke.root() is host.nuke.root()


@shows("B7")
def test_group_context_ends_on_exceptions_but_leaks_after_begin(host: Host) -> None:
    nuke = host.nuke
    group = nuke.nodes.Group(name="G")
    with pytest.raises(KeyError), group:
        nuke.createNode("Blur", "name Inside")
        assert nuke.toNode("Inside") is not None and len(nuke.allNodes()) == 1
        raise KeyError

    assert nuke.toNode("Inside") is None
    assert nuke.toNode("G.Inside").fullName() == "G.Inside"
    group.begin()
    assert nuke.thisGroup() is group
    group.end()
    assert nuke.thisGroup() is nuke.root()


@shows("B8")
def test_all_nodes_lists_filters_and_descends(host: Host) -> None:
    nuke = host.nuke
    group = nuke.nodes.Group(name="G")
    with group:
        nuke.nodes.Blur(name="Inside")
    nuke.nodes.Blur(name="Outside")

    assert names(nuke.allNodes()) == ["G", "Outside"]
    assert names(nuke.allNodes("Blur", recurseGroups=True)) == ["Inside", "Outside"]
    assert names(nuke.allNodes(group=group)) == ["Inside"] == names(group.nodes())


@shows("B9")
def test_group_has_the_inputs_of_its_input_nodes(host: Host) -> None:
    nuke = host.nuke
    a, group = nuke.nodes.NoOp(), nuke.nodes.Group()
    assert group.setInput(0, a) is False
    with group:
        nuke.nodes.Input()
        nuke.nodes.Input(number=1)

    assert group.maxInputs() == 2
    assert group.setInput(1, a) is True
    assert group.setInput(2, a) is False


@shows("B10")
@pytest.mark.parametrize("version", [16, 17])
def test_selection_is_a_knob_and_17_looks_into_groups(version: int) -> None:
    host = Host(version=(version, 0, 1))
    nuke = host.nuke
    a = nuke.nodes.NoOp()
    a["selected"].setValue(True)
    assert a.isSelected() and nuke.selectedNodes() == [a] and nuke.selectedNode() is a
    a.setSelected(False)
    assert a["selected"].value() is False and nuke.selectedNodes() == []
    with nuke.nodes.Group():
        inside = nuke.nodes.Dot()
    inside.setSelected(True)

    if version == 17:
        assert nuke.selectedNode() is inside
    else:
        with pytest.raises(ValueError, match="no node selected"):
            nuke.selectedNode()


@shows("B11")
def test_root_knows_the_file_and_whether_it_changed(host: Host, tmp_path: Path) -> None:
    nuke, path = host.nuke, str(tmp_path / "a.nk")
    assert (nuke.root().name(), nuke.root()["name"].value(), nuke.modified()) == ("Root", "", False)

    nuke.createNode("Blur")
    assert nuke.modified()
    nuke.scriptSaveAs(path)

    assert (nuke.root().name(), nuke.root()["name"].value(), nuke.scriptName()) == (path, path, path)
    assert nuke.modified() is False
    nuke.root().setModified(True)
    assert nuke.modified()
    nuke.scriptClear()
    assert (nuke.allNodes(), nuke.modified(), nuke.root().name()) == ([], False, "Root")


@shows("B12")
def test_preferences_and_root_are_always_nodes(terminal: Host) -> None:
    assert terminal.nuke.toNode("preferences").name() == "preferences"
    assert terminal.nuke.toNode("root") is terminal.nuke.root()


@shows("B13")
def test_nodes_are_drawn_only_with_an_interface(host: Host, terminal: Host) -> None:
    assert [host.nuke.createNode(name).screenWidth() for name in ("Blur", "Dot")] == [80, 12]
    assert host.nuke.createNode("Blur").screenHeight() == 18
    assert terminal.nuke.createNode("Blur").screenWidth() == 0 == terminal.nuke.createNode("Dot").screenHeight()


@shows("B14")
def test_clone_shares_knobs_and_neither_inputs_nor_place(host: Host) -> None:
    nuke = host.nuke
    a, blur = nuke.nodes.NoOp(), nuke.nodes.Blur(name="B")
    blur.setInput(0, a)
    blur.setXYpos(10, 20)

    clone = nuke.clone(blur)
    clone["size"].setValue(5)
    clone.setXYpos(100, 200)

    assert (blur["size"].value(), clone["size"].node()) == (5, blur)
    assert (clone.inputs(), blur.xpos(), clone.xpos(), blur.clones()) == (0, 10, 100, 1)


def test_collapse_and_expand_keep_what_feeds_what_and_can_be_undone(host: Host) -> None:
    nuke = host.nuke
    a = nuke.nodes.Constant(name="A")
    b = nuke.nodes.Blur(name="B", inputs=[a])
    c = nuke.nodes.NoOp(name="C", inputs=[b])
    b.setSelected(True)

    with nuke.Undo("collapse"):
        group = nuke.collapseToGroup(show=False)
    assert (c.input(0), group.input(0), group.node("B").input(0).Class()) == (group, a, "Input")

    nuke.undo()
    assert (c.input(0).name(), nuke.toNode("B").input(0), len(nuke.allNodes())) == ("B", a, 3)
    nuke.redo()
    with nuke.Undo("expand"):
        c.input(0).expand()
    assert (c.input(0), nuke.toNode("B").input(0)) == (nuke.toNode("B"), a)
    nuke.undo()
    assert c.input(0).Class() == "Group"


def test_a_test_may_add_a_class(host: Host) -> None:
    with pytest.raises(RuntimeError):
        host.nuke.createNode("MyPlugin")
    host.add_class(NodeClass("MyPlugin", inputs=("in",), max_inputs=1))

    assert host.nuke.createNode("MyPlugin").name() == "MyPlugin1"
    assert host.nuke.canCreateNode("MyPlugin")


def test_backdrop_knows_what_lies_on_it_only_with_an_interface(host: Host, terminal: Host) -> None:
    for one, count in ((host, 1), (terminal, 0)):
        back = one.nuke.nodes.BackdropNode(xpos=0, ypos=0, bdwidth=300, bdheight=300)
        one.nuke.nodes.Dot(xpos=50, ypos=50)
        one.nuke.nodes.Dot(xpos=500, ypos=50)
        assert len(back.getNodes()) == count
