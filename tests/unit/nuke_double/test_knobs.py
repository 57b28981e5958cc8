"""Values, expressions, animation, flags and user knobs as Nuke's Python shows them."""

from __future__ import annotations

from typing import Any, List

import pytest

from tests.fakes.nuke import Faults, Host, Options

from .rows import shows


@shows("B20")
def test_values_have_nukes_types(host: Host) -> None:
    node = host.nuke.createNode("Blur")

    assert node["disable"].value() is False and node["disable"].getValue() == 0.0
    node["disable"].setValue(1)
    assert node["disable"].value() is True
    node["tile_color"].setValue(0xff0000ff)
    assert int(node["tile_color"].value()) == 0xff0000ff
    assert node["tile_color"].toScript() == "0xff0000ff"
    node["filter"].setValue(0)
    assert node["filter"].value() == node["filter"].enumName(0) == node["filter"].values()[0]
    assert isinstance(node["filter"].getValue(), float)
    node["xpos"].setValue(3.7)
    assert node["xpos"].value() == 3
    node["size"].setValue(-5000)
    assert node["size"].value() == -5000.0
    assert node["channels"].setValue("rgba.red") and node["channels"].value() == "rgba.red"
    with pytest.raises(ValueError, match="layer"):
        node["channels"].setValue("nolayer.red")


@shows("B21")
def test_text_is_raw_and_evaluated_where_the_knob_evaluates(host: Host) -> None:
    nuke = host.nuke
    node = nuke.createNode("Blur", "size 4 name A")
    plain = nuke.String_Knob("plain")
    node.addKnob(plain)
    plain.setValue("hello [value size]")
    assert plain.value() == plain.getValue() == plain.getText() == "hello [value size]"

    label = node["label"]
    label.setValue("[value name] at [value A.size]")
    assert (label.value(), label.getText()) == ("A at 4.0", "[value name] at [value A.size]")
    label.setValue("[python 1+1]")
    assert label.getText() == "[python 1+1]"
    with pytest.raises(NotImplementedError, match="fake nuke"):
        label.value()


@shows("B21")
def test_file_keeps_forward_slashes_and_reads_a_range(host: Host) -> None:
    read = host.nuke.createNode("Read")
    read["file"].fromUserText(r"C:\shots\a.%04d.exr 1001-1010")

    assert read["file"].value() == "C:/shots/a.%04d.exr" == host.nuke.filename(read)
    assert (read["first"].value(), read["last"].value(), read.lastFrame()) == (1001, 1010, 1010)


@shows("B22")
def test_array_is_one_number_or_a_list(host: Host) -> None:
    knob = host.nuke.createNode("Transform")["scale"]
    knob.setValue(2)
    assert knob.value() == 2.0 and knob.toScript() == "2"
    knob.setValue([1, 3])
    assert knob.value() == [1.0, 3.0] and knob.toScript() == "{1 3}"
    knob.setValue(5, 0)
    assert (knob.value(), knob.value(1), knob.arraySize(), knob.singleValue()) == ([5.0, 3.0], 3.0, 2, False)
    knob.setSingleValue(True)
    knob.setValue(4)
    assert knob.value() == 4.0


@shows("B23")
@pytest.mark.parametrize("needs_panel", [True, False])
def test_knob_changed_fires_while_the_panel_is_open(needs_panel: bool) -> None:
    host = Host(options=Options(knob_changed_needs_panel=needs_panel))
    nuke, seen = host.nuke, []
    node = nuke.createNode("Blur", inpanel=False)
    nuke.addKnobChanged(lambda: seen.append((nuke.thisNode().name(), nuke.thisKnob().name())), nodeClass="Blur")

    assert node["size"].setValue(3) is True and node["size"].setValue(3) is True
    assert seen == ([] if needs_panel else [("Blur1", "size")] * 2)
    seen.clear()
    node.showControlPanel()
    node["size"].setValue(4)
    node.hideControlPanel()
    assert seen == [("Blur1", "showPanel"), ("Blur1", "size"), ("Blur1", "hidePanel")]
    node["size"].setFlag(nuke.KNOB_CHANGED_ALWAYS)
    seen.clear()
    node["size"].setValue(5)
    assert seen == [("Blur1", "size")]


