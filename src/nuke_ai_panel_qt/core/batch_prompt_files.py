"""The prompt files that a batch view offers: read on threads, and read again when one is chosen. Main thread."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Dict, List, Optional, Sequence, Tuple

from nuke_ai_panel.batch.gallery import BatchPrompt, batch_prompts, read_prompt, unread_prompt
from nuke_ai_panel.words import tr

from ..qt import QtCore
from ..ui.batch_values import PromptChoice, SampleRows
from .batch_threads import on_thread

if TYPE_CHECKING:
    from .chat_session import ChatSession

_KINDS = {"glob": "files", "nk": "nodes", "input": "table"}


class PromptFiles:
    """Those of the gallery, the studio and the user, and those that were picked as files.

    `changed(path)` is called when they are others than before; `path` is the file that was read for itself, else empty.
    """

    def __init__(self, session: ChatSession, owner: QtCore.QObject, changed: Callable[[str], None]) -> None:
        self._session = session
        self._owner = owner
        self._changed = changed
        self._offered: Tuple[BatchPrompt, ...] = ()
        self.picked: List[BatchPrompt] = []
        self._begun = 0
        self._taken: Dict[str, int] = {}

    def all(self) -> Tuple[BatchPrompt, ...]:
        """Each file once."""
        found: Dict[str, BatchPrompt] = {one.path: one for one in self._offered}
        for one in self.picked:
            found.setdefault(one.path, one)
        return tuple(found.values())

    def find(self, path: str) -> Optional[BatchPrompt]:
        """What is known of a file."""
        return next((one for one in self.all() if one.path == path), None)

    def pick(self, paths: Sequence[str]) -> None:
        """Offers files from anywhere; what is in them is known when they were read."""
        known = {one.path for one in self.picked}
        self.picked += [unread_prompt(Path(one)) for one in dict.fromkeys(paths) if one not in known]

    def read(self) -> None:
        """Reads all of them."""
        home, paths = self._session.app.settings.home, [one.path for one in self.picked]
        self._begun += 1
        number = self._begun

        def work() -> Tuple[Tuple[BatchPrompt, ...], List[BatchPrompt]]:
            return batch_prompts(home), [read_prompt(Path(one)) for one in paths]

        def done(found: Tuple[Tuple[BatchPrompt, ...], List[BatchPrompt]]) -> None:
            before = self.all()
            known = {one.path: one for one in before}
            self._offered = tuple(known.get(one.path, one) for one in found[0])
            for one in (*found[0], *found[1]):
                self._put(one, number)
            if self.all() != before:
                self._changed("")

        on_thread(self._session, self._owner, work, done)

    def read_one(self, path: str) -> None:
        """Reads one of them again."""
        known = self.find(path)
        if known is None:
            return
        source = known.source
        self._begun += 1
        number = self._begun

        def done(found: BatchPrompt) -> None:
            before = self.find(path)
            self._put(found, number)
            if self.find(path) != before:
                self._changed(path)

        on_thread(self._session, self._owner, lambda: read_prompt(Path(path), source), done)

    def _put(self, found: BatchPrompt, number: int) -> None:
        """Takes the place of what was known of the same file, unless that was read later."""
        if number < self._taken.get(found.path, 0):
            return
        self._taken[found.path] = number
        self._offered = tuple(
            replace(found, source=one.source) if one.path == found.path else one for one in self._offered)
        self.picked = [found if one.path == found.path else one for one in self.picked]


def choice_of(one: BatchPrompt) -> PromptChoice:
    """A prompt file as the view offers it."""
    sample = one.sample
    rows = None if sample is None else SampleRows(
        _KINDS[sample.kind], sample.path, sample.nodes)  # type: ignore[arg-type]  # the values are kinds of rows
    title = tr("{title} (studio)", title=one.title) if one.source == "studio" else one.title
    return PromptChoice(one.path, title, one.description, one.problem, rows)
