"""The kinds of number knobs: whole numbers, ticks, choices, colours, points."""
# ruff: noqa: N801  (Nuke's own names)

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Type

from nuke_ai_panel.nk import encode

from .array_knobs import Array_Knob, Channel
from .knobs import Knob


class Double_Knob(Array_Knob):
    """A real number."""


class Int_Knob(Array_Knob):
    """A whole number."""

    _whole = True


class IArray_Knob(Array_Knob):
    """Whole numbers."""

    _whole = True


class Unsigned_Knob(Array_Knob):
    """A whole number without a sign."""

    _whole = True


class ColorChip_Knob(Unsigned_Knob):
    """0xRRGGBBAA."""

    def _spoken(self, value: float) -> str:
        return hex(int(value)) if value else "0"


class Boolean_Knob(Array_Knob):
    """A tick."""

    def _number(self, value: Any) -> float:
        if not isinstance(value, (bool, int, float)):
            raise TypeError(f"{self._name}: a boolean is needed, not {type(value).__name__}")
        return float(bool(value))

    def value(self, index: int = -1) -> Any:
        return bool(self._channel_value(0))

    def _spoken(self, value: float) -> str:
        return "true" if value else "false"


class Disable_Knob(Boolean_Knob):
    """The tick that takes a node out."""


class Enumeration_Knob(Unsigned_Knob):
    """A choice. An entry may be `value\\tmenu/path`."""

    def __init__(self, name: str = "", label: Optional[str] = None, values: Sequence[str] = ()) -> None:
        super().__init__(name, label)
        self._entries: List[str] = [str(one) for one in values]
        self._open = False

    def _start(self, default: Any) -> None:
        # A class of which the data does not list the choices takes any.
        self._open = not self._entries
        text = "" if default is None else str(default)
        if text not in self._plain():
            self._entries.append(text)
        super()._start(self._plain().index(text))

    def _plain(self) -> List[str]:
        return [one.split("\t")[0] for one in self._entries]

    def values(self) -> List[str]:
        return list(self._entries)

    def setValues(self, items: Sequence[str]) -> None:
        kept = self.value() if self._entries else ""
        self._entries = [str(one) for one in items]
        self._state = [Channel(float(self._plain().index(kept)) if kept in self._plain() else 0.0)]

    def numValues(self) -> int:
        return len(self._entries)

    def enumName(self, n: int) -> str:
        return self._plain()[n]

    def value(self, index: int = -1) -> Any:
        at = int(self._channel_value(0))
        return self._plain()[at] if 0 <= at < len(self._entries) else ""

    def setValue(self, val: Any, chan: int = -1, *args: Any) -> bool:
        if isinstance(val, str):
            at = self._index(val)
            if at is None:
                if self._host is None or self._host.options.bad_enum_raises:
                    raise TypeError(f"{self._name}: {val} is none of the values")
                return False
            return super().setValue(at)
        if isinstance(val, (int, float)) and not 0 <= int(val) < max(len(self._entries), 1):
            raise TypeError(f"{self._name}: there is no value number {val}")
        return super().setValue(val)

    def _index(self, text: str) -> Optional[int]:
        if text not in self._plain() and self._open:
            self._entries.append(text)
        return self._plain().index(text) if text in self._plain() else None

    def _spoken(self, value: float) -> str:
        at = int(value)
        return encode(self._plain()[at] if 0 <= at < len(self._entries) else str(at))

    def _parse(self, text: str) -> float:
        at = self._index(text)
        if at is None:
            if text.isdigit():
                return float(text)
            raise RuntimeError(f"{self._name}: {text} is none of the values")
        return float(at)


class CascadingEnumeration_Knob(Enumeration_Knob):
    """A choice in menus."""


class EditableEnumeration_Knob(Enumeration_Knob):
    """A choice that takes a new entry."""


class Pulldown_Knob(Enumeration_Knob):
    """A menu whose entries are commands."""


class Bitmask_Knob(Enumeration_Knob):
    """Several choices."""


class Color_Knob(Array_Knob):
    """Red, green, blue."""

    _size = 3


class AColor_Knob(Color_Knob):
    """Red, green, blue, alpha."""

    _size = 4


class _Point(Array_Knob):
    """Numbers that stand for places."""

    def value(self, n: int = -1, oc: Any = None) -> Any:
        return self._value_at(None, n)


class XY_Knob(_Point):
    """A point."""

    _size = 2


class UV_Knob(Array_Knob):
    """A texture coordinate."""

    _size = 2


class WH_Knob(Array_Knob):
    """A size in two directions."""

    _size = 2


class Scale_Knob(_Point):
    """A scale in two directions."""

    _size = 2


class XYZ_Knob(_Point):
    """A point in space."""

    _size = 3


class BBox_Knob(Array_Knob):
    """A box: x, y, r, t."""

    _size = 4


ARRAY_KINDS: Dict[str, Type[Knob]] = {kind.__name__: kind for kind in (
    Array_Knob, Double_Knob, Int_Knob, IArray_Knob, Unsigned_Knob, ColorChip_Knob, Boolean_Knob, Disable_Knob,
    Enumeration_Knob, CascadingEnumeration_Knob, EditableEnumeration_Knob, Pulldown_Knob, Bitmask_Knob, Color_Knob,
    AColor_Knob, XY_Knob, UV_Knob, WH_Knob, Scale_Knob, XYZ_Knob, BBox_Knob,
)}
