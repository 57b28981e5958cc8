"""Presents one memory explorer: reads pages of the history as it is asked for them. Main thread; never waits.

A reading that was overtaken is cancelled and its answer thrown away. What other sessions write shows within a second,
because the session tells; the rows are read again in the same place. Of a search the first hits are shown while the
rest is still looked for.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import CancelledError, Future
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, Optional, Tuple

from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.messages import Conversation
from nuke_ai_panel.store import Facets, Hit, SearchPage, Statistics
from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, is_valid
from ..ui.explorer_values import ExplorerRow
from ..ui.memory_explorer import MemoryExplorer
from .chat_session import ChatSession, View
from .event_bridge import outcome
from .explorer_actions import ExplorerActions
from .explorer_rows import choices_of, conversation_rows, count_text, hit_rows, use_page, wanted_of
from .run import Run

log = logging.getLogger(__name__)

PAGE_ROWS = 100
PAGE_HITS = 50
FIRST_SEARCH_S, MORE_SEARCH_S = 0.12, 0.35
AGAIN_AFTER_MS = 60
INDEXING_AGAIN_MS = 1000
COUNT_USE_EVERY_S = 5.0

Reading = Callable[[int], None]


class ExplorerDesk(QtCore.QObject, metaclass=QtClass):
    """Feeds one explorer; a child of it. `open_row(conversation_id, message_id, words)` shows a chat at a hit."""

    def __init__(
        self, session: ChatSession, view: MemoryExplorer, open_row: Callable[[str, Optional[str], str], None]
    ) -> None:
        super().__init__(view)
        self.session = session
        self.view = view
        self.actions = ExplorerActions(session, view)
        self._open_row = open_row
        self._reading = 0
        self._future: Optional[Future[Any]] = None  # Any: whatever is being read
        self._conversations: List[Conversation] = []
        self._hits: List[Hit] = []
        self._cursor: Optional[int] = None
        self._note = ""
        self._total: Optional[int] = None
        self._has_more = self._is_reading = False
        self._statistics: Optional[Statistics] = None
        self._facets = Facets((), (), (), ())
        self._counted_at = 0.0
        self.on_settings: Callable[[], None] = lambda: None
        self._ear = _Ear(self)  # type: ignore[abstract]  # what is left out does nothing
        self._again = _timer(self, AGAIN_AFTER_MS, self.refresh)
        self._indexing = _timer(self, INDEXING_AGAIN_MS, self.refresh)
        self._recount = _timer(self, int(COUNT_USE_EVERY_S * 1000), self.refresh)
        view.asked.connect(self.read)
        view.opened.connect(self.open)
        view.more_wanted.connect(self.read_more)
        view.renamed.connect(self.actions.rename)
        view.choices_wanted.connect(self._read_facets)
        session.attach(self._ear)
        self._read_facets()

    # ------------------------------------------------------------ life

    def view_state(self) -> Dict[str, Any]:  # Any: plain values of many kinds
        """What the artist sees, for another explorer."""
        return self.view.state()

    def take_state(self, state: Mapping[str, Any]) -> None:  # Any: see view_state
        """Looks as another explorer did."""
        self.view.set_state(state)
        self.read()

    def close(self) -> None:
        """The explorer goes."""
        self._stop_reading()
        for timer in (self._again, self._indexing, self._recount):
            timer.stop()
        self.session.detach(self._ear)

    def visibility_changed(self, visible: bool) -> None:
        """Whether it can be seen; what happened meanwhile is shown then."""
        self.session.view_visibility(self._ear, visible)
        if visible:
            self.refresh()

    # ------------------------------------------------------------ reading

    def read(self) -> None:
        """Reads anew what is asked for now, from the top."""
        self._begin(from_top=True)

    def refresh(self) -> None:
        """Reads the same again, as far as it was read; the place and the selection stay."""
        if not is_valid(self.view) or not self.view.isVisible():
            return
        if self.view.list.is_editing():
            self._again.start()  # new rows would take the field away
            return
        self._begin(from_top=False)

    def news(self) -> None:
        """Something in the history changed."""
        if self.view.page == "use":
            if not self._recount.isActive():
                self._recount.start()
        elif not self._again.isActive():
            self._again.start()

    def read_more(self) -> None:
        """The next page, unless one is on its way."""
        if self._has_more and not self._is_reading and self.view.page != "use":
            if self._is_listing():
                self._list(self._reading, offset=len(self._conversations), limit=PAGE_ROWS)
            else:
                self._find(self._reading, cursor=self._cursor, wanted_hits=len(self._hits) + PAGE_HITS, is_first=False)

    def open(self, row: object) -> None:
        """Shows a row's chat, at the hit if it is one."""
        assert isinstance(row, ExplorerRow)
        words = row.snippet[slice(*row.highlights[0])] if row.highlights and row.message_id else ""
        self._open_row(row.conversation_id, row.message_id, words)

    def _is_listing(self) -> bool:
        return self.view.page == "chats" and not self.view.text()

    def _begin(self, *, from_top: bool) -> None:
        self._stop_reading()
        self._reading += 1
        reading = self._reading
        if self.view.page == "use":
            self._count_use(reading, is_new=from_top)
        elif self._is_listing():
            limit = PAGE_ROWS if from_top else max(PAGE_ROWS, len(self._conversations))
            self._list(reading, offset=0, limit=limit, from_top=from_top)
        else:
            wanted = PAGE_HITS if from_top else max(PAGE_HITS, len(self._hits))
            self._find(reading, cursor=None, wanted_hits=wanted, is_first=True, from_top=from_top)

    def _stop_reading(self) -> None:
        if self._future is not None:
            self._future.cancel()
        self._future, self._is_reading = None, False
        self._indexing.stop()

    def _wait_for(self, future: Future[Any], then: Callable[[Any], None], reading: int) -> None:
        """Calls `then` with the value, unless something else is being read by then; says what went wrong."""
        self._future, self._is_reading = future, True

        def done(finished: Future[Any]) -> None:
            if reading != self._reading:
                return
            self._is_reading = False
            result = outcome(finished)
            if result.error is None:
                then(result.value)
            elif not isinstance(result.error, CancelledError):
                error = result.error
                words = error.user_text if isinstance(error, NukeAIError) else str(error)
                self.view.set_words(count="", note=tr("The history could not be read: {words}", words=words),
                    role="warning")

        self.session.bridge.when_done(future, done, owner=self)

    # ------------------------------------------------------------ chats

    def _list(self, reading: int, *, offset: int, limit: int, from_top: bool = False) -> None:
        store, wanted = self.session.app.store, self._wanted()
        if offset == 0:
            self._total = None
            self.session.bridge.when_done(store.count(wanted), lambda done: self._counted(reading, done), owner=self)

        def listed(found: List[Conversation]) -> None:
            self._conversations = [*self._conversations[:offset], *found]
            self._has_more = len(found) == limit
            self._note = ""
            self._show(from_top=from_top, added=found if offset and self.view.filters.filters.kind == "chat" else None)

        self._wait_for(store.conversations(limit=limit, offset=offset, wanted=wanted), listed, reading)

    def _counted(self, reading: int, future: Future[int]) -> None:
        if reading == self._reading:
            self._total = outcome(future).value
            self._show_words()

    # ------------------------------------------------------------ messages

    def _find(
        self, reading: int, *, cursor: Optional[int], wanted_hits: int, is_first: bool, from_top: bool = False,
        found: Tuple[Hit, ...] = (),
    ) -> None:
        store, wanted, text = self.session.app.store, self._wanted(), self.view.text()
        before = list(found) if is_first else self._hits
        limit, time_s = max(1, wanted_hits - len(before)), FIRST_SEARCH_S if cursor is None else MORE_SEARCH_S
        future = (
            store.search(text, wanted, limit=limit, cursor=cursor, as_typed=True, time_s=time_s) if text
            else store.latest(wanted, limit=limit, cursor=cursor, time_s=time_s)
        )

        def searched(page: SearchPage) -> None:
            hits = [*before, *page.hits]
            self._cursor, self._note = page.cursor, page.note
            goes_on = (page.cursor is not None and not page.is_complete) or (page.is_slow and page.cursor is not None)
            goes_on = goes_on and len(hits) < wanted_hits
            self._has_more = page.cursor is not None
            # A refresh replaces the rows at once; until it has all of them the former ones stand.
            if from_top or not goes_on or not is_first:
                self._hits = hits
                self._show(from_top=from_top, goes_on=goes_on)
            if goes_on:
                rest = is_first and not from_top
                self._find(reading, cursor=page.cursor, wanted_hits=wanted_hits, is_first=rest,
                           found=tuple(hits) if rest else ())
            elif page.note and not page.is_slow and not page.is_complete:
                self._indexing.start()  # the index is still being built

        self._wait_for(future, searched, reading)

    # ------------------------------------------------------------ use

    def _count_use(self, reading: int, *, is_new: bool) -> None:
        if is_new:
            self.view.use.set_page(None)

        def counted(statistics: Statistics) -> None:
            self._statistics = statistics
            self.view.use.set_page(use_page(statistics))
            self.view.set_words(count=tr(
                "{count:,} message", "{count:,} messages", count=statistics.total.messages
            ))

        self.view.set_words(count="")
        self._wait_for(self.session.app.store.statistics(self._wanted()), counted, reading)

    # ------------------------------------------------------------ showing

    def _wanted(self) -> Any:  # a HistoryFilter
        return wanted_of(self.view.filters.filters, now=time.time())

    def _show(
        self, *, from_top: bool, goes_on: bool = False, added: Optional[List[Conversation]] = None
    ) -> None:
        session, now = self.session, time.time()
        running, unread = session.running_ids(), session.unread
        if self._is_listing():
            known: Tuple[ExplorerRow, ...] = self.view.list.rows.shown if added is not None else ()
            made = conversation_rows(
                self._conversations if added is None else added, running=running, unread=unread, now=now
            )
            rows = (*known, *made)
        else:
            in_bin = self.view.filters.filters.deleted
            rows = hit_rows(self._hits, running=running, unread=unread, now=now, in_bin=in_bin)
        self.view.set_rows(rows, from_top=from_top)
        self._show_words(goes_on=goes_on)

    def _show_words(self, *, goes_on: bool = False) -> None:
        view, is_filtered = self.view, bool(self.view.filters.filters.chosen())
        if self._is_listing():
            count = "" if self._total is None else count_text(self._total)
            empty = "" if self._conversations else (
                tr("No chat fits these filters.") if is_filtered else tr("Your chats will stand here.")
            )
        else:
            found, more = len(self._hits), "+" if self._has_more else ""
            count = tr("{count:,}{more} hit", "{count:,}{more} hits", count=found, more=more) if view.text() else \
                tr("{count:,}{more} message", "{count:,}{more} messages", count=found, more=more)
            if goes_on and not self._hits:
                count = tr("Searching …")
            empty = "" if self._hits or goes_on else tr("Nothing was said here yet.")
            if empty and view.text():
                empty = tr("Nothing holds “{words}” within these filters. Every word must be there; try fewer, or the "
                           "beginning of one.", words=view.text()) if is_filtered else \
                    tr("Nothing holds “{words}”. Every word must be there; try fewer, or the beginning of one.",
                       words=view.text())
        view.set_words(count=count, note=self._note, empty=empty)

    # ------------------------------------------------------------ filters

    def _read_facets(self) -> None:
        # What is known is shown at once; by the next time the menu opens it is of now.
        self._show_choices()
        self.session.bridge.when_done(self.session.app.store.facets(), self._facets_read, owner=self)

    def _facets_read(self, future: Future[Facets]) -> None:
        facets = outcome(future).value
        if facets is not None:
            self._facets = facets
            self._show_choices()

    def _show_choices(self) -> None:
        self.view.set_choices(choices_of(self._facets, self._statistics, self.session.title_of))


class _Ear(View):
    """What the session tells an explorer; most of what it says is for panels."""

    def __init__(self, desk: ExplorerDesk) -> None:
        self._desk = desk

    def is_alive(self) -> bool:
        return is_valid(self._desk) and is_valid(self._desk.view)

    def is_showing(self, conversation_id: str) -> bool:
        return False

    def turn_begun(self, run: Run) -> None:
        self._desk.news()

    def conversations_changed(self) -> None:
        self._desk.news()

    def history_changed(self, conversation_ids: FrozenSet[str]) -> None:
        self._desk.news()

    def settings_changed(self) -> None:
        self._desk.on_settings()


def _timer(parent: QtCore.QObject, interval_ms: int, run: Callable[[], None]) -> QtCore.QTimer:
    timer = QtCore.QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(interval_ms)
    timer.timeout.connect(run)
    return timer
