"""What the panels of a process have under way at model servers: pulling a model, starting a server. Main thread.

Work belongs to the session, never to a panel: closing one or looking elsewhere changes nothing about it. Error cards
are dressed here with what can be done at the provider that failed, and with how far that is.
"""

from __future__ import annotations

import logging
import re
import time
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Set, Tuple

from nuke_ai_panel.core.model_facts import account_lines
from nuke_ai_panel.core.model_servers import Account
from nuke_ai_panel.core.request import ModelChoice
from nuke_ai_panel.core.turn_words import warning_text
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.events import Progress
from nuke_ai_panel.messages import ErrorInfo, Message
from nuke_ai_panel.providers.model_files import models_dir
from nuke_ai_panel.providers.model_pull import pull_for
from nuke_ai_panel.settings import ProviderSettings, is_loopback_url
from nuke_ai_panel.utils.event_loop_manager import create_task
from nuke_ai_panel.words import later, tr

from ..ui.values import ErrorCard, MessageItem
from .event_bridge import outcome
from .message_items import NOT_SENT, facts_detail_of

if TYPE_CHECKING:
    from .chat_session import ChatSession

log = logging.getLogger(__name__)

OLLAMA, OPENROUTER, LOCAL = "ollama", "openrouter", "local"
ACCOUNT_AGE_S = 60.0
PROGRAM_AGE_S = 10.0  # so long an Ollama that was just installed goes unnoticed
# Kinds whose models cost nothing to ask, wherever their server stands.
FREE_KINDS = frozenset({"local", "scripted"})
_STEPS = {
    "finding": later("Looking for the model …"), "checking": later("Checking what arrived …"),
    "unpacking": later("Putting it in place …"),
    "resuming": later("The connection broke; going on …"), "done": later("Done."),
}


@dataclass(frozen=True)
class Work:
    """Something under way; `share` is 0..1, None where nobody knows."""

    note: str
    share: Optional[float] = None


