"""The provider card's presenter: address and key down to settings and key store, the true state up. Main thread.

Keys are found and kept on a thread of their own (a key store may not answer for seconds). A Test saves first: it must
test what will be used, and a key that was typed is one the artist means to use.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Callable, Dict, Optional, TypeVar

from nuke_ai_panel.core.provider_manager import ModelCatalogue, ProviderStatus
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.keys import KEYLESS_KINDS, Key, KeyPlace
from nuke_ai_panel.messages import Json
from nuke_ai_panel.providers.threads import in_daemon_thread
from nuke_ai_panel.settings import ProviderSettings, is_loopback_url
from nuke_ai_panel.settings.presets import ABOUT
from nuke_ai_panel.utils.event_loop_manager import create_task
from nuke_ai_panel.words import later, tr

from ..qt import is_valid
from ..ui.panel_values import ProviderForm
from ..ui.provider_card import ProviderCard
from ..ui.status_chip import state_word
from .chat_session import ChatSession
from .event_bridge import outcome

T = TypeVar("T")
# A state that is younger needs no "since".
NEW_S = 60.0
_HINTS = {
    "ollama": later("Your own models. A server elsewhere works too; a key only where it stands behind one."),
    "openrouter": later("One key for hundreds of models. Get one at openrouter.ai/keys."),
    "anthropic": later("The Claude models, from Anthropic itself. Get a key at console.anthropic.com."),
    "mistral": later("Mistral's own models. Get a key at console.mistral.ai."),
    "openai": later("OpenAI, or any server like it: llama.cpp, LM Studio, vLLM. On this machine no key is needed."),
    "local": later("The built-in model runs on this machine and needs neither address nor key."),
}


class ProviderSetup:
    """Drives one provider card. `on_ready(name)` is called when a saved provider answered."""

    def __init__(self, session: ChatSession, card: ProviderCard, on_ready: Callable[[str], None]) -> None:
        self._session = session
        self._card = card
        self._on_ready = on_ready
        self._sources: Dict[str, str] = {}
        self._then_use = ""
        self._holds_result = False  # what a save met is not overwritten by a state that was reported meanwhile
        card.saved.connect(self._save)
        card.tested.connect(self._test)
        card.forgot.connect(self._forget)
        card.provider_changed.connect(self._ask_source)

    def open(self, name: str) -> None:
        """Shows the card at one provider."""
        self._holds_result = False
        rows = [row for row in self._session.app.settings.providers.values() if " " not in row.name]
        rows.sort(key=lambda row: not row.enabled)
        names = [row.name for row in rows]
        self._card.open(tuple(self._form(one) for one in names), name if name in names else names[0])
        self._ask_source(name)

    def status_changed(self, status: ProviderStatus) -> None:
        """A provider's state, if it is the one on the card."""
        form = self._card.form()
        if form is None or form.name != status.name or not self._card.isVisible() or self._holds_result:
            return
        self._card.set_result(status.state, status_sentence(self._session, status))

    # ------------------------------------------------------------ inside

    def _form(self, name: str) -> ProviderForm:
        row = self._session.app.settings.provider(name)
        return ProviderForm(
            name, row.label, row.base_url or "", needs_key=row.kind not in KEYLESS_KINDS,
            key_source=self._sources.get(name, ""), hint=tr(ABOUT.get(name) or _HINTS.get(row.kind, "")),
            can_edit_url=row.kind not in KEYLESS_KINDS,
        )

    def _ask_source(self, name: str) -> None:
        row = self._row(name)
        if row is None or row.kind in KEYLESS_KINDS:
            return
        keys = self._session.app.keys
        found = on_thread(lambda: keys.source(row))
        self._session.bridge.when_done(found, lambda done: self._source_found(name, done), owner=self._card)

    def _source_found(self, name: str, future: Future[Optional[str]]) -> None:
        result = outcome(future)
        source, error = result.value, result.error
        place = source or ""
        row = self._row(name)
        if row is not None and row.key_env and place == row.key_env:
            place = "environment"
        self._sources[name] = place
        self._card.update_form(self._form(name))
        if isinstance(error, NukeAIError):
            self._card.set_result("unknown", error.user_text)

    def _save(self, name: str, base_url: str, key: str, place: str) -> None:
        self._then_use = name
        self._keep(name, base_url, key, place)

    def _test(self, name: str, base_url: str, key: str, place: str) -> None:
        self._then_use = ""
        self._keep(name, base_url, key, place)

    def _keep(self, name: str, base_url: str, key: str, place: str) -> None:
        row = self._row(name)
        if row is None:
            return
        self._holds_result = False
        changes: Dict[str, Json] = {} if row.enabled else {f"providers.{name}.enabled": True}
        if row.kind not in KEYLESS_KINDS and base_url and base_url != (row.base_url or ""):
            changes[f"providers.{name}.base_url"] = base_url
        self._session.writer.save(changes, lambda error: self._written(name, base_url, key, place, error))

    def _written(self, name: str, base_url: str, key: str, place: str, error: Optional[BaseException]) -> None:
        row = self._row(name)
        if row is None or not is_valid(self._card):
            return
        if error is not None:
            self._card.set_result("unreachable", getattr(error, "user_text", str(error)))
            return
        if row.kind not in KEYLESS_KINDS and base_url and row.base_url != base_url:
            source = self._session.app.settings.sources.get(f"providers.{name}.base_url", tr("another setting"))
            self._holds_result = True
            self._card.set_result("unreachable", tr("Saved, but {source} decides this address: {base_url}",
                source=source, base_url=row.base_url))
            return
        if not key:
            self._check(name)
            return
        keys, where = self._session.app.keys, key_place(place)
        kept: ProviderSettings = row
        self._card.set_result("connecting", tr("Keeping the key …"))
        self._session.bridge.when_done(
            on_thread(lambda: keys.store(kept, key, where=where)), lambda done: self._kept(name, done),
            owner=self._card,
        )

    def _kept(self, name: str, future: Future[Key]) -> None:
        error = outcome(future).error
        if error is not None:
            words = error.user_text if isinstance(error, NukeAIError) else str(error)
            step = error.next_step if isinstance(error, NukeAIError) else ""
            self._card.set_result("needs key", f"{words} {step}".strip())
            return
        self._card.key.clear()
        self._session.app.providers.reset(name)
        self._ask_source(name)
        self._check(name)

    def _check(self, name: str) -> None:
        self._card.set_result("connecting", tr("Connecting …"))
        self._session.bridge.when_done(
            self._session.app.providers.check(name), lambda done: self._checked(name, done), owner=self._card
        )

    def _checked(self, name: str, future: Future[ProviderStatus]) -> None:
        result = outcome(future)
        status, error = result.value, result.error
        if status is None:
            self._card.set_result("unreachable", str(error))
            return
        self.status_changed(status)
        self._session.rebuild_models()
        if status.state in ("connected", "degraded") and self._then_use == name:
            self._then_use = ""
            self._on_ready(name)

    def _forget(self, name: str) -> None:
        row = self._row(name)
        if row is None:
            return
        keys = self._session.app.keys
        self._session.bridge.when_done(
            on_thread(lambda: keys.forget(row)), lambda done: self._forgotten(name, done), owner=self._card
        )

    def _forgotten(self, name: str, future: Future[None]) -> None:
        error = outcome(future).error
        if isinstance(error, NukeAIError):
            self._card.set_result("needs key", error.user_text)
        self._session.app.providers.reset(name)
        self._ask_source(name)

    def _row(self, name: str) -> Optional[ProviderSettings]:
        return self._session.app.settings.providers.get(name)


