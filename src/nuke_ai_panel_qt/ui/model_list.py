"""The models as one list of headings and rows that every picker shares, and the filter each picker has over it.

Main thread. The shared list is rebuilt only when models, favourites or recents change; typing changes a filter alone.
"""

from __future__ import annotations

from typing import FrozenSet, List, Optional, Tuple, Union

from ..qt import QtClass, QtCore, QtWidgets
from .panel_values import ModelEntry, ModelSection

Qt = QtCore.Qt
Index = Union[QtCore.QModelIndex, QtCore.QPersistentModelIndex]
Row = Union[ModelSection, ModelEntry]
ROW_ROLE = 0x0100 + 1  # Qt.UserRole + 1


class ModelList(QtCore.QAbstractListModel, metaclass=QtClass):
    """Sections in order; a row is a `ModelSection` (heading) or a `ModelEntry`."""

    def __init__(self, parent: Optional[QtCore.QObject] = None) -> None:
        super().__init__(parent)
        self._rows: List[Row] = []
        self._haystacks: List[str] = []
        self.sections: Tuple[ModelSection, ...] = ()

    def set_sections(self, sections: Tuple[ModelSection, ...]) -> None:
        """Shows exactly these sections; an empty one keeps its heading only when it has a note."""
        if sections == self.sections:
            return
        self.beginResetModel()
        self.sections = sections
        self._rows = []
        for section in sections:
            if section.models or section.note:
                self._rows.append(section)
                self._rows.extend(section.models)
        self._haystacks = [_haystack(row) for row in self._rows]
        self.endResetModel()

    def row_at(self, row: int) -> Row:
        """The heading or model in a row."""
        return self._rows[row]

    def matching(self, query: str) -> Optional[FrozenSet[int]]:
        """The rows that hold every word of `query` in any order, with their headings; None means all."""
        words = query.lower().split()
        if not words:
            return None
        found = set()
        heading = -1
        for number, haystack in enumerate(self._haystacks):
            if not haystack:
                heading = number
            elif all(word in haystack for word in words):
                found.add(number)
                found.add(heading)
        return frozenset(found)

    def rowCount(self, parent: Index = QtCore.QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = 0) -> object:
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role == ROW_ROLE:
            return row
        if role == int(Qt.ItemDataRole.DisplayRole):
            return row.title if isinstance(row, ModelSection) else row.id
        if isinstance(row, ModelEntry):
            if role == int(Qt.ItemDataRole.ToolTipRole):
                return "\n".join(line for line in (row.id, row.provider_title, row.detail, row.reason) if line)
            if role == int(Qt.ItemDataRole.AccessibleTextRole):
                parts = (row.name or row.id, row.provider_title, *row.badges, row.reason)
                return ", ".join(part for part in parts if part)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if index.isValid() and isinstance(self._rows[index.row()], ModelEntry):
            return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return Qt.ItemFlag.NoItemFlags


class ModelFilter(QtCore.QSortFilterProxyModel, metaclass=QtClass):
    """One picker's view of the shared list."""

    def __init__(self, models: ModelList, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._models = models
        self._query = ""
        self._accepted: Optional[FrozenSet[int]] = None
        self.setSourceModel(models)
        models.modelAboutToBeReset.connect(self._forget)
        models.modelReset.connect(self._again)

    def set_query(self, query: str) -> None:
        """Keeps the rows that hold every word."""
        self._query = query
        self._accepted = self._models.matching(query)
        self.invalidateFilter()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:
        return self._accepted is None or row in self._accepted

    def entry(self, row: int) -> Optional[ModelEntry]:
        """The model in a visible row; None for a heading."""
        index = self.mapToSource(self.index(row, 0))
        found = self._models.row_at(index.row()) if index.isValid() else None
        return found if isinstance(found, ModelEntry) else None

    def count(self) -> int:
        """How many models, headings aside, are visible."""
        return sum(1 for row in range(self.rowCount()) if self.entry(row) is not None)

    def _forget(self) -> None:
        self._accepted = None

    def _again(self) -> None:
        if self._query:
            self.set_query(self._query)


def _haystack(row: Row) -> str:
    if isinstance(row, ModelSection):
        return ""
    # What a model can do is found by its word; a size is not, for its digits are in the names of others.
    abilities = " ".join(badge for badge in row.badges if badge.isalpha())
    return f"{row.id} {row.name} {row.provider_title} {row.provider} {abilities}".lower()
