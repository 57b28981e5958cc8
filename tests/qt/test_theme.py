"""Colours and sizes follow the host: readable on every ground, in the host's font, at any zoom."""

from __future__ import annotations

from typing import Any

import pytest

from nuke_ai_panel_qt.qt import QtGui, QtWidgets
from nuke_ai_panel_qt.ui.icons import icon_names, icon_pixmap
from nuke_ai_panel_qt.ui.theme import contrast, light_palette, make_theme, nuke_palette, theme_of
from tests.conftest import LogLines

Color = QtGui.QColor


def odd_palette() -> QtGui.QPalette:
    """A host whose window is mid-grey and whose accent hardly differs from it."""
    palette = QtGui.QPalette(Color("#6A6A6A"), Color("#5A5A5A"))
    palette.setColor(QtGui.QPalette.ColorRole.WindowText, Color("#FFFFFF"))
    palette.setColor(QtGui.QPalette.ColorRole.Highlight, Color("#606060"))
    return palette


@pytest.mark.parametrize("palette", [nuke_palette, light_palette, odd_palette])
def test_states_links_and_syntax_reach_their_contrast(qapp: Any, palette: Any) -> None:
    theme = make_theme(palette(), QtGui.QFont())

    for ground in (theme.ground, theme.raised, theme.code_ground):
        for color in (theme.connected, theme.busy, theme.warning, theme.error, theme.link):
            assert contrast(color, ground) >= 4.5
    assert all(contrast(color, theme.code_ground) >= 4.5 for color in theme.syntax.values())
    assert contrast(theme.text, theme.ground) >= 4.5


def test_the_roles_on_nukes_palette(qapp: Any) -> None:
    theme = make_theme(nuke_palette(), QtGui.QFont())

    assert theme.is_dark
    assert [color.name() for color in (theme.ground, theme.raised, theme.code_ground, theme.text, theme.accent)] == [
        "#323232", "#3b3b3b", "#2b2b2b", "#c8c8c8", "#f7931e",
    ]  # fmt: skip


def test_headings_stay_within_a_quarter_and_code_is_one_step_smaller(qapp: Any) -> None:
    font = QtGui.QFont()
    font.setPointSizeF(10)
    theme = make_theme(nuke_palette(), font, scale=1.5)

    assert theme.body.pointSizeF() == 15
    assert all(theme.heading(level).pointSizeF() <= 15 * 1.25 for level in range(1, 7))
    assert theme.code.pointSizeF() == 14
    metrics = QtGui.QFontMetricsF(theme.code)
    assert metrics.horizontalAdvance("iiii") == metrics.horizontalAdvance("WWWW")


def test_a_host_font_in_pixels_is_kept_in_pixels(qapp: Any) -> None:
    font = QtGui.QFont()
    font.setPixelSize(13)

    assert make_theme(nuke_palette(), font).body.pixelSize() == 13


def test_the_grid_grows_with_the_font(qapp: Any) -> None:
    small, large = QtGui.QFont(), QtGui.QFont()
    small.setPixelSize(12)
    large.setPixelSize(24)

    assert make_theme(nuke_palette(), small).unit == 4
    assert make_theme(nuke_palette(), large).unit > 5


def test_a_theme_is_computed_once_and_follows_the_palette(qtbot: Any) -> None:
    widget = QtWidgets.QWidget()
    qtbot.addWidget(widget)
    widget.setPalette(nuke_palette())
    child = QtWidgets.QWidget(widget)
    first = theme_of(widget)

    assert theme_of(child) is first
    widget.setPalette(light_palette())
    assert not theme_of(child).is_dark


def test_the_application_keeps_its_palette_and_has_no_stylesheet(qtbot: Any) -> None:
    application = QtWidgets.QApplication.instance()
    before = application.palette().color(QtGui.QPalette.ColorRole.Window).name()

    make_theme(nuke_palette(), QtGui.QFont())

    assert application.palette().color(QtGui.QPalette.ColorRole.Window).name() == before
    assert application.styleSheet() == ""


@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
def test_every_icon_is_drawn_in_its_colour_at_the_devices_ratio(qapp: Any, ratio: float) -> None:
    for name in icon_names():
        pixmap = icon_pixmap(name, Color("#F7931E"), 16, ratio=ratio)
        image = pixmap.toImage()
        pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
        drawn = [pixel for pixel in pixels if pixel.alpha() > 200]
        assert (image.width(), pixmap.devicePixelRatio()) == (16 * ratio, ratio)
        assert drawn, name
        assert all(abs(pixel.red() - 0xF7) < 12 and abs(pixel.blue() - 0x1E) < 12 for pixel in drawn), name


def test_an_icon_that_is_gone_is_blank_and_logged(qapp: Any, log_lines: LogLines) -> None:
    drawn = icon_pixmap("no-such-icon", Color("#000"), 16).toImage()

    assert {drawn.pixelColor(x, y).alpha() for x in range(drawn.width()) for y in range(drawn.height())} == {0}
    assert "no-such-icon.svg" in log_lines.take("no-such-icon").getMessage()