@shows("B24")
@pytest.mark.parametrize(("text", "value"), [
    ("frame*2+1", 21.0), ("frame > 5 ? 1 : 0", 1.0), ("A.size/2", 2.0), ("this.size2", None), ("parent.amount", 9.0),
    ("input.size", 4.0), ("root.first_frame", 1.0), ("floor(2.7)+max(1,2)", 4.0), ("-(2**3)", -8.0),
    ("input.width/2", 320.0), ("nonsense(", None), ("unknown_name", None),
])
def test_expressions_are_kept_and_simple_ones_evaluated(host: Host, text: str, value: Any) -> None:
    nuke = host.nuke
    nuke.addFormat("640 480 tiny")
    nuke.root()["format"].setValue("tiny")
    nuke.frame(10)
    group = nuke.nodes.Group(name="G")
    amount = nuke.Double_Knob("amount")
    group.addKnob(amount)
    amount.setValue(9)
    with group:
        source = nuke.nodes.Blur(name="A", size=4)
        node = nuke.nodes.Blur(inputs=[source], size=3)
    knob = node["size"]

    kept = knob.setExpression(text)

    if text == "nonsense(":
        assert (kept, knob.hasExpression()) == (False, False)
        return
    assert kept and knob.hasExpression() and knob.toScript().strip("{}").strip('"') == text
    assert knob.value() == (3.0 if value is None else value)
    assert knob._evaluated is (value is not None)
    assert knob.clearAnimated() and not knob.hasExpression()


@shows("B25")
def test_animation_keys_interpolate_and_are_written(host: Host) -> None:
    nuke = host.nuke
    knob = nuke.createNode("Blur")["size"]
    knob.setAnimated()
    knob.setValueAt(0, 1)
    knob.setValueAt(10, 11)

    assert knob.getValueAt(6) == 5.0 and knob.getKeyList() == [1.0, 11.0] and knob.isAnimated()
    assert knob.toScript(context=None) == "{{curve x1 0 x11 10}}"
    nuke.frame(6)
    assert knob.value() == 5.0
    knob.setValue(99)
    assert knob.getKeyList() == [1.0, 6.0, 11.0]
    curve = knob.animation(0)
    curve.changeInterpolation(curve.keys(), nuke.CONSTANT)
    assert curve.evaluate(5.9) == 0.0
    assert curve.expression() == "curve" and curve.size() == 3
    knob.fromScript("{{curve x1 5 x2 6}}")
    assert (knob.getKeyList(), knob.getValueAt(2)) == ([1.0, 2.0], 6.0)
    knob.clearAnimated()
    assert not knob.isAnimated()


@shows("B26")
def test_flags_are_kept_and_read_only_does_not_stop_python(host: Host) -> None:
    nuke = host.nuke
    knob = nuke.createNode("Blur")["size"]
    for flag in (nuke.DISABLED, nuke.INVISIBLE, nuke.READ_ONLY):
        knob.setFlag(flag)
        assert knob.getFlag(flag)
    assert not knob.visible() and not knob.enabled()
    knob.setValue(3)
    assert knob.value() == 3
    knob.clearFlag(nuke.INVISIBLE)
    assert knob.visible()


