"""A provider that was built from its settings and its key, and how it is built. Loop thread."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import AsyncIterator, Callable, Iterable, Optional, Type

from ..errors import MissingKeyError, NukeAIError, SettingsError, provider_error
from ..events import StreamEvent
from ..keys import Keys
from ..providers.base import Provider
from ..providers.services import Probed
from ..providers.threads import in_daemon_thread
from ..settings import ProviderSettings
from ..words import tr

log = logging.getLogger(__name__)

# A list of models stands in for a sign of life where a provider has none of its own; it may take so long.
PROBE_TIMEOUT_S = 15.0


@dataclass
class LiveProvider:
    """A built provider. `users` counts the streams that use it; a retired one closes with its last."""

    row: ProviderSettings
    provider: Provider
    key: Optional[str]
    users: int = 0
    is_retired: bool = False
    is_key_doubted: bool = False

    async def left(self) -> None:
        """One user less."""
        self.users -= 1
        if self.is_retired and not self.users:
            await self.provider.close()

    async def doubt(self) -> Optional[NukeAIError]:
        """Why what answers may not be a server of this kind; None if it shows itself to be one, or cannot be asked."""
        try:
            if isinstance(self.provider, Probed):
                await self.provider.probe()
        except NukeAIError as error:
            return error
        return None

    async def probe(self) -> None:
        """One sign of life of its server, without a token. Raises ProviderError."""
        if isinstance(self.provider, Probed):
            await self.provider.probe()
            return
        try:
            await asyncio.wait_for(self.provider.models(), PROBE_TIMEOUT_S)
        except asyncio.TimeoutError as exc:
            why = f"no list of models came within {PROBE_TIMEOUT_S:g} s"
            raise provider_error("timeout", why, provider=self.row.label) from exc


async def build(row: ProviderSettings, classes: Callable[[str], Type[Provider]], keys: Keys) -> LiveProvider:
    """The provider of a row. Raises SettingsError, MissingKeyError among them."""
    # Not on the loop: importing aiohttp takes a tenth of a second, a key store as long as it likes.
    return await in_daemon_thread(lambda: _built(row, classes, keys))


async def close_all(lives: Iterable[LiveProvider]) -> None:
    """Closes them all at once; one that cannot be closed leaves the others' closing alone."""
    for outcome in await asyncio.gather(*(one.provider.close() for one in lives), return_exceptions=True):
        if isinstance(outcome, Exception):
            log.error("a provider did not close", exc_info=outcome)


async def close_events(events: AsyncIterator[StreamEvent]) -> None:
    """Closes a stream of events before its end, if it can be closed."""
    close = getattr(events, "aclose", None)
    if close is not None:
        await close()


def _built(row: ProviderSettings, classes: Callable[[str], Type[Provider]], keys: Keys) -> LiveProvider:
    try:
        make: Callable[..., Provider] = classes(row.kind)
    except ImportError as exc:
        raise SettingsError(
            f"{exc.name or exc} is not installed", user_text=tr("{label} needs {name}, which is not installed.",
            label=row.label, name=exc.name or tr('a package')),
            next_step=tr("Run: python -m pip install nuke-ai-panel"),
        ) from exc
    # Constructing touches nothing, so the provider itself can say whether a key is needed.
    provider = make(row, key=None)
    found = keys.find(row) if provider.needs_key or row.key_env else None
    if found is None:
        if provider.needs_key:
            raise MissingKeyError(
                row.label, row.key_env or tr("the environment variable that key_env names"), trouble=keys.trouble
            )
        return LiveProvider(row, provider, None)
    key = found.reveal()
    return LiveProvider(row, make(row, key=key), key)
