"""Everything that can be read on a surface of the panel, and what of it is cut: for the tests of words and of names."""

from __future__ import annotations

import re
from typing import Iterator, List, NamedTuple

from nuke_ai_panel_qt.qt import QtCore, QtWidgets
from nuke_ai_panel_qt.ui.context_meter import ContextMeter
from nuke_ai_panel_qt.ui.controls import Button, Text
from nuke_ai_panel_qt.ui.text_view import TextView

Qt = QtCore.Qt
_INNERMOST = re.compile(r"\[[^\[\]]*\]")


class Seen(NamedTuple):
    """One text with where it stands."""

    where: str
    text: str


def widgets(root: QtWidgets.QWidget) -> Iterator[QtWidgets.QWidget]:
    """`root` and every widget on it that can be seen."""
    yield root
    for one in root.findChildren(QtWidgets.QWidget):
        if one.isVisibleTo(root):
            yield one


def texts(root: QtWidgets.QWidget) -> List[Seen]:
    """Every text on a surface: words, tooltips, names, placeholders, titles, entries of lists and menus."""
    found: List[Seen] = []
    for one in widgets(root):
        name = type(one).__name__
        said = {one.toolTip(), one.accessibleName(), one.accessibleDescription(), *_words(one)}
        if one.isWindow() and not isinstance(one, QtWidgets.QMenu):
            said.add(one.windowTitle())
        found += [Seen(name, text) for text in sorted(said) if text.strip()]
    return found


def untranslated(text: str) -> str:
    """What of a text in the pseudo-language stands outside of its brackets."""
    before = ""
    while before != text:
        before, text = text, _INNERMOST.sub(" ", text)
    return " ".join(text.split())


def cut(root: QtWidgets.QWidget) -> List[str]:
    """The words of ours that have less room than they need, and widgets that reach out of what holds them."""
    found = []
    for one in widgets(root):
        if isinstance(one, Text) and not one.hasHeightForWidth():
            continue  # one line that may end in dots
        if isinstance(one, Text) and one.text() and one.heightForWidth(one.width()) > one.height() + 1:
            found.append(f"{one.text()!r} needs {one.heightForWidth(one.width())} px and has {one.height()}")
        elif isinstance(one, Button) and _is_fixed(one) and _is_short(one):
            found.append(f"the button {one.text()!r} needs {one.sizeHint().width()} px and has {one.width()}")
        if isinstance(one, (Text, QtWidgets.QLineEdit)) or (isinstance(one, Button) and one.text()):
            left = one.mapTo(root, QtCore.QPoint(0, 0)).x()
            if left < 0 or left + one.width() > root.width() + 1:
                found.append(f"{_name(one)} reaches from {left} to {left + one.width()} in {root.width()} px")
    return found + overlaps(root)


def overlaps(root: QtWidgets.QWidget) -> List[str]:
    """Words and buttons in one holder that lie on each other."""
    found = []
    for holder in widgets(root):
        parts = [one for one in holder.children() if isinstance(one, (Text, Button, QtWidgets.QLineEdit))
                 and one.isVisibleTo(root)]
        for place, one in enumerate(parts):
            for other in parts[place + 1:]:
                shared = one.geometry().intersected(other.geometry())
                if shared.width() > 1 and shared.height() > 1:
                    found.append(f"{_name(one)} lies on {_name(other)}")
    return found


def _is_short(button: Button) -> bool:
    """Whether its words are cut; one that is as wide as high shows its icon alone, and its words as a tooltip."""
    return 2 * button.height() < button.width() < button.sizeHint().width() - 1


def _is_fixed(button: Button) -> bool:
    return button.sizePolicy().horizontalPolicy() == QtWidgets.QSizePolicy.Policy.Fixed


def _name(widget: QtWidgets.QWidget) -> str:
    words = next(iter(_words(widget)), "") or widget.accessibleName()
    return f"{type(widget).__name__} {words!r}"


def _words(widget: QtWidgets.QWidget) -> List[str]:
    if isinstance(widget, QtWidgets.QMenu):
        return [action.text().partition("\t")[0] for action in widget.actions()]
    if isinstance(widget, (QtWidgets.QAbstractButton, Text, ContextMeter, QtWidgets.QLabel)):
        return [widget.text()]
    if isinstance(widget, QtWidgets.QLineEdit):
        return [widget.placeholderText(), widget.text()]
    if isinstance(widget, TextView):
        return [widget.words()]
    if isinstance(widget, QtWidgets.QComboBox):
        return [widget.itemText(at) for at in range(widget.count())]
    if isinstance(widget, QtWidgets.QAbstractItemView) and widget.model() is not None:
        model, said = widget.model(), []
        for row in range(min(model.rowCount(), 60)):
            for role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
                data = model.index(row, 0).data(role)
                said += [data] if isinstance(data, str) else []
        return said
    return []
