"""A list model of rows under headings; a change that leaves their order alone does not reset the list. Main thread."""

from __future__ import annotations

from typing import Generic, List, Optional, Protocol, Sequence, Tuple, TypeVar, Union

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
        self.flat: List[Union[str, R]] = []
        self.shown: Tuple[R, ...] = ()

    def set_rows(self, rows: Tuple[R, ...]) -> None:
        """Shows these rows in this order; what only follows those that are shown is added without touching them."""
        if rows == self.shown:
            return
        old, self.shown = self.shown, rows
        if old and len(rows) > len(old) and rows[: len(old)] == old:
            more = self._with_headings(rows[len(old) :], old[-1].group)
            self.beginInsertRows(QtCore.QModelIndex(), len(self.flat), len(self.flat) + len(more) - 1)
            self.flat += more
            self.endInsertRows()
            return
        flat = self._with_headings(rows, "")
        is_same_shape = len(rows) == len(old) and all(
            (row.id, row.group) == (was.id, was.group) for row, was in zip(rows, old)
        )
        if is_same_shape:
            self.flat = flat
            self.dataChanged.emit(self.index(0), self.index(len(flat) - 1))
            return
        self.beginResetModel()
        self.flat = flat
        self.endResetModel()

    @staticmethod
    def _with_headings(rows: Sequence[R], group: str) -> List[Union[str, R]]:
        flat: List[Union[str, R]] = []
        for row in rows:
            if row.group != group:
                group = row.group
                flat.append(group)
            flat.append(row)
        return flat

    def entry(self, number: int) -> Union[str, R]:
        """A heading or a row by its place."""
        return self.flat[number]

    def row(self, number: int) -> Optional[R]:
        """The row at a place; None for a heading or no place at all."""
        found = self.flat[number] if 0 <= number < len(self.flat) else None
        return None if isinstance(found, str) else found

    def row_of(self, row_id: str) -> int:
        """Where a row stands; -1 when it is not there."""
        return next((at for at, one in enumerate(self.flat) if not isinstance(one, str) and one.id == row_id), -1)

    def rowCount(self, parent: Index = QtCore.QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self.flat)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if index.isValid() and self.row(index.row()) is not None:
            return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return Qt.ItemFlag.NoItemFlags
