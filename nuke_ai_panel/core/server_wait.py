"""Lets a question wait for a server that is not there, and go as soon as it is, once. Loop thread.

Only a request of which nothing can have been processed waits: no connection came about, this time and every time
before. Once bytes of it were accepted and no answer came, nobody knows what became of it, and a human decides.
"""

from __future__ import annotations

import asyncio
from typing import Callable, Optional

from ..errors import ProviderError
from ..words import tr
from .provider_manager import ProviderManager
from .retry import spoken

# Told before each pause: the error, seconds until the next look, how many looks have failed.
OnPause = Callable[[ProviderError, float, int], None]


class ServerWait:
    """One request's patience, `most_s` seconds altogether; 0 waits for nobody."""

    def __init__(self, providers: ProviderManager, name: str, most_s: float, on_pause: OnPause) -> None:
        self._providers = providers
        self._name = name
        self._most_s = most_s
        self._on_pause = on_pause
        self._ends_at: Optional[float] = None
        self._may_be_there = False

    def is_due(self, error: ProviderError) -> bool:
        """Whether the request that ended in `error` may wait. To be asked after each failure, once."""
        was_sent = self._may_be_there
        self._may_be_there = was_sent or (error.status is None and not error.is_unsent)
        if not error.is_unsent or was_sent or self._most_s <= 0 or self._providers.distance(self._name) is None:
            return False
        now = asyncio.get_running_loop().time()
        self._ends_at = self._ends_at or now + self._most_s
        return now < self._ends_at

    def forbids_again(self) -> bool:
        """Whether a question that has waited was sent and got no answer: it is not sent a second time by itself."""
        return self._ends_at is not None and self._may_be_there

    async def until_back(self, error: ProviderError) -> None:
        """Returns when it makes sense to ask again; raises `error` once the patience is over."""
        assert self._ends_at is not None
        left = self._ends_at - asyncio.get_running_loop().time()
        waiting = self._providers.wait_until_back(
            self._name, lambda seconds, failures: self._on_pause(error, seconds, failures)
        )
        try:
            await asyncio.wait_for(waiting, left)
        except asyncio.TimeoutError:
            error.user_text = tr("{user_text} It was waited for {spoken}.", user_text=error.user_text,
                spoken=spoken(self._most_s))
            raise error from error.__cause__
