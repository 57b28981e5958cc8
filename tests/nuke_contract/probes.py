"""Questions to a Nuke, real or not: each sets something up in an empty script, asks, and says what it saw.

Standard library only, because it runs inside Nuke's own Python, and on the main thread. A probe never decides what is
right: `expected` holds the outcomes that the product is ready for, and the report says where reality differs.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from typing import Any, Callable, Dict, List, NamedTuple, Tuple


class Probe(NamedTuple):
    """One question. `row` is the row of the fact sheet, `settles` whether the answer is not known."""

    row: str
    about: str
    ask: Callable[[Any], Any]
    expected: Tuple[Any, ...]
    settles: bool = False


PROBES: List[Probe] = []
ANY = "anything"


def probe(row: str, about: str, *expected: Any, settles: bool = False) -> Callable[[Callable[[Any], Any]], Any]:
    """Puts a function into the list of questions."""
    def note(ask: Callable[[Any], Any]) -> Callable[[Any], Any]:
        PROBES.append(Probe(row, about, ask, expected, settles))
        return ask

    return note


def outcome(call: Callable[[], Any]) -> Dict[str, Any]:
    """What a call gave, as plain values."""
    try:
        value = call()
    except Exception as error:  # noqa: BLE001  (the error is the answer)
        return {"raises": type(error).__name__, "text": str(error)}
    return {"returns": value if isinstance(value, (bool, int, float, str, list, type(None))) else type(value).__name__}


def kind(call: Callable[[], Any]) -> str:
    """The short form of an outcome: `raises TypeError`, `returns False`."""
    seen = outcome(call)
    return f"raises {seen['raises']}" if "raises" in seen else f"returns {seen['returns']!r}"


@probe("E1", "createNode of an unknown class", {"raises": "RuntimeError", "text": "Nope: Unknown command"})
def _unknown_class(nuke: Any) -> Any:
    return outcome(lambda: nuke.createNode("Nope"))


@probe("E2", "node['nope']", {"raises": "NameError", "text": "knob nope does not exist"})
def _missing_knob(nuke: Any) -> Any:
    return outcome(lambda: nuke.nodes.NoOp()["nope"])


@probe("E3", "node.knob('nope')", "returns None")
def _no_knob(nuke: Any) -> Any:
    return kind(lambda: nuke.nodes.NoOp().knob("nope"))


@probe("E4", "repr of a deleted node", {"raises": "ValueError", "text": "A PythonObject is not attached to a node"})
def _deleted(nuke: Any) -> Any:
    node = nuke.nodes.NoOp()
    nuke.delete(node)
    return outcome(lambda: repr(node))


@probe("E5", "toNode of nothing", "returns None")
def _no_node(nuke: Any) -> Any:
    return kind(lambda: nuke.toNode("x"))


@probe("E6", "selectedNode with nothing selected", "raises ValueError", settles=True)
def _nothing_selected(nuke: Any) -> Any:
    return kind(nuke.selectedNode)


@probe("E6", "its text", ANY, settles=True)
def _nothing_selected_text(nuke: Any) -> Any:
    return outcome(nuke.selectedNode)


@probe("E7", "scriptName of an untitled script", "raises RuntimeError", settles=True)
def _untitled(nuke: Any) -> Any:
    return kind(nuke.scriptName)


@probe("E8", "menu in the terminal", "raises RuntimeError")
def _menu(nuke: Any) -> Any:
    return "raises RuntimeError" if nuke.GUI else kind(lambda: nuke.menu("Nuke"))


@probe("E9", "nodeCopy to the clipboard in the terminal",
       {"raises": "RuntimeError", "text": "Cannot copy to clipboard in non-GUI mode"})
def _clipboard(nuke: Any) -> Any:
    if nuke.GUI:
        return {"raises": "RuntimeError", "text": "Cannot copy to clipboard in non-GUI mode"}
    nuke.nodes.NoOp().setSelected(True)
    return outcome(lambda: nuke.nodeCopy("%clipboard%"))


@probe("E10", "nodeCopy of nothing", "returns False")
def _copy_nothing(nuke: Any) -> Any:
    return kind(lambda: nuke.nodeCopy(os.path.join(tempfile.mkdtemp(), "a.nk")))


@probe("E11", "removeKnob of a knob that is not on the node", "raises ValueError")
def _foreign_knob(nuke: Any) -> Any:
    return kind(lambda: nuke.nodes.NoOp().removeKnob(nuke.String_Knob("a")))


@probe("E12", "addKnob of an owned knob", "raises RuntimeError")
def _owned_knob(nuke: Any) -> Any:
    knob = nuke.String_Knob("a")
    nuke.nodes.NoOp().addKnob(knob)
    return kind(lambda: nuke.nodes.NoOp().addKnob(knob))


@probe("E13", "setInput in a circle, to itself, too high", ["returns False"] * 3)
def _circle(nuke: Any) -> Any:
    a = nuke.nodes.Blur()
    b = nuke.nodes.Blur(inputs=[a])
    return [kind(lambda: a.setInput(0, b)), kind(lambda: a.setInput(0, a)), kind(lambda: a.setInput(99, b))]


@probe("E14", "addOnCreate of no callable", {"raises": "ValueError", "text": "call must be a callable"})
def _no_callable(nuke: Any) -> Any:
    return outcome(lambda: nuke.addOnCreate(5))


@probe("E15", "addOnCreate with bad kwargs", {"raises": "ValueError", "text": "kwargs must be a dictionary"})
def _bad_kwargs(nuke: Any) -> Any:
    return outcome(lambda: nuke.addOnCreate(print, kwargs=1))


@probe("E16", "execute of a Write without a file", "raises RuntimeError", settles=True)
def _execute(nuke: Any) -> Any:
    return kind(lambda: nuke.execute(nuke.nodes.Write(inputs=[nuke.nodes.Constant()]), 1, 1))


@probe("E25", "a text for a number, a number for a text, nothing", ["raises TypeError"] * 3, settles=True)
def _wrong_type(nuke: Any) -> Any:
    node = nuke.nodes.Blur()
    return [kind(lambda: node["size"].setValue("big")), kind(lambda: node["label"].setValue(5)),
            kind(lambda: node["size"].setValue(None))]


@probe("E26", "an unknown choice", "raises TypeError", "returns False", "returns True", settles=True)
def _bad_choice(nuke: Any) -> Any:
    return kind(lambda: nuke.nodes.Blur()["filter"].setValue("bad"))


@probe("E27", "scriptSave of an untitled script", "raises RuntimeError", "returns False", settles=True)
def _save_untitled(nuke: Any) -> Any:
    return "raises RuntimeError" if nuke.GUI else kind(nuke.scriptSave)


@probe("E28", "scriptSaveAs over a file, unasked", "raises RuntimeError", "returns False", settles=True)
def _save_over(nuke: Any) -> Any:
    path = os.path.join(tempfile.mkdtemp(), "a.nk").replace("\\", "/")
    with open(path, "w", encoding="utf-8") as file:
        file.write("old")
    return "raises RuntimeError" if nuke.GUI else kind(lambda: nuke.scriptSaveAs(path, overwrite=-1))


@probe("E29", "text with an unknown class: error, and how many nodes stay", ["raises RuntimeError", 1],
       ["raises RuntimeError", 0], ["returns None", 1], settles=True)
def _bad_text(nuke: Any) -> Any:
    seen = kind(lambda: nuke.scriptReadText("Blur {\n inputs 0\n}\nNope {\n inputs 0\n}\n"))
    return [seen, len(nuke.allNodes())]


@probe("E30", "createNode with an unknown knob: error, and how many nodes stay", ["raises RuntimeError", 1],
       ["raises RuntimeError", 0], settles=True)
def _bad_creation(nuke: Any) -> Any:
    return [kind(lambda: nuke.createNode("Blur", "nope 1", False)), len(nuke.allNodes())]


@probe("E31", "thisNode outside of a callback", "returns 'Root'", "returns 'Node'", "raises ValueError",
       "returns 'Group'", settles=True)
def _this_node(nuke: Any) -> Any:
    return kind(nuke.thisNode)


@probe("E32", "nodes.Nope()", "raises RuntimeError", "raises AttributeError", settles=True)
def _nodes_nope(nuke: Any) -> Any:
    return kind(lambda: nuke.nodes.Nope())


@probe("B1", "Merge2 on two selected nodes connects both; which is B", [True, "last"], [True, "first"], settles=True)
def _merge(nuke: Any) -> Any:
    a, b = nuke.nodes.Constant(name="A"), nuke.nodes.Constant(name="B")
    a.setSelected(True)
    b.setSelected(True)
    merge = nuke.createNode("Merge2", "", False)
    found = [merge.input(0), merge.input(1)]
    return [None not in found, "last" if found[0] and found[0].name() == "B" else "first"]


@probe("B1", "a new node goes between the selected one and its output", [True, True, 1])
def _between(nuke: Any) -> Any:
    a = nuke.nodes.NoOp()
    c = nuke.nodes.NoOp(inputs=[a])
    a.setSelected(True)
    made = nuke.createNode("NoOp", "", False)
    return [made.input(0) is a, c.input(0) is made, len(nuke.selectedNodes())]


@probe("B3", "the name after setName of one with a space", ANY, settles=True)
def _odd_name(nuke: Any) -> Any:
    node = nuke.nodes.NoOp()
    return [kind(lambda: node.setName("a b")), node.name()]


@probe("B5", "deleting leaves the reader's input empty", True, False, settles=True)
def _delete(nuke: Any) -> Any:
    a = nuke.nodes.NoOp()
    b = nuke.nodes.NoOp(inputs=[a])
    c = nuke.nodes.NoOp(inputs=[b])
    nuke.delete(b)
    return c.input(0) is None


@probe("B6", "toNode gives one object", True)
def _identity(nuke: Any) -> Any:
    name = nuke.nodes.NoOp().name()
    return nuke.toNode(name) is nuke.toNode(name)


@probe("B8", "order of allNodes", "newest first", "oldest first", settles=True)
def _order(nuke: Any) -> Any:
    nuke.nodes.NoOp(name="First")
    nuke.nodes.NoOp(name="Second")
    return "newest first" if nuke.allNodes()[0].name() == "Second" else "oldest first"


@probe("B10", "order of selectedNodes", "last first", "first first", settles=True)
def _selection_order(nuke: Any) -> Any:
    for name in ("First", "Second"):
        nuke.nodes.NoOp(name=name).setSelected(True)
    return "last first" if nuke.selectedNodes()[0].name() == "Second" else "first first"


@probe("B11", "an untitled root", ["Root", ""])
def _root(nuke: Any) -> Any:
    return [nuke.root().name(), nuke.root()["name"].value()]


@probe("B12", "preferences are a node", True)
def _preferences(nuke: Any) -> Any:
    return nuke.toNode("preferences") is not None


@probe("B13", "the size of a drawn Blur in the terminal", [0, 0])
def _size(nuke: Any) -> Any:
    node = nuke.nodes.Blur()
    return [0, 0] if nuke.GUI else [node.screenWidth(), node.screenHeight()]


@probe("B20", "a tile colour comes back", True)
def _colour(nuke: Any) -> Any:
    node = nuke.nodes.Blur()
    node["tile_color"].setValue(0xff0000ff)
    return int(node["tile_color"].value()) == 0xff0000ff


@probe("B22", "an array after a number, a list, one component", [2.0, [1.0, 3.0], [5.0, 3.0]])
def _array(nuke: Any) -> Any:
    knob, seen = nuke.nodes.Transform()["scale"], []
    for arguments in ((2,), ([1, 3],), (5, 0)):
        knob.setValue(*arguments)
        value = knob.value()
        seen.append(list(value) if isinstance(value, (list, tuple)) else value)
    return seen


@probe("B24", "an expression is written and evaluated", [True, "{{frame*2}}", 2.0])
def _expression(nuke: Any) -> Any:
    knob = nuke.nodes.Blur()["size"]
    knob.setExpression("frame*2")
    nuke.frame(1)
    return [knob.hasExpression(), knob.toScript(), knob.value()]


@probe("B24", "setExpression of nonsense", "returns False", "returns True", "raises RuntimeError", settles=True)
def _nonsense(nuke: Any) -> Any:
    return kind(lambda: nuke.nodes.Blur()["size"].setExpression("nonsense("))


@probe("B25", "two keys as text", "{{curve x1 0 x11 10}}", settles=True)
def _keys(nuke: Any) -> Any:
    knob = nuke.nodes.Blur()["size"]
    knob.setAnimated()
    knob.setValueAt(0, 1)
    knob.setValueAt(10, 11)
    return knob.toScript(False, None)


@probe("B26", "Python may set a read-only knob", [True, 5.0], settles=True)
def _read_only(nuke: Any) -> Any:
    knob = nuke.nodes.Blur()["size"]
    knob.setFlag(nuke.READ_ONLY)
    return [bool(knob.setValue(5)), knob.value()]


@probe("B41", "pasting connects to the selected node", [True, True], settles=True)
def _paste(nuke: Any) -> Any:
    path = os.path.join(tempfile.mkdtemp(), "a.nk").replace("\\", "/")
    with open(path, "w", encoding="utf-8") as file:
        file.write("set cut_paste_input [stack 0]\nversion 14.0 v1\npush $cut_paste_input\nBlur {\n name Pasted\n}\n")
    above = nuke.nodes.Constant()
    above.setSelected(True)
    made = nuke.nodePaste(path)
    return [made.input(0) is above, nuke.selectedNodes() == [made]]


@probe("B50", "a cancelled group takes all back and leaves no entry", [0, 0])
def _cancel(nuke: Any) -> Any:
    before = nuke.Undo.undoSize()
    undo = nuke.Undo()
    undo.begin("x")
    nuke.nodes.NoOp()
    undo.cancel()
    return [len(nuke.allNodes()), nuke.Undo.undoSize() - before]


@probe("B50", "an old object after its delete was undone", "raises ValueError", "returns 'str'", ANY, settles=True)
def _revived(nuke: Any) -> Any:
    node = nuke.nodes.NoOp(name="Old")
    nuke.Undo.begin("x")
    nuke.delete(node)
    nuke.Undo.end()
    nuke.undo()
    return kind(node.name)


@probe("B50", "whether selecting makes an undo entry", True, False, settles=True)
def _selecting(nuke: Any) -> Any:
    node = nuke.nodes.NoOp()
    before = nuke.Undo.undoSize()
    node.setSelected(True)
    return nuke.Undo.undoSize() > before


@probe("B51", "an exception keeps the changes of a group", 1)
def _exception(nuke: Any) -> Any:
    try:
        with nuke.Undo("x"):
            nuke.nodes.NoOp()
            raise KeyError
    except KeyError:
        return len(nuke.allNodes())


@probe("B74", "nuke.env is no dictionary", ["raises TypeError", "raises TypeError"])
def _env(nuke: Any) -> Any:
    return [kind(lambda: iter(nuke.env)), kind(lambda: len(nuke.env))]


@probe("B60", "whether the queue is served while a terminal script waits", False, True, settles=True)
def _queue(nuke: Any) -> Any:
    if nuke.GUI:
        return False
    served: List[int] = []
    worker = threading.Thread(target=nuke.executeInMainThread, args=(served.append, (1,)), daemon=True)
    worker.start()
    worker.join(5)
    time.sleep(0.2)
    return bool(served)


@probe("B80", "rendering a disabled Write", "raises RuntimeError", "returns None", settles=True)
def _disabled(nuke: Any) -> Any:
    path = os.path.join(tempfile.mkdtemp(), "a.png").replace("\\", "/")
    write = nuke.nodes.Write(inputs=[nuke.nodes.Constant()], file=path, disable=True)
    return kind(lambda: nuke.execute(write, 1, 1))


@probe("§12.5", "which of the classes with a version in their name there are", ANY, settles=True)
def _versions(nuke: Any) -> Any:
    names = [stem + number for stem in ("Axis", "Camera", "Light", "ReadGeo", "WriteGeo", "ScanlineRender", "Merge")
             for number in ("", "2", "3", "4")]
    return [name for name in names if kind(lambda name=name: getattr(nuke.nodes, name)()) == "returns 'Node'"]


@probe("§12.9", "what this Python has for networks and the history", ANY, settles=True)
def _python(nuke: Any) -> Any:
    found = {}
    for name, attribute in (("ssl", "OPENSSL_VERSION"), ("sqlite3", "sqlite_version"), ("certifi", "__version__")):
        try:
            found[name] = str(getattr(__import__(name), attribute))
        except Exception as error:  # noqa: BLE001  (that it is missing is the answer)
            found[name] = f"raises {type(error).__name__}"
    return found
