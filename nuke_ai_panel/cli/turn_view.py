"""Follows one turn in the terminal: prints the answer as it comes, says what is waited for, and stops on Ctrl-C.

Main thread. Events arrive on the loop thread and cross by a queue.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, List, Optional, Tuple, Union

from ..core.turn_words import ending_text, warning_text
from ..events import (
    AnswerReset,
    AnswerStored,
    ApprovalAsked,
    ContextTrimmed,
    StandInAsked,
    StoreTroubled,
    TextAdded,
    ThinkingAdded,
    TurnEvent,
    TurnFailed,
    TurnStopped,
    WaitChanged,
    WarningRaised,
)
from ..messages import ErrorInfo, Message
from . import exits
from .console import Console
from .exits import OutputLostError
from .interrupts import on_interrupt

if TYPE_CHECKING:
    from ..app import App
    from ..core.handle import TurnHandle
    from ..core.request import TurnRequest
    from ..settings import Settings

_POLL_S = 0.1  # Windows runs a signal's handler only between two waits
_PHASES = {
    "connecting": "Connecting…", "waiting": "Waiting for the answer…", "loading": "Loading the model…",
    "prompt": "Reading the prompt…", "pulling": "Fetching the model…", "queued": "Waiting for another answer to end…",
}
# Warnings that a larger context window mends.
_WINDOW_CODES = frozenset({"context_dropped"})


@dataclass(frozen=True)
class Outcome:
    """How a turn ended. `raised` are the codes of warnings that the turn, not the server, had to say."""

    answer: Message
    conversation_id: str
    code: int
    error: Optional[ErrorInfo] = None
    raised: Tuple[str, ...] = ()


def follow(app: App, request: TurnRequest, console: Console, *, is_quiet: bool = False) -> Outcome:
    """Runs a turn to its end; `is_quiet` prints no text. Raises KeyboardInterrupt at a second Ctrl-C."""
    events: queue.SimpleQueue[TurnEvent] = queue.SimpleQueue()
    view = _View(console, is_quiet=is_quiet, hint=lambda answer, error: mend_command(app.settings, answer, error))
    # From before the start, so that no Ctrl-C falls between the turn and its handle.
    started: List[TurnHandle] = []

    def stop() -> None:
        for one in started:
            one.stop()

    with on_interrupt(stop) as interrupts:
        handle = app.start_turn(request, events.put)
        started.append(handle)
        if interrupts:
            stop()
        while view.end is None:
            try:
                event = events.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            try:
                view.show(event)
            except OutputLostError as gone:
                handle.stop()
                view.mute(gone)
    if view.gone is not None and view.gone.reason:
        console.note(view.gone.reason)
    code = exits.INTERRUPTED if interrupts and not isinstance(view.end, AnswerStored) else view.code()
    return Outcome(view.end.answer, handle.conversation_id, code, view.error(), tuple(view.raised))


def mend_command(settings: Settings, answer: Message, error: ErrorInfo) -> str:
    """The command that mends an Ollama that does not run or lacks the model; empty for everything else."""
    row = settings.providers.get(answer.provider or "")
    if row is None or row.kind != "ollama":
        return ""
    if error.code == "not_running":
        return " On the command line: nuke-ai-panel models start."
    return f" On the command line: nuke-ai-panel models pull {error.model}." if error.kind == "model_not_found" else ""


class _View:
    """What has been seen of a turn so far."""

    def __init__(self, console: Console, *, is_quiet: bool, hint: Callable[[Message, ErrorInfo], str]) -> None:
        self.end: Union[AnswerStored, TurnFailed, TurnStopped, None] = None
        self.gone: Optional[OutputLostError] = None
        self.raised: List[str] = []
        self._is_away_told = False
        self._console = console
        self._is_quiet = is_quiet
        self._hint = hint

    def mute(self, gone: OutputLostError) -> None:
        """Prints nothing more: nobody reads it."""
        self.gone = gone
        self._is_quiet = True
        self._console.abandon()

    def show(self, event: TurnEvent) -> None:
        """Prints what an event means to a reader."""
        console = self._console
        if isinstance(event, (AnswerStored, TurnFailed, TurnStopped)):
            self.end = event
            console.clear_wait()
            if not self._is_quiet:
                console.end_line()
            self._say_end()
        elif isinstance(event, TextAdded):
            if not self._is_quiet:
                console.stream(event.text)
        elif isinstance(event, ThinkingAdded):
            console.wait("Thinking…")
        elif isinstance(event, WaitChanged):
            self._show_wait(event)
        elif isinstance(event, AnswerReset):
            if not self._is_quiet:
                console.end_line()
            console.note("The provider began again; the answer so far does not count.")
        elif isinstance(event, StandInAsked):
            if event.text:
                console.note(event.text)
        elif isinstance(event, WarningRaised):
            self.raised.append(event.code)
            more = " On the command line: --context TOKENS, in a chat: /context." if event.code in _WINDOW_CODES else ""
            console.note(event.text + more)
        elif isinstance(event, ContextTrimmed):
            console.note(f"{event.dropped_messages} older messages were left out to fit the model's window of "
                         f"{event.window_tokens:,} tokens.")
        elif isinstance(event, StoreTroubled):
            console.note(f"{event.error.user_text} {event.error.next_step}".rstrip())
        elif isinstance(event, ApprovalAsked):
            console.note(f"A tool asks for leave that only the panel can give: {event.summary}")

    def code(self) -> int:
        """The exit code of the end that was seen."""
        end = self.end
        if isinstance(end, TurnFailed):
            return exits.code_of_kind(end.error.kind, is_partial=bool(end.answer.text))
        if self.gone is not None or not isinstance(end, AnswerStored):
            return exits.PARTIAL
        return exits.PARTIAL if end.answer.finish == "content_filter" else exits.COMPLETE

    def error(self) -> Optional[ErrorInfo]:
        """The error as a program reads it; a stop counts as one there."""
        if isinstance(self.end, TurnFailed):
            return self.end.error
        return None if isinstance(self.end, AnswerStored) else ErrorInfo("cancelled", "stopped")

    def _show_wait(self, event: WaitChanged) -> None:
        if event.phase == "retrying":
            self._console.note(f"{event.detail} Trying again in {event.retry_in_s or 0:.0f} s.")
            return
        if event.phase == "unreachable":
            self._show_wait_for_server(event)
            return
        text = _PHASES.get(event.phase, "Waiting…")
        if event.phase == "queued" and event.retry_in_s is not None:
            self._console.wait(f"{event.detail}, {event.retry_in_s:.0f} s…")
            return
        if event.detail:
            text = f"{text.rstrip('…')} ({event.detail})…"
        if event.done is not None and event.total:
            text = f"{text} {100 * event.done // event.total} %"
        self._console.wait(text)

    def _show_wait_for_server(self, event: WaitChanged) -> None:
        if event.error is not None and not self._is_away_told:
            self._is_away_told = True
            self._console.note(f"{event.error.user_text} {event.error.next_step}".rstrip())
        self._console.wait(f"Waiting for {event.detail}, trying again in {event.retry_in_s or 0:.0f} s…")

    def _say_end(self) -> None:
        end, console = self.end, self._console
        if isinstance(end, TurnFailed):
            facts = " · ".join(str(fact) for fact in (
                end.error.provider, end.error.model, f"HTTP {end.error.status}" if end.error.status else None) if fact)
            is_news = end.error.message not in ("", end.error.user_text)
            is_foreign = end.error.kind not in exits.SETTINGS_KINDS and is_news
            said = f" ({facts}: {end.error.message})" if facts and is_foreign else ""
            hint = self._hint(end.answer, end.error)
            console.note(f"{end.error.user_text or end.error.message} {end.error.next_step}".rstrip() + hint + said)
        elif isinstance(end, AnswerStored):
            for code in end.answer.warnings:
                if code.partition(":")[0] not in self.raised and warning_text(code):
                    console.note(warning_text(code))
            if ending_text(end.answer):
                console.note(ending_text(end.answer))
            elif end.answer.finish == "length":
                console.note("The answer ends here because it reached its longest allowed length (--max-tokens).")
        elif self.gone is None:
            console.note("Stopped; what arrived is kept.")