@shows("B27")
def test_only_what_changed_is_written(host: Host) -> None:
    nuke = host.nuke
    node = nuke.nodes.Blur()
    flags = nuke.TO_SCRIPT | nuke.WRITE_NON_DEFAULT_ONLY
    assert "size" not in node.writeKnobs(flags) and not node["size"].notDefault()

    node["size"].setValue(3)
    node["label"].setValue("a [b] {c}")

    written = node.writeKnobs(flags)
    assert "size 3\n" in written and r'label "a \[b] \{c\}"' in written
    assert "channels" in node.writeKnobs(nuke.TO_SCRIPT | nuke.WRITE_ALL)
    other = nuke.nodes.Blur(name="Other")
    other.readKnobs(written.replace("name Blur1", "name Blur9"))
    assert (other["size"].value(), other["label"].getText(), other.name()) == (3.0, "a [b] {c}", "Blur9")
    with pytest.raises(RuntimeError, match="nope"):
        other.readKnobs("nope 3")


@shows("B28")
def test_user_knobs_are_written_and_read_back(host: Host) -> None:
    nuke = host.nuke
    node = nuke.nodes.NoOp(name="N")
    for knob in (nuke.Tab_Knob("User"), nuke.Double_Knob("amount", "Amount"),
                 nuke.Enumeration_Knob("mode", "Mode", ["one", "two words"]),
                 nuke.PyScript_Knob("go", "Go", "print(1)"),
                 nuke.Tab_Knob("grp", "A group", nuke.TABBEGINGROUP), nuke.Boolean_Knob("on")):
        node.addKnob(knob)
    node["amount"].setValue(3)
    node["mode"].setValue("two words")

    text = node.writeKnobs(nuke.TO_SCRIPT | nuke.WRITE_USER_KNOB_DEFS | nuke.WRITE_NON_DEFAULT_ONLY)
    assert "addUserKnob {20 User}" in text and "addUserKnob {7 amount l Amount}\namount 3" in text
    assert 'addUserKnob {4 mode l Mode M {one "two words"}}' in text and "addUserKnob {22 go l Go T print(1)}" in text
    assert 'addUserKnob {20 grp l "A group" n 1}' in text
    back = nuke.nodes.NoOp()
    back.readKnobs(text)

    assert [k.Class() for name, k in back.knobs().items() if name in ("User", "amount", "mode", "go", "on")] == [
        "Tab_Knob", "Double_Knob", "Enumeration_Knob", "PyScript_Knob", "Boolean_Knob"]
    assert (back["amount"].value(), back["mode"].value(), back["go"].value()) == (3.0, "two words", "print(1)")
    back["go"].execute()
    assert host.pressed == [("N1", "go", "print(1)")]
    node.removeKnob(node["amount"])
    assert node.knob("amount") is None


@shows("B29")
def test_knob_is_one_object(host: Host) -> None:
    node = host.nuke.createNode("Blur")

    assert node.knobs()["size"] is node["size"] is node.knob("size")
    assert "size" in node.knobs() and node["size"].node() is node


@shows("B30")
def test_link_follows_its_target_and_is_empty_without_it(host: Host) -> None:
    nuke = host.nuke
    blur, node = nuke.nodes.Blur(name="B"), nuke.nodes.NoOp()
    link = nuke.Link_Knob("link")
    node.addKnob(link)
    link.makeLink("B", "size")

    link.setValue(8)
    assert (blur["size"].value(), link.value(), link.getLinkedKnob()) == (8.0, 8.0, blur["size"])
    nuke.delete(blur)
    assert link.value() is None and link.setValue(3) is False


def test_knob_that_rejects_a_value_keeps_the_old_one(host: Host) -> None:
    node = host.nuke.createNode("Blur")
    host.faults = Faults(rejected_knobs=[("Blur1", "size")])

    with pytest.raises(RuntimeError, match="rejects"):
        node["size"].setValue(3)
    assert node["size"].value() == 0.0


def test_every_class_of_the_data_can_be_made_and_written(host: Host) -> None:
    made: List[str] = []
    for name in host.nuke.nodeTypes():
        node = getattr(host.nuke.nodes, name)()
        made.append(node.Class())
        node.writeKnobs(host.nuke.WRITE_ALL)

    assert len(made) == 113
