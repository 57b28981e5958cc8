"""Wires everything once: settings, keys, store, providers, turns. The composition root of every front end.

Opening an App reads settings and nothing else: no socket, no key store, no thread until the first turn. Any thread may
call anything here. Several Apps in one process share the background loop; the last one to close ends it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures import wait as wait_for_futures
from dataclasses import replace
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional, Set, Tuple, Type

from .core.approval import Approval, ApprovalPolicy, AskBeforeChanges
from .core.handle import TurnHandle
from .core.known_paths import KnownPaths
from .core.model_servers import ModelServers
from .core.place import resolve_choice
from .core.provider_manager import ProviderManager
from .core.provider_status import ModelCatalogue, ProviderStatus
from .core.request import ModelChoice, TurnRequest
from .core.slots import slots_by_kind
from .core.studio_gate import StudioGate
from .core.studio_rules import StudioApproval, with_studio_defaults
from .core.tokens import TokenRatios
from .core.turn import Sink, Turn
from .core.turn_services import TurnServices
from .core.window import Windows
from .errors import BusyError, NukeAIError, SettingsError
from .keys import Keys
from .messages import Json
from .providers.base import Parameters, Provider
from .providers.gate import install_gate, remove_gate
from .providers.registry import provider_class
from .providers.threads import in_daemon_thread
from .settings import (
    ProviderSettings,
    Settings,
    history_path,
    load_settings,
    origin_of,
    save_setting,
    settings_files,
)
from .settings.addresses import address_problem
from .settings.policy_source import PolicySource
from .store import Store, new_id
from .store.ledger import Ledger
from .tools import Toolbox
from .utils.event_loop_manager import create_task, get_event_loop_manager, shutdown_event_loop
from .utils.file_watch import FileWatch
from .utils.main_thread import MainThread, PumpedMainThread
from .words import choose as choose_language
from .words import tr

__all__ = [
    "App", "Approval", "ModelCatalogue", "ModelChoice", "Parameters", "ProviderStatus", "TurnHandle", "TurnRequest",
]

log = logging.getLogger(__name__)

SETTINGS_LOOK_S = 1.0

_open_apps: Dict[int, App] = {}
_open_apps_lock = threading.Lock()


def open_apps() -> Tuple[App, ...]:
    """The Apps of this process that are not closed."""
    with _open_apps_lock:
        return tuple(_open_apps.values())


class App:
    """One opened product: `open` makes it, `close` ends it. `settings`, `store`, `keys`, `providers` are its parts."""

    def __init__(
        self, settings: Settings, *, keys: Keys, store: Store, reload: Callable[[], Settings],
        toolbox: Optional[Toolbox] = None, policy: Optional[ApprovalPolicy] = None,
        main_thread: Optional[MainThread] = None, classes: Callable[[str], Type[Provider]] = provider_class,
        gate: Optional[StudioGate] = None, env: Optional[Mapping[str, str]] = None,
    ) -> None:
        self.settings = settings
        choose_language(settings.panel.language or "", [settings.home / "locale"])
        self.keys = keys
        self.store = store
        self.gate = gate if gate is not None else StudioGate(
            PolicySource(), Ledger(settings.home / "ledger"), settings.home / "ledger",
        )
        self.gate.set_own_redaction(lambda: self.settings.redaction)
        self.settings = settings = with_studio_defaults(settings, self.gate.current())
        self.providers = ProviderManager(settings, keys, self.gate, classes=classes)
        store.keeps_nothing = lambda: self.gate.current().no_log
        install_gate(self.gate)
        self.model_servers = ModelServers(self.providers)
        self.main_thread: MainThread = main_thread if main_thread is not None else PumpedMainThread()
        self._reload = reload
        self._services = TurnServices(
            lambda: self.settings, store, self.providers, Windows(self.providers), TokenRatios(), KnownPaths(),
            slots_by_kind(), toolbox if toolbox is not None else Toolbox(),
            StudioApproval(policy if policy is not None else AskBeforeChanges(), self.gate.current),
        )
        self._added: Dict[str, ProviderSettings] = {}
        self._lock = threading.Lock()
        self._running: Dict[str, TurnHandle] = {}
        self._tasks: Set[Future[None]] = set()
        self._is_closed = False
        self._env = env
        self._watch: Optional[FileWatch] = None
        self._heard: List[Callable[[Optional[SettingsError]], None]] = []
        self._settings_problem: Optional[SettingsError] = None
        self._when_interrupted: List[Callable[[], None]] = []
        self._when_closed: List[Callable[[], None]] = []
        get_event_loop_manager().when_given_up(self._name, self._loop_given_up, self._loop_replaced)
        with _open_apps_lock:
            _open_apps[id(self)] = self

    @property
    def _name(self) -> str:
        return f"app {id(self):x}"

    @classmethod
    def open(
        cls, *, overrides: Optional[Mapping[str, Json]] = None, env: Optional[Mapping[str, str]] = None,
        toolbox: Optional[Toolbox] = None, policy: Optional[ApprovalPolicy] = None,
        main_thread: Optional[MainThread] = None,
    ) -> App:
        """An App on the user's settings; `overrides` are dotted names. Raises SettingsError."""
        env = os.environ if env is None else env

        def load() -> Settings:
            return load_settings(env=env, overrides=overrides or {})

        settings = load()
        return cls(
            settings, keys=Keys(env, settings.home), store=Store(history_path(settings.home)), reload=load,
            toolbox=toolbox, policy=policy, main_thread=main_thread, gate=StudioGate(
                PolicySource(env), Ledger(settings.home / "ledger"), settings.home / "ledger"
            ), env=env,
        )

    def start_turn(
        self, request: TurnRequest, sink: Sink, *, main_thread: Optional[MainThread] = None
    ) -> TurnHandle:
        """Starts a turn and returns at once; `sink` gets its events on the loop thread.

        Raises BusyError while the conversation has a running turn, NukeAIError after `close`. All else that can go
        wrong is the turn's own terminal event. `main_thread` replaces the App's for this turn.
        """
        conversation_id = request.conversation_id or new_id()
        main_thread = main_thread if main_thread is not None else self.main_thread
        turn = Turn(
            self._services, request, sink, conversation_id=conversation_id, is_new=request.conversation_id is None,
            main_thread=main_thread, on_end=lambda: self._forget(conversation_id),
        )
        handle = TurnHandle(turn, main_thread)
        with self._lock:
            if self._is_closed:
                raise NukeAIError("the App is closed", user_text=tr("The panel is closing."))
            if conversation_id in self._running:
                raise BusyError(
                    "the conversation has a running turn", user_text=tr("An answer is still being written here."),
                    next_step=tr("Wait for it, or stop it."),
                )
            self._running[conversation_id] = handle
        task = create_task(turn.run())
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._task_ended(done, turn))
        return handle

    def turns(self) -> Tuple[TurnHandle, ...]:
        """The running turns."""
        with self._lock:
            return tuple(self._running.values())

    def choice(
        self, provider: Optional[str] = None, model: Optional[str] = None, *, conversation_id: Optional[str] = None
    ) -> ModelChoice:
        """The provider and model that such a question would go to. Raises SettingsError when that is not settled.

        With `conversation_id` the store is asked and waited for.
        """
        conversation = self.store.conversation(conversation_id).result() if conversation_id else None
        asked = None
        if provider or model:
            asked = ModelChoice(provider or self.settings.default_provider, model or "")
        choice = resolve_choice(self.settings, asked, conversation)
        self.providers.settings(choice.provider)
        return choice

    def reload_settings(self) -> None:
        """Reads all settings again; only providers whose row changed connect anew. Raises SettingsError."""
        self._take_settings(self._reload())

    def watch_settings(self, heard: Callable[[Optional[SettingsError]], None] = lambda _: None) -> None:
        """From now on an edit of a file of the settings or of the policy counts within two seconds, if it is valid.

        A broken one changes nothing. `heard` is called on the watching thread after each: with what is wrong, or None.
        """
        self._heard.append(heard)
        if self._watch is None:
            self._watch = FileWatch(
                lambda: (*settings_files(self._env), *self.gate.policy_files()), self._settings_edited,
                every_s=SETTINGS_LOOK_S,
            )
            self._watch.start()

    def settings_problem(self) -> Optional[SettingsError]:
        """What is wrong with the settings as they lie on disk, while the last good ones are in force."""
        return self._settings_problem

    def when_loop_replaced(self, heard: Callable[[], None]) -> None:
        """Has `heard` called, on any thread, when the background loop was blocked and is replaced.

        The answers that were being written are marked interrupted; the next question gets a new loop.
        """
        self._when_interrupted.append(heard)

    def when_closed(self, heard: Callable[[], None]) -> None:
        """Has `heard` called, once, at the end of `close`; a reload of the code does not count."""
        self._when_closed.append(heard)

    def _loop_given_up(self) -> None:
        # What holds a place on the blocked loop gives it back there, should it ever come free.
        self._services = replace(self._services, slots=slots_by_kind())
        self.providers.leave_watch()

    def _loop_replaced(self) -> None:
        if self._is_closed:
            return
        self.providers.keep_watching()
        for heard in tuple(self._when_interrupted):
            heard()

    def _settings_edited(self, files: List[Path]) -> None:
        self.gate.look_again()
        try:
            self.reload_settings()
            self._settings_problem = None
        except SettingsError as error:
            log.info("an edit of %s is not taken: %s", ", ".join(map(str, files)), error.message)
            self._settings_problem = error
        self.providers.policy_changed()
        for heard in tuple(self._heard):
            heard(self._settings_problem)

    def widen_window(self, choice: ModelChoice) -> Future[Optional[int]]:
        """Doubles the context window that a local server is asked for with this model; see `Windows.widen`.

        A window that the settings fix is changed there, in the user's file. The future may raise SettingsError.
        """
        return create_task(self._widen(choice))

    @property
    def windows(self) -> Windows:
        """The context windows that local servers are asked for. Loop thread."""
        return self._services.windows

    def window_of(self, choice: ModelChoice) -> Optional[int]:
        """The context window that the model was last asked for in this session, None for none."""
        return self._services.windows.sent_to(choice)

    async def _widen(self, choice: ModelChoice) -> Optional[int]:
        wider = await self._services.windows.widen(choice)
        name = f"providers.{choice.provider}.options.num_ctx"
        if wider is None or name not in self.settings.sources:
            return wider
        await in_daemon_thread(lambda: save_setting(name, wider, home=self.settings.home))
        self.reload_settings()
        if self.settings.provider(choice.provider).options.get("num_ctx") != wider:
            place = self.settings.sources.get(name, "another layer of the settings")
            raise SettingsError(
                f"{place} fixes {name}", user_text=tr("The window is fixed by {place}.", place=place),
                next_step=tr("Change it there.")
            )
        return wider

    def with_base_url(self, provider: str, base_url: str) -> str:
        """The name of a row like `provider`'s but at `base_url`, made if need be; it lives as long as the App.

        Raises SettingsError.
        """
        row = self.providers.settings(provider)
        if row.base_url == base_url:
            return provider
        problem = address_problem(base_url)
        if problem:
            raise SettingsError(
                f"base_url {problem}", user_text=tr("The address {problem}.", problem=problem),
                next_step=tr("Write it like http://127.0.0.1:1234/v1; keys belong into the provider's settings."),
            )
        name = f"{provider} at {base_url}"
        if name not in self._added:
            added = replace(row, name=name, title=row.label, base_url=base_url)
            if origin_of(base_url) != origin_of(row.base_url or ""):
                # The key is for the other place, and so is whatever identifies the user there.
                added = replace(added, key_env=None, headers={}, client_cert=None, client_key=None)
            self._added[name] = added
            self._take_settings(self.settings)
        return name

    @property
    def is_closed(self) -> bool:
        """Whether it was closed or handed over."""
        return self._is_closed

    def close(self, timeout_s: float = 2.0) -> None:
        """Stops all turns (kept as interrupted), closes sessions, history and, for the last App, the loop. Idempotent.

        Not on the loop's own thread.
        """
        loops = get_event_loop_manager()
        if loops.is_loop_thread():
            raise RuntimeError("an App cannot be closed from the event loop's own thread")
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            watch, self._watch = self._watch, None
            running, tasks = list(self._running.values()), list(self._tasks)
        deadline = time.monotonic() + timeout_s
        if watch is not None:
            watch.stop()
        for handle in running:
            handle.interrupt()
        wait_for_futures(tasks, timeout_s * 0.4)
        with _open_apps_lock:
            _open_apps.pop(id(self), None)
            is_last = not _open_apps
        self.store.close(max(0.1, min(1.0, deadline - time.monotonic())))
        if is_last:
            shutdown_event_loop()
        elif self.providers.has_live():
            try:
                create_task(self.providers.close()).result(max(0.1, deadline - time.monotonic()))
            except FutureTimeoutError:
                log.error("the providers did not close in time")
        self._close_gate()
        for heard in self._when_closed:
            heard()

    def _close_gate(self) -> None:
        get_event_loop_manager().forget_given_up(self._name)
        remove_gate(self.gate)
        self.gate.close(1.0)

    def close_unused(self) -> None:
        """Ends an App that nothing was asked of; the loop and other Apps are left alone."""
        self._close_gate()
        with self._lock:
            self._is_closed = True
        with _open_apps_lock:
            _open_apps.pop(id(self), None)

    def hand_over(self, timeout_s: float = 2.0) -> None:
        """Ends this App like `close`, but leaves its sessions open and the loop running, for the next generation of
        this code; see `utils.survivors`. What still runs is kept as interrupted. Not on the loop's own thread.
        """
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            watch, self._watch = self._watch, None
            running, tasks = list(self._running.values()), list(self._tasks)
        if watch is not None:
            watch.stop()
        for handle in running:
            handle.interrupt()
        wait_for_futures(tasks, timeout_s * 0.4)
        with _open_apps_lock:
            _open_apps.pop(id(self), None)
        self.store.close(timeout_s * 0.5)
        create_task(self.providers.hand_over()).result(timeout_s)
        self._close_gate()

    def _take_settings(self, settings: Settings) -> None:
        settings = with_studio_defaults(settings, self.gate.current())
        self.settings = replace(settings, providers={**settings.providers, **self._added})
        self.providers.reload(self.settings)

    def _forget(self, conversation_id: str) -> None:
        with self._lock:
            self._running.pop(conversation_id, None)

    def _task_ended(self, task: Future[None], turn: Turn) -> None:
        self._tasks.discard(task)
        turn.abandon()
        if not task.cancelled():
            error = task.exception()
            if error is not None:
                log.error("a turn's task failed: this is a bug", exc_info=error)
