"""What only some providers can do besides answering: keep models on a server, be started, tell about an account.

Values and protocols only. Whoever wants such a service asks with `isinstance`; everything is awaited on the loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import AsyncIterator, Optional, Protocol, Tuple, Union, runtime_checkable

from ..events import StreamEvent


@dataclass(frozen=True)
class LoadedModel:
    """A model in a server's memory. `expires_at` is UTC seconds, None when it stays or the server does not say."""

    id: str
    size_bytes: Optional[int] = None
    vram_bytes: Optional[int] = None
    context_tokens: Optional[int] = None
    expires_at: Optional[float] = None


@dataclass(frozen=True)
class Account:
    """What a paid service says about a key and its account, in US dollars; None is not said.

    `limit_usd` bounds this key alone, `credit_left_usd` is what the account has.
    `free_requests` are today's (used, allowed) requests to free models.
    """

    label: str = ""
    limit_usd: Optional[float] = None
    limit_left_usd: Optional[float] = None
    limit_reset: Optional[str] = None
    used_usd: Optional[float] = None
    used_today_usd: Optional[float] = None
    used_week_usd: Optional[float] = None
    used_month_usd: Optional[float] = None
    credit_bought_usd: Optional[float] = None
    credit_left_usd: Optional[float] = None
    is_free_tier: Optional[bool] = None
    free_requests: Optional[Tuple[int, int]] = None


@runtime_checkable
class ModelServer(Protocol):
    """A server that keeps models on its disk and loads them into its memory."""

    def pull(self, model: str) -> AsyncIterator[StreamEvent]:
        """Fetches a model: `Progress` for each step and one Finish. Closing it stops; a later pull goes on there."""
        ...

    async def loaded(self) -> Tuple[LoadedModel, ...]:
        """The models in memory now. Raises ProviderError."""
        ...

    async def load(self, model: str, *, keep_alive: Union[int, str, None] = None) -> None:
        """Loads a model without asking it anything. Raises ProviderError."""
        ...

    async def unload(self, model: str) -> None:
        """Takes a model out of memory. Raises ProviderError."""
        ...


@runtime_checkable
class Startable(Protocol):
    """A server of this machine that can be started from here."""

    def can_start(self) -> bool:
        """Whether its address is on this machine and its program is found. Looks at files only."""
        ...

    async def start(self) -> None:
        """Starts it and waits until it answers. Raises ProviderError."""
        ...


@runtime_checkable
class Metered(Protocol):
    """A service that can say what is left to spend."""

    async def account(self) -> Account:
        """The key's limits and the account's credit. Raises ProviderError."""
        ...


@runtime_checkable
class Probed(Protocol):
    """A server that can be asked for a sign of life at less cost than a list of models."""

    async def probe(self) -> None:
        """One short exchange without tokens that starts nothing. Raises ProviderError."""
        ...
