"""A list model of rows under headings; a change that leaves their order alone does not reset the list. Main thread."""

from __future__ import annotations

from typing import Generic, List, Optional, Protocol, Tuple, TypeVar, Union

from ..qt import QtClass, QtCore
from .model_list import Index

Qt = QtCore.Qt


class GroupedRow(Protocol):
    """What a row must have: an id of its own, and the heading that it stands under ("" for none)."""

    @property
    def id(self) -> str: ...
    @property
    def group(self) -> str: ...


R = TypeVar("R", bound=GroupedRow)


class GroupedModel(QtCore.QAbstractListModel, Generic[R], metaclass=QtClass):
    """Headings (a plain str) and rows in one list. A subclass says what is known of a row by role."""

    def __init__(self, parent: Optional[QtCore.QObject] = None) -> None:
        super().__init__(parent)
        self._flat: List[Union[str, R]] = []
        self.shown: Tuple[R, ...] = ()

    def set_rows(self, rows: Tuple[R, ...]) -> None:
        """Shows these rows in this order."""
        if rows == self.shown:
            return
        same_shape = [(row.id, row.group) for row in rows] == [(row.id, row.group) for row in self.shown]
        self.shown = rows
        flat: List[Union[str, R]] = []
        group = ""
        for row in rows:
            if row.group != group:
                group = row.group
                flat.append(group)
            flat.append(row)
        if same_shape:
            self._flat = flat
            self.dataChanged.emit(self.index(0), self.index(len(flat) - 1))
            return
        self.beginResetModel()
        self._flat = flat
        self.endResetModel()

    def entry(self, number: int) -> Union[str, R]:
        """A heading or a row by its place."""
        return self._flat[number]

    def row(self, number: int) -> Optional[R]:
        """The row at a place; None for a heading or no place at all."""
        found = self._flat[number] if 0 <= number < len(self._flat) else None
        return None if isinstance(found, str) else found

    def row_of(self, row_id: str) -> int:
        """Where a row stands; -1 when it is not there."""
        return next((at for at, one in enumerate(self._flat) if not isinstance(one, str) and one.id == row_id), -1)

    def rowCount(self, parent: Index = QtCore.QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._flat)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if index.isValid() and self.row(index.row()) is not None:
            return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return Qt.ItemFlag.NoItemFlags
