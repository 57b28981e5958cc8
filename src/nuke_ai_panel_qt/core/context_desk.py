"""Context for one panel's questions: the menu behind *+ Context*, names after @, the look at send time. Main thread.

What comes from the host is a chip with an origin: it shows what was there when it was added, and what the model gets is
taken once more in the moment of sending.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, List, Sequence, Tuple

from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.messages import Attachment
from nuke_ai_panel.store import new_id
from nuke_ai_panel.words import tr

from ..qt import QtGui
from ..ui.context_menu import MOST_ROWS, ContextEntry, Mentions, open_context_menu
from .host_door import Host, Taken, find_host
from .mention_sources import CHAT, FILE, MentionSources
from .pictures import picture, picture_of

if TYPE_CHECKING:
    from .panel_manager import PanelManager

_KINDS = {"nodes": "nodes", "script": "script"}


class ContextDesk:
    """One panel's."""

    def __init__(self, manager: PanelManager) -> None:
        self._manager = manager
        self._sources = MentionSources(manager)
        panel = manager.panel
        self.mentions = Mentions(panel.composer.prompt, panel)
        self.mentions.asked.connect(self._asked)
        self.mentions.chosen.connect(self._mentioned)
        panel.composer.context_requested.connect(self.open_menu)

    # ------------------------------------------------------------ the menu

    def entries(self) -> Tuple[ContextEntry, ...]:
        """What can be added now, and why the rest cannot."""
        host, found = find_host(), []
        blind = self._why_no_pictures()
        if host is not None:
            count = len(host.selected())
            found += [
                ContextEntry("selection", tr("Selected nodes ({count})", count=count) if count
                else tr("Selected nodes"), "node",
                             "" if count else tr("nothing is selected"), "selection"),
                ContextEntry("script", tr("Whole script"), "script", word="script"),
                ContextEntry("errors", tr("Errors in the script"), "error", word="errors"),
                ContextEntry("editor", tr("Script Editor selection"), "text", word="editor", starts_group=True),
                ContextEntry("traceback", tr("Last traceback"), "text", word="traceback"),
                ContextEntry("viewer", tr("Viewer's frame"), "image", blind, "viewer"),
            ]
        has_picture = not QtGui.QGuiApplication.clipboard().image().isNull()
        found += [
            ContextEntry("file", tr("File …"), "file", word="file", starts_group=True),
            ContextEntry("image", tr("Picture from disk …"), "image", blind, "picture"),
            ContextEntry("clipboard", tr("Picture from the clipboard"), "image",
                         blind or ("" if has_picture else tr("there is none")), "clipboard"),
            replace(self._sources.chats_entry(), starts_group=True),
        ]
        return tuple(found)

    def open_menu(self) -> None:
        """Shows the menu over its button."""
        open_context_menu(self.entries(), self._manager.panel.composer.attach, self.add)

    def add(self, key: str) -> None:
        """Adds one piece of context by its key."""
        host = find_host()
        if key in ("file", "image"):
            self._manager.attach()
        elif key == "chats":
            self._sources.open_menu()
        elif key.startswith((CHAT, FILE)):
            self._sources.add(key)
        elif key == "clipboard":
            self.add_clipboard()
        elif key == "viewer" and host is not None:
            self._add_viewer(host)
        elif host is not None:
            names = host.selected() if key == "selection" else (key[5:],) if key.startswith("node:") else ()
            self._add_taken(host, host.hold(names) if names else key)

    def add_nodes(self, names: Sequence[str]) -> None:
        """Adds nodes by their names."""
        host = find_host()
        if host is not None and names:
            self._add_taken(host, host.hold(tuple(names)))

    def ask_about(self, *, nodes: Sequence[str] = (), keys: Sequence[str] = ()) -> None:
        """Begins a conversation with these as its first chips."""
        self._manager.new_conversation()
        self.add_nodes(nodes)
        for key in keys:
            self.add(key)
        self._manager.panel.focus_composer()

    def add_clipboard(self) -> None:
        """Adds the picture on the clipboard."""
        why = self._why_no_pictures()
        if why:
            self._manager.panel.composer.nudge(tr("Not attached: {why}.", why=why))
            return
        try:
            self._attach(picture_of(QtGui.QGuiApplication.clipboard().image(), "Clipboard"))
        except NukeAIError as error:
            self._manager.panel.composer.nudge(error.user_text)

    def _add_viewer(self, host: Host) -> None:
        try:
            self._attach(picture(host.viewer_picture(), "Viewer", "image/jpeg", origin="viewer"))
        except NukeAIError as error:
            self._manager.panel.composer.nudge(f"{error.user_text} {error.next_step}".strip())

    def _add_taken(self, host: Host, origin: str) -> None:
        taken = host.take(origin)
        if taken.problem:
            self._manager.panel.composer.nudge(taken.problem)
            return
        if any(one.origin == origin for one in self._manager.draft.attachments):
            return
        kind = _KINDS.get(origin.partition(":")[0], "text")
        made = Attachment(new_id(), kind, taken.name, text=taken.text, origin=origin)  # type: ignore[arg-type]
        self._attach(made)
        if taken.left_out:
            self._manager.panel.composer.nudge(tr("Left out of {name}: {names}.", name=taken.name,
                names='; '.join(taken.left_out)))

    def _attach(self, attachment: Attachment) -> None:
        self._manager.panel.composer.nudge("")
        self._manager.draft.attach(attachment)
        self._manager.panel.focus_composer()

    def _why_no_pictures(self) -> str:
        """Why the chosen model cannot look at pictures; empty when it can, or nobody knows."""
        info = self._manager.session.known_model(self._manager.models.choice())
        if info is None or info.capabilities is None or "vision" in info.capabilities:
            return ""
        return tr("the model has no vision")

    # ------------------------------------------------------------ sending

    def fresh(self, attachments: Tuple[Attachment, ...]) -> Tuple[Attachment, ...]:
        """The same attachments as they are now; what is gone stays as it was, with a word about it."""
        host = find_host()
        if host is None:
            return attachments
        self.show_nodes()
        return tuple(_fresh(one, host.take(one.origin)) if _is_of_host(one) else one for one in attachments)

    def show_nodes(self) -> None:
        """Tells the transcript the names of the script's nodes, so that they can be clicked."""
        host = find_host()
        names = frozenset(host.node_names()) if host is not None else frozenset()
        self._manager.panel.transcript.code_book.set_nodes(names)

    # ------------------------------------------------------------ @

    def _asked(self, prefix: str) -> None:
        self.mentions.show_rows(self.matches(prefix))
        self._sources.look_for_files(prefix)

    def matches(self, prefix: str) -> Tuple[ContextEntry, ...]:
        """What @ and a few letters may mean: nodes first, those that begin so before those that hold it."""
        host, wanted = find_host(), prefix.lower()
        names: List[str] = []
        if host is not None:
            chosen = host.selected()
            every = [*chosen, *(name for name in host.node_names() if name not in chosen)]
            begin = [name for name in every if name.lower().startswith(wanted)]
            names = begin + [name for name in every if wanted in name.lower() and name not in begin]
        rows = [ContextEntry(f"node:{name}", name, "node", word=name) for name in names[: MOST_ROWS * 4]]
        words = [
            replace(one, word="") for one in self.entries()
            if not one.reason and one.word and one.word.startswith(wanted)
        ]
        return tuple([*rows, *words, *self._sources.chats(wanted)] if wanted else words[:3] + rows + words[3:])

    def _mentioned(self, key: str, word: str) -> None:
        self.add(key)


def _is_of_host(attachment: Attachment) -> bool:
    """Whether the host is asked once more; a past chat is what it was."""
    is_text = attachment.data_base64 is None
    return is_text and bool(attachment.origin) and not attachment.origin.startswith(CHAT)


def _fresh(attachment: Attachment, taken: Taken) -> Attachment:
    if taken.problem:
        note = f"# As it was when it was attached. {taken.problem}\n"
        return attachment if attachment.text.startswith(note) else replace(attachment, text=note + attachment.text)
    return replace(attachment, name=taken.name, text=taken.text)
