"""A conversation that a script keeps: each question follows the last answer. Any thread, one question at a time.

It holds plain values only and asks through `nuke_ai_panel.api` of the moment, so that it lives on after a reload.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Dict, Optional, Tuple

from ..messages import Json, Message
from .answer import Answer
from .question import NAMES
from .running import OnDone, OnError, OnText, Running, Stream


class Chat:
    """A conversation. `conversation_id` is where it is kept in history, None before the first question.

    `ask`, `start` and `stream` are the functions of the same names; what was given to `chat()` counts for each
    question and can be replaced for one. Raises BusyError while an answer of the same conversation is being written.
    """

    def __init__(self, options: Dict[str, Json]) -> None:
        unknown = [name for name in options if name not in NAMES]
        if unknown:
            raise TypeError(f"there is no option {unknown[0]!r}; there are {', '.join(NAMES)}")
        self.conversation_id: Optional[str] = options.pop("conversation_id", None)
        self._options = options

    def ask(self, prompt: str, **options: Json) -> Answer:
        """The answer; see `nuke_ai_panel.ask`."""
        running = self._api().running_of(prompt, self._with(options))
        self._took(running)
        answer: Answer = self._api().answer_of(running)
        return answer

    def start(
        self, prompt: str, *, on_text: Optional[OnText] = None, on_done: Optional[OnDone] = None,
        on_error: Optional[OnError] = None, **options: Json,
    ) -> Running:
        """Returns at once; see `nuke_ai_panel.start`."""
        running: Running = self._api().start(
            prompt, on_text=on_text, on_done=on_done, on_error=on_error, **self._with(options)
        )
        self._took(running)
        return running

    def stream(self, prompt: str, **options: Json) -> Stream:
        """To iterate over; see `nuke_ai_panel.stream`."""
        stream: Stream = self._api().stream(prompt, **self._with(options))
        self._took(stream)
        return stream

    def messages(self) -> Tuple[Message, ...]:
        """The questions and answers so far, the oldest first, each with `role`, `text` and `status`."""
        if self.conversation_id is None:
            return ()
        found: Tuple[Message, ...] = self._api().messages_of(self.conversation_id)
        return found

    def __repr__(self) -> str:
        return f"<Chat {self.conversation_id or 'with nothing asked yet'}>"

    def _with(self, options: Dict[str, Json]) -> Dict[str, Json]:
        return {**self._options, "conversation_id": self.conversation_id, **options}

    def _took(self, running: Running) -> None:
        self.conversation_id = running.conversation_id
        # It went along with the first question, which the model reads again with each.
        self._options.pop("context", None)
        self._options.pop("attachments", None)

    def _api(self) -> Any:  # Any: a module, of whichever generation of the code is in service
        return import_module("nuke_ai_panel.api")
