"""Scripts made up by hypothesis, written by hand and not by the product's writer; and Tcl itself as a second reader."""

from __future__ import annotations

import tkinter
from pathlib import Path
from typing import List, Tuple

from hypothesis import strategies as st

DATA = Path(__file__).resolve().parents[2] / "data" / "nk"
FIXTURES = sorted(DATA.glob("*.nk"))

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)


def quoted(text: str) -> str:
    for mark in '\\"[{}$':
        text = text.replace(mark, "\\" + mark)
    return '"' + text.replace("\n", "\\n").replace("\t", "\\t") + '"'


NUMBERS = st.one_of(st.integers(-9999, 9999).map(str), st.floats(-1e6, 1e6).map(lambda value: f"{value:.10g}"))
BARE = st.from_regex(r"[A-Za-z0-9_./:()*+,=<>!?#-]{1,12}", fullmatch=True).filter(lambda word: word[0] != "#")
CURVE = st.lists(NUMBERS, max_size=4).map(lambda keys: "{curve" + "".join(f" x{k} {k}" for k in keys) + "}")
EXPRESSION = st.sampled_from(['{Blur1.size*2}', '{"frame > 10 ? 1 : 0"}', "{floor(frame/2) x1 2}", "{{parent.x}}"])
BRACED = st.recursive(
    st.lists(st.one_of(NUMBERS, CURVE, EXPRESSION, TEXTS.map(quoted)), max_size=4).map(" ".join),
    lambda inner: st.lists(inner.map(lambda text: "{" + text + "}"), max_size=3).map("\n  ".join), max_leaves=6,
).map(lambda text: "{" + text + "}")
WORDS = st.one_of(NUMBERS, BARE, TEXTS.map(quoted), BRACED)
USER_KNOBS = st.builds(
    lambda kind, name, label: f"addUserKnob {{{kind} {name} l {quoted(label)} +STARTLINE}}",
    st.sampled_from([1, 3, 6, 7, 20, 22, 41]), NAMES, TEXTS,
)
ENTRIES = st.one_of(
    st.tuples(NAMES, WORDS).map(" ".join),
    st.tuples(TEXTS.map(quoted), WORDS).map(" ".join),
    USER_KNOBS,
)
CLASSES = st.sampled_from(["Blur", "Grade", "Merge2", "Dot", "Read", "OFXuk.co.thefoundry.keylight.keylight_v201"])


def body(entries: List[str], indent: str, ending: str) -> str:
    return "{" + ending + "".join(f"{indent} {entry}{ending}" for entry in entries) + indent + "}"


@st.composite
def statements(draw: st.DrawFn, depth: int = 0) -> str:
    indent, ending = " " * depth, draw(st.sampled_from(["\n", "\r\n"]))
    kind = draw(st.sampled_from(["node", "node", "group", "clone", "key", "set", "push", "comment", "blank", "odd"]))
    entries = draw(st.lists(ENTRIES, max_size=5))
    if kind == "group" and depth < 4:
        inner = draw(st.lists(statements(depth + 1), max_size=3))
        name = draw(st.sampled_from(["Group", "LiveGroup", "VariableGroup"]))
        return f"{indent}{name} {body(entries, indent, ending)}\n{''.join(inner)}{indent}end_group\n"
    texts = {
        "clone": f"clone $C{draw(NAMES)} {body(entries, indent, ending)}",
        "key": f"clone node7f|Blur|3 Blur {body(entries, indent, ending)}",
        "set": f"set N{draw(NAMES)} [stack 0]",
        "push": draw(st.sampled_from(["push 0", "push $N1", "push $cut_paste_input", "push   0"])),
        "comment": "# { [ \" anything } ",
        "blank": "\t ",
        "odd": draw(st.sampled_from(["add_layer {a a.b}", "version 15.0 v4", "set x [stack 1]", "Dot {}; Dot { }"])),
    }
    return indent + texts.get(kind, f"{draw(CLASSES)} {body(entries, indent, ending)}") + ending


SCRIPTS = st.lists(statements(), max_size=6).map("".join)


class Tcl:
    """A Tcl interpreter that runs no command: it records the words of each."""

    def __init__(self) -> None:
        self._tcl = tkinter.Tcl()
        self.seen: List[Tuple[str, ...]] = []
        for name in self._tcl.eval("info commands").split():
            if name not in ("rename", "namespace", "::tcl::info"):
                self._tcl.eval(f"catch {{rename {name} {{}}}}") if name not in ("catch",) else None
        self._tcl.createcommand("unknown", self._record)

    def _record(self, *words: str) -> str:
        self.seen.append(tuple(words))
        return ""

    def commands(self, text: str) -> List[Tuple[str, ...]]:
        """The words of each command of `text`, as Tcl reads them."""
        self.seen = []
        self._tcl.eval(text)
        return self.seen

    def list(self, text: str) -> Tuple[str, ...]:
        """The elements of a Tcl list."""
        return tuple(map(str, self._tcl.splitlist(text)))