def status_sentence(session: ChatSession, status: ProviderStatus) -> str:
    """What a test or real traffic has found, as a sentence; empty while nobody has asked."""
    is_new = time.time() - status.since < NEW_S
    since = "" if is_new or not status.since else tr("Since {clock_time}.", clock_time=clock_time(status.since))
    if status.state == "connected":
        found = _found(status, session.app.providers.models(status.name))
        return "\n".join(line for line in (found, since, *session.servers.account(status.name)) if line)
    if status.state == "connecting":
        return tr("Connecting …")
    if status.error is None:
        return ""
    said = f"{status.error.user_text or status.error.message} {status.error.next_step}".strip()
    if status.state == "degraded":
        said = tr("Degraded: it answers, but not as it should. {said}", said=said)
    return "\n".join(line for line in (said, since) if line)


def _found(status: ProviderStatus, known: ModelCatalogue) -> str:
    speed = tr("{latency_s:.0f} ms", latency_s=status.latency_s * 1000) if status.latency_s is not None else ""
    if status.name not in known.fetched_at:  # a probe reads no list
        return tr("Connected ({speed}).", speed=speed) if speed else tr("Connected.")
    count = len(known.models)
    if not speed:
        return tr("Connected: {count} model.", "Connected: {count} models.", count=count)
    return tr("Connected in {speed}: {count} model.", "Connected in {speed}: {count} models.", count=count, speed=speed)


def state_sentence(status: ProviderStatus, row: Optional[ProviderSettings]) -> str:
    """A provider's state as the status chip's tooltip: since when, how quick, what is wrong and what to do."""
    where = ""
    if row is not None and row.base_url:
        where = tr(" on this machine") if is_loopback_url(row.base_url) else tr(" at {base_url}", base_url=row.base_url)
    since = tr(" since {clock_time}", clock_time=clock_time(
        status.since)) if status.since and status.state != "unknown" else ""
    quick = status.latency_s is not None and status.state in ("connected", "degraded")
    speed = tr(" · {latency_s:.0f} ms", latency_s=(status.latency_s or 0.0) * 1000) if quick else ""
    lines = [f"{status.title}{where}: {state_word(status.state)}{since}{speed}"]
    if status.error is not None:
        lines += [status.error.user_text or status.error.message, status.error.next_step]
    if status.next_try_at is not None:
        lines.append(tr("It is looked for again by itself."))
    if status.waiting:
        lines.append(tr("{count} question waits for it.", "{count} questions wait for it.", count=status.waiting))
    return "\n".join(line for line in lines if line)


def clock_time(seconds: float) -> str:
    """A moment as a clock shows it, with the day when that is another one."""
    then, now = time.localtime(seconds), time.localtime()
    return time.strftime("%H:%M" if then[:3] == now[:3] else "%d %b %H:%M", then)


def key_place(place: str) -> KeyPlace:
    """The place that a widget's choice means."""
    return "memory" if place == "memory" else ("file" if place == "file" else "keyring")


def on_thread(work: Callable[[], T]) -> Future[T]:
    """The result of blocking `work`, done on a daemon thread of its own."""
    return create_task(in_daemon_thread(work))
