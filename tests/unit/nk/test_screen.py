"""Everything in a .nk text that Nuke would execute is found, and where; what executes nothing is not."""

from __future__ import annotations

from typing import List

import pytest

from nuke_ai_panel.nk import NkSyntaxError, Node, is_harmless, parse, review, screen

from .scripts import DATA

TCL = [
    "[python 1]", "[python {import os}]", "[exec rm -rf x]", "[open f w]", "[source f.tcl]", "[file delete x]",
    "[eval a]", "[socket a 1]", "[load a.so]", "[pyfile x.py]", "[expr 1+1]", "[set x 1]", "[if 1 {python x}]",
    "[value [python 1]]", "[value x; python 1]", "[value {[python 1]}]", "[metadata $x]", "[file tail [exec ls]]",
    "[ python 1]", "[\tpython 1]", "[]", "[value a][python b]", "text before [python x] after", "[value x",
    "[value [value [exec x]]]", "[knob Write1.file x]", "[script_save x]", "[subst x]",
    "[::python x]", "[\"python\" 1]",
    "[{python} 1]", "[value \"x\"]", "[fil\\e delete x]",
]
CALLBACKS = [
    "onCreate", "onDestroy", "knobChanged", "updateUI", "autolabel", "onUserCreate", "beforeRender", "afterRender",
    "beforeFrameRender", "afterFrameRender", "renderProgress", "onScriptLoad", "onScriptSave", "onScriptClose",
]


def escaped(text: str) -> str:
    for mark in '\\"[{}$':
        text = text.replace(mark, "\\" + mark)
    return f'"{text}"'


def kinds(text: str) -> List[str]:
    return [one.kind for one in screen(text)]


@pytest.mark.parametrize("code", TCL)
@pytest.mark.parametrize("knob", ["label", "file", "message", "some_plugin_knob"])
def test_tcl_in_an_escaped_bracket_is_found(code: str, knob: str) -> None:
    assert kinds(f"NoOp {{\n {knob} {escaped(code)}\n}}\n") == ["tcl"]


@pytest.mark.parametrize("code", [one for one in TCL if one.count("[") == one.count("]") and '"' not in one])
def test_tcl_in_an_expression_is_found(code: str) -> None:
    assert kinds(f"Blur {{\n size {{{{{code}}}}}\n}}\n") != []
    assert kinds(f"Blur {{\n size {{{{{escaped(code)}}}}}\n}}\n") != []


@pytest.mark.parametrize("word", [
    "[python 1]", '"[python 1]"', '"a [exec x] b"', "[value x]", "a[exec\\ x]b", '"\\\\[python 1]"',
])
def test_open_bracket_runs_on_load_whatever_it_holds(word: str) -> None:
    (found,) = screen(f"NoOp {{\n name N\n label {word}\n}}\n")

    assert (found.kind, found.node, found.knob, found.line, found.column) == ("tcl", "N", "label", 3, 2)
    assert "while it reads" in found.why


@pytest.mark.parametrize("word", [
    r'"\x5bpython 1]"', r'"\u005bpython 1]"', r'"\133python 1]"', r'"\x00005bpython 1]"', r"\x5bpython\ 1]",
    r"{\x5bpython 1]}", r'{{"\x5bpython 1]"}}',
])
def test_bracket_written_as_a_code_is_found(word: str) -> None:
    assert kinds(f"NoOp {{\n label {word}\n}}\n") != []


@pytest.mark.parametrize("name", CALLBACKS)
@pytest.mark.parametrize("word", ["print(1)", '"import os"', "{import os\nos.system('x')}"])
def test_callback_knob_is_found(name: str, word: str) -> None:
    (found,) = screen(f"Write {{\n file a.exr\n {name} {word}\n name W\n}}\n")

    assert (found.kind, found.node, found.knob, found.line) == ("callback", "W", name, 3)


@pytest.mark.parametrize("name", CALLBACKS)
def test_empty_callback_executes_nothing(name: str) -> None:
    assert is_harmless(f'Write {{\n {name} ""\n}}\n')


@pytest.mark.parametrize("entry", [
    "addUserKnob {22 go T \"print(1)\"}", "addUserKnob {32 go T exit}", "addUserKnob {52 go T X()}",
    "addUserKnob {52 go}", "addUserKnob {68 go M {a nuke.tcl('x')}}", "addUserKnob {22 go}\n go \"print(1)\"",
    "addUserKnob {32 go}\n go {exit}", "addUserKnob {22 \"go on\" l Go}\n \"go on\" \"print(1)\"",
    "addUserKnob {1 onCreate}", "addUserKnob {26 t l \"\\[python 1]\"}", "addUserKnob {83 odd T \"import os\"}",
    "addUserKnob {22}", "addUserKnob {bad}", "addUserKnob \"22 go T print(1)\"", "addUserKnob {1 a T [python\\ 1]}",
])
def test_user_knob_with_code_is_found(entry: str) -> None:
    found = screen(f"NoOp {{\n {entry}\n}}\n")

    assert len(found) == (0 if entry == "addUserKnob {22}" else 1)


