"""Connections, values, user knobs, layouts and class data say what the text says."""

from __future__ import annotations

from typing import Optional, Tuple

import pytest

from nuke_ai_panel.nk import (
    UserKnob,
    connect,
    fields,
    input_label,
    knob_data,
    layout_xml,
    node_classes,
    pages,
    parse,
    parse_user_knob,
    user_knobs,
    write_user_knob,
)
from nuke_ai_panel.nk.values import Key, curve, expressions, is_animated, number

from .scripts import DATA


def inputs(text: str) -> Tuple[Tuple[str, Tuple[Optional[str], ...]], ...]:
    return tuple((one.path, one.inputs) for one in connect(parse(text)).nodes)


def test_stack_gives_the_top_to_input_zero() -> None:
    text = ("Read {\n inputs 0\n name A\n}\nRead {\n inputs 0\n name B\n}\nRoto {\n inputs 0\n name M\n}\n"
            "set N1 [stack 0]\npush 0\nMerge2 {\n inputs 2+1\n name Merge1\n}\npush $N1\nset N2 [stack 1]\n"
            "push $N2\nDot {\n name D\n}\n")

    assert inputs(text) == (("A", ()), ("B", ()), ("M", ()), ("Merge1", (None, "M", "B")), ("D", ("Merge1",)))
    merge = connect(parse(text)).nodes[3]
    assert [input_label(merge, at) for at in range(3)] == ["B", "A", "mask"]


def test_group_children_have_a_stack_of_their_own() -> None:
    found = {one.path: one.inputs for one in connect(parse((DATA / "groups.nk").read_text(encoding="utf-8"))).nodes}

    assert found["Outer.Inner.Blur1"] == ("Outer.Inner.Noise1",)
    assert found["Outer.Output1"] == ("Outer.Inner",)
    assert found["StickyNote1"] == ()


def test_clipboard_takes_the_selection_as_input() -> None:
    graph = connect(parse((DATA / "clipboard.nk").read_text(encoding="utf-8")))

    assert [one.inputs for one in graph.nodes] == [("$cut_paste_input",), ("Grade3",)]
    assert graph.problems == ()


def test_names_that_clash_or_lack_are_made_up() -> None:
    text = "Dot {}\nDot {\n name Dot1\n}\nMerge2 {\n inputs 0\n}\nMirror2 {}\nDot {\n name Dot1\n}\n"

    assert [path for path, _ in inputs(text)] == ["Dot2", "Dot1", "Merge1", "Mirror2_1", "Dot3"]


@pytest.mark.parametrize(("word", "kinds"), [
    ("10", ["number"]), ('"to box"', ["text"]), ("{1 0.5 -2e3}", ["number"] * 3),
    ("{{Blur1.size*2}}", ["expression"]), ('{{"frame > 10 ? 1 : 0"}}', ["expression"]),
    ("{{curve x1 0 x50 100} {curve}}", ["curve", "curve"]), ("{{input.width/2} 540}", ["expression", "number"]),
    ("{{{parent.Blur1.channels}}}", ["expression"]), ("{rgba.red -rgba.green}", ["text", "text"]),
])
def test_value_components_are_told_apart(word: str, kinds: list[str]) -> None:
    assert [one.kind for one in fields(word)] == kinds


def test_curve_keys_are_counted_on_from_the_last_one() -> None:
    (field,) = fields("{{curve x1001 0 1 K x1010 2.5}}")

    assert field.keys == (Key(1001, 0), Key(1002, 1), Key(1010, 2.5))
    assert field.plain
    assert not fields("{{curve x45 3.2 s0}}")[0].plain
    assert number(float("inf")) == "inf" and number(1e300) == "1e+300" and number(-0.5) == "-0.5"
    assert is_animated("{{curve x1 0}}") and not is_animated("{1 2}") and not is_animated("{{a.b}}")
    assert fields("{" + curve((Key(1, 0), Key(10, 1.5))) + "}")[0].keys == (Key(1, 0), Key(10, 1.5))


def test_expression_is_read_without_its_keys() -> None:
    assert expressions('{{"floor(frame / 2)" x1 2} {a.b} 3}') == ("floor(frame / 2)", "a.b")


def test_user_knobs_are_read_and_written() -> None:
    node = next(parse((DATA / "groups.nk").read_text(encoding="utf-8")).nodes())

    found = user_knobs(node)

    assert [(one.id, one.name, one.class_name) for one in found[:3]] == [
        (20, "User", "Tab_Knob"), (4, "mode", "Enumeration_Knob"), (41, "size", "Link_Knob")]
    assert found[1].items == ("one", "two words", "a\tb")
    assert found[2].text == "Blur1.size"
    assert found[4].options == (("n", "1"),)
    assert all(parse_user_knob(write_user_knob(one)) == one for one in found if one.name)


def test_user_knob_with_everything_survives() -> None:
    knob = UserKnob(7, "amount", "How \"much\"", "a\ntip", "t", ("0", "10"), ("x y",), (("n", "-1"),), ("+HIDDEN",))

    assert parse_user_knob(write_user_knob(knob)) == knob


def test_layout_pages_are_listed() -> None:
    xml = layout_xml(parse((DATA / "shot_with_code.nk").read_text(encoding="utf-8")))

    assert [(one.id, one.active) for one in pages(xml)] == [("Toolbar.1", True)]


def test_class_data_is_shipped() -> None:
    assert len(node_classes()) == 114
    size = knob_data("Blur", "size")
    assert size is not None and size.type
    assert node_classes()["Merge2"].mask_input == 2
    assert knob_data("Blur", "nonsense") is None
    label = knob_data("AnyClass", "label")
    assert label is not None and label.type == "Multiline_Eval_String_Knob"
