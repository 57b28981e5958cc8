"""Formats, boxes and layers: what a node hands on, much simplified. No pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Optional

if TYPE_CHECKING:
    from .cores import Core
    from .host import Host


class Format:
    """A resolution."""

    def __init__(self, width: int = 640, height: int = 480, *rest: Any) -> None:
        x, y, r, t, aspect, name = (list(rest) + [None] * 6)[:6]
        self._width, self._height = int(width), int(height)
        self._box = (int(x or 0), int(y or 0), int(r or width), int(t or height))
        self._aspect = float(aspect or 1.0)
        self._name = str(name or "")

    def _text(self) -> str:
        box = " ".join(map(str, self._box))
        return f"{self._width} {self._height} {box} {self._aspect:g} {self._name}".rstrip()

    def width(self) -> int:
        return self._width

    def height(self) -> int:
        return self._height

    def pixelAspect(self) -> float:
        return self._aspect

    def name(self) -> str:
        return self._name

    def setName(self, name: str) -> None:
        self._name = name

    def x(self) -> int:
        return self._box[0]

    def y(self) -> int:
        return self._box[1]

    def r(self) -> int:
        return self._box[2]

    def t(self) -> int:
        return self._box[3]


class Box:
    """A rectangle."""

    def __init__(self, x: float = 0, y: float = 0, r: float = 0, t: float = 0) -> None:
        self._sides = (x, y, r, t)

    def x(self) -> float:
        return self._sides[0]

    def y(self) -> float:
        return self._sides[1]

    def r(self) -> float:
        return self._sides[2]

    def t(self) -> float:
        return self._sides[3]

    def w(self) -> float:
        return self._sides[2] - self._sides[0]

    def h(self) -> float:
        return self._sides[3] - self._sides[1]


class Formats:
    """The formats of a script, and which one a node has."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.known = [
            Format(2048, 1556, 0, 0, 2048, 1556, 1, "2K_Super_35(full-ap)"),
            Format(640, 480, 0, 0, 640, 480, 1, "PC_Video"),
            Format(1920, 1080, 0, 0, 1920, 1080, 1, "HD_1080"), Format(3840, 2160, 0, 0, 3840, 2160, 1, "UHD_4K"),
        ]

    def add(self, text: str) -> Format:
        """nuke.addFormat."""
        made = self.from_text(text)
        self.known = [one for one in self.known if one.name() != made.name()] + [made]
        return made

    def find(self, name: str) -> Optional[Format]:
        return next((one for one in self.known if one.name() == name), None)

    def from_text(self, text: str) -> Format:
        parts = text.split()
        numbers = []
        while parts and parts[0].replace(".", "", 1).lstrip("-").isdigit():
            numbers.append(float(parts.pop(0)))
        name = " ".join(parts)
        if not numbers:
            found = self.find(name)
            if found is None:
                raise RuntimeError(f"no format {text}")
            return found
        width, height = int(numbers[0]), int(numbers[1])
        box = numbers[2:6] if len(numbers) > 5 else [0, 0, width, height]
        aspect = numbers[6] if len(numbers) > 6 else numbers[2] if len(numbers) == 3 else 1
        return Format(width, height, *box, aspect, name)

    def of_root(self, core: Core) -> Format:
        root = self.host.root.knobs.get("format")
        state = root._state if root is not None else None
        return state if isinstance(state, Format) else self.known[0]

    def of(self, core: Core) -> Format:
        """Read, Constant, Reformat define a format; the others have that of input 0; without one the root's."""
        own = core.knobs.get("format")
        if own is not None and core.class_name in ("Read", "Constant", "Reformat", "Root") and own._state is not None:
            state: Format = own._state
            return state
        source = next((one for one in core.inputs[:1] if one is not None), None)
        return self.of(source) if source is not None else self.of_root(core)

    def bbox(self, core: Core) -> Box:
        own = core.knobs.get("box")
        if core.class_name == "Crop" and own is not None:
            return Box(*[float(one) for one in own.array()])
        found = self.of(core)
        return Box(found.x(), found.y(), found.r(), found.t())


class Layer:
    """A layer with channels."""

    def __init__(self, name: str, channels: List[str]) -> None:
        self._name, self._channels = name, list(channels)

    def name(self) -> str:
        return self._name

    def channels(self) -> List[str]:
        return list(self._channels)


class Layers:
    """Which layers a script knows."""

    def __init__(self) -> None:
        self.built_in = {
            "rgb": ["red", "green", "blue"], "rgba": ["red", "green", "blue", "alpha"], "alpha": ["alpha"],
            "depth": ["Z"], "forward": ["u", "v"], "backward": ["u", "v"], "motion": ["u", "v"], "mask": ["a"],
        }
        self.added: Dict[str, List[str]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.built_in or name in self.added

    def add(self, name: str, channels: List[str]) -> None:
        self.added[name] = channels

    def add_text(self, text: str) -> None:
        """`add_layer {name name.a name.b}`."""
        name, *channels = text.split()
        self.add(name, channels)

    def names(self) -> List[str]:
        return [*self.built_in, *self.added]

    def channels_of(self, core: Core) -> List[str]:
        if not core.inputs and core.class_name not in ("Read", "Constant", "CheckerBoard2", "Noise", "Ramp"):
            return []
        return [f"rgba.{one}" for one in self.built_in["rgba"]]
