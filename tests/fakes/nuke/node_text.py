"""Nodes as .nk text and back, by way of the product's reader. Reading counts open brackets as executed Tcl."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple

from nuke_ai_panel.nk import (
    Command,
    Item,
    NkSyntaxError,
    Push,
    Script,
    Set,
    UserKnob,
    decode,
    encode,
    parse,
    parse_knobs,
    parse_user_knob,
    write_user_knob,
)
from nuke_ai_panel.nk import Knob as NkKnob
from nuke_ai_panel.nk import (
    Node as NkNode,
)
from nuke_ai_panel.nk.graph import SELECTION, input_counts
from nuke_ai_panel.nk.user_knobs import TYPES
from nuke_ai_panel.nk.writer import write

from .cores import ALWAYS_WRITTEN, KINDS, OWN_KNOBS, Core
from .knobs import ALWAYS_SAVE, DO_NOT_WRITE, Knob
from .number_knobs import Enumeration_Knob

if TYPE_CHECKING:
    from .host import Host

TO_SCRIPT, TO_VALUE, WRITE_USER_KNOB_DEFS, WRITE_ALL, WRITE_NON_DEFAULT_ONLY = 1, 2, 4, 8, 16
_IDS = {name: number for number, name in reversed(sorted(TYPES.items()))}
_TAIL = ("name", "tile_color", "label", "note_font", "note_font_size", "note_font_color", "selected", "xpos", "ypos",
         "hide_input", "disable", "postage_stamp", "bdwidth", "bdheight", "z_order")


def _facts(knob: Knob) -> Dict[str, Any]:
    """What a knob holds, past its guard."""
    found: Dict[str, Any] = object.__getattribute__(knob, "__dict__")
    return found


# Writing.
def entries(core: Core, *, everything: bool = False, defs: bool = True) -> List[NkKnob]:
    """The entries of a node's body in Nuke's order, without `inputs`."""
    own = [knob for name, knob in core.knobs.items() if name not in _TAIL]
    end = [core.knobs[name] for name in _TAIL if name in core.knobs]
    found: List[NkKnob] = []
    for knob in [*own, *end]:
        facts = _facts(knob)  # every other look at a knob is guarded, and scripts hold thousands of knobs
        flags, name = facts["_flags"], facts["_name"]
        if facts["_user"] and defs:
            found.append(NkKnob("addUserKnob", write_user_knob(definition(knob))))
        if flags & DO_NOT_WRITE or (core.clone_of and name not in OWN_KNOBS):
            continue
        wanted = everything or name in ALWAYS_WRITTEN or flags & ALWAYS_SAVE or not type(knob)._is_default(knob)
        if not wanted:
            continue
        # A node that was never placed has no place to write.
        if knob._name in ("selected", "xpos", "ypos") and knob._is_default() and not everything:
            wanted = False
        if wanted and knob.Class() not in ("Tab_Knob", "Text_Knob", "Obsolete_Knob"):
            found.append(NkKnob(knob._name, knob._written()))
    return found


def definition(knob: Knob) -> UserKnob:
    """What `addUserKnob` says of a knob."""
    number = knob._id or _IDS.get(knob.Class(), 1)
    label = "" if knob._label == knob._name else knob._label
    items = tuple(knob.values()) if isinstance(knob, Enumeration_Knob) else ()
    text = str(knob._state) if number in (22, 32, 41, 52) and knob._state else ""
    group = getattr(knob, "_group", 0)
    return UserKnob(number, knob._name, label, knob._tooltip, text, (), items, (("n", str(group)),) if group else ())


def write_knobs(core: Core, flags: int) -> str:
    """What Node.writeKnobs gives."""
    rows = entries(core, everything=bool(flags & WRITE_ALL) or not flags & WRITE_NON_DEFAULT_ONLY,
                   defs=bool(flags & WRITE_USER_KNOB_DEFS))
    return "\n".join(f"{encode(one.name)} {one.word}" for one in rows)


def to_script(cores: Sequence[Core], host: Host, *, root: bool = False, clipboard: bool = False) -> str:
    """The text of nodes with their connections."""
    items: List[Item] = []
    if clipboard:
        items.append(Set(SELECTION))
    items.append(Command(("version", f"{host.version[0]}.{host.version[1]}", f"v{host.version[2]}")))
    if root:
        rows = [NkKnob("inputs", "0")] + [
            NkKnob(name, knob._written()) for name, knob in host.root.knobs.items()
            if not knob._is_default() and name not in ("name", "selected", "xpos", "ypos")]
        name = [NkKnob("name", encode(host.files.path))] if host.files.path else []
        items.append(NkNode("Root", (*rows, *name)))
        items += [Command(("add_layer", "{" + " ".join((layer, *channels)) + "}"))
                  for layer, channels in host.layers.added.items()]
    items += _placed(cores, clipboard)
    return write(Script(tuple(items), "\n")).lstrip("\n")


def _placed(cores: Sequence[Core], clipboard: bool = False) -> List[Item]:
    items: List[Item] = []
    written: Dict[int, str] = {}
    for core in _inputs_first(cores):
        wanted = _input_line(core)
        for source in reversed(core.inputs if wanted != (0, 0) else []):
            if source is not None and id(source) in written:
                items.append(Push(written[id(source)]))
            else:
                items.append(Push(SELECTION if clipboard and source is not None else None))
        items.append(_node(core, wanted, written))
        variable = f"{'C' if core.clone_of else 'N'}{id(core) & 0xffffffff:x}"
        written[id(core)] = variable
        items.append(Set(variable))
    return items


def _inputs_first(cores: Sequence[Core]) -> List[Core]:
    done: List[Core] = []

    def visit(core: Core) -> None:
        if core in done:
            return
        for source in [*core.inputs, core.clone_of]:
            if source is not None and source in cores and source not in done:
                visit(source)
        done.append(core)

    for core in cores:
        visit(core)
    return done


def _input_line(core: Core) -> Tuple[int, int]:
    count, mask = len(core.inputs), core.data.mask_input
    if mask is not None and count > mask:
        return count - 1, 1
    return count, 0


def _node(core: Core, wanted: Tuple[int, int], written: Dict[int, str]) -> NkNode:
    text = f"{wanted[0]}+{wanted[1]}" if wanted[1] else str(wanted[0])
    rows = ([] if text == "1" else [NkKnob("inputs", text)]) + entries(core)
    if core.clone_of is not None and id(core.clone_of) in written:
        return NkNode("", tuple(rows), clone_of="$" + written[id(core.clone_of)])
    children = tuple(_placed(core.children)) if core.class_name in ("Group", "LiveGroup", "VariableGroup") else None
    return NkNode(core.class_name, tuple(rows), children)


# Reading.
def read_knobs(core: Core, text: str) -> None:
    """What Node.readKnobs does."""
    try:
        rows = parse_knobs(text)
    except NkSyntaxError as error:
        raise RuntimeError(str(error)) from error
    for row in rows:
        read_entry(core, row)


def read_entry(core: Core, row: NkKnob) -> None:
    """Sets one knob from an entry; RuntimeError where there is none of that name."""
    if row.name == "inputs":
        return
    core.host.check_tcl(row.word, row.name)
    if row.name == "addUserKnob":
        _declare(core, parse_user_knob(row.word))
        return
    if row.name == "name":
        core.knobs["name"]._state = core.host.scene.free_name(row.value, core.parent or core.host.root, core)
        return
    knob = core.knobs.get(row.name)
    if knob is None:
        raise RuntimeError(f"{core.class_name}: no such knob: {row.name}")
    knob._read(row.word)


def _declare(core: Core, user: UserKnob) -> None:
    kind = KINDS.get(user.class_name, Knob)
    arguments: List[Any] = [list(user.items)] if issubclass(kind, Enumeration_Knob) else []
    knob = kind(user.name, user.label or user.name, *arguments)
    knob._tooltip, knob._id = user.tooltip, user.id
    if user.text:
        knob._state = user.text
    group = dict(user.options).get("n")
    if group is not None:
        knob._group = int(group)  # type: ignore[attr-defined]  # only tabs have one
    core.host.scene.add_knob(core, knob)


class Reading:
    """One text that becomes nodes. What was made before an error stays."""

    def __init__(self, host: Host, parent: Core, selection: Optional[Core] = None) -> None:
        self.host = host
        self.parent = parent
        self.selection = selection
        self.made: List[Core] = []
        self.variables: Dict[str, Optional[Core]] = {SELECTION: selection}

    def run(self, text: str, *, root: bool = False) -> List[Core]:
        """Makes the nodes; RuntimeError at what is no node text, an unknown class, knob or command."""
        try:
            script = parse(text)
        except NkSyntaxError as error:
            raise RuntimeError(str(error)) from error
        self._items(script.items, self.parent, root)
        return self.made

    def _items(self, items: Sequence[Item], parent: Core, root: bool) -> None:
        stack: List[Optional[Core]] = []
        for item in items:
            if isinstance(item, NkNode):
                self._node(item, parent, stack, root)
            elif isinstance(item, Push):
                stack.append(self.variables.get(item.variable) if item.variable else None)
            elif isinstance(item, Set):
                if item.depth < len(stack):
                    self.variables[item.variable] = stack[-1 - item.depth]
            elif isinstance(item, Command):
                self._command(item)

    def _command(self, item: Command) -> None:
        for word in item.words:
            self.host.check_tcl(word, item.name)
        if item.name == "add_layer":
            self.host.layers.add_text(decode(item.words[1]))
        elif item.name == "define_window_layout_xml":
            self.host.stored_layout = decode(item.words[1])
        elif item.name != "version":
            raise RuntimeError(f"{item.name}: Unknown command")

    def _node(self, item: NkNode, parent: Core, stack: List[Optional[Core]], root: bool) -> None:
        if item.class_name == "Root":
            for row in item.knobs if root else ():
                if row.name in self.host.root.knobs and row.name != "name":
                    read_entry(self.host.root, row)
            return
        counts = input_counts(item) or (0, 0)
        taken = [stack.pop() if stack else None for _ in range(sum(counts))]
        if item.clone_of is not None and not item.class_name:
            source = self.variables.get(item.clone_of.lstrip("$"))
            if source is None:
                raise RuntimeError(f"clone {item.clone_of}: nothing of that name")
            core = self.host.scene.clone(source)
        else:
            core = self.host.scene.make(item.class_name, parent)
        self.made.append(core)
        for row in item.knobs:
            read_entry(core, row)
        if item.children is not None:
            self._items(item.children, core, False)
        for at, source in enumerate(taken):
            if source is not None and not self.host.scene.connect(core, at, source):
                self.host.refused.append((core.path(), at))
        stack.append(core)
        self.host.callbacks.node_event("onCreate", core)
