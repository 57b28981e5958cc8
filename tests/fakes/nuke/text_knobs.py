"""The kinds of knobs that hold no numbers: text, files, code, channels, formats, links, tabs."""
# ruff: noqa: N801, N803  (Nuke's own names)

from __future__ import annotations

import re
from typing import Any, Dict, Optional, Type

from nuke_ai_panel.nk import decode, encode

from .knobs import Knob

_VALUE = re.compile(r"\[value ([\w.]+)\]")
_NUMBERED = re.compile(r"%0?(\d*)d|(#+)")


class _Words(Knob):
    """A text, whatever Nuke calls the knob."""

    def __init__(self, name: str = "", label: Optional[str] = None, value: str = "") -> None:
        super().__init__(name, label)
        self._state = self._default = value

    def _start(self, default: Any) -> None:
        super()._start("" if default is None else str(default))

    def _coerce(self, value: Any, chan: int) -> str:
        if not isinstance(value, str):
            raise TypeError(f"{self._name}: a string is needed, not {type(value).__name__}")
        return value


class String_Knob(_Words):
    """Text that nobody evaluates."""

    def setValue(self, val: str, view: Any = None) -> bool:
        return super().setValue(val)

    def setText(self, text: str) -> None:
        self.setValue(text)

    def getText(self, oc: Any = None) -> str:
        return str(self._state)

    def getValue(self, channel: int = -1) -> str:
        return self.value()

    def value(self, oc: Any = None) -> str:
        return str(self._state)


class NodeName(String_Knob):
    """A node's name: clean, and the only one in its group."""

    def Class(self) -> str:
        return "String_Knob"

    def _assign(self, state: Any) -> None:
        core = self._core
        if self._host is not None and core is not None and core.parent is not None:
            clean = re.sub(r"[^A-Za-z0-9_]", "_", str(state).strip())
            state = self._host.scene.free_name(clean or core.name, core.parent, core)
        super()._assign(state)


class ScriptName(String_Knob):
    """The root's name: the file of the script, empty while it has none."""

    def Class(self) -> str:
        return "File_Knob"

    def value(self, oc: Any = None) -> str:
        return self._host.files.path if self._host else ""

    def getText(self, oc: Any = None) -> str:
        return self.value()

    def _put(self, state: Any) -> None:
        super()._put(state)
        if self._host is not None:
            self._host.files.path = str(state)


class EvalString_Knob(String_Knob):
    """Text whose brackets are Tcl."""

    def value(self, oc: Any = None) -> str:
        return self.evaluate()

    def evaluate(self) -> str:
        text = str(self._state)
        known = _VALUE.sub(lambda found: self._look_up(found.group(1)), text)
        if "[" in known and self._host is not None:
            raise NotImplementedError(f"fake nuke: the Tcl in {known!r}")
        return known

    def _look_up(self, name: str) -> str:
        if self._core is None:
            return ""
        node, _, knob = name.rpartition(".")
        core = self._core if node in ("", "this") else self._core.find(node)
        target = core.knobs.get(knob) if core else None
        return "" if target is None else str(target.value())


class Multiline_Eval_String_Knob(EvalString_Knob):
    """Several lines whose brackets are Tcl."""


class File_Knob(EvalString_Knob):
    """A path, always with `/`."""

    def _coerce(self, value: Any, chan: int) -> str:
        return super()._coerce(value, chan).replace("\\", "/")

    def value(self, oc: Any = None) -> str:
        return str(self._state)

    def evaluate(self, frame: Optional[float] = None) -> str:
        """The path with its Tcl and its frame number filled in, of the current frame unless one is named."""
        now = frame if frame is not None else self._host.frame_now() if self._host else 1.0
        return _NUMBERED.sub(
            lambda found: str(int(now)).zfill(int(found[1] or 0) or len(found[2] or "")), super().evaluate())

    def getEvaluatedValue(self, oc: Any = None) -> str:
        return super().evaluate()

    def fromUserText(self, s: str) -> None:
        found = re.fullmatch(r"(.*\S)\s+(-?\d+)-(-?\d+)", s)
        self.setValue(found.group(1) if found else s)
        for name, text in zip(("first", "last"), found.groups()[1:] if found else ()):
            knob = self._core.knobs.get(name) if self._core else None
            if knob is not None:
                knob.setValue(int(text))


class Password_Knob(_Words):
    """Text that is not shown."""

    def setValue(self, val: str, view: Any = None) -> bool:
        return super().setValue(val)

    def getText(self) -> str:
        return str(self._state)


class Font_Knob(_Words):
    """The name of a font."""


class FreeType_Knob(_Words):
    """A font of Text2."""


class PythonKnob(String_Knob):
    """Python text that Nuke runs."""


class Script_Knob(String_Knob):
    """A button that runs Tcl. The double records a press and runs nothing."""

    def command(self) -> str:
        return str(self._state)

    def setCommand(self, cmd: str) -> None:
        self.setValue(cmd)

    def setValue(self, cmd: str) -> bool:  # type: ignore[override]  # Nuke's own signature
        return super().setValue(cmd)

    def value(self) -> str:  # type: ignore[override]  # Nuke's own signature
        return str(self._state)

    def execute(self) -> None:
        if self._host is not None:
            path = self._core.path() if self._core else ""
            self._host.pressed.append((path, self._name, str(self._state)))


