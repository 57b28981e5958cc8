"""What the commands print on and read from: text made safe for a terminal, and streams that may be closed.

A model's answer is untrusted: on a terminal its control characters and those that reorder text become visible marks.
Into a file or a pipe it goes as it is, but for halves of characters, which UTF-8 cannot hold.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from typing import IO, Optional

from ..messages import clean_text
from .exits import OutputLostError, UsageError

STDIN_LIMIT_BYTES = 4 << 20
# C0 but tab and newline, DEL, C1; then what changes the direction of text.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
_USUAL_COLUMNS = 80


class Console:
    """Standard output and error of one command."""

    def __init__(self) -> None:
        self.out: Optional[IO[str]] = _unicode(sys.stdout)
        self.err: Optional[IO[str]] = _unicode(sys.stderr)
        self.is_terminal = _is_terminal(self.out)
        self.shows_wait = _is_terminal(self.err)
        self._half = ""
        self._wait = ""
        self._ends_in_newline = True

    def say(self, text: str) -> None:
        """Prints a whole line."""
        self.stream(text)
        self.end_line()

    def stream(self, text: str) -> None:
        """Prints a piece of text at once; half a character waits for its other half."""
        self.clear_wait()
        text = self._half + text
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        self._write(clean_text(text[:-1] if self._half else text))

    def end_line(self) -> None:
        """Ends the text: whatever waited is printed, and the next thing begins on a line of its own."""
        half, self._half = self._half, ""
        if half:
            self._write("\ufffd")
        if not self._ends_in_newline:
            self._write("\n")

    def raw(self, text: str) -> None:
        """Prints machine-readable text as it is."""
        _put(self.out, text)

    def note(self, text: str) -> None:
        """One line on standard error."""
        self.clear_wait()
        if not self._ends_in_newline and self.is_terminal:
            self._write("\n")
        try:
            _put(self.err, visible(clean_text(text)) + "\n")
        except OutputLostError:
            self.err = None

    @property
    def columns(self) -> int:
        """How much of a waiting line the terminal shows: the last column is left free, or it would wrap."""
        try:
            found = os.get_terminal_size(self.err.fileno()).columns if self.err is not None else 0
        except (OSError, ValueError):
            found = 0
        return max(20, (found or _USUAL_COLUMNS) - 1)

    def wait(self, text: str) -> None:
        """Shows on a terminal what is being waited for, on one line that is taken away again."""
        if not self.shows_wait or self.err is None:
            return
        line = visible(text)[:self.columns]
        padding = " " * (len(self._wait) - len(line))
        self._wait = line
        self.err.write(f"\r{line}{padding}")
        self.err.flush()

    def clear_wait(self) -> None:
        """Takes the waiting line away."""
        if self._wait and self.err is not None:
            self.err.write("\r" + " " * len(self._wait) + "\r")
            self.err.flush()
        self._wait = ""

    def abandon(self) -> None:
        """Stops writing for good, so that the interpreter's own last flush cannot fail."""
        try:
            if sys.stdout is not None:
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (OSError, ValueError):
            self.out = None

    def _write(self, text: str) -> None:
        if not text:
            return
        if self.is_terminal:
            text = visible(text.replace("\r\n", "\n"))
        _put(self.out, text)
        self._ends_in_newline = text.endswith("\n")


def visible(text: str) -> str:
    """The text with control characters as marks that do nothing."""
    return _UNSAFE.sub(_mark, text)


def read_stdin() -> str:
    """Everything on standard input as text. Raises UsageError."""
    if sys.stdin is None:
        raise UsageError("Standard input is closed.", next_step="Give the prompt as an argument.")
    try:
        raw = sys.stdin.buffer.read(STDIN_LIMIT_BYTES + 1)
    except OSError as exc:
        raise UsageError(f"Standard input cannot be read: {exc.strerror}.", next_step="Give a prompt.") from exc
    if len(raw) > STDIN_LIMIT_BYTES:
        raise UsageError(
            f"Standard input holds more than {STDIN_LIMIT_BYTES >> 20} MB.", next_step="Send a part of it."
        )
    text = decoded(raw)
    if text is None:
        raise UsageError("Standard input is not UTF-8 text.", next_step="Convert it first, for example with iconv.")
    return text


def decoded(raw: bytes) -> Optional[str]:
    """Text from UTF-8, or from UTF-16 with its mark; None when the bytes are neither."""
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text.replace("\r\n", "\n")


def _mark(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"<U+{code:04X}>"


def _unicode(stream: Optional[IO[str]]) -> Optional[IO[str]]:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="replace" if stream is sys.stdout else "backslashreplace")
    return stream


def _is_terminal(stream: Optional[IO[str]]) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def _put(stream: Optional[IO[str]], text: str) -> None:
    if stream is None:
        return
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError as exc:
        raise OutputLostError() from exc
    except OSError as exc:
        # Windows says EINVAL for a pipe whose reader left.
        closed = exc.errno in (errno.EPIPE, errno.EINVAL)
        raise OutputLostError("" if closed else f"The answer cannot be written: {exc.strerror or exc}.") from exc
    except ValueError as exc:
        raise OutputLostError() from exc
