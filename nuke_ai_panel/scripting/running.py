"""Answers on their way, as a script holds them: `Running` with its callbacks, `Stream` to iterate over. Any thread.

Events come on the loop's thread. Callbacks run on the main thread, one at a time, whoever started what, and in order:
what arrives while one of them runs is joined and comes with the next call. So a callback may ask and wait itself, and
never stands on another one. A callback that raises is logged once; the answer goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import weakref
from concurrent.futures import Future, InvalidStateError, wait
from typing import Any, Callable, List, Mapping, Optional, Union

from ..core.handle import TurnHandle
from ..errors import NukeAIError
from ..events import AnswerReset, TextAdded, TurnEvent
from ..messages import Json, Message
from ..utils.event_loop_manager import get_event_loop
from ..utils.main_thread import MainThread, WaitEndedError, the_main_thread
from .answer import Answer, in_plain_words, stopped, too_late
from .waiting import wait_for

log = logging.getLogger(__name__)

# A stopped turn ends within 200 ms; a blocked loop is replaced after seconds.
STOP_S = 1.0

Reader = Callable[[Message, Mapping[str, Json]], Json]
OnText = Callable[[str], Any]
OnDone = Callable[[Answer], Any]
OnError = Callable[[NukeAIError], Any]
# Whose callback runs, and who has something to say after it; only the main thread touches them.
_calling: List[Callbacks] = []
_after: List[Callbacks] = []
_WHY = {"escape": "Stopped by Esc.", "quit": "The application is closing."}


class Callbacks:
    """Calls a script's functions on the main thread. `add` and `end` on any thread."""

    def __init__(
        self, on_text: Optional[OnText], on_done: Optional[OnDone], on_error: Optional[OnError],
        outcome: Callable[[], Union[Answer, NukeAIError]],
    ) -> None:
        self._on_text, self._on_done, self._on_error, self._outcome = on_text, on_done, on_error, outcome
        self._lock = threading.Lock()
        self._pieces: List[str] = []
        self._is_asked_for = False
        self._has_ended = False
        self._is_blamed = False
        self.told: Future[None] = Future()

    def add(self, text: str) -> None:
        """More text has arrived."""
        if self._on_text is None:
            return
        with self._lock:
            self._pieces.append(text)
        self._ask()

    def end(self) -> None:
        """The turn has ended."""
        with self._lock:
            self._has_ended = True
        self._ask()

    def _ask(self) -> None:
        with self._lock:
            if self._is_asked_for:
                return
            self._is_asked_for = True
        the_main_thread().submit(self._run)

    def _run(self) -> None:
        if _calling:  # a callback waits for something: it goes on below when that has returned
            if self not in _calling and self not in _after:
                _after.append(self)
            return
        _calling.append(self)
        try:
            while True:
                with self._lock:
                    text, self._pieces = "".join(self._pieces), []
                    has_ended = self._has_ended
                    if not text and not has_ended:
                        self._is_asked_for = False
                        return
                if text:
                    self._call(self._on_text, text)
                if has_ended:
                    self._tell_end()
                    return
        except BaseException:  # Ctrl-C in a callback: the rest comes when the main thread is next served
            with self._lock:
                self._is_asked_for = False
                has_rest = self._has_ended and not self.told.done()
            if has_rest:
                self._ask()
            raise
        finally:
            _calling.clear()
            while _after:
                the_main_thread().submit(_after.pop(0)._run)

    def _tell_end(self) -> None:
        try:
            outcome = self._outcome()
            if isinstance(outcome, Answer):
                self._call(self._on_done, outcome)
            else:
                self._call(self._on_error, outcome)
        finally:
            self.told.set_result(None)

    def _call(self, callback: Optional[Callable[[Any], Any]], value: object) -> None:
        if callback is None:
            return
        try:
            callback(value)
        except Exception:
            if not self._is_blamed:
                self._is_blamed = True
                log.exception("a callback of start() failed; the answer goes on")


