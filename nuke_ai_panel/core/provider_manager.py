"""Owns the live providers: builds them from settings, knows their models and true states, routes each request.

A request goes to exactly the provider and model that it names; who may stand in is the turn's affair. Providers are
built on the loop at first use, hold their session until shutdown, and are closed earlier only when their own settings
or key change. Whoever listens is called on the thread where the fact was found, mostly the loop's. Values may be read
from any thread.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import AsyncGenerator, AsyncIterator, Awaitable, Callable, Dict, List, Optional, Tuple, Type

from ..errors import MissingKeyError, NukeAIError, PolicyError, ProviderError, SettingsError
from ..events import Finish, StreamEvent, UsageReport
from ..keys import Keys
from ..messages import ErrorInfo
from ..providers.base import ChatRequest, ModelInfo, Provider
from ..providers.gate import Errand, begin_errand
from ..providers.http_fork import hand_over_sessions
from ..providers.registry import provider_class
from ..providers.threads import in_daemon_thread
from ..settings import ProviderSettings, Settings, origin_of
from ..settings.policy import Policy
from ..settings.policy_rules import refusal
from ..utils.event_loop_manager import create_task, get_event_loop_manager
from ..utils.survivors import keep, look
from .model_cache import load_models, save_models
from .passing import pass_gate, subject_of_row
from .provider_status import ModelCatalogue, ProviderStatus, State, state_after
from .request import ModelChoice
from .studio_gate import StudioGate

__all__ = ["ModelCatalogue", "ModelChoice", "ProviderManager", "ProviderStatus"]

log = logging.getLogger(__name__)

MODEL_INFO_TIMEOUT_S = 5.0
# The kinds whose servers take the size of the context window from the request.
WINDOW_KINDS = frozenset({"ollama"})

# Under this name the states survive a reload: {name: (state, since, latency_s)}.
STATES = "provider states"

Listener = Callable[[ProviderStatus], None]
_NO_LIST: Tuple[float, Tuple[ModelInfo, ...]] = (0.0, ())


@dataclass
class _Live:
    """A built provider. `users` counts the streams that use it; a retired one closes with its last."""

    row: ProviderSettings
    provider: Provider
    key: Optional[str]
    users: int = 0
    is_retired: bool = False
    is_key_doubted: bool = False


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
        self._statuses: Dict[str, ProviderStatus] = {}
        self._listeners: List[Listener] = []
        self._lists: Dict[str, Tuple[float, Tuple[ModelInfo, ...]]] = {}
        self._list_errors: Dict[str, ErrorInfo] = {}
        self._cache_was_read: Dict[str, bool] = {}
        self._generations: Dict[str, int] = {}
        self._marks: Dict[str, Tuple[Policy, Tuple[ModelInfo, ...], Tuple[ModelInfo, ...]]] = {}
        # Below: loop thread only.
        self._live: Dict[str, _Live] = {}
        self._closing: List[_Live] = []
        self._errands: Dict[str, Errand] = {}
        self._builds: Dict[str, asyncio.Lock] = {}
        self._fetches: Dict[Tuple[str, Optional[int]], asyncio.Task[None]] = {}
        self._infos: Dict[ModelChoice, ModelInfo] = {}
        self._closer = f"providers {id(self):x}"
        for name, (state, since, latency_s) in look(STATES, {}).items():
            if state == "connected" and name in settings.providers:
                self._statuses[name] = ProviderStatus(name, settings.provider(name).label, state, since, latency_s)

    # ------------------------------------------------------------ any thread

    def names(self) -> Tuple[str, ...]:
        """The enabled providers, in the order of settings; without the rows that `ask(base_url=…)` added.

        Those that the studio forbids are left out; a policy that cannot be read hides none, but lets none answer.
        """
        rows = self._settings.providers.items()
        is_readable = self.gate.current().error is None
        return tuple(name for name, row in rows if row.enabled and " " not in name and not (
            is_readable and self.forbidden(name) is not None))

    def forbidden(self, name: str) -> Optional[PolicyError]:
        """Why the studio's policy, as it was last seen, forbids the provider; None when it does not."""
        policy = self.gate.current()
        return refusal(policy, subject_of_row(self._settings.provider(name))) if policy else None

    def settings(self, name: str) -> ProviderSettings:
        """The provider's row. Raises SettingsError for an unknown name or one that is turned off."""
        row = self._settings.provider(name)
        if not row.enabled:
            raise SettingsError(
                f"the provider {name} is turned off", user_text=f"{row.label} is turned off.",
                next_step=f"Turn it on in Settings (providers.{name}.enabled), or choose another model.",
            )
        return row

    def status(self, name: str) -> ProviderStatus:
        """What is known about the provider right now."""
        known = self._statuses.get(name)
        refused = self.forbidden(name)
        if refused is not None:
            return ProviderStatus(name, self._settings.provider(name).label, "forbidden", error=refused.info())
        if known is None or known.state == "forbidden":
            return ProviderStatus(name, self._settings.provider(name).label)
        return known

    def subscribe(self, callback: Listener) -> Callable[[], None]:
        """Calls `callback` at every change of a status, on any thread; returns what ends that."""
        with self._lock:
            self._listeners = [*self._listeners, callback]

        def unsubscribe() -> None:
            with self._lock:
                self._listeners = [one for one in self._listeners if one is not callback]

        return unsubscribe

    def models(self, name: Optional[str] = None) -> ModelCatalogue:
        """The models known so far, without waiting for anything but, the first time, a small file."""
        names = self.names() if name is None else (name,)
        for one in names:
            self._read_cache(one)
        with self._lock:
            lists = {one: self._lists[one] for one in names if one in self._lists}
            errors = {one: self._list_errors[one] for one in names if one in self._list_errors}
        return ModelCatalogue(
            tuple(model for one, (_, models) in lists.items() for model in self._marked(one, models)),
            {one: fetched_at for one, (fetched_at, _) in lists.items()}, errors,
        )

    def refresh_models(self, name: Optional[str] = None) -> Future[ModelCatalogue]:
        """Asks the providers for their models in the background; one that fails leaves the others' alone."""
        return create_task(self._refresh(name))

    def check(self, name: str) -> Future[ProviderStatus]:
        """Connects for real, by asking for the models. The future never fails; the status tells."""
        return create_task(self._check(name))

    def reload(self, settings: Settings) -> None:
        """Takes new settings; only providers whose own row changed are closed, after their running streams."""
        old, self._settings = self._settings, settings
        for name, row in old.providers.items():
            if settings.providers.get(name) != row:
                self.reset(name)

    def reset(self, name: str) -> None:
        """Has the provider built anew at its next use, for example because its key changed."""
        with self._lock:
            for known in (self._statuses, self._lists, self._list_errors, self._cache_was_read):
                known.pop(name, None)
            self._generations[name] = self._generations.get(name, 0) + 1
        if name in self._live:
            create_task(self._retire(name))

    def built(self) -> Tuple[ProviderSettings, ...]:
        """The rows whose providers are built."""
        return tuple(live.row for live in list(self._live.values()))

    def has_live(self) -> bool:
        """Whether anything is open that `close` would close."""
        return bool(self._live)

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
            except ProviderError as error:
                # Nobody rejects a key in the middle of an answer.
                if attempt or error.kind != "auth" or not await self._has_newer_key(choice.provider):
                    raise
            finally:
                await events.aclose()

    async def _stream(self, choice: ModelChoice, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        before = self.status(choice.provider)
        try:
            live = await self._acquire(choice.provider, choice.model)
            info = next((one for one in self._lists.get(choice.provider, _NO_LIST)[1] if one.id == choice.model), None)
            passing = await pass_gate(self.gate, live.row, live.provider, request, info)
        except PolicyError as refused:
            self._publish_error(choice.provider, refused.info())
            raise
        if before.state != "connected":
            self._publish(choice.provider, "connecting")
        live.users += 1
        events, error_kind = passing.events(live.provider), ""
        is_heard = False
        try:
            async for event in events:
                if not is_heard:
                    is_heard = True
                    self._heard(choice.provider)
                if type(event) is UsageReport or type(event) is Finish:
                    passing.note(event)
                yield event
        except (ProviderError, PolicyError) as error:
            error_kind = error.kind
            live.is_key_doubted = error.kind == "auth"
            self._publish_error(choice.provider, error.info())
            is_heard = True
            raise
        finally:
            if not is_heard and before.state != "connected":
                self._publish(choice.provider, before.state, error=before.error)
            live.users -= 1
            await _close_events(events)
            passing.end(error_kind)
            if live.is_retired and not live.users:
                await live.provider.close()

    @asynccontextmanager
    async def borrowed(self, name: str) -> AsyncIterator[Provider]:
        """The live provider for a service of its own (see providers/services.py); it is not closed meanwhile."""
        live = await self._acquire(name)
        live.users += 1
        try:
            yield live.provider
        finally:
            live.users -= 1
            if live.is_retired and not live.users:
                await live.provider.close()

    async def known_model(self, choice: ModelChoice) -> Optional[ModelInfo]:
        """What the lists known so far say about a model."""
        if choice.provider not in self._cache_was_read:
            await in_daemon_thread(lambda: self._read_cache(choice.provider))
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
        for task in self._fetches.values():
            task.cancel()
        lives = [*self._live.values(), *self._closing]
        self._live, self._builds, self._fetches = {}, {}, {}
        await _close_all(lives)

    def _leave(self) -> Callable[[], Awaitable[None]]:
        """Forgets the providers of a loop that is blocked; what closes them there, should it come free."""
        lives = [*self._live.values(), *self._closing]
        self._live, self._closing, self._builds, self._fetches = {}, [], {}, {}
        return lambda: _close_all(lives)

    async def hand_over(self) -> None:
        """Closes as `close` does, but leaves sessions, states and what is known of models to the next generation."""
        with self._lock:
            states = {
                name: (one.state, one.since, one.latency_s) for name, one in self._statuses.items() if not one.error
            }
        keep(STATES, {**look(STATES, {}), **states})
        await hand_over_sessions()
        for live in list(self._live.values()):
            leave = getattr(live.provider, "hand_over", None)  # who holds more than sessions
            if leave is not None:
                await leave()
        await self.close()

    async def _acquire(self, name: str, *models: str) -> _Live:
        """The provider, if the policy lets it and `models` be used; what this task sends from now on is its errand."""
        refused = refusal(await self.gate.fresh(), subject_of_row(self.settings(name), *models))
        if refused is not None:
            raise refused
        begin_errand(self._errands.setdefault(name, Errand(self.gate, name)))
        live = self._live.get(name)
        if live is not None and not live.is_key_doubted:
            return live
        async with self._builds.setdefault(name, asyncio.Lock()):
            live = self._live.get(name)
            if live is not None and not live.is_key_doubted:
                return live
            try:
                built = await self._build(self.settings(name))
            except SettingsError as error:
                self._publish_error(name, error.info())
                raise
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

    async def _build(self, row: ProviderSettings) -> _Live:
        # Not on the loop: importing aiohttp takes a tenth of a second, a key store as long as it likes.
        return await in_daemon_thread(lambda: self._built(row))

    def _built(self, row: ProviderSettings) -> _Live:
        try:
            make: Callable[..., Provider] = self._classes(row.kind)
        except ImportError as exc:
            raise SettingsError(
                f"{exc.name or exc} is not installed", user_text=f"{row.label} needs {exc.name or 'a package'}, which "
                "is not installed.", next_step="Run: python -m pip install nuke-ai-panel",
            ) from exc
        # Constructing touches nothing, so the provider itself can say whether a key is needed.
        provider = make(row, key=None)
        found = self._keys.find(row) if provider.needs_key or row.key_env else None
        if found is None:
            if provider.needs_key:
                raise MissingKeyError(
                    row.label, row.key_env or "the environment variable that key_env names", trouble=self._keys.trouble
                )
            return _Live(row, provider, None)
        key = found.reveal()
        return _Live(row, make(row, key=key), key)

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
        before = self.status(name)
        if before.state != "connected":
            self._publish(name, "connecting")
        started = time.monotonic()
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
                self._list_failed(name, error.info())
        except asyncio.CancelledError:
            self._publish(name, before.state, error=before.error)
            raise
        except Exception as exc:
            log.exception("the provider %s failed to list its models", name)
            self._list_failed(name, ErrorInfo("internal", f"{type(exc).__name__}: {exc}", provider=name))
        else:
            if generation != self._generations.get(name):
                return  # what an old address or key brought says nothing about the new one
            fetched_at = time.time()
            with self._lock:
                self._lists[name] = (fetched_at, tuple(models))
                self._list_errors.pop(name, None)
            self._publish(name, "connected", latency_s=time.monotonic() - started)
            await in_daemon_thread(lambda: save_models(self._settings.home, live.row, fetched_at, tuple(models)))

    def _list_failed(self, name: str, error: ErrorInfo) -> None:
        with self._lock:
            self._list_errors[name] = error
        self._publish_error(name, error)

    def _marked(self, name: str, models: Tuple[ModelInfo, ...]) -> Tuple[ModelInfo, ...]:
        """The models, those that the policy forbids with the reason."""
        policy, known = self.gate.current(), self._marks.get(name)
        if not policy:
            return models
        if known is None or known[0] is not policy or known[1] is not models:
            row = self._settings.provider(name)
            refusals = [refusal(policy, subject_of_row(row, one.id)) for one in models]
            marked = tuple(
                one if refused is None else replace(one, unavailable_reason=f"forbidden by policy ({refused.rule})")
                for one, refused in zip(models, refusals)
            )
            known = self._marks[name] = (policy, models, marked)
        return known[2]

    def _read_cache(self, name: str) -> None:
        if self._cache_was_read.get(name):
            return
        self._cache_was_read[name] = True
        found = load_models(self._settings.home, self._settings.provider(name))
        with self._lock:
            if found is not None and name not in self._lists:
                self._lists[name] = found

    # ------------------------------------------------------------ status

    def _heard(self, name: str) -> None:
        known = self._statuses.get(name)
        if known is None or known.state != "connected" or known.error is not None:
            self._publish(name, "connected")

    def _publish_error(self, name: str, error: ErrorInfo) -> None:
        before = self.status(name).state
        state = state_after(error, "unknown" if before == "connecting" else before)
        self._publish(name, state, error=error)

    def _publish(
        self, name: str, state: State, *, latency_s: Optional[float] = None, error: Optional[ErrorInfo] = None
    ) -> None:
        with self._lock:
            row = self._settings.providers.get(name)
            if row is None:
                return
            known = self._statuses.get(name) or ProviderStatus(name, row.label)
            status = ProviderStatus(
                name, row.label, state, known.since if known.state == state else time.time(),
                known.latency_s if latency_s is None else latency_s, error,
            )
            self._statuses[name] = status
            listeners = self._listeners
        if status == known:
            return
        for listener in listeners:
            try:
                listener(status)
            except Exception:
                log.exception("a listener to provider states failed")


async def _close_all(lives: List[_Live]) -> None:
    for outcome in await asyncio.gather(*(one.provider.close() for one in lives), return_exceptions=True):
        if isinstance(outcome, Exception):
            log.error("a provider did not close", exc_info=outcome)


async def _close_events(events: AsyncIterator[StreamEvent]) -> None:
    close = getattr(events, "aclose", None)
    if close is not None:
        await close()
