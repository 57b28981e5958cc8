"""Who waits for a plan: reading is counted, and ends when nobody waits any more.

Made and stopped on one thread, looked at on the one that reads.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator

from .errors import BatchError
from .rows import Found, Source


class StoppedError(BatchError):
    """Nobody waits for what is being read."""


class Watch:
    """`rows` is how many were read so far. Any thread."""

    def __init__(self) -> None:
        self.rows = 0
        self._is_stopped = False

    def stop(self) -> None:
        """Reading ends at the next row, or the next folder."""
        self._is_stopped = True

    def look(self) -> None:
        """Raises StoppedError when nobody waits any more."""
        if self._is_stopped:
            raise StoppedError("nobody waits for this plan")

    def over(self, source: Source) -> Source:
        """The same rows, counted as they are read."""
        def read() -> Iterator[Found]:
            for one in source.read():
                self.look()
                self.rows += 1
                yield one

        return replace(source, read=read)