class Running:
    """An answer that is being written; `start` makes it. Its methods may be called on any thread, and after a reload.

    `conversation_id` is where it is kept in history.
    """

    def __init__(
        self, schema: Optional[Mapping[str, Json]], read: Reader, serving: MainThread, *,
        on_text: Optional[OnText] = None, on_done: Optional[OnDone] = None, on_error: Optional[OnError] = None,
    ) -> None:
        self.conversation_id = ""
        self._schema = schema
        self._read = read
        self._serving = serving
        self._ended: Future[None] = Future()
        self._limit_s: Optional[float] = None
        self._is_late = False
        self._why = "The answer was stopped."
        self._outcome_lock = threading.Lock()
        self._outcome: Union[Answer, NukeAIError, None] = None
        self._callbacks: Optional[Callbacks] = None
        if on_text is not None or on_done is not None or on_error is not None:
            self._callbacks = Callbacks(on_text, on_done, on_error, self._the_outcome)

    def done(self) -> bool:
        """Whether it has come to its end, good or bad. Never waits."""
        return self._ended.done()

    @property
    def text(self) -> str:
        """The text that has arrived so far. Never waits."""
        return self._handle.snapshot().text

    def stop(self) -> None:
        """Ends it within 200 ms; what arrived is kept. Returns at once; nothing happens when it has ended."""
        self._handle.stop()

    def result(self, timeout_s: Optional[float] = None) -> Answer:
        """Waits for the whole answer, without freezing Nuke on its main thread, where its callbacks have run by then.

        Raises what `ask` raises; TimeoutError when it is not there after `timeout_s` seconds, and it goes on. Esc and
        Ctrl-C stop it.
        """
        if not self._wait(self._ended, timeout_s):
            raise TimeoutError(f"the answer is not complete after {timeout_s:g} s; it goes on")
        self._wait_for_callbacks()
        outcome = self._the_outcome()
        if isinstance(outcome, Answer):
            return outcome
        raise outcome

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'ended' if self.done() else 'being written'}: {len(self.text)} characters>"

    # ------------------------------------------------------------ for the API

    def take(self, event: TurnEvent) -> None:
        """A turn's event. Loop thread."""
        if self._callbacks is not None and isinstance(event, TextAdded):
            self._callbacks.add(event.text)

    def attach(self, handle: TurnHandle, timeout_s: Optional[float]) -> None:
        """The turn has begun; after `timeout_s` it is stopped."""
        self._handle = handle
        self.conversation_id = handle.conversation_id
        self._limit_s = timeout_s
        if timeout_s is not None:
            loop = get_event_loop()
            loop.call_soon_threadsafe(_set_limit, loop, timeout_s, weakref.ref(self), handle)
        handle.when_done(self._at_end())

    def wait_within(self, grace_s: float = 2.0) -> None:
        """Waits for the end; should the loop be too stuck to keep the time limit, this keeps it."""
        limit_s = None if self._limit_s is None else self._limit_s + grace_s
        if not self._wait(self._ended, limit_s):
            self._is_late = True
            self.stop()
            self._wait(self._ended, STOP_S)
            if not self.done():
                raise in_plain_words(too_late(self._handle.snapshot(), self._limit_s or 0.0))

    # ------------------------------------------------------------ inside

    def _at_end(self) -> Callable[[], None]:
        return self._end

    def _time_is_up(self) -> None:
        self._is_late = True
        self._handle.stop()

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
        if self._callbacks is not None:
            self._callbacks.end()

    def _wait(self, until: Future[None], timeout_s: Optional[float] = None) -> bool:
        try:
            return wait_for(until, self._serving, timeout_s)
        except WaitEndedError as end:
            self._why = _WHY.get(end.reason, self._why)
            self.stop()
            try:
                wait_for(self._ended, self._serving, STOP_S)
            except WaitEndedError:  # the host's loop has ended for good
                wait([self._ended], STOP_S)
            raise in_plain_words(stopped(self._handle.snapshot(), self._why)) from None
        except BaseException:
            self.stop()
            raise

    def _wait_for_callbacks(self) -> None:
        callbacks = self._callbacks
        if callbacks is not None and not _calling and the_main_thread().is_current():
            try:
                wait_for(callbacks.told, self._serving)
            except WaitEndedError:  # the answer itself is there
                log.debug("the wait for a callback was ended")

    def _the_outcome(self) -> Union[Answer, NukeAIError]:
        with self._outcome_lock:
            if self._outcome is None:
                self._outcome = self._made_outcome()
            return self._outcome

    def _made_outcome(self) -> Union[Answer, NukeAIError]:
        message = self._handle.snapshot()
        error = self._handle.error()
        if error is not None:
            return in_plain_words(error)
        if message.status != "complete":
            if self._is_late and self._limit_s is not None:
                return in_plain_words(too_late(message, self._limit_s))
            return in_plain_words(stopped(message, self._why))
        data: Json = None
        if self._schema is not None:
            try:
                data = self._read(message, self._schema)
            except NukeAIError as wrong:
                return in_plain_words(wrong)
        return Answer(
            message.text, message.provider, message.model, message.conversation_id, message.usage, message.finish,
            message, data,
        )


