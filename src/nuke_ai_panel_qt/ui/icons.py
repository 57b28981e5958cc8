"""Line icons drawn by us, recoloured from the theme and rendered at the device's pixel ratio. Main thread.

The SVG files are black strokes on a 16 px grid; black is replaced by the colour before rendering. Pixmaps are cached by
name, colour, size and ratio. A window that moves between monitors asks again with its new ratio, so nothing blurs.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path
from typing import Optional, Tuple

from ..qt import QtCore, QtGui, QtSvg
from .theme import Theme

log = logging.getLogger(__name__)

_FOLDER = Path(__file__).resolve().parent / "icons"
_NO_ICON = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"/>'
_RATIOS = (1.0, 1.5, 2.0, 3.0)


def icon_names() -> Tuple[str, ...]:
    """Every icon there is."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.svg")))


def icon_pixmap(name: str, color: QtGui.QColor, size_px: int, *, ratio: float = 1.0) -> QtGui.QPixmap:
    """The icon as a pixmap of `size_px` logical pixels, sharp at a device pixel `ratio`."""
    return _render(name, color.name(), size_px, round(ratio, 2))


def icon(name: str, theme: Theme, size: int = 0, *, color: Optional[QtGui.QColor] = None) -> QtGui.QIcon:
    """The icon for buttons and menus in the theme's text colour, with a faint disabled state."""
    side = size or theme.icon_px
    made = QtGui.QIcon()
    for ratio in _RATIOS:
        made.addPixmap(icon_pixmap(name, color or theme.text, side, ratio=ratio), QtGui.QIcon.Mode.Normal)
        made.addPixmap(icon_pixmap(name, theme.faint, side, ratio=ratio), QtGui.QIcon.Mode.Disabled)
    return made


@lru_cache(maxsize=64)
def _source(name: str) -> str:
    try:
        return (_FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    except OSError as error:  # a paint that raises would do so again and again
        log.error("the icon %s cannot be read: %s", name, error)
        return _NO_ICON


@lru_cache(maxsize=1024)
def _render(name: str, color: str, size_px: int, ratio: float) -> QtGui.QPixmap:
    side = max(1, round(size_px * ratio))
    renderer = QtSvg.QSvgRenderer(QtCore.QByteArray(_source(name).replace("#000", color).encode("utf-8")))
    pixmap = QtGui.QPixmap(side, side)
    pixmap.fill(QtCore.Qt.GlobalColor.transparent)
    painter = QtGui.QPainter(pixmap)
    painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QtCore.QRectF(0, 0, side, side))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap
