"""The only place with style literals: colours, fonts and spacing, all computed from the host's palette. Main thread.

A `Theme` is a value. Roles follow the palette at run time (Nuke's, a light desktop's); no stylesheet is set anywhere.
State colours are nudged until they reach 4.5:1 on the ground they stand on, and never are the only sign of a state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Mapping, Tuple

from ..qt import QtGui, QtWidgets

Color = QtGui.QColor
Role = QtGui.QPalette.ColorRole

MIN_CONTRAST = 4.5
MEASURE_CHARACTERS = 78
LINE_HEIGHT_PERCENT = 128
HEADING_SCALE: Tuple[float, ...] = (1.25, 1.18, 1.1, 1.0, 1.0, 1.0)
ICON_PX = 16
# Fractions of "Text over Window" that make the quiet roles.
RAISED_MIX, HOVER_MIX, HAIRLINE_MIX, DIM_MIX, FAINT_MIX = 0.06, 0.11, 0.12, 0.60, 0.40
CODE_DARKEN = 0.86
FLASH_ALPHA = 70

_FIXED_FAMILIES = ("Menlo", "Consolas", "DejaVu Sans Mono", "Liberation Mono", "Courier New", "monospace")

_DARK_STATES = {"connected": "#7FBF7F", "busy": "#7FB2E5", "warning": "#E5B95C", "error": "#F08A80"}
_LIGHT_STATES = {"connected": "#2E7D32", "busy": "#1565C0", "warning": "#8A5A00", "error": "#B3261E"}
_DARK_SYNTAX = {
    "keyword": "#D79BD2", "string": "#A5C882", "number": "#E0B074", "comment": "#8F8F8F", "name": "#82B8E8",
    "builtin": "#6FC7C1", "operator": "#C0C0C0", "decorator": "#E0B074", "inserted": "#A5C882", "deleted": "#F08A80",
}  # fmt: skip
_LIGHT_SYNTAX = {
    "keyword": "#8E24AA", "string": "#2E6B22", "number": "#9A4A00", "comment": "#6A6A6A", "name": "#0B5CAD",
    "builtin": "#00696B", "operator": "#444444", "decorator": "#9A4A00", "inserted": "#2E6B22", "deleted": "#B3261E",
}  # fmt: skip


@dataclass(frozen=True)
class Theme:
    """Every colour, font and distance a widget may use. `unit` is one step of the 4 px grid at this font size."""

    is_dark: bool
    ground: Color
    raised: Color
    hover: Color
    code_ground: Color
    hairline: Color
    text: Color
    dim: Color
    faint: Color
    accent: Color
    accent_text: Color
    link: Color
    connected: Color
    busy: Color
    warning: Color
    error: Color
    syntax: Mapping[str, Color]
    body: QtGui.QFont
    small: QtGui.QFont
    code: QtGui.QFont
    unit: int
    line_px: int
    measure_px: int
    radius: int
    icon_px: int
    scale: float

    def space(self, steps: float) -> int:
        """`steps` of the 4 px grid in pixels."""
        return round(self.unit * steps)

    def heading(self, level: int) -> QtGui.QFont:
        """The font of a heading of `level` 1 to 6; never more than a quarter larger than the body."""
        font = scaled_font(self.body, HEADING_SCALE[min(max(level, 1), 6) - 1])
        font.setWeight(QtGui.QFont.Weight.DemiBold)
        return font

    def cap_middle(self, font: QtGui.QFont) -> float:
        """Half the height of a capital below the top of a line in `font`: where an icon beside it is centred."""
        metrics = QtGui.QFontMetricsF(font)
        return metrics.ascent() - metrics.capHeight() / 2

    @property
    def leading(self) -> int:
        """The pixels below a line of body text that belong to the line height, not to its letters."""
        return max(0, self.line_px - round(QtGui.QFontMetricsF(self.body).height()))

    def tint(self, color: Color, amount: float = 0.12) -> Color:
        """The ground with a breath of `color`, for cards of a state."""
        return mix(self.ground, color, amount)


def mix(base: Color, over: Color, amount: float) -> Color:
    """`base` moved toward `over` by `amount` (0 to 1)."""
    return Color(
        round(base.red() + (over.red() - base.red()) * amount),
        round(base.green() + (over.green() - base.green()) * amount),
        round(base.blue() + (over.blue() - base.blue()) * amount),
    )


def luminance(color: Color) -> float:
    """Relative luminance as WCAG 2 defines it, 0 to 1."""
    channels = []
    for value in (color.redF(), color.greenF(), color.blueF()):
        channels.append(value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4)
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]


def contrast(first: Color, second: Color) -> float:
    """The contrast ratio of two opaque colours, 1 to 21."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def readable(color: Color, *grounds: Color, minimum: float = MIN_CONTRAST) -> Color:
    """`color`, moved toward black or white only as far as it must to reach `minimum` on every ground."""
    toward = Color(255, 255, 255) if luminance(grounds[0]) < 0.18 else Color(0, 0, 0)
    for step in range(21):
        candidate = mix(color, toward, step / 20)
        if all(contrast(candidate, ground) >= minimum for ground in grounds):
            return candidate
    return toward


def scaled_font(font: QtGui.QFont, factor: float, *, steps: float = 0.0) -> QtGui.QFont:
    """A copy of `font` at `factor` times its size plus `steps`, whichever of points or pixels it is set in."""
    copy = QtGui.QFont(font)
    if font.pointSizeF() > 0:
        copy.setPointSizeF(max(6.0, font.pointSizeF() * factor + steps))
    else:
        copy.setPixelSize(max(8, round(font.pixelSize() * factor + steps)))
    return copy


