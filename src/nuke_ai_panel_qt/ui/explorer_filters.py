"""The explorer's filters: one button with a menu of all of them, and a chip for each that is set. Main thread."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .chip_row import ChipRow
from .controls import Button
from .explorer_values import DATES, FLAGS, KINDS, FilterChoices, Filters
from .safe_text import plain_tip
from .theme import theme_of
from .values import Chip

Qt = QtCore.Qt
_LONGEST_WORDS = 60


class FilterBar(QtWidgets.QWidget, metaclass=QtClass):
    """`changed(filters)` when the artist chose; `opening` before the menu shows, so that its choices are of now."""

    changed = Signal(object)
    opening = Signal()

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self.filters = Filters()
        self.choices = FilterChoices()
        self.button = Button(tr("Filter"), icon="filter", kind="outline")
        self.button.setAccessibleName(tr("Filter: provider, model, date, tag, script, kind and more"))
        self.chips = ChipRow()
        self.chips.setAccessibleName(tr("Filters that are set"))
        self.row = QtWidgets.QHBoxLayout()
        self.row.setContentsMargins(0, 0, 0, 0)
        self.row.addWidget(self.button)
        self.row.addStretch(1)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(theme_of(self).space(1))
        box.addLayout(self.row)
        box.addWidget(self.chips)
        self.button.clicked.connect(self.open_menu)
        self.chips.removed.connect(self._remove)
        self.chips.opened.connect(self._remove)

    def set_filters(self, filters: Filters) -> None:
        """Shows these without saying so."""
        self.filters = filters
        self.chips.set_chips(tuple(Chip(key, "filter", words) for key, words in filters.chosen()))
        for chip in self.chips.buttons():
            chip.setToolTip(plain_tip(tr("{label}\nClick or press Delete to show everything again",
                label=chip.chip.label)))
            chip.setAccessibleName(tr("Filter: {label}. Delete removes it", label=chip.chip.label))

    def choose(self, filters: Filters) -> None:
        """What the artist chose."""
        if filters != self.filters:
            self.set_filters(filters)
            self.changed.emit(filters)

    def menu(self) -> QtWidgets.QMenu:
        """All filters with what is chosen ticked."""
        menu, now = QtWidgets.QMenu(self), self.filters
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._several(menu, tr("Kind"), _told(KINDS), "kind", now.kind)
        self._several(menu, tr("Date"), _with_chosen(_told(DATES), now.date), "date", now.date)
        for title, choices, name in (
            (tr("Provider"), self.choices.providers, "provider"), (tr("Model"), self.choices.models, "model"),
            (tr("Script"), self.choices.scripts, "script"),
        ):
            value = str(getattr(now, name))
            self._several(menu, title, ((tr("Any"), ""), *_with_chosen(choices, value)), name, value)
        tags = menu.addMenu(tr("Tag"))
        tags.setEnabled(bool(self.choices.tags))
        for words, tag in self.choices.tags:
            others = tuple(one for one in now.tags if one != tag)
            wanted = others if tag in now.tags else (*others, tag)
            self._entry(tags, words, replace(now, tags=wanted), is_on=tag in now.tags)
        menu.addSeparator()
        for words, name in FLAGS:
            is_on = bool(getattr(now, name))
            changes = {name: not is_on}
            self._entry(menu, tr(words), replace(now, **changes), is_on=is_on)  # type: ignore[arg-type]  # a flag's name
        menu.addSeparator()
        clear = self._entry(menu, tr("Clear filters"), Filters(), is_on=None)
        clear.setEnabled(now != Filters())
        return menu

    def open_menu(self) -> None:
        """Shows the menu under the button."""
        self.opening.emit()
        self.menu().popup(self.button.mapToGlobal(QtCore.QPoint(0, self.button.height())))

    def _several(
        self, menu: QtWidgets.QMenu, title: str, choices: Tuple[Tuple[str, str], ...], name: str, value: str
    ) -> None:
        submenu = menu.addMenu(title)
        submenu.setEnabled(len(choices) > 1)
        for words, choice in choices:
            changes = {name: choice}
            wanted = replace(self.filters, **changes)  # type: ignore[arg-type]  # a field's name
            self._entry(submenu, words, wanted, is_on=choice == value)

    def _entry(
        self, menu: QtWidgets.QMenu, words: str, wanted: Filters, *, is_on: Optional[bool]
    ) -> QtGui.QAction:
        action = QtGui.QAction(menu_words(words), menu)
        if is_on is not None:
            action.setCheckable(True)
            action.setChecked(is_on)
        action.triggered.connect(lambda _=False: self.choose(wanted))
        menu.addAction(action)
        return action

    def _remove(self, key: str) -> None:
        self.choose(self.filters.without(key))
        self.button.setFocus(Qt.FocusReason.OtherFocusReason)


def menu_words(words: str) -> str:
    """Words as a menu shows them: no mnemonic, no shortcut column, not wider than a screen."""
    words = " ".join(words.split()).replace("&", "&&")
    return words if len(words) <= _LONGEST_WORDS else f"{words[: _LONGEST_WORDS - 1]}…"


def _with_chosen(choices: Tuple[Tuple[str, str], ...], value: str) -> Tuple[Tuple[str, str], ...]:
    return choices if not value or value in [one[1] for one in choices] else (*choices, (value, value))


def _told(choices: Tuple[Tuple[str, str], ...]) -> Tuple[Tuple[str, str], ...]:
    return tuple((tr(words), value) for words, value in choices)