class ServerDesk:
    """One session's. Whoever listens is told the provider's name after every step."""

    def __init__(self, session: ChatSession) -> None:
        self._session = session
        self._work: Dict[ModelChoice, Work] = {}
        self._futures: Dict[ModelChoice, Future[Any]] = {}  # of a path or of nothing: only how it ends counts
        self._after: Dict[ModelChoice, List[Callable[[], None]]] = {}
        self._said: Dict[ModelChoice, str] = {}
        self._asking: List[Future[Any]] = []
        self._pending: Set[ModelChoice] = set()
        self._latest: Dict[ModelChoice, Progress] = {}
        self._can_start: Dict[str, Tuple[float, bool]] = {}
        self._accounts: Dict[str, Tuple[float, Tuple[str, ...]]] = {}
        self._listeners: List[Tuple[Callable[[], bool], Callable[[str], None]]] = []

    def listen(self, is_alive: Callable[[], bool], callback: Callable[[str], None]) -> None:
        """Calls `callback(provider)` after every step, until the listener is gone."""
        # Without those whose panels were closed: they must not be held until a server moves.
        self._listeners = [*(one for one in self._listeners if one[0]()), (is_alive, callback)]

    def close(self) -> None:
        """Ends what is under way before the providers are closed, so that nothing opens one of them again."""
        for future in (*self._futures.values(), *self._asking):
            future.cancel()

    # ------------------------------------------------------------ commands

    def pull(self, choice: ModelChoice, then: Callable[[], None]) -> None:
        """Fetches a model, then calls `then`; a pull that is under way already is joined."""
        self._after.setdefault(choice, []).append(then)
        if choice in self._futures:
            return
        app = self._session.app
        row = app.settings.providers.get(choice.provider)
        future: Future[Any]
        if row is not None and row.kind == LOCAL:
            future = create_task(pull_for(
                row, choice.model, models_dir(app.settings.home),
                progress=lambda progress: self._pull_moved(choice, progress),
            ))
        else:
            future = app.model_servers.pull(choice, lambda progress: self._pull_moved(choice, progress))
        self._begin(choice, future, Work(tr("Looking for the model …"), 0.0))
        self._session.bridge.when_done(future, lambda done: self._ended(choice, done))

    def start(self, name: str, then: Callable[[], None]) -> None:
        """Starts a server, then calls `then`."""
        choice = ModelChoice(name)
        self._after.setdefault(choice, []).append(then)
        if choice in self._futures:
            return
        future = self._session.app.model_servers.start(name)
        self._begin(choice, future, Work(tr("Starting {title_of} …", title_of=self._session.title_of(name))))
        self._session.bridge.when_done(future, lambda done: self._ended(choice, done))

    def cancel(self, choice: ModelChoice) -> None:
        """Ends what is under way for a model or its server; what arrived of a pull is kept there."""
        for one in (choice, ModelChoice(choice.provider)):
            future = self._futures.get(one)
            if future is not None:
                future.cancel()

    def work(self, choice: ModelChoice) -> Optional[Work]:
        """What is under way for a model, or for its server."""
        return self._work.get(choice) or self._work.get(ModelChoice(choice.provider))

    def said(self, choice: ModelChoice) -> str:
        """How the last work for a model, or its server, ended, if it did not end well."""
        return self._said.get(choice) or self._said.get(ModelChoice(choice.provider), "")

    def can_start(self, name: str) -> bool:
        """Whether a server could be started from here, as far as is known; asks again when that is a while ago."""
        asked_at, can = self._can_start.get(name, (-PROGRAM_AGE_S, False))
        if time.monotonic() - asked_at >= PROGRAM_AGE_S:
            self._can_start[name] = (time.monotonic(), can)
            asking = self._session.app.model_servers.can_start(name)
            self._asking.append(asking)
            self._session.bridge.when_done(asking, lambda done: self._learnt(name, done))
        return can

    def account(self, name: str) -> Tuple[str, ...]:
        """What a paid provider last said about money, as sentences; asks again when that is a minute old."""
        row = self._session.app.settings.providers.get(name)
        if row is None or row.kind != OPENROUTER:
            return ()
        asked_at, lines = self._accounts.get(name, (-ACCOUNT_AGE_S, ()))
        if time.monotonic() - asked_at >= ACCOUNT_AGE_S:
            self._accounts[name] = (time.monotonic(), lines)
            asking = self._session.app.model_servers.account(name)
            self._asking.append(asking)
            self._session.bridge.when_done(asking, lambda done: self._account_read(name, done))
        return lines

    def _account_read(self, name: str, future: Future[Account]) -> None:
        account = outcome(future).value
        lines = account_lines(account) if account is not None else ()
        asked_at, before = self._accounts.get(name, (0.0, ()))
        self._accounts[name] = (asked_at, lines)
        if lines != before:
            status = self._session.app.providers.status(name)
            self._session.tell(lambda view: view.status_changed(status))

    # ------------------------------------------------------------ what messages say about it

    def dressed(self, message: Message, item: MessageItem) -> MessageItem:
        """`item` with what its provider's kind adds: actions that mend, work under way, what was free."""
        row = self._session.app.settings.providers.get(message.provider or "")
        if row is None or message.role != "assistant":
            return item
        if self._is_free(message, row):
            item = replace(item, facts_detail=facts_detail_of(message, is_free=True))
        if row.kind == OLLAMA:
            codes = {warning_text(code) for code in message.warnings if code.startswith("context_dropped")}
            item = replace(item, notice_actions=tuple(
                (text, "raise_context") for text in item.notices if text in codes or NOT_SENT in text
            ))
        if item.error is not None and message.error is not None:
            card = self._dressed_card(message, row.kind, item.error, message.error)
            item = replace(item, error=card)
        return item

    def _dressed_card(self, message: Message, kind: str, card: ErrorCard, error: ErrorInfo) -> ErrorCard:
        choice = ModelChoice(message.provider or "", message.model or "")
        work = self.work(choice)
        if work is not None:
            return replace(card, note=work.note, progress=work.share, actions=("cancel_work",))
        first: Tuple[str, ...] = ()
        if kind == OLLAMA and error.code == "not_running":
            first = ("start_server",) if self.can_start(choice.provider) else ()
            if not first and is_loopback_url(self._session.app.settings.providers[choice.provider].base_url or ""):
                card = replace(card, next_step=tr("Start Ollama and try again; if it is not installed, get it at "
                                               "ollama.com/download."))
        elif (kind == OLLAMA and error.kind == "model_not_found") or error.code == "model_not_downloaded":
            first = ("pull_model",)
        elif kind == OLLAMA and error.kind == "context_too_long":
            first = ("raise_context",)
        elif kind == OPENROUTER and error.kind == "credits":
            first = ("add_credit",)
        usual = card.actions
        if message.status == "streaming":  # a question that waits for its server, and tries again by itself
            usual = tuple(one for one in usual if one != "retry")
            card = replace(card, next_step=_AGAIN.sub("", card.next_step))
        return replace(card, note=self.said(choice), actions=(*first, *usual))

    def _is_free(self, message: Message, row: ProviderSettings) -> bool:
        if row.kind in FREE_KINDS:
            return True
        known = self._session.known_model(ModelChoice(message.provider or "", message.model or ""))
        if known is not None:
            return known.local
        return row.kind == OLLAMA and message.upstream is None and is_loopback_url(row.base_url or "")

    # ------------------------------------------------------------ inside

    def _begin(self, choice: ModelChoice, future: Future[Any], work: Work) -> None:
        self._futures[choice], self._work[choice] = future, work
        self._said.pop(choice, None)
        self._tell(choice.provider)

    def _pull_moved(self, choice: ModelChoice, progress: Progress) -> None:
        # On the loop's thread; a fast network sends hundreds a second, of which the last is shown.
        self._latest[choice] = progress
        if choice not in self._pending:
            self._pending.add(choice)
            self._session.bridge.call(lambda: self._show_pull(choice))

    def _show_pull(self, choice: ModelChoice) -> None:
        self._pending.discard(choice)
        progress = self._latest[choice]
        if choice not in self._futures:
            return
        share = progress.done / progress.total if progress.done is not None and progress.total else None
        note = _STEPS.get(progress.detail, "")
        if progress.detail == "downloading" and progress.total:
            note = tr("{done:,.0f} of {total:,.0f} bytes", done=progress.done or 0, total=progress.total)
            if progress.total >= 1_000_000:
                note = tr("{size} of {size2}", size=_size(progress.done or 0), size2=_size(progress.total))
            note = tr("Pulling {model}: {note}", model=choice.model, note=note)
        before = self._work[choice]
        work = Work(note or before.note, before.share if share is None else share)
        if work != before:
            self._work[choice] = work
            self._tell(choice.provider)

    def _ended(self, choice: ModelChoice, future: Future[Any]) -> None:
        result = outcome(future)
        error = result.error
        self._futures.pop(choice, None)
        self._work.pop(choice, None)
        after = self._after.pop(choice, [])
        if error is None:
            self._session.rebuild_models()
        elif isinstance(error, CancelledError):
            self._said[choice] = tr("Cancelled; what arrived is kept, and pulling again goes on from there.")
            if not choice.model:
                self._said[choice] = tr("Cancelled.")
        elif isinstance(error, NukeAIError):
            self._said[choice] = f"{error.user_text} {error.next_step}".strip()
        else:
            log.error("work at a model server failed: this is a bug", exc_info=error)
            self._said[choice] = str(error)
        self._tell(choice.provider)
        if error is None:
            for then in after:
                then()

    def _learnt(self, name: str, future: Future[bool]) -> None:
        asked_at, before = self._can_start[name]
        can = bool(outcome(future).value)
        self._can_start[name] = (asked_at, can)
        if can != before:
            self._tell(name)

    def _tell(self, name: str) -> None:
        self._listeners = [one for one in self._listeners if one[0]()]
        for _, callback in tuple(self._listeners):
            callback(name)


# What a card says to somebody who would have to try again by hand.
_AGAIN = re.compile(r",? (?:then|and) try again(?=[.;])")


def _size(count: int) -> str:
    return tr("{count:.2f} GB", count=count / 1e9) if count >= 1e9 else tr("{count:.0f} MB", count=count / 1e6)