@pytest.mark.parametrize(("node", "knob"), [
    ("Read", "reload"), ("Write", "Render"), ("BlinkScript", "recompile"), ("CurveTool", "go"),
])
def test_button_of_a_class_is_found(node: str, knob: str) -> None:
    assert kinds(f"{node} {{\n {knob} \"print(1)\"\n}}\n") == ["code_knob"]


def test_button_is_found_in_a_clone_and_behind_a_second_declaration() -> None:
    group = "NoOp {\n addUserKnob {22 go}\n name N\n}\nset C1 [stack 0]\nclone $C1 {\n go \"print(1)\"\n}\n"
    twice = "NoOp {\n addUserKnob {22 go}\n addUserKnob {1 go}\n go \"print(1)\"\n}\n"

    assert kinds(group) == ["code_knob"] == kinds(twice)


@pytest.mark.parametrize("body", [
    '"on\\x0043reate" "import os"', '"onCreate\\x00rest" "import os"', 'onCreate\0rest "import os"',
    '$name "import os"', 'Child.onCreate "import os"', 'name A;onCreate2 "x"', "# onCreate", '"run\\ me" "import os"',
])
def test_name_that_another_reader_may_take_for_a_callback_is_found(body: str) -> None:
    assert kinds(f"NoOp {{\n {body}\n}}\n") != []


@pytest.mark.parametrize("body", [
    'addUserKnob {1 go}\n go "import os"\n addUserKnob {22 go}', 'addUserKnob {026 go}\n go "exit()"',
    'addUserKnob {48 go}\n go "exit()"', "addUserKnob {41 go T onCreate}", 'addUserKnob {41 go T "N.knobChanged"}',
    'addUserKnob {41 go T N.child}\n go "import os"', 'addUserKnob {1 "on\\x0043reate"}',
])
def test_user_knob_that_becomes_code_by_a_detour_is_found(body: str) -> None:
    assert kinds(f"NoOp {{\n {body}\n}}\n") != []


def test_link_to_a_button_anywhere_in_the_text_is_found() -> None:
    text = 'NoOp {\n addUserKnob {41 link T B.run}\n link exit\n name A\n}\nNoOp {\n addUserKnob {22 run}\n name B\n}\n'

    (found,) = screen(text)

    assert (found.kind, found.node, found.knob) == ("code_knob", "A", "link")
    assert is_harmless(text.replace(" link exit\n", " link 5\n").replace("{22 run}", "{3 run}"))


@pytest.mark.parametrize("text", [
    'SomeGizmo {\n run "import os; os.system(1)"\n}\n', 'NoOp {\n unheard_of "nuke.scriptClear()"\n}\n',
    'SomeGizmo {\n run "go()"\n}\n', "clone $X {\n run anything\n}\n", 'clone node7f|NoOp|1 NoOp {\n run anything\n}\n',
])
def test_text_of_a_knob_that_may_be_a_button_is_found(text: str) -> None:
    assert kinds(text) == ["code_knob"]


def test_text_of_an_unknown_gizmo_that_is_no_code_is_not_found() -> None:
    assert is_harmless('Matte {\n key "sky (sky)"\n note "from here on, made by os x"\n list "a, b(1), c"\n}\n')


@pytest.mark.parametrize("text", [
    "# made by hand\rpython {import os}\n", "add_layer {a a.b}\rpython {import os}\n", "version 15.0\rexec ls\n",
    "define_window_layout_xml {<layout/>}\rexec ls\n",
])
def test_command_behind_a_lone_carriage_return_is_found(text: str) -> None:
    assert kinds(text) == ["command"]


def test_windows_lines_are_no_lone_carriage_returns() -> None:
    assert is_harmless("# made by hand\r\nversion 15.0\r\nadd_layer {a a.b}\r\nNoOp {\r\n name A\r\n}\r\n")


@pytest.mark.parametrize("entry", [
    'size "{{python(1)}}"', r'size "\{\{python \{1\}\}\}"', 'expr0 "python(1)"', r"size {{pyth\x006fn(1)}}",
    r"size {{\160ython(1)}}", "temp_expr3 {python(1)}",
])
def test_python_in_an_expression_in_any_quoting_is_found(entry: str) -> None:
    assert kinds(f"Expression {{\n {entry}\n}}\n") == ["expression"]


@pytest.mark.parametrize("name", ["Precomp", "LiveGroup"])
def test_node_that_loads_another_script_is_found(name: str) -> None:
    end = "end_group\n" if name == "LiveGroup" else ""

    assert kinds(f"{name} {{\n inputs 0\n file /x/other.nk\n}}\n{end}") == ["file"]


def test_kernel_is_found() -> None:
    assert kinds('BlinkScript {\n kernelSource "kernel K : ImageComputationKernel<ePixelWise> \\{\\};"\n}\n') == [
        "kernel"]


