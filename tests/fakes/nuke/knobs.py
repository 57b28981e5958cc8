"""What every knob can do.

A knob's state is one value, taken and put back whole, so that undo, clones and files need not know the kinds. Every
public name is checked on each use: the right thread, and a node that still exists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from nuke_ai_panel.nk import decode, encode

from .guard import DEAD, check_thread
from .stubs import missing_method

if TYPE_CHECKING:
    from .cores import Core
    from .host import Host

INVISIBLE, DO_NOT_WRITE, DISABLED, NO_ANIMATION = 1024, 512, 128, 256
STARTLINE, ENDLINE, ALWAYS_SAVE, NO_UNDO = 4096, 8192, 1048576, 524288
READ_ONLY, NO_MULTIVIEW, KNOB_CHANGED_ALWAYS = 268435456, 1073741824, 65536


class Knob:
    """What every knob can do."""

    _host: Optional[Host] = None
    _core: Optional[Core] = None

    def __init__(self, name: str = "", label: Optional[str] = None, *args: Any) -> None:
        self._name = name
        self._label = label if label is not None else name
        self._tooltip = ""
        self._flags = 0
        self._state: Any = None
        self._default: Any = None
        self._user = False
        self._id = 0

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_"):
            core = object.__getattribute__(self, "_core")
            check_thread(object.__getattribute__(self, "_host"), f"Knob.{name}")
            if core is not None and not core.alive:
                raise ValueError(DEAD)
        return object.__getattribute__(self, name)

    def __getattr__(self, name: str) -> Any:
        return missing_method(self, name)

    # What the kinds change.
    def _coerce(self, value: Any, chan: int) -> Any:
        return value

    def _copy_state(self) -> Any:
        return self._state

    def _written(self) -> str:
        return encode("" if self._state is None else str(self._state))

    def _read(self, word: str) -> None:
        self._assign(decode(word))

    def _start(self, default: Any) -> None:
        """The state of a knob of a node that was just made."""
        self._default = default
        self._state = default

    # How a change happens.
    def _assign(self, state: Any) -> None:
        before = self._copy_state()
        self._put(state)
        host, core = self._host, self._core
        if host is None or core is None:
            return
        if (core.path(), self._name) in host.faults.rejected_knobs:
            self._put(before)
            raise RuntimeError(f"{core.path()}.{self._name}: the knob rejects this value")
        if not self._flags & NO_UNDO and (self._name != "selected" or host.options.selection_is_undoable):
            after = self._copy_state()
            host.undo.record(
                f"Change {core.path()}.{self._name}", lambda: self._put(before), lambda: self._put(after))
        host.touched()
        host.callbacks.knob_changed(core, self)

    def _put(self, state: Any) -> None:
        self._state = state

    def _is_default(self) -> bool:
        own = object.__getattribute__(self, "__dict__")
        return bool(own["_state"] == own["_default"])

    # Nuke's own names.
    def Class(self) -> str:
        return type(self).__name__

    def name(self) -> str:
        return self._name

    def setName(self, name: str) -> None:
        self._name = name

    def label(self) -> str:
        return self._label

    def setLabel(self, label: str) -> None:
        self._label = label

    def tooltip(self) -> str:
        return self._tooltip

    def setTooltip(self, tooltip: str) -> None:
        self._tooltip = tooltip

    def node(self) -> Any:
        return self._core.handle if self._core else None

    def value(self, index: int = -1) -> Any:
        return self._state

    def getValue(self, channel: int = -1) -> Any:
        return self.value()

    def setValue(self, val: Any, chan: int = -1) -> bool:
        self._assign(self._coerce(val, chan))
        return True

    def setFlag(self, flag: int) -> None:
        self._flags |= flag

    def clearFlag(self, flag: int) -> None:
        self._flags &= ~flag

    def getFlag(self, flag: int) -> bool:
        return bool(self._flags & flag)

    def visible(self) -> bool:
        return not self._flags & INVISIBLE

    def setVisible(self, visible: bool) -> None:
        self._flags = self._flags & ~INVISIBLE if visible else self._flags | INVISIBLE

    def enabled(self) -> bool:
        return not self._flags & DISABLED

    def setEnabled(self, enabled: bool) -> None:
        self._flags = self._flags & ~DISABLED if enabled else self._flags | DISABLED

    def fullyQualifiedName(self, channel: int = -1) -> str:
        return f"{self._core.path()}.{self._name}" if self._core else self._name

    def hasExpression(self, index: int = -1) -> bool:
        return False

    def isAnimated(self, channel: int = -1) -> bool:
        return False

    def toScript(self, quote: bool = False, context: Any = "current") -> str:
        return self._written()

    def fromScript(self, script: str) -> bool:
        if self._host is not None:
            self._host.check_tcl(script, self._name)
        self._read(script if script.startswith(("{", '"')) else encode(script) if " " in script else script or '""')
        return True
