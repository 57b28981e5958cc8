"""The error contract: what each wrong call raises or returns."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, List

import pytest

from tests.fakes.nuke import DeadlockError, Faults, Host, Options

from .rows import shows


@shows("E1")
def test_unknown_class_is_an_unknown_command(host: Host) -> None:
    with pytest.raises(RuntimeError, match=r"^Nope: Unknown command$"):
        host.nuke.createNode("Nope")


@shows("E2", "E3")
def test_missing_knob_is_a_name_error_by_index_and_none_by_call(host: Host) -> None:
    node = host.nuke.createNode("Blur")

    with pytest.raises(NameError, match=r"^knob nope does not exist$"):
        node["nope"]
    assert node.knob("nope") is None


@shows("E4")
@pytest.mark.parametrize("use", [repr, lambda node: node.name(), lambda node: node["size"], lambda node: len(node)])
def test_deleted_node_raises_at_every_use(host: Host, use: Any) -> None:
    node = host.nuke.createNode("Blur")
    host.nuke.delete(node)

    with pytest.raises(ValueError, match="A PythonObject is not attached to a node"):
        use(node)


@shows("E5", "E6", "E7")
def test_nothing_there_is_none_or_an_error_by_call(host: Host) -> None:
    assert host.nuke.toNode("x") is None
    with pytest.raises(ValueError, match=r"(?i)no node selected"):
        host.nuke.selectedNode()
    with pytest.raises(RuntimeError):
        host.nuke.scriptName()


@shows("E8", "E9")
def test_terminal_has_no_menu_and_no_clipboard(terminal: Host) -> None:
    terminal.nuke.createNode("Dot")

    with pytest.raises(RuntimeError, match="not in GUI mode"):
        terminal.nuke.menu("Nuke")
    with pytest.raises(RuntimeError, match="not in GUI mode"):
        terminal.nuke.toolbar("Nodes")
    with pytest.raises(RuntimeError, match="Cannot copy to clipboard in non-GUI mode"):
        terminal.nuke.nodeCopy("%clipboard%")


@shows("E10")
def test_copy_of_nothing_is_false(host: Host, tmp_path: Path) -> None:
    assert host.nuke.nodeCopy(str(tmp_path / "a.nk")) is False


@shows("E11", "E12")
def test_foreign_knobs_are_refused(host: Host) -> None:
    nuke = host.nuke
    first, second = nuke.createNode("Dot"), nuke.createNode("Dot")
    knob = nuke.String_Knob("mine", "Mine")
    first.addKnob(knob)

    with pytest.raises(RuntimeError):
        second.addKnob(knob)
    with pytest.raises(ValueError, match="belong"):
        second.removeKnob(knob)


@shows("E13")
def test_refused_connection_is_false(host: Host) -> None:
    nuke = host.nuke
    first, second = nuke.nodes.Blur(), nuke.nodes.Blur()
    assert second.setInput(0, first) is True

    assert first.setInput(0, second) is False
    assert first.setInput(0, first) is False
    assert first.setInput(99, second) is False
    assert first.canSetInput(0, second) is False


@shows("E14", "E15")
def test_bad_callbacks_are_refused(host: Host) -> None:
    with pytest.raises(ValueError, match="call must be a callable"):
        host.nuke.addOnCreate(5)
    with pytest.raises(ValueError, match="kwargs must be a dictionary"):
        host.nuke.addOnCreate(print, kwargs=1)


@shows("E16")
@pytest.mark.parametrize(("faults", "text"), [
    (Faults(cancel_execute=True), "Cancelled"), (Faults(execute_error="Read1: no such file"), "no such file"),
])
def test_failed_render_is_a_runtime_error(host: Host, faults: Faults, text: str) -> None:
    node = host.nuke.createNode("NoOp")
    host.faults = faults

    with pytest.raises(RuntimeError, match=text):
        host.nuke.execute(node, 1, 2)


@shows("E17", "E18")
def test_cancelled_questions(host: Host) -> None:
    with pytest.raises(host.nuke.CancelledError):
        host.nuke.askWithCancel("Sure?")
    assert host.nuke.getInput("Name?") is None
    host.faults.answers = [True, "Anna"]
    assert host.nuke.askWithCancel("Sure?") is True
    assert host.nuke.getInput("Name?") == "Anna"


def broken() -> None:
    raise LookupError("hidden")


@shows("E19", "E20")
def test_panel_that_is_not_there_is_printed_or_a_key_error(host: Host) -> None:
    panels = host.nukescripts.panels
    panels.registerPanel("broken", broken)

    assert panels.restorePanel("x") is None
    assert panels.restorePanel("broken") is None
    assert [line for line in host.said if "Can't restore panel" in line] == host.said
    with pytest.raises(KeyError):
        panels.unregisterPanel("x", None)


@shows("E21")
def test_viewer_input_that_is_not_connected_is_refused(host: Host) -> None:
    viewer = host.nuke.createNode("Viewer")
    viewer.setInput(1, host.nuke.nodes.NoOp())

    with pytest.raises(ValueError, match="not connected"):
        host.nuke.activeViewer().activateInput(0)
    host.nuke.activeViewer().activateInput(1)


@shows("E22")
def test_error_in_the_main_thread_is_printed_and_none_comes_back(host: Host) -> None:
    answers: List[Any] = []
    worker = threading.Thread(
        target=lambda: answers.append(host.nuke.executeInMainThreadWithResult(broken)), daemon=True)
    worker.start()
    while not host.pump():
        worker.join(0.01)
    worker.join(5)

    assert answers == [None]
    assert "LookupError: hidden" in host.said[0]


@shows("E23")
def test_waiting_for_the_main_thread_on_it_is_a_deadlock(host: Host) -> None:
    with pytest.raises(DeadlockError):
        host.nuke.executeInMainThreadWithResult(print)


@shows("E24")
def test_locked_group_takes_no_change(host: Host) -> None:
    nuke = host.nuke
    group = nuke.nodes.LiveGroup()
    with group:
        inner = nuke.createNode("Blur", inpanel=False)
    group.publish()

    with pytest.raises(RuntimeError), group:
        nuke.createNode("Blur")
    with pytest.raises(RuntimeError):
        nuke.delete(inner)
    group.makeEditable()
    nuke.delete(inner)
    group.lock()
    with pytest.raises(RuntimeError):
        group.addKnob(nuke.String_Knob("a"))


@shows("E25")
@pytest.mark.parametrize(("knob", "value"), [
    ("size", "big"), ("size", None), ("size", [1, 2, 3]), ("label", 5), ("channels", 3), ("disable", "yes"),
])
def test_wrong_type_of_value_is_a_type_error(host: Host, knob: str, value: Any) -> None:
    node = host.nuke.createNode("Blur")

    with pytest.raises(TypeError):
        node[knob].setValue(value)


@pytest.mark.parametrize("call", [
    lambda nuke, node: nuke.toNode(None), lambda nuke, node: nuke.delete(None), lambda nuke, node: nuke.delete("Blur1"),
    lambda nuke, node: node.setInput(0, "Blur1"), lambda nuke, node: node.addKnob("a knob"),
    lambda nuke, node: nuke.show("Blur1"),
])
def test_wrong_type_of_argument_is_a_type_error(host: Host, call: Any) -> None:
    node = host.nuke.createNode("Blur")

    with pytest.raises(TypeError, match="needed"):
        call(host.nuke, node)


@shows("E26")
@pytest.mark.parametrize("raises", [True, False])
def test_bad_choice_is_refused_or_ignored(raises: bool) -> None:
    host = Host(options=Options(bad_enum_raises=raises))
    knob = host.nuke.createNode("Blur")["filter"]
    assert knob.values()
    before = knob.value()

    if raises:
        with pytest.raises(TypeError):
            knob.setValue("bad")
    else:
        assert knob.setValue("bad") is False
    assert knob.value() == before


@shows("E27", "E28")
@pytest.mark.parametrize("raises", [True, False])
def test_saving_needs_a_name_and_never_overwrites_unasked(tmp_path: Path, raises: bool) -> None:
    nuke = Host(gui=False, options=Options(save_over_raises=raises)).nuke
    path = tmp_path / "a.nk"
    path.write_text("old")

    with pytest.raises(RuntimeError):
        nuke.scriptSave()
    if raises:
        with pytest.raises(RuntimeError):
            nuke.scriptSaveAs(str(path))
    else:
        assert nuke.scriptSaveAs(str(path), overwrite=-1) is False
    assert path.read_text() == "old"
    assert nuke.scriptSaveAs(str(path), overwrite=1) is True


@shows("E29", "B42")
@pytest.mark.parametrize("text", [
    "Blur {\n name A\n}\nNope {\n}\n", "Blur {\n name A\n}\nBlur {\n nope 1\n}\n",
    "Blur {\n name A\n}\nunknown_command\n",
])
def test_nodes_before_an_error_in_the_text_stay(host: Host, text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.nk"
    path.write_text(text)

    with pytest.raises(RuntimeError):
        host.nuke.nodePaste(str(path))
    assert host.nuke.toNode("A") is not None
    with pytest.raises(RuntimeError):
        host.nuke.scriptReadText(text)
    with pytest.raises(RuntimeError):
        host.nuke.scriptReadText("Blur {")


@shows("E30")
@pytest.mark.parametrize("keeps", [True, False])
def test_unknown_knob_in_creation_names_the_knob(keeps: bool) -> None:
    host = Host(options=Options(bad_creation_knob_keeps_node=keeps))

    with pytest.raises(RuntimeError, match="nope"):
        host.nuke.createNode("Blur", "nope 1")
    assert len(host.nuke.allNodes()) == int(keeps)


@shows("E31")
def test_this_node_outside_is_a_node_or_an_error(host: Host) -> None:
    assert host.nuke.thisNode() is host.nuke.root()
    with pytest.raises(ValueError, match="this"):
        Host(options=Options(this_node_outside_raises=True)).nuke.thisNode()


@shows("E32")
def test_unknown_class_of_nodes_is_either_error(host: Host) -> None:
    with pytest.raises(RuntimeError):
        host.nuke.nodes.Nope()
    with pytest.raises(AttributeError):
        Host(options=Options(unknown_class_attribute=True)).nuke.nodes.Nope()


@shows("E33")
def test_plain_python_has_no_nuke_and_the_library_does_not_mind() -> None:
    program = "import nuke_ai_panel, nuke_ai_panel.nk\ntry:\n import nuke\nexcept ModuleNotFoundError:\n print('none')"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
                          cwd=Path(__file__).resolve().parents[3])

    assert done.stdout.strip() == "none"


@shows("E34")
def test_creation_with_interface_hooks_fails_in_the_terminal(terminal: Host) -> None:
    terminal.faults.ui_hook_classes = ["Read"]

    with pytest.raises(RuntimeError, match="Invalid function call in non-gui mode"):
        terminal.nuke.createNode("Read")
    terminal.nuke.createNode("Blur")
