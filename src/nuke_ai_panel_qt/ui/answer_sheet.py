"""The sheet with the parameters of one conversation. Knows values and signals only. Main thread."""

from __future__ import annotations

from typing import Optional, Tuple

from nuke_ai_panel.words import later, tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .controls import Text
from .settings_pages import FieldColumn
from .settings_values import FieldGroup, FieldValue
from .sheets import Sheet

Qt = QtCore.Qt
LEAD = later("For the next answers in this conversation, until the program ends. What is empty is as in Settings.")


class AnswerSheet(Sheet, metaclass=QtClass):
    """`edited(parameter, text)` when a field is left with another text."""

    edited = Signal(str, str)

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(tr("Answer options"), parent)
        self.column_of_fields = FieldColumn()
        self.column_of_fields.edited.connect(self.edited)
        self.body.addWidget(Text(tr(LEAD), role="dim", size="small"))
        self.body.addWidget(self.column_of_fields)
        self.body.addStretch(1)

    def show_fields(self, values: Tuple[FieldValue, ...]) -> None:
        """These parameters; what is being typed stays."""
        self.column_of_fields.show_groups((FieldGroup("", values),))

    def focus_first(self) -> None:
        """Puts the focus on the first field."""
        for field in self.column_of_fields.fields.values():
            field.editor.setFocus(Qt.FocusReason.PopupFocusReason)
            return

    def hideEvent(self, event: QtGui.QHideEvent) -> None:
        for field in self.column_of_fields.fields.values():
            field.commit()
        super().hideEvent(event)
