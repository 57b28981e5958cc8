"""The panel's menu of everything that has no button of its own. Main thread; the panel opens it."""

from __future__ import annotations

from typing import Tuple

from nuke_ai_panel.words import later, tr

from ..qt import QtGui, QtWidgets
from .icons import icon
from .shortcuts import Shortcuts
from .theme import Theme

Entry = Tuple[str, str, str]  # words, icon, command

_LINE: Entry = ("", "", "")
_ENTRIES: Tuple[Entry, ...] = (
    (later("Memory: all chats"), "history", "explorer"), (later("New temporary chat"), "shield", "temporary"), _LINE,
    (later("Rename"), "edit", "rename"), (later("Fork this chat"), "new-chat", "fork"),
    (later("Delete conversation"), "delete", "delete"),
)
_FILES: Tuple[Entry, ...] = (
    (later("Copy as Markdown"), "copy", "copy_markdown"), _LINE,
    (later("Export as Markdown …"), "download", "export_markdown"),
    (later("Export as HTML page …"), "download", "export_html"),
    (later("Export as JSON, lossless …"), "download", "export_json"),
    _LINE, (later("Import JSON …"), "plus", "import_json"),
)
_MORE: Tuple[Entry, ...] = (
    _LINE, (later("System prompt …"), "text", "system"), (later("Prompt library …"), "star", "prompts"),
    (later("Batch …"), "run", "batch"),
    (later("Answer options …"), "chat", "answer_options"), (later("Settings …"), "settings", "settings"),
    (later("Refresh models"), "retry", "refresh_models"), (later("What left this machine"), "ledger", "ledger"),
    (later("Backups of the history …"), "history", "backups"), _LINE,
    (later("Keys"), "keyboard", "help"),
)
_TROUBLE: Tuple[Entry, ...] = (
    (later("Reconnect"), "link", "reconnect"), (later("Reload the code"), "retry", "reload_code"),
    (later("Restart everything in the background"), "run", "restart"), (later("Log"), "text", "log"),
    (later("Trace the next question"), "script", "trace"),
    (later("Report …"), "file", "report"), _LINE,
)


def fill(menu: QtWidgets.QMenu, theme: Theme, shortcuts: Shortcuts, *, is_developer: bool) -> None:
    """Adds every entry; an entry's data is its command."""
    _add(menu, _ENTRIES, theme, shortcuts)
    _add(menu.addMenu(icon("file", theme), tr("Export and import")), _FILES, theme, shortcuts)
    _add(menu, _MORE, theme, shortcuts)
    trouble = menu.addMenu(icon("tool", theme), tr("Troubleshooting"))
    _add(trouble, _TROUBLE, theme, shortcuts)
    developer = trouble.addAction(tr("Developers' mode: reload on save"))
    developer.setData("developer")
    developer.setCheckable(True)
    developer.setChecked(is_developer)


def _add(menu: QtWidgets.QMenu, entries: Tuple[Entry, ...], theme: Theme, shortcuts: Shortcuts) -> None:
    for text, icon_name, command in entries:
        if not text:
            menu.addSeparator()
            continue
        action = QtGui.QAction(icon(icon_name, theme), tr(text), menu)
        action.setData(command)
        keys = shortcuts.keys_of(command)
        if keys:
            action.setText(f"{tr(text)}\t{keys[0]}")
        menu.addAction(action)
