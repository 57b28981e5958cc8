"""Owns the live providers: builds them from settings, knows their models and true states, routes each request.

A request goes to exactly the provider and model that it names; who may stand in is the turn's affair. Providers are
built on the loop at first use, hold their session until shutdown, and are closed earlier only when their own settings
or key change. What is known about the way to each is in `states`, the watch over it in `connection_watch`. Values may
be read from any thread.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import AsyncGenerator, AsyncIterator, Awaitable, Callable, Dict, List, Optional, Tuple, Type

from ..errors import NukeAIError, PolicyError, ProviderError, SettingsError
from ..events import Finish, Progress, StreamEvent, UsageReport
from ..keys import Keys
from ..providers.base import ChatRequest, ModelInfo, Provider
from ..providers.gate import Errand, begin_errand
from ..providers.http_fork import hand_over_sessions
from ..providers.registry import provider_class
from ..providers.threads import in_daemon_thread
from ..settings import ProviderSettings, Settings, origin_of
from ..settings.policy_rules import refusal
from ..utils.event_loop_manager import create_task, get_event_loop_manager
from ..words import tr
from .connection_states import ConnectionStates
from .connection_watch import ConnectionWatch
from .live_provider import LiveProvider, build, close_all, close_events
from .model_cache import load_models, save_models
from .model_lists import ModelLists
from .passing import pass_gate, subject_of_row
from .provider_status import Distance, ModelCatalogue, ProviderStatus, distance_of
from .request import ModelChoice
from .studio_gate import StudioGate

__all__ = ["ModelCatalogue", "ModelChoice", "ProviderManager", "ProviderStatus"]

log = logging.getLogger(__name__)

MODEL_INFO_TIMEOUT_S = 5.0
# The kinds whose servers take the size of the context window from the request.
WINDOW_KINDS = frozenset({"ollama"})

Listener = Callable[[ProviderStatus], None]


class ProviderManager:
    """See the module's docstring. `settings` are replaced by `reload`."""

    def __init__(
        self, settings: Settings, keys: Keys, gate: StudioGate, *,
        classes: Callable[[str], Type[Provider]] = provider_class,
    ) -> None:
        self.gate = gate
        self._settings = settings
        self._keys = keys
        self._classes = classes
        self._lock = threading.Lock()
        self._generations: Dict[str, int] = {}
        self._lists = ModelLists(
            lambda name: self._settings.provider(name), gate.current, lambda row: load_models(self._settings.home, row))
        self._states = ConnectionStates(settings, self.forbidden)
        self._watch = ConnectionWatch(self._states, probe=self._probe, distance=self.distance)
        # Of the watch: goes on after a change of the loop; waits until it makes sense to ask an absent provider again.
        self.keep_watching, self.wait_until_back = self._watch.revive, self._watch.wait_until_back
        # Below: loop thread only.
        self._live: Dict[str, LiveProvider] = {}
        self._closing: List[LiveProvider] = []
        self._errands: Dict[str, Errand] = {}
        self._builds: Dict[str, asyncio.Lock] = {}
        self._fetches: Dict[Tuple[str, Optional[int]], asyncio.Task[None]] = {}
        self._infos: Dict[ModelChoice, ModelInfo] = {}
        self._closer = f"providers {id(self):x}"

    # ------------------------------------------------------------ any thread

    def names(self) -> Tuple[str, ...]:
        """The enabled providers without those that the studio forbids, in the order of settings.

        A policy that cannot be read hides none, but lets none answer.
        """
        is_readable = self.gate.current().error is None
        return tuple(name for name in self.all_names() if not is_readable or self.forbidden(name) is None)

    def all_names(self) -> Tuple[str, ...]:
        """The enabled providers, forbidden ones too; without the rows that `ask(base_url=…)` added."""
        return tuple(name for name, row in self._settings.providers.items() if row.enabled and " " not in name)

    def forbidden(self, name: str) -> Optional[PolicyError]:
        """Why the studio's policy, as it was last seen, forbids the provider; None when it does not."""
        policy = self.gate.current()
        return refusal(policy, subject_of_row(self._settings.provider(name))) if policy else None

    def settings(self, name: str) -> ProviderSettings:
        """The provider's row. Raises SettingsError for an unknown name or one that is turned off."""
        row = self._settings.provider(name)
        if not row.enabled:
            raise SettingsError(
                f"the provider {name} is turned off", user_text=tr("{label} is turned off.", label=row.label),
                next_step=tr("Turn it on in Settings (providers.{name}.enabled), or choose another model.", name=name),
            )
        return row

    def status(self, name: str) -> ProviderStatus:
        """What is known about the provider right now."""
        known = self._states.status(name)
        next_try_at = self._watch.next_try_at(name) if known.state == "unreachable" else None
        return replace(known, next_try_at=next_try_at, waiting=self._watch.waiting(name))

    def subscribe(self, callback: Listener) -> Callable[[], None]:
        """Calls `callback` at every change of a status, on any thread; returns what ends that."""
        return self._states.subscribe(callback)

    def hold(self, name: str) -> Callable[[], None]:
        """Keeps the provider's state true by light probes until the returned call: for a panel that has chosen it."""
        return self._watch.hold(name)

    def distance(self, name: str) -> Optional[Distance]:
        """How far away the provider's server is; None for one that has none, or that is not there any more."""
        row = self._settings.providers.get(name)
        return distance_of(row) if row is not None else None

    def models(self, name: Optional[str] = None) -> ModelCatalogue:
        """The models known so far, without waiting for anything but, the first time, a small file."""
        return self._lists.catalogue(self.names() if name is None else (name,))

    def refresh_models(self, name: Optional[str] = None) -> Future[ModelCatalogue]:
        """Asks the providers for their models in the background; one that fails leaves the others' alone."""
        return create_task(self._refresh(name))

    def check(self, name: str) -> Future[ProviderStatus]:
        """Connects for real, by asking for the models. The future never fails; the status tells."""
        return create_task(self._check(name))

    def reload(self, settings: Settings) -> None:
        """Takes new settings; only providers whose own row changed are closed, after their running streams."""
        old, self._settings = self._settings, settings
        self._states.take(settings)
        for name, row in old.providers.items():
            if settings.providers.get(name) != row:
                self.reset(name)

    def reset(self, name: str) -> None:
        """Has the provider built anew at its next use, for example because its key changed."""
        with self._lock:
            self._generations[name] = self._generations.get(name, 0) + 1
        self._lists.forget(name)
        self._states.forget(name)
        self._watch.forgotten(name)
        if name in self._live:
            create_task(self._retire(name))

    def policy_changed(self) -> None:
        """The policy was read again: states that are others now are told, and who may be asked again is looked at."""
        for name in self.all_names():
            self._states.publish(name)
            self._watch.forgotten(name)

    def built(self) -> Tuple[ProviderSettings, ...]:
        """The rows whose providers are built."""
        return tuple(live.row for live in list(self._live.values()))

    def has_live(self) -> bool:
        """Whether anything is open that `close` would close."""
        return bool(self._live) or self._watch.is_running

    # ------------------------------------------------------------ loop thread

    def origin(self, name: str) -> str:
        """Where the provider's requests go: what counts them. A provider without an address is its own."""
        row = self.settings(name)
        return origin_of(row.base_url) if row.base_url else f"{row.kind} {row.name}"

    def sends_window(self, name: str) -> bool:
        """Whether the provider takes the context window from the request."""
        return self.settings(name).kind in WINDOW_KINDS

    async def stream(self, choice: ModelChoice, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        """The answer of exactly that provider to `request`. Closing the iterator closes the socket.

        A rejected key is looked up again: if another session has stored a new one, the request is sent with that.
        """
        for attempt in range(2):
            events = self._stream(choice, request)
            try:
                async for event in events:
                    yield event
                return
            except ProviderError as error:  # nobody rejects a key in the middle of an answer
                if attempt or error.kind != "auth" or not await self._has_newer_key(choice.provider):
                    raise
            finally:
                await events.aclose()

    async def _stream(self, choice: ModelChoice, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        contact = self._states.open(choice.provider)
        try:
            live = await self._acquire(choice.provider, choice.model)
            info = self._lists.find(choice.provider, choice.model)
            passing = await pass_gate(self.gate, live.row, live.provider, request, info)
        except BaseException as exc:
            if isinstance(exc, NukeAIError):
                contact.failed(exc)
            contact.close()
            raise
        live.users += 1
        events, error_kind = passing.events(live.provider), ""
        is_heard = is_whole = False
        spoke_at = 0.0
        try:
            async for event in events:
                if not is_heard and (type(event) is not Progress or event.is_told):
                    is_heard = True
                    contact.flows()
                spoke_at = time.time()
                if type(event) is UsageReport or type(event) is Finish:
                    passing.note(event)
                    is_whole = is_whole or type(event) is Finish
                yield event
        except (ProviderError, PolicyError) as error:
            error_kind = error.kind
            live.is_key_doubted = error.kind == "auth"
            contact.failed(error)
            raise
        finally:
            contact.close(is_whole=is_whole, spoke_at=spoke_at)
            try:
                await close_events(events)
            finally:
                passing.end(error_kind)
                await live.left()

    @asynccontextmanager
    async def borrowed(self, name: str) -> AsyncIterator[Provider]:
        """The live provider for a service of its own (see providers/services.py); it is not closed meanwhile."""
        live = await self._acquire(name)
        live.users += 1
        try:
            yield live.provider
        finally:
            await live.left()

    async def known_model(self, choice: ModelChoice) -> Optional[ModelInfo]:
        """What the lists known so far say about a model."""
        if not self._lists.was_read(choice.provider):
            await in_daemon_thread(lambda: self._lists.read_cache(choice.provider))
        models = self.models(choice.provider).models
        return next((one for one in models if choice.model == one.id or choice.model in one.aliases), None)

    async def model_info(self, choice: ModelChoice) -> Optional[ModelInfo]:
        """What the provider says about one model; None if it does not, or not in time."""
        known = self._infos.get(choice)
        if known is not None:
            return known
        try:
            live = await self._acquire(choice.provider)
            known = await asyncio.wait_for(live.provider.model_info(choice.model), MODEL_INFO_TIMEOUT_S)
        except (NukeAIError, asyncio.TimeoutError) as exc:
            log.info("nothing known about the model %s of %s: %s", choice.model, choice.provider, exc)
            return None
        self._infos[choice] = known
        return known

    async def close(self) -> None:
        """Closes every provider and stops asking for models; the next use builds anew."""
        get_event_loop_manager().forget(self._closer)
        get_event_loop_manager().forget_given_up(self._closer)
        await self._watch.stop()
        for task in self._fetches.values():
            task.cancel()
        await close_all(self._take_all())

    def leave_watch(self) -> None:
        """Forgets what was under way on a loop that is blocked, for `keep_watching` to go on with on the next one."""
        self._watch.abandon()
        self._states.abandon()

    def _leave(self) -> Callable[[], Awaitable[None]]:
        """Forgets the providers of a loop that is blocked; what closes them there, should it come free."""
        self.leave_watch()
        lives, self._closing = self._take_all(), []
        return lambda: close_all(lives)

    def _take_all(self) -> List[LiveProvider]:
        lives = [*self._live.values(), *self._closing]
        self._live, self._builds, self._fetches = {}, {}, {}
        return lives

    async def hand_over(self) -> None:
        """Closes as `close` does, but leaves sessions, states and what is known of models to the next generation."""
        await self._watch.stop(for_good=True)
        self._states.hand_over()
        await hand_over_sessions()
        for live in list(self._live.values()):
            leave = getattr(live.provider, "hand_over", None)  # who holds more than sessions
            if leave is not None:
                await leave()
        await self.close()

    async def _acquire(self, name: str, *models: str) -> LiveProvider:
        """The provider, if the policy lets it and `models` be used; what this task sends from now on is its errand."""
        refused = refusal(await self.gate.fresh(), subject_of_row(self.settings(name), *models))
        if refused is not None:
            raise refused
        self._watch.ensure()
        begin_errand(self._errands.setdefault(name, Errand(self.gate, name)))
        live = self._live.get(name)
        if live is not None and not live.is_key_doubted:
            return live
        async with self._builds.setdefault(name, asyncio.Lock()):
            live = self._live.get(name)
            if live is not None and not live.is_key_doubted:
                return live
            built = await build(self.settings(name), self._classes, self._keys)
            if live is not None:
                live.is_key_doubted = False
                if built.key == live.key:
                    return live
                await self._retire(name)
            get_event_loop_manager().on_shutdown(self._closer, self.close)
            get_event_loop_manager().when_given_up(self._closer, self._leave)
            self._live[name] = built
            return built

    async def _has_newer_key(self, name: str) -> bool:
        """Whether a provider whose key was rejected could be built with another one, and was."""
        before = self._live.get(name)
        try:
            return await self._acquire(name) is not before
        except SettingsError:
            return False

    async def _retire(self, name: str) -> None:
        live = self._live.pop(name, None)
        self._infos = {choice: info for choice, info in self._infos.items() if choice.provider != name}
        if live is not None:
            live.is_retired = True
            if not live.users:
                self._closing.append(live)  # until it is closed: the loop may end meanwhile
                await live.provider.close()
                self._closing.remove(live)

    async def _refresh(self, name: Optional[str]) -> ModelCatalogue:
        await asyncio.gather(*(self._fetch_once(one) for one in (self.names() if name is None else (name,))))
        return self.models(name)

    async def _check(self, name: str) -> ProviderStatus:
        await self._fetch_once(name)
        return self.status(name)

    async def _fetch_once(self, name: str) -> None:
        place = (name, self._generations.get(name))
        task = self._fetches.get(place)
        if task is None:
            task = self._fetches[place] = asyncio.ensure_future(self._fetch(*place))
            task.add_done_callback(lambda _: self._fetches.pop(place, None))
        await asyncio.wait([task])

    async def _fetch(self, name: str, generation: Optional[int]) -> None:
        contact, started = self._states.open(name), time.monotonic()
        try:
            live = await self._acquire(name)
            started = time.monotonic()
            try:
                models = await live.provider.models()
            except ProviderError as error:
                live.is_key_doubted = error.kind == "auth"
                if not live.is_key_doubted or not await self._has_newer_key(name):
                    raise
                live = await self._acquire(name)
                models = await live.provider.models()
        except NukeAIError as error:
            if generation == self._generations.get(name):
                self._lists.failed(name, error.info())
                contact.failed(error)
        except Exception as exc:
            log.exception("the provider %s failed to list its models", name)
            bug = NukeAIError(f"{type(exc).__name__}: {exc}")
            self._lists.failed(name, replace(bug.info(), provider=name))
            contact.failed(bug)
        else:
            if generation != self._generations.get(name):
                return  # what an old address or key brought says nothing about the new one
            fetched_at, latency_s = time.time(), time.monotonic() - started
            self._lists.keep(name, fetched_at, tuple(models))
            # Whatever listens somewhere has no models: a list without any is proof of nothing.
            doubt = None if models else await live.doubt()
            if doubt is None:
                contact.answered(latency_s)
            else:
                contact.failed(doubt, is_probe=True)
            contact.close()
            await in_daemon_thread(lambda: save_models(self._settings.home, live.row, fetched_at, tuple(models)))
        finally:
            contact.close()

    async def _probe(self, name: str) -> None:
        """One sign of life of the provider's server. Raises what went wrong, after the state tells."""
        contact, generation = self._states.open(name, is_probe=True), self._generations.get(name)
        try:
            live = await self._acquire(name)
            begin_errand(self._errands.setdefault(f"{name}?", Errand(self.gate, name, is_probe=True)))
            started = time.monotonic()
            await live.probe()
            if generation == self._generations.get(name):
                contact.answered(time.monotonic() - started)
        except NukeAIError as error:
            if generation == self._generations.get(name):
                contact.failed(error)
            raise
        finally:
            contact.close()
