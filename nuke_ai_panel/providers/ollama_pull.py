"""Follows a pull to its end: sums its layers up, and goes on by itself after a connection that broke. Loop thread.

Ollama tells of each layer for itself and in turns; people want one number. It keeps what arrived, so that a new request
goes on where the last one ended: that is tried again as long as something arrives.
"""

from __future__ import annotations

import asyncio
import re
from typing import AsyncGenerator, AsyncIterator, Callable, Dict, Optional, Tuple

from ..errors import ProviderError
from ..events import Finish, Progress, StreamEvent

MOST_ATTEMPTS = 12
PAUSE_S = 1.0
_LAYER = re.compile(r"^(?:pulling|downloading) ([0-9a-f]{6,64})\b")
_STEPS = (
    ("pulling manifest", "finding"), ("verifying", "checking"), ("writing manifest", "unpacking"),
    ("removing", "unpacking"), ("success", "done"),
)
_BROKEN_KINDS = frozenset({"network", "timeout", "truncated"})


class PullTally:
    """The layers of one pull. `add` returns the step as people know it: bytes of all layers known so far."""

    def __init__(self) -> None:
        self._layers: Dict[str, Tuple[int, int]] = {}

    @property
    def done(self) -> int:
        """The bytes that have arrived."""
        return sum(done for done, _ in self._layers.values())

    @property
    def total(self) -> int:
        """The bytes of the layers that were named so far."""
        return sum(total for _, total in self._layers.values())

    def add(self, progress: Progress) -> Progress:
        """Takes one line of the server; `detail` becomes finding, downloading, checking, unpacking or done."""
        layer = _LAYER.match(progress.detail)
        if layer is not None:
            before, size = self._layers.get(layer.group(1), (0, 0))
            self._layers[layer.group(1)] = (max(before, progress.done or 0), progress.total or size)
            return Progress("pulling", self.done, self.total or None, "downloading")
        step = next((word for start, word in _STEPS if progress.detail.startswith(start)), progress.detail)
        return Progress("pulling", self.done or None, self.total or None, step)


async def followed_pull(
    pull: Callable[[], AsyncIterator[StreamEvent]], *, pause_s: Optional[float] = None
) -> AsyncGenerator[Progress, None]:
    """The summed progress of `pull()` to its end, through broken connections. Raises ProviderError."""
    tally, pause_s = PullTally(), PAUSE_S if pause_s is None else pause_s
    for attempt in range(MOST_ATTEMPTS):
        before = tally.done
        events = pull()
        try:
            async for event in events:
                if isinstance(event, Progress):
                    yield tally.add(event)
                elif isinstance(event, Finish):
                    return
            return
        except ProviderError as error:
            if error.kind not in _BROKEN_KINDS or tally.done <= before or attempt == MOST_ATTEMPTS - 1:
                raise
        finally:
            close = getattr(events, "aclose", None)
            if close is not None:
                await close()
        yield Progress("pulling", tally.done, tally.total or None, "resuming")
        await asyncio.sleep(pause_s)
