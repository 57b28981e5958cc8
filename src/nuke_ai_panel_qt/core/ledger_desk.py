"""Brings the ledger into its view, and what one request said into a sheet. Main thread; reading happens elsewhere."""

from __future__ import annotations

import json
import time
from concurrent.futures import Future
from typing import Any, Callable, List, Optional, Tuple

from nuke_ai_panel.core.budget import PERIODS, Spending, amount
from nuke_ai_panel.core.ledger_sums import (
    PLACES,
    cost_text,
    outcome_text,
    size_text,
    sums,
    tokens_text,
    total,
    when_text,
)
from nuke_ai_panel.core.studio_gate import SentRequest
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.store.ledger_rows import LedgerEntry
from nuke_ai_panel.words import tr

from ..qt import is_valid
from ..ui.chat_panel import ChatPanel
from ..ui.ledger_view import LedgerView
from ..ui.panel_values import LedgerPage, LedgerRow
from .chat_session import ChatSession
from .event_bridge import outcome

# The panel shows the last month; the command line shows everything.
SHOWN_S = 31 * 86_400.0
_LONGEST_BASE64 = 200
_FAILED = frozenset({"answered", "stopped", "cancelled"})


class LedgerDesk:
    """One panel's. The view is made when it is first opened."""

    def __init__(
        self, session: ChatSession, panel: ChatPanel, open_conversation: Callable[[str], None]
    ) -> None:
        self._session = session
        self._open_conversation = open_conversation
        self._panel = panel
        self._spending: Tuple[Spending, ...] = ()
        self.view: Optional[LedgerView] = None

    def open(self) -> None:
        """The ledger over the panel, read anew."""
        if self.view is None or not is_valid(self.view):
            self.view = LedgerView(self._panel.shortcuts, self._panel.overlay)
            self.view.close_requested.connect(self._panel.close_overlay)
            self.view.conversation_requested.connect(self._open_conversation)
        self._panel.overlay.open(self.view, "full")
        self.view.query.setFocus()
        gate, bridge = self._session.app.gate, self._session.bridge
        bridge.when_done(gate.spending(), self._spent, owner=self.view)
        bridge.when_done(gate.entries(time.time() - SHOWN_S), self._read, owner=self.view)

    def show_sent(self, question_id: str) -> None:
        """What the last request for this question said, as it went over the wire."""
        sent = self._session.app.gate.sent(question_id)
        if sent is None:
            self._panel.say(tr("What was sent is remembered for the last few questions of this session only."))
            return
        sheet = self._panel.text_sheet
        sheet.show_text("", tr("What was sent"), sent_text(sent), facts=sent_facts(sent), is_editable=False)
        self._panel.open_text_sheet()

    def _spent(self, future: Future[Tuple[Spending, ...]]) -> None:
        self._spending = outcome(future).value or ()

    def _read(self, future: Future[List[LedgerEntry]]) -> None:
        if self.view is None or not is_valid(self.view):
            return
        done = outcome(future)
        if done.error is not None:
            words = done.error.user_text if isinstance(done.error, NukeAIError) else str(done.error)
            self.view.set_page(LedgerPage(summary=words, empty=getattr(done.error, "next_step", "")))
            return
        self.view.set_page(page_of(done.value or [], self._spending, folder=str(self._session.app.gate.folder)))


def page_of(entries: List[LedgerEntry], spending: Tuple[Spending, ...], *, folder: str) -> LedgerPage:
    """The ledger in words."""
    whole = total(entries)
    outside = [one for one in entries if one.left_house]
    left = total(outside)
    by_provider = ", ".join(f"{one.key} {size_text(one.bytes_sent)}" for one in sums(outside, "provider")[:3])
    summary = tr("Nothing left this machine's network in the last 31 days.") if not outside else (
        tr("{requests:,} requests left the house in the last 31 days: {size_text}, {tokens:,} tokens, {cost_text} "
           "({by_provider}).", requests=left.requests, size_text=size_text(left.bytes_sent), tokens=left.tokens,
           cost_text=cost_text(left.cost_usd, is_estimated=left.is_estimated), by_provider=by_provider)
    )
    inside = whole.requests - left.requests
    if inside:
        summary += " " + tr("{inside:,} stayed inside.", inside=inside)
    return LedgerPage(
        tuple(row_of(one) for one in reversed(entries)), summary, "\n".join(map(budget_text, spending)),
        any(one.soft is not None and one.spent >= one.soft for one in spending),
        empty=tr("No request was sent yet."), note=tr("All of it: nuke-ai-panel ledger. Kept in {folder}.",
        folder=folder),
    )


def row_of(entry: LedgerEntry) -> LedgerRow:
    """One request in words."""
    title = f"{entry.title or entry.provider} · {entry.model}" if entry.model else entry.title or entry.provider
    facts = [entry.origin.partition("://")[2] or entry.origin, size_text(entry.bytes_sent)]
    cost = ""
    if entry.purpose == "answer":
        facts.append(tr("{count} tok", count=tokens_text(entry)))
        cost = cost_text(entry.cost_usd or 0.0, is_unknown=entry.cost_usd is None, is_estimated=entry.is_estimated)
    if entry.redacted:
        facts.append(tr("{count} hidden", count=entry.redacted))
    facts.append(outcome_text(entry))
    when = when_text(entry.at)
    place = entry.trust if entry.trust in PLACES else "cloud"
    who = tr("{user}@{host}, process {process}", user=entry.user, host=entry.host, process=entry.process)
    tip = f"{title}\n{entry.method} {entry.origin} ({tr(PLACES[place])})\n{who}"
    return LedgerRow(
        when[:10], when[11:16], title, " · ".join(facts), cost, place,  # type: ignore[arg-type]  # one of PLACES
        f"{title} {entry.provider} {entry.origin} {tr(PLACES[place])} {outcome_text(entry)}".lower(), tip,
        entry.conversation_id or "", is_failed=entry.ended_at is not None and entry.outcome not in _FAILED,
    )


def budget_text(one: Spending) -> str:
    """One limit and how far it is used up."""
    when = tr(dict(PERIODS)[one.period]).capitalize()
    limit = one.hard if one.hard is not None else one.soft
    return tr("{when}: {spent} of {limit}", when=when, spent=amount(one.unit, one.spent),
              limit=amount(one.unit, limit or 0.0))


def sent_facts(sent: SentRequest) -> str:
    """Where a request went and what it hid, in one line."""
    hidden = " · " + tr("{count} thing hidden behind placeholders", "{count} things hidden behind placeholders",
                        count=sent.hidden) if sent.hidden else ""
    return f"{sent.provider} · {sent.origin.partition('://')[2]} · {when_text(sent.at)[11:16]}{hidden}"


def sent_text(sent: SentRequest) -> str:
    """A request's body, readable; images are cut short."""
    return json.dumps(_shortened(sent.body), indent=2, ensure_ascii=False)


def _shortened(value: Any) -> Any:  # Any: JSON
    if isinstance(value, dict):
        return {name: _shortened(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shortened(one) for one in value]
    if isinstance(value, str) and len(value) > _LONGEST_BASE64 and " " not in value and "\n" not in value:
        return tr("{value}… ({count:,} characters)", value=value[:60], count=len(value))
    return value
