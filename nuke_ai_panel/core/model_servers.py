"""Fetches models, empties a server's memory, starts servers, asks what is left to spend. Any thread; work on the loop.

What only some providers can do is asked of those alone; of another it is an error that says so.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Callable, Tuple, Union

from ..errors import NukeAIError, ProviderError
from ..events import Progress
from ..providers.base import Provider
from ..providers.ollama_pull import followed_pull
from ..providers.services import Account, LoadedModel, Metered, ModelServer, Startable
from ..providers.threads import in_daemon_thread
from ..utils.event_loop_manager import create_task
from ..words import tr
from .provider_manager import ProviderManager
from .request import ModelChoice

__all__ = ["Account", "LoadedModel", "ModelServers"]

OnProgress = Callable[[Progress], None]


class ModelServers:
    """The services of an App's providers."""

    def __init__(self, providers: ProviderManager) -> None:
        self._providers = providers

    def pull(self, choice: ModelChoice, progress: OnProgress) -> Future[None]:
        """Fetches a model onto its server; cancelling the future stops, and a later pull goes on from there.

        `progress` is called on the loop's thread with what all layers together have; its `detail` is finding,
        downloading, checking, unpacking, resuming or done.
        """
        return create_task(self._pull(choice, progress))

    def loaded(self, name: str) -> Future[Tuple[LoadedModel, ...]]:
        """The models in a server's memory."""
        return create_task(self._loaded(name))

    def load(self, choice: ModelChoice, *, keep_alive: Union[int, str, None] = None) -> Future[None]:
        """Loads a model into its server's memory."""
        return create_task(self._load(choice, keep_alive))

    def unload(self, choice: ModelChoice) -> Future[None]:
        """Takes a model out of its server's memory."""
        return create_task(self._unload(choice))

    def start(self, name: str) -> Future[None]:
        """Starts a server of this machine and waits until it answers."""
        return create_task(self._start(name))

    def can_start(self, name: str) -> Future[bool]:
        """Whether a server could be started from here."""
        return create_task(self._can_start(name))

    def account(self, name: str) -> Future[Account]:
        """What a paid service says about the key and the account."""
        return create_task(self._account(name))

    # ------------------------------------------------------------ loop thread

    async def _pull(self, choice: ModelChoice, progress: OnProgress) -> None:
        async with self._providers.borrowed(choice.provider) as provider:
            server = _model_server(provider)
            steps = followed_pull(lambda: server.pull(choice.model))
            try:
                async for step in steps:
                    progress(step)
            finally:
                await steps.aclose()
        await self._look_again(choice.provider)

    async def _loaded(self, name: str) -> Tuple[LoadedModel, ...]:
        async with self._providers.borrowed(name) as provider:
            return await _model_server(provider).loaded()

    async def _load(self, choice: ModelChoice, keep_alive: Union[int, str, None]) -> None:
        async with self._providers.borrowed(choice.provider) as provider:
            await _model_server(provider).load(choice.model, keep_alive=keep_alive)
        await self._look_again(choice.provider)

    async def _unload(self, choice: ModelChoice) -> None:
        async with self._providers.borrowed(choice.provider) as provider:
            await _model_server(provider).unload(choice.model)
        await self._look_again(choice.provider)

    async def _start(self, name: str) -> None:
        async with self._providers.borrowed(name) as provider:
            if not isinstance(provider, Startable):
                raise _cannot(provider, tr("cannot be started from here"))
            await provider.start()
        await self._look_again(name)

    async def _look_again(self, name: str) -> None:
        """Asks for the models as they are now: a list that was being fetched already may be older than the work."""
        for _ in range(2):
            await asyncio.wrap_future(self._providers.check(name))

    async def _can_start(self, name: str) -> bool:
        try:
            async with self._providers.borrowed(name) as provider:
                # Not on the loop: a folder on the PATH may lie on a share that is away.
                return isinstance(provider, Startable) and await in_daemon_thread(provider.can_start)
        except NukeAIError:
            return False

    async def _account(self, name: str) -> Account:
        async with self._providers.borrowed(name) as provider:
            if not isinstance(provider, Metered):
                raise _cannot(provider, tr("does not say what is left to spend"))
            return await provider.account()


def _model_server(provider: Provider) -> ModelServer:
    if not isinstance(provider, ModelServer):
        raise _cannot(provider, tr("does not let its models be pulled, loaded or unloaded"))
    return provider


def _cannot(provider: Provider, what: str) -> ProviderError:
    return ProviderError(
        "unsupported_feature", f"{provider.name} {what}", provider=provider.name,
        user_text=f"{provider.name} {what}.",
        next_step=tr("Choose a provider that does, such as Ollama or OpenRouter."),
    )
