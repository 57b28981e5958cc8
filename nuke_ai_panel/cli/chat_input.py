"""Reads questions for `chat`: with prompt_toolkit at a terminal, with `input` where it is missing, else from a pipe."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Callable, Optional, Protocol

from .console import Console, decoded
from .exits import UsageError

PROMPT = "> "
CONTINUED = "… "
_LINE_LIMIT_BYTES = 4 << 20


class LineReader(Protocol):
    """Where questions come from."""

    is_human: bool

    def read(self) -> Optional[str]:
        """The next question, None at the end. Raises KeyboardInterrupt and UsageError."""
        ...


def open_reader(console: Console, home: Path) -> LineReader:
    """The best reader for what standard input is."""
    if sys.stdin is None:
        raise UsageError("Standard input is closed.", next_step="Run chat in a terminal, or pipe questions in.")
    if not (sys.stdin.isatty() and console.is_terminal):
        return PipeReader()
    return _edited_reader(home / "chat_history") or PlainReader()


class PipeReader:
    """One question a line; a backslash at its end joins the next one."""

    is_human = False

    def read(self) -> Optional[str]:
        """The next question."""
        return joined(self._line)

    def _line(self, prompt: str) -> Optional[str]:
        raw = sys.stdin.buffer.readline(_LINE_LIMIT_BYTES)
        if not raw:
            return None
        text = decoded(raw)
        if text is None:
            raise UsageError("Standard input is not UTF-8 text.", next_step="Convert it first, for example with iconv.")
        return text.rstrip("\n")


class PlainReader:
    """A terminal without prompt_toolkit."""

    is_human = True

    def read(self) -> Optional[str]:
        """The next question."""
        return joined(self._line)

    def _line(self, prompt: str) -> Optional[str]:
        try:
            return input(prompt)
        except EOFError:
            return None
        except UnicodeDecodeError as exc:
            raise UsageError("What was typed is not UTF-8 text.", next_step="Check the terminal's encoding.") from exc


class EditedReader:
    """A terminal with editing, several lines and a history. `ask` is prompt_toolkit's prompt."""

    is_human = True

    def __init__(self, ask: Callable[[str], str]) -> None:
        self._ask = ask

    def read(self) -> Optional[str]:
        """The next question."""
        return joined(self._line)

    def _line(self, prompt: str) -> Optional[str]:
        try:
            return self._ask(prompt)
        except EOFError:
            return None


def joined(line: Callable[[str], Optional[str]]) -> Optional[str]:
    """One question from as many lines as end in a backslash."""
    text = line(PROMPT)
    while text is not None and text.endswith("\\"):
        more = line(CONTINUED)
        text = f"{text[:-1]}\n{more or ''}"
        if more is None:
            break
    return text


def _edited_reader(history: Path) -> Optional[LineReader]:
    try:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.history import FileHistory, History, InMemoryHistory
        from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    except ImportError:
        return None
    bindings = KeyBindings()

    @bindings.add("enter")
    def send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @bindings.add("escape", "enter")
    @bindings.add("c-j")
    def break_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    kept: History = FileHistory(str(history)) if _is_private_file(history) else InMemoryHistory()
    session: PromptSession[str] = PromptSession(
        history=kept, multiline=True, key_bindings=bindings, prompt_continuation=lambda width, line, wrap: CONTINUED
    )
    return EditedReader(session.prompt)


def _is_private_file(path: Path) -> bool:
    """Whether the file can be written; made readable by its owner only, because it holds prompts."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    except OSError:
        return False
    return True
