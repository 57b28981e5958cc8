"""The knob that holds numbers, each component with its own expression and animation."""
# ruff: noqa: N801  (Nuke's own names)

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple

from nuke_ai_panel.nk.values import fields, number

from . import expressions
from .curves import SMOOTH, AnimationCurve, AnimationKey, evaluate_keys, keys_text
from .knobs import Knob


class Channel:
    """One component: a number, or keys, or an expression on top of either."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value
        self.keys: Optional[List[AnimationKey]] = None
        self.expression: Optional[str] = None

    def copy(self) -> Channel:
        made = Channel(self.value)
        made.keys = None if self.keys is None else [key._copy() for key in self.keys]
        made.expression = self.expression
        return made

    def plain(self) -> bool:
        return self.keys is None and self.expression is None


class Array_Knob(Knob):
    """Numbers. `value()` is one number while all components are shown as one."""

    _size = 1
    _whole = False

    def __init__(self, name: str = "", label: Optional[str] = None, *args: Any) -> None:
        super().__init__(name, label)
        size = args[0] if type(self) is Array_Knob and args else self._size
        self._state = [Channel() for _ in range(size)]
        self._default = [0.0] * size
        self._single = size > 1
        self._range = (0.0, 1.0)
        self._evaluated = True

    @property
    def _channels(self) -> List[Channel]:
        channels: List[Channel] = self._state
        return channels

    def _start(self, default: Any) -> None:
        if isinstance(default, (list, tuple)) and any(isinstance(one, (list, tuple)) for one in default):
            default = [one for row in default for one in row]
        size = max(len(self._channels), len(default) if isinstance(default, (list, tuple)) else 1)
        spread = list(default) if isinstance(default, (list, tuple)) else [default or 0] * size
        self._default = [float(one) if isinstance(one, (int, float)) else 0.0 for one in spread]
        self._state = [Channel(one) for one in self._default]
        self._single = len(set(self._default)) == 1 and size > 1

    def _copy_state(self) -> Tuple[List[Channel], bool]:
        return [one.copy() for one in self._channels], self._single

    def _put(self, state: Any) -> None:
        self._state, self._single = [one.copy() for one in state[0]], state[1]

    def _is_default(self) -> bool:
        # Past the guard of every other look at a knob: scripts hold thousands.
        own = object.__getattribute__(self, "__dict__")
        state, default = own["_state"], own["_default"]
        for one, wanted in zip(state, default):
            if one.value != wanted or one.keys is not None or one.expression is not None:
                return False
        return len(state) == len(default)

    # Values.
    def _shown(self, value: float) -> Any:
        return int(value) if self._whole else value

    def _number(self, value: Any) -> float:
        if isinstance(value, str) or not isinstance(value, (int, float)):
            raise TypeError(f"{self._name}: a number is needed, not {type(value).__name__}")
        return float(int(value)) if self._whole else float(value)

    def _frame(self) -> float:
        return float(self._host.frame_now()) if self._host else 1.0

    def _channel_value(self, index: int, t: Optional[float] = None) -> float:
        channel = self._channels[index]
        frame = self._frame() if t is None else t
        base = evaluate_keys(channel.keys, frame) if channel.keys else channel.value
        if channel.expression is None or self._core is None:
            return base
        core = self._core
        try:
            value = expressions.evaluate(channel.expression, lambda name: core.look_up(name, self._name, frame))
        except (expressions.UnsupportedError, KeyError, TypeError, ValueError, RecursionError):
            self._evaluated = False
            return base
        self._evaluated = True
        return value

    def value(self, index: int = -1) -> Any:
        return self._value_at(None, index)

    def _value_at(self, t: Optional[float], index: int) -> Any:
        if index >= 0:
            return self._shown(self._channel_value(index, t))
        values = [self._shown(self._channel_value(at, t)) for at in range(len(self._channels))]
        return values[0] if len(values) == 1 or (self._single and len(set(values)) == 1) else values

    def valueAt(self, frame: float, index: int = -1) -> Any:
        return self._value_at(frame, index)

    def getValue(self, channel: int = -1) -> Any:
        found = Array_Knob._value_at(self, None, channel)
        return [float(one) for one in found] if isinstance(found, list) else float(found)

    def getValueAt(self, frame: float, index: int = -1) -> Any:
        return self._value_at(frame, index)

    def setValue(self, val: Any, chan: int = -1, *args: Any) -> bool:
        channels, single = self._copy_state()
        if isinstance(val, (list, tuple)):
            if len(val) > len(channels):
                raise TypeError(f"{self._name}: {len(val)} values for {len(channels)} components")
            for at, one in enumerate(val):
                self._set_one(channels[at], self._number(one))
            single = False
        elif chan >= 0:
            if chan >= len(channels):
                raise IndexError(f"{self._name} has {len(channels)} components")
            self._set_one(channels[chan], self._number(val))
            single = False if len(channels) > 1 else single
        else:
            value = self._number(val)
            for channel in channels:
                self._set_one(channel, value)
            single = len(channels) > 1
        self._assign((channels, single))
        return True

    def _set_one(self, channel: Channel, value: float) -> None:
        """Setting an animated component keys it at the current frame."""
        channel.value = value
        if channel.keys is not None:
            _put_key(channel.keys, AnimationKey(self._frame(), value))

    def array(self) -> List[float]:
        return [self._channel_value(at) for at in range(len(self._channels))]

    def arraySize(self) -> int:
        return len(self._channels)

    def width(self) -> int:
        return len(self._channels)

    def defaultValue(self) -> Any:
        return self._default[0] if len(set(self._default)) == 1 else list(self._default)

    def setDefaultValue(self, values: Sequence[float]) -> None:
        self._default = [float(one) for one in values]

    def notDefault(self) -> bool:
        return not self._is_default()

    def singleValue(self, view: Any = None) -> bool:
        return self._single or len(self._channels) == 1

    def setSingleValue(self, single: bool, view: Any = None) -> None:
        self._assign((self._copy_state()[0], single))

    def setRange(self, low: float, high: float) -> None:
        self._range = (low, high)

    def min(self) -> float:
        return self._range[0]

    def max(self) -> float:
        return self._range[1]

    # Animation and expressions.
    def _each(self, index: int) -> range:
        return range(len(self._channels)) if index < 0 else range(index, index + 1)

    def _edit(self, index: int, change: Any) -> None:
        channels, single = self._copy_state()
        for at in self._each(index):
            change(channels[at])
        self._assign((channels, single and index < 0))

    def _set_key(self, index: int, t: float, y: float, interpolation: int = SMOOTH) -> None:
        def change(channel: Channel) -> None:
            channel.keys = channel.keys if channel.keys is not None else []
            _put_key(channel.keys, AnimationKey(t, y, interpolation))

        self._edit(index, change)

    def setAnimated(self, channel: int = -1) -> bool:
        def change(one: Channel) -> None:
            one.keys = [AnimationKey(self._frame(), one.value)] if one.keys is None else one.keys

        self._edit(channel, change)
        return True

    def clearAnimated(self, channel: int = -1) -> bool:
        values = [self._channel_value(at) for at in range(len(self._channels))]
        had = any(not self._channels[at].plain() for at in self._each(channel))
        channels, single = self._copy_state()
        for at in self._each(channel):
            channels[at] = Channel(values[at])
        self._assign((channels, single))
        return had

    def isAnimated(self, channel: int = -1) -> bool:
        return any(self._channels[at].keys is not None for at in self._each(channel))

    def setValueAt(self, val: float, time: float, index: int = -1, view: Any = None) -> bool:
        self._set_key(index, time, self._number(val))
        return True

    def removeKeyAt(self, frame: float, index: int = -1, view: Any = None) -> bool:
        had = any(key.x == frame for at in self._each(index) for key in self._channels[at].keys or [])

        def change(channel: Channel) -> None:
            channel.keys = [key for key in channel.keys or [] if key.x != frame] or None

        self._edit(index, change)
        return had

    def isKeyAt(self, frame: float, index: int = -1, view: Any = None) -> bool:
        return any(key.x == frame for at in self._each(index) for key in self._channels[at].keys or [])

    def getKeyList(self) -> List[float]:
        return sorted({key.x for channel in self._channels for key in channel.keys or []})

    def getNumKeys(self, channel: int = -1) -> int:
        return max(len(self._channels[at].keys or []) for at in self._each(channel))

    def animation(self, channel: int = 0, view: Any = None) -> Optional[AnimationCurve]:
        return AnimationCurve(self, channel) if self._channels[channel].keys is not None else None

    def animations(self, view: Any = None) -> List[AnimationCurve]:
        return [AnimationCurve(self, at) for at, one in enumerate(self._channels) if not one.plain()]

    def setExpression(self, expression: str, channel: int = -1, view: Any = None) -> bool:
        if expression.count("(") != expression.count(")") or not expression.strip():
            return False
        if self._host is not None:
            self._host.check_tcl(expression, self._name)

        def change(one: Channel) -> None:
            one.expression = expression

        self._edit(channel, change)
        return True

    def hasExpression(self, index: int = -1) -> bool:
        return any(self._channels[at].expression is not None for at in self._each(index))

    # Text.
    def _written(self) -> str:
        return self._text(None)

    def toScript(self, quote: bool = False, context: Any = "current") -> str:
        return self._text(self._frame() if context == "current" and self.isAnimated() else None)

    def _text(self, frame: Optional[float]) -> str:
        parts = [self._channel_text(at, frame) for at in range(len(self._channels))]
        if all(one.plain() for one in self._channels) and (self._single or len(parts) == 1) and len(set(parts)) == 1:
            return parts[0]
        return "{" + " ".join(dict.fromkeys(parts) if self._single and len(set(parts)) == 1 else parts) + "}"

    def _channel_text(self, at: int, frame: Optional[float]) -> str:
        channel = self._channels[at]
        if channel.expression is not None:
            text = channel.expression
            text = f'"{text}"' if " " in text and '"' not in text else text
            keys = keys_text(channel.keys)[5:] if channel.keys else ""
            return "{" + text + keys + "}"
        if channel.keys is not None and frame is None:
            return "{" + keys_text(channel.keys) + "}"
        return self._spoken(self._channel_value(at, frame) if channel.keys else channel.value)

    def _spoken(self, value: float) -> str:
        return number(value)

    def _read(self, word: str) -> None:
        parts = fields(word)
        channels = [Channel(one) for one in self._default]
        for at in range(len(channels)):
            if len(parts) == 1 or at < len(parts):
                self._read_one(channels[at], parts[at] if at < len(parts) else parts[0])
        self._assign((channels, len(parts) == 1 and len(channels) > 1))

    def _read_one(self, channel: Channel, part: Any) -> None:
        if part.kind in ("curve", "expression"):
            channel.keys = [AnimationKey(key.x, key.y) for key in part.keys] or None
            channel.expression = part.text if part.kind == "expression" else None
        else:
            channel.value = self._parse(part.text)

    def _parse(self, text: str) -> float:
        words = {"true": 1.0, "false": 0.0, "on": 1.0, "off": 0.0}
        if text in words:
            return words[text]
        try:
            return float(int(text, 16)) if text.lower().startswith("0x") else float(text)
        except ValueError:
            raise RuntimeError(f"{self._name}: {text} is not a number") from None


def _put_key(keys: List[AnimationKey], key: AnimationKey) -> None:
    keys[:] = sorted([one for one in keys if one.x != key.x] + [key], key=lambda one: one.x)