def make_theme(palette: QtGui.QPalette, font: QtGui.QFont, *, scale: float = 1.0) -> Theme:
    """The theme that `palette` and `font` imply at a user's font `scale`."""
    window, base, text = palette.color(Role.Window), palette.color(Role.Base), palette.color(Role.WindowText)
    is_dark = luminance(window) < 0.18
    raised, hover = mix(window, text, RAISED_MIX), mix(window, text, HOVER_MIX)
    code_ground = _darker(window, base) if is_dark else mix(base, window, 0.35)
    grounds = (window, raised, code_ground)
    states = {
        name: readable(Color(value), *grounds) for name, value in (_DARK_STATES if is_dark else _LIGHT_STATES).items()
    }
    syntax = {
        name: readable(Color(value), code_ground)
        for name, value in (_DARK_SYNTAX if is_dark else _LIGHT_SYNTAX).items()
    }
    accent = palette.color(Role.Highlight)
    body = scaled_font(font, scale)
    metrics = QtGui.QFontMetricsF(body)
    unit = max(4, round(metrics.height() / 4.1))
    return Theme(
        is_dark=is_dark,
        ground=window,
        raised=raised,
        hover=hover,
        code_ground=code_ground,
        hairline=mix(window, text, HAIRLINE_MIX),
        text=text,
        dim=mix(window, text, DIM_MIX),
        faint=mix(window, text, FAINT_MIX),
        accent=accent,
        accent_text=palette.color(Role.HighlightedText),
        link=readable(accent, *grounds),
        syntax=syntax,
        body=body,
        small=scaled_font(body, 1.0, steps=-1.0),
        code=_code_font(body),
        unit=unit,
        line_px=round(metrics.height() * LINE_HEIGHT_PERCENT / 100),
        measure_px=round(metrics.averageCharWidth() * MEASURE_CHARACTERS),
        radius=round(6 * unit / 4),
        icon_px=max(ICON_PX, round(ICON_PX * unit / 4)),
        scale=scale,
        **states,
    )


_CACHE: Dict[Tuple[object, ...], Theme] = {}
_ROLES = (Role.Window, Role.Base, Role.WindowText, Role.Highlight, Role.HighlightedText)


def theme_of(widget: QtWidgets.QWidget, *, scale: float = 1.0) -> Theme:
    """The theme of the palette and font that `widget` inherits, computed once per set of colours and font."""
    palette, font = widget.palette(), widget.font()
    # Not the palette's cache key: every child's resolved palette has its own.
    key = (*(palette.color(role).rgb() for role in _ROLES), font.key(), scale)
    theme = _CACHE.get(key)
    if theme is None:
        if len(_CACHE) > 32:
            _CACHE.clear()
        theme = _CACHE[key] = make_theme(palette, font, scale=scale)
    return theme


def nuke_palette() -> QtGui.QPalette:
    """Nuke's own dark palette, for the standalone window and for screenshots."""
    return _palette(
        window="#323232", base="#3A3A3A", alternate="#353535", text="#C8C8C8", button="#4C4C4C",
        highlight="#F7931E", highlighted_text="#1E1E1E", disabled="#7D7D7D",
    )  # fmt: skip


def light_palette() -> QtGui.QPalette:
    """A light desktop palette, for the standalone window and for screenshots."""
    return _palette(
        window="#F1F1F0", base="#FFFFFF", alternate="#F7F7F7", text="#262626", button="#E4E4E3",
        highlight="#D9720A", highlighted_text="#FFFFFF", disabled="#9A9A9A",
    )  # fmt: skip


def _palette(
    *, window: str, base: str, alternate: str, text: str, button: str, highlight: str, highlighted_text: str,
    disabled: str,
) -> QtGui.QPalette:  # fmt: skip
    palette = QtGui.QPalette(Color(button), Color(window))
    colors = {
        Role.Window: window, Role.Base: base, Role.AlternateBase: alternate, Role.Button: button,
        Role.WindowText: text, Role.Text: text, Role.ButtonText: text, Role.ToolTipText: text, Role.BrightText: text,
        Role.ToolTipBase: button, Role.Highlight: highlight, Role.HighlightedText: highlighted_text,
        Role.Link: highlight, Role.LinkVisited: highlight, Role.PlaceholderText: disabled,
    }  # fmt: skip
    for role, value in colors.items():
        palette.setColor(role, Color(value))
    for role in (Role.WindowText, Role.Text, Role.ButtonText):
        palette.setColor(QtGui.QPalette.ColorGroup.Disabled, role, Color(disabled))
    # What Qt's own style engraves disabled words with: a second, brighter copy beside them.
    palette.setColor(QtGui.QPalette.ColorGroup.Disabled, Role.Light, Color(0, 0, 0, 0))
    return palette


def _darker(window: Color, base: Color) -> Color:
    darkest = min((window, base), key=luminance)
    return mix(darkest, Color(0, 0, 0), 1 - CODE_DARKEN)


def _is_fixed(font: QtGui.QFont) -> bool:
    metrics = QtGui.QFontMetricsF(font)
    return bool(metrics.horizontalAdvance("iiii") == metrics.horizontalAdvance("WWWW"))


def _code_font(body: QtGui.QFont) -> QtGui.QFont:
    font = QtGui.QFontDatabase.systemFont(QtGui.QFontDatabase.SystemFont.FixedFont)
    if not _is_fixed(font):  # some platforms answer their interface font, and say that it is fixed
        font = next((found for found in map(QtGui.QFont, _FIXED_FAMILIES) if _is_fixed(found)), font)
    if body.pointSizeF() > 0:
        font.setPointSizeF(body.pointSizeF())
    else:
        font.setPixelSize(body.pixelSize())
    font.setStyleHint(QtGui.QFont.StyleHint.Monospace)
    return scaled_font(font, 1.0, steps=-1.0)