class Stream(Running):
    """An answer to iterate over: each step is the text that has arrived since the last one, never empty.

    The main thread stays alive between the steps. Leaving the loop early and forgetting the stream, or leaving it as
    a context manager, stops the answer. The last step raises what `ask` raises; after it `result()` has the answer.
    """

    def __init__(self, schema: Optional[Mapping[str, Json]], read: Reader, serving: MainThread) -> None:
        super().__init__(schema, read, serving)
        self._lock = threading.Lock()
        self._pieces: List[str] = []
        self._news: Optional[Future[None]] = None

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> str:
        while True:
            with self._lock:
                text, self._pieces = "".join(self._pieces), []
                if text:
                    return text
                is_over = self._ended.done()
                news = self._news = Future()
            if is_over:
                outcome = self._the_outcome()
                if isinstance(outcome, Answer):
                    raise StopIteration
                raise outcome
            self._wait(news)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def __del__(self) -> None:
        handle = getattr(self, "_handle", None)
        if handle is not None and not handle.done():
            handle.stop()

    def sink(self) -> Callable[[TurnEvent], None]:
        """Takes a turn's events, and does not keep the stream alive that nobody reads any more."""
        me = weakref.ref(self)

        def take(event: TurnEvent) -> None:
            stream = me()
            if stream is not None:
                stream.take(event)

        return take

    def take(self, event: TurnEvent) -> None:
        if isinstance(event, TextAdded):
            with self._lock:
                self._pieces.append(event.text)
                news = self._news
            _tell(news)
        elif isinstance(event, AnswerReset):
            with self._lock:
                self._pieces.clear()

    def _at_end(self) -> Callable[[], None]:
        me = weakref.ref(self)

        def end() -> None:
            stream = me()
            if stream is not None:
                stream._end()

        return end

    def _end(self) -> None:
        super()._end()
        with self._lock:
            news = self._news
        _tell(news)


def _tell(news: Optional[Future[None]]) -> None:
    """Wakes who waits for news; twice is once."""
    if news is not None:
        with contextlib.suppress(InvalidStateError):
            news.set_result(None)


def _set_limit(
    loop: asyncio.AbstractEventLoop, timeout_s: float, running: weakref.ref[Running], handle: TurnHandle
) -> None:
    """Stops the turn after `timeout_s`. Loop thread; keeps nobody alive."""

    def time_is_up() -> None:
        late = running()
        if late is not None and not handle.done():
            late._time_is_up()

    if not handle.done():
        handle.when_done(loop.call_later(timeout_s, time_is_up).cancel)
