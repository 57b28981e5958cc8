"""Animation as Nuke's Python shows it: curves with keys, one for each component of an array knob."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Optional

from nuke_ai_panel.nk.values import number

if TYPE_CHECKING:
    from .array_knobs import Array_Knob

SMOOTH, CONSTANT, LINEAR = 0, 1, 2


class AnimationKey:
    """One key."""

    def __init__(self, x: float, y: float, interpolation: int = SMOOTH) -> None:
        self.x = float(x)
        self.y = float(y)
        self.interpolation = interpolation
        self.la = self.ra = 1.0
        self.lslope = self.rslope = 0.0

    def _copy(self) -> AnimationKey:
        return AnimationKey(self.x, self.y, self.interpolation)


def evaluate_keys(keys: List[AnimationKey], t: float) -> float:
    """The value at a frame: held before the first and after the last key, linear or held between."""
    if t <= keys[0].x:
        return keys[0].y
    for before, after in zip(keys, keys[1:]):
        if t < after.x:
            if before.interpolation == CONSTANT:
                return before.y
            return before.y + (after.y - before.y) * (t - before.x) / (after.x - before.x)
    return keys[-1].y


def keys_text(keys: List[AnimationKey]) -> str:
    """The inside of `{curve …}`."""
    marks = {CONSTANT: " K", LINEAR: " L"}
    text, shape = "curve", SMOOTH
    for key in keys:
        if key.interpolation != shape:
            text += marks.get(key.interpolation, " C")
            shape = key.interpolation
        text += f" x{number(key.x)} {number(key.y)}"
    return text


class AnimationCurve:
    """The curve of one component of a knob; it stays valid while the component is animated."""

    def __init__(self, knob: Array_Knob, index: int, view: str = "main") -> None:
        self._knob = knob
        self._index = index
        self._view = view

    def _keys(self) -> List[AnimationKey]:
        return self._knob._channels[self._index].keys or []

    def keys(self) -> List[AnimationKey]:
        return list(self._keys())

    def size(self) -> int:
        return len(self._keys())

    def setKey(self, t: float, y: float) -> AnimationKey:
        self._knob._set_key(self._index, t, y)
        return next(key for key in self._keys() if key.x == t)

    def addKey(self, keys: List[AnimationKey]) -> None:
        for key in keys:
            self._knob._set_key(self._index, key.x, key.y, key.interpolation)

    def removeKey(self, keys: Any) -> None:
        for key in keys if isinstance(keys, (list, tuple)) else [keys]:
            self._knob.removeKeyAt(key.x, self._index)

    def changeInterpolation(self, keys: List[AnimationKey], type: int) -> None:
        for key in keys:
            self._knob._set_key(self._index, key.x, key.y, type)

    def clear(self) -> None:
        self._knob.clearAnimated(self._index)

    def evaluate(self, t: float) -> float:
        return self._knob._channel_value(self._index, t)

    def constant(self) -> bool:
        return len({key.y for key in self._keys()}) < 2

    def expression(self) -> str:
        text: Optional[str] = self._knob._channels[self._index].expression
        return text if text is not None else "curve"

    def setExpression(self, text: str) -> bool:
        return self._knob.setExpression(text, self._index)

    def noExpression(self) -> bool:
        return self._knob._channels[self._index].expression is None

    def knob(self) -> Array_Knob:
        return self._knob

    def knobIndex(self) -> int:
        return self._index

    def view(self) -> str:
        return self._view

    def toScript(self, selected: bool = False) -> str:
        return keys_text(self._keys())
