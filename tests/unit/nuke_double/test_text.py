"""Scripts, copy and paste."""

from __future__ import annotations

from pathlib import Path

import pytest

from nuke_ai_panel.nk import connect, parse, screen
from tests.fakes.nuke import Host, Options, TclExecutedError
from tests.fakes.nuke.node_text import to_script
from tests.unit.nk.scripts import FIXTURES, Tcl

from .rows import shows


def build(host: Host) -> None:
    nuke = host.nuke
    read = nuke.nodes.Read(name="Plate", file="/a/b.####.exr")
    blur = nuke.nodes.Blur(name="Soft", inputs=[read])
    blur["size"].setExpression("frame*2")
    merge = nuke.nodes.Merge2(name="Over")
    merge.setInput(1, blur)
    merge.setInput(2, read)
    group = nuke.nodes.Group(name="G")
    with group:
        inner = nuke.nodes.Input(name="In")
        nuke.nodes.Output(name="Out", inputs=[inner])
    group.setInput(0, merge)
    nuke.clone(blur).setInput(0, group)
    read["label"].setValue('a "quote"\n[value file] {x} $y \\ end')


@shows("B40")
def test_written_script_reads_back_the_same(host: Host) -> None:
    build(host)
    text = to_script(host.root.children, host, root=True)

    again = Host()
    again.nuke.scriptReadText(text)

    assert [one.inputs for one in connect(parse(text)).nodes] == [
        one.inputs for one in connect(parse(to_script(again.root.children, again, root=True))).nodes]
    over = again.nuke.toNode("Over")
    assert [over.input(at) and over.input(at).name() for at in range(3)] == [None, "Soft", "Plate"]
    assert again.nuke.toNode("Plate")["label"].getText() == host.nuke.toNode("Plate")["label"].getText()
    assert again.nuke.toNode("G.Out").input(0).name() == "In"
    assert again.nuke.toNode("Soft")["size"].toScript() == "{{frame*2}}"
    assert again.nuke.toNode("Soft").clones() == 1
    commands = Tcl().commands(text.replace("[stack 0]", "0").replace("$", ""))
    assert [words[0] for words in commands if words[0].startswith(("Group", "Merge"))] == ["Merge2", "Group"]


@shows("B40")
@pytest.mark.parametrize("path", [one for one in FIXTURES if one.stem in ("clipboard", "groups", "windows_lines")],
                         ids=lambda path: path.stem)
def test_fixture_becomes_nodes(path: Path, host: Host) -> None:
    host.options = Options(allow_tcl=True)
    text = path.read_bytes().decode()

    host.nuke.scriptReadText(text)

    assert len(host.nuke.allNodes(recurseGroups=True)) == len(list(parse(text).nodes()))


@shows("B41")
def test_paste_connects_to_the_selection_and_selects_what_it_made(host: Host, tmp_path: Path) -> None:
    nuke, path = host.nuke, str(tmp_path / "a.nk")
    source = nuke.nodes.Constant(name="Source")
    blur = nuke.nodes.Blur(name="Soft", inputs=[source])
    grade = nuke.nodes.Grade(name="G", inputs=[blur])
    blur.setSelected(True)
    grade.setSelected(True)
    assert nuke.nodeCopy(path) is True and nuke.nodeCopy("%clipboard%") is True
    nuke.nodes.NoOp(name="Target").selectOnly()

    last = nuke.nodePaste(path)

    assert (last.name(), last.input(0).name()) == ("G1", "Soft1")
    assert last.input(0).input(0).name() == "Target"
    assert sorted(node.name() for node in nuke.selectedNodes()) == ["G1", "Soft1"]
    assert nuke.nodePaste("%clipboard%").name() == "G2"
    for node in nuke.allNodes():
        node.setSelected(False)
    assert nuke.nodePaste(path).input(0).input(0) is None


@shows("B41")
def test_terminal_pastes_from_files_only(terminal: Host, tmp_path: Path) -> None:
    path = tmp_path / "a.nk"
    path.write_text("Dot {\n inputs 0\n}\n")

    assert terminal.nuke.nodePaste(str(path)).Class() == "Dot"
    with pytest.raises(RuntimeError, match="clipboard"):
        terminal.nuke.nodePaste("%clipboard%")


@shows("B43")
def test_header_lines_declare_and_unknown_commands_fail(host: Host) -> None:
    host.nuke.scriptReadText("#! x\nversion 15.0 v4\nadd_layer {mine mine.a}\ndefine_window_layout_xml {<layout/>}\n")

    assert "mine" in host.nuke.layers() and host.stored_layout == "<layout/>"
    node = host.nuke.createNode("Blur")
    assert node["channels"].setValue("mine.a")
    with pytest.raises(RuntimeError, match="frobnicate"):
        host.nuke.scriptReadText("frobnicate 5\n")


@shows("B44")
@pytest.mark.parametrize("text", [
    "NoOp {\n label [python 1]\n}\n", 'NoOp {\n label "a [exec x]"\n}\n', "Blur {\n size {{[python 1]}}\n}\n",
    "NoOp {\n addUserKnob {1 a l \"[python 1]\"}\n a [python\\ 1]\n}\n", "add_layer [python 1]\n",
])
def test_open_bracket_counts_as_executed(text: str, host: Host) -> None:
    with pytest.raises(TclExecutedError):
        host.nuke.scriptReadText(text)
    assert len(host.tcl_executed) == 1 and screen(text)

    allowed = Host(options=Options(allow_tcl=True))
    if not text.startswith("add_layer"):
        allowed.nuke.scriptReadText(text)
        assert allowed.tcl_executed


def test_script_is_saved_opened_and_closed_with_its_callbacks(host: Host, tmp_path: Path) -> None:
    nuke, path, seen = host.nuke, str(tmp_path / "a.nk"), []
    build(host)
    nuke.root()["first_frame"].setValue(1001)
    nuke.addOnScriptLoad(lambda: seen.append("load"))
    nuke.addOnScriptSave(lambda: seen.append("save"))
    nuke.addOnScriptClose(lambda: seen.append("close"))
    nuke.scriptSaveAs(path)

    nuke.scriptOpen(path)

    assert seen == ["save", "close", "load"]
    assert nuke.root()["first_frame"].value() == 1001 and nuke.toNode("Over") is not None
    assert nuke.Undo.undoSize() == 0 and not nuke.modified()
    host.faults.read_only_disk = True
    with pytest.raises(RuntimeError, match="denied"):
        nuke.scriptSave()