@pytest.mark.parametrize("text", [
    "python {print(1)}", "python print(1)", "exec {rm x}", "[python 1]", "[python x] {\n}", "push [python 1]",
    "set x [exec ls]", "set x 5", "proc a {} {exec x}", "if {1} {python x}", "source {x.tcl}", "load {x.so}",
    "version [python 1]", "add_layer [python 1]", "add_layer \"a [exec x]\"", "clone [python 1] {\n}",
    "eval {python x}",
    "Dot {}; python {x}", "Blur {} {} {}", "undocumented_command {x}", "script_clear",
    "Group {\n}\npython {x}\nend_group",
    '"[exec x]" {a b}', "catch {python x}", "$x {a b}", "uplevel #0 {python x}",
])
def test_command_that_is_no_node_is_found(text: str) -> None:
    assert kinds(text + "\n") != []


def test_name_with_a_bracket_is_found() -> None:
    assert kinds('NoOp {\n "[python 1]" 5\n}\n') == ["tcl"]
    assert kinds("NoOp {\n [python\\ 1] 5\n}\n") == ["tcl"]


def test_code_in_a_group_is_found_at_its_path() -> None:
    (found,) = screen("Group {\n name Outer\n}\n Group {\n  name Inner\n }\n  NoOp {\n   name N\n   onCreate x\n  }\n"
                      " end_group\nend_group\n")

    assert (found.node, found.knob, found.line, found.column) == ("Outer.Inner.N", "onCreate", 9, 4)
    assert str(found).startswith("line 9, column 4: Outer.Inner.N.onCreate: onCreate is a callback: Nuke runs its text")


def test_every_finding_of_a_shot_is_where_it_stands() -> None:
    found = screen((DATA / "shot_with_code.nk").read_text(encoding="utf-8"))

    assert [(one.kind, one.node, one.knob, one.line) for one in found] == [
        ("callback", "root", "onScriptLoad", 20), ("tcl", "Blur1", "label", 33),
        ("expression", "Constant1", "color", 41),
        ("code_knob", "Group1", "go", 53), ("callback", "Write1", "beforeRender", 76), ("tcl", "Write1", "label", 78),
        ("command", "", "", 80),
    ]


def test_expression_that_calls_python_is_found() -> None:
    assert kinds("Blur {\n size {{python(1)}}\n}\n") == ["expression"]


@pytest.mark.parametrize("text", [
    "Blur {\n size 10\n label \"\\[value size]\"\n}\n",
    "NoOp {\n label \"\\[file tail \\[value Read1.file]] \\[metadata input/ctime]\"\n}\n",
    "Blur {\n size {{curve x1 0 x50 100}}\n}\nMerge2 {\n inputs 2+1\n}\n",
    "Blur {\n size {{\"frame > 10 ? Blur1.size : input.width/2\"}}\n}\n",
    "set N1 [stack 0]\npush $N1\npush 0\npush $cut_paste_input\nclone $N1 {\n xpos 3\n}\n",
    "version 15.0 v4\nadd_layer {a a.b}\ndefine_window_layout_xml {<layout/>}\n# [python 1]\n",
    "Group {\n addUserKnob {20 User}\n addUserKnob {7 a R 0 1}\n addUserKnob {4 m M {a b}}\n a 0.5\n}\nend_group\n",
    "Expression {\n expr0 \"r > 0.5 ? 1 : 0\"\n}\nStickyNote {\n label \"python is fun\"\n}\n",
    "stamp.gizmo {\n size 3\n}\n",
])
def test_plain_nodes_have_no_finding(text: str) -> None:
    assert screen(text) == ()


def test_changed_script_is_screened_as_it_would_be_written() -> None:
    script = parse("Dot {}\n")
    assert isinstance(script.items[0], Node)

    (found,) = screen(type(script)((script.items[0].with_knob("onCreate", "x"),)))

    assert (found.knob, found.line) == ("onCreate", 2)


def test_text_that_cannot_be_read_is_never_called_harmless() -> None:
    with pytest.raises(NkSyntaxError):
        is_harmless("Blur {\n size\n}\n")


@pytest.mark.parametrize(("text", "kind", "part"), [
    ("Blurr {}\n", "class", "did you mean Blur"),
    ("Blur {\n sise 3\n}\n", "knob", "did you mean size?"),
    ("Read {\n inputs 0\n file /etc/passwd\n}\n", "file", "outside"),
    ("Read {\n inputs 0\n file /jobs/../etc/passwd\n}\n", "file", "outside"),
    ("Merge2 {\n inputs 2\n}\n", "stack", "takes 2 inputs, the stack has 0"),
    ("push $N1\nDot {}\n", "stack", "push $N1 names nothing"),
    ("clone $C1 {}\n", "stack", "clone $C1 names nothing"),
    ("Dot {\n inputs many\n}\n", "stack", "no number of inputs"),
    ("Dot {}\nDot {}\nDot {}\nDot {}\n", "size", "4 nodes are more than 3"),
])
def test_review_asks_about_what_is_odd(text: str, kind: str, part: str) -> None:
    found = review(text, roots=["/jobs"], max_nodes=3)

    assert [one.kind for one in found] == [kind]
    assert part in found[0].why


def test_review_takes_the_classes_of_the_running_nuke() -> None:
    assert review("MyGizmo {}\n", classes=["MyGizmo"]) == ()
    assert review("Read {\n inputs 0\n file /jobs/a.exr\n}\n", roots=["/jobs/"]) == ()