class PyScript_Knob(Script_Knob):
    """A button that runs Python."""


class PythonCustomKnob(Script_Knob):
    """A widget made by Python, the old way."""


class PyCustom_Knob(Script_Knob):
    """A widget made by Python: its text is evaluated when Nuke needs the user interface, not before."""

    _object: Any = None

    def getObject(self) -> Any:
        return self._object


class Text_Knob(Knob):
    """A line of text, or a divider, in the panel."""

    def __init__(self, name: str = "", label: Optional[str] = None, value: str = "") -> None:
        super().__init__(name, label)
        self._state = self._default = value


class Tab_Knob(Knob):
    """A tab, or the begin or end of a group of knobs."""

    def __init__(self, name: str = "", label: Optional[str] = None, group: int = 0) -> None:
        super().__init__(name, label)
        self._group = group


class BeginTabGroup_Knob(Knob):
    """The begin of a group of tabs."""


class EndTabGroup_Knob(Knob):
    """The end of a group of tabs."""


class Obsolete_Knob(Knob):
    """A name of an older Nuke."""


class Help_Knob(Knob):
    """The question mark."""


class Keyer_Knob(Knob):
    """A keyer's curve."""

    def value(self, outputCtx: Any = None, n: int = 0) -> Any:
        return self._state


class LookupCurves_Knob(Knob):
    """Curves that look values up."""


class MultiView_Knob(Knob):
    """Which views."""


class Channel_Knob(Knob):
    """A layer, or one channel of it."""

    def __init__(self, name: str = "", label: Optional[str] = None) -> None:
        super().__init__(name, label)
        self._state = self._default = "none"

    def _coerce(self, value: Any, chan: int) -> str:
        if not isinstance(value, str):
            raise TypeError(f"{self._name}: the name of a channel is needed, not {type(value).__name__}")
        layer = value.split(".")[0]
        if self._host is not None and layer not in self._host.layers and value not in ("none", "all"):
            raise ValueError(f"{self._name}: no layer {layer}")
        return value

    def setValue(self, name: str) -> bool:  # type: ignore[override]  # Nuke's own signature
        return super().setValue(name)

    def inputNumber(self) -> int:
        return 0


class ChannelMask_Knob(Channel_Knob):
    """Several channels."""


class Format_Knob(Knob):
    """A resolution."""

    def _start(self, default: Any) -> None:
        # The data names where a default comes from, such as root.format; that is none of this knob's own.
        super()._start(None)

    def _coerce(self, value: Any, chan: int) -> Any:
        if isinstance(value, str):
            found = self._host.formats.find(value) if self._host else None
            if found is None:
                raise ValueError(f"{self._name}: no format {value}")
            return found
        return value

    def name(self) -> str:
        return self._name

    def _written(self) -> str:
        return encode(str(self.value()._text())) if self.value() is not None else '""'

    def _read(self, word: str) -> None:
        text = decode(word)
        self._assign(self._host.formats.from_text(text) if self._host else text)

    def value(self, index: int = -1) -> Any:
        if self._state is None and self._host is not None and self._core is not None:
            return self._host.formats.of_root(self._core)
        return self._state

    def actualValue(self) -> Any:
        return self.value()

    def notDefault(self) -> bool:
        return not self._is_default()


class Link_Knob(Knob):
    """Shows and sets another node's knob; empty when that is gone."""

    def __init__(self, name: str = "", label: Optional[str] = None) -> None:
        super().__init__(name, label)
        self._state = self._default = ""

    def makeLink(self, s: str, t: str) -> None:
        self.setLink(f"{s}.{t}")

    def setLink(self, s: str) -> None:
        self._assign(s)

    def getLink(self) -> str:
        return str(self._state)

    def getLinkedKnob(self) -> Optional[Knob]:
        node, _, knob = str(self._state).rpartition(".")
        core = self._core.find(node) if self._core and node else None
        return core.knobs.get(knob) if core else None

    def value(self, index: int = -1) -> Any:
        target = self.getLinkedKnob()
        return None if target is None else target.value()

    def setValue(self, val: Any = None, chan: int = -1) -> bool:
        target = self.getLinkedKnob()
        return False if target is None else bool(target.setValue(val))


PLAIN_KINDS: Dict[str, Type[Knob]] = {kind.__name__: kind for kind in (
    Knob, String_Knob, EvalString_Knob, Multiline_Eval_String_Knob, File_Knob, Password_Knob, Font_Knob, FreeType_Knob,
    PythonKnob, Script_Knob, PyScript_Knob, PythonCustomKnob, PyCustom_Knob, Text_Knob, Tab_Knob, BeginTabGroup_Knob,
    EndTabGroup_Knob, Obsolete_Knob, Help_Knob, Keyer_Knob, LookupCurves_Knob, MultiView_Knob, Channel_Knob,
    ChannelMask_Knob, Format_Knob, Link_Knob,
)}
