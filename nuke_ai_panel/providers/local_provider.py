"""The built-in model: llama.cpp in a child process of ours, reached over loopback. No server to install, no key.

Lives on the loop thread. One child for each model file that is in use; it is started by the first request, serves
everything after it, and is stopped by `close`, by a request for another model once it is idle, or by our own end,
however that comes. What is spoken to it is the OpenAI dialect, under a key made for this one child, so that nobody else
on the machine can use it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import AsyncIterator, Dict, List, Mapping, Optional, Tuple

from ..errors import ProviderError
from ..events import Progress, StreamEvent, StreamStarted
from ..messages import Json
from ..settings import ProviderSettings, home_dir
from ..utils.survivors import keep, look
from ..words import tr
from .base import ChatRequest, ModelInfo
from .local_launch import is_python, launch_for, window_tokens
from .local_process import LocalServer
from .model_files import CATALOGUE, CatalogueModel, find_model, installed_models, models_dir
from .openai_provider import OpenAIProvider

_PROGRESS_EVERY_S = 0.5
# Under this name the children survive a reload: a list of (row, process, …).
CHILDREN = "local children"
_BROKEN_KINDS = ("network", "truncated", "protocol", "cancelled")


@dataclass
class _Live:
    """A child, the task that starts it and then holds the provider that speaks to it, and how many streams use it."""

    server: LocalServer
    starting: asyncio.Task[OpenAIProvider]
    users: int = 0
    is_ended: bool = False


class LocalProvider:
    """Models that run on this machine without any server, from GGUF files."""

    def __init__(self, settings: ProviderSettings, *, key: Optional[str] = None) -> None:
        self.name = settings.name
        self.is_local = True
        self.needs_key = False
        self._settings = settings
        self._label = settings.label
        self._live: Dict[Path, _Live] = {}
        self._pid = os.getpid()
        self._parents: List[_Live] = []

    async def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """The answer as events, `Progress("loading")` before them while the model loads; see `base.Provider`."""
        live = await self._live_for(self._path_of(request.model), request.model)
        live.users += 1
        try:
            while not live.starting.done():
                yield Progress("loading", detail=request.model, is_told=False)
                await asyncio.wait([live.starting], timeout=_PROGRESS_EVERY_S)
            if live.starting.cancelled():
                raise ProviderError("cancelled", tr("the provider was closed"), provider=self._label)
            events = live.starting.result().stream(request)
            try:
                async for event in events:
                    yield event._replace(model=request.model) if isinstance(event, StreamStarted) else event
            except ProviderError as exc:
                if live.is_ended or exc.kind not in _BROKEN_KINDS or not await live.server.has_died():
                    raise
                raise self._crashed(live.server) from exc
            finally:
                await events.aclose()  # type: ignore[attr-defined]  # it is an async generator
        finally:
            live.users -= 1
            live.server.trim_log()

    async def models(self) -> Tuple[ModelInfo, ...]:
        """What can be chosen: the catalogue, downloaded or not, and every other model file."""
        folder = models_dir(home_dir())
        model_path = self._settings.options.get("model_path")
        installed = installed_models(folder, model_path=model_path if isinstance(model_path, str) else None)
        have = {model.id for model in installed}
        infos = [self._catalogue_info(entry, is_installed=entry.id in have) for entry in CATALOGUE.values()]
        infos += [self._file_info(model.id, model.path) for model in installed if model.catalogue is None]
        return tuple(infos)

    async def model_info(self, model: str) -> ModelInfo:
        """What is known about `model`, the window that it will be started with among it. Raises ProviderError."""
        for info in await self.models():
            if info.id == model:
                return info
        return self._file_info(model, self._path_of(model))

    async def close(self) -> None:
        """Stops every child. Idempotent."""
        while self._own_live():
            _, live = self._live.popitem()
            await _end(live)

    async def hand_over(self) -> None:
        """Leaves the running children to the next generation of our code, and stops those that were starting."""
        kept = list(look(CHILDREN, ()))
        for path, live in list(self._own_live().items()):
            if live.starting.done() and not live.starting.cancelled() and live.server.is_running():
                del self._live[path]
                kept.append((self.name, *live.server.hand_over()))
        keep(CHILDREN, kept)
        await self.close()

    # ------------------------------------------------------------ the children

    async def _take_over(self) -> None:
        """Takes what the last generation of our code left for this row; what does not fit it any more is stopped."""
        kept = list(look(CHILDREN, ()))
        mine = [LocalServer.take_over(tuple(given)) for name, *given in kept if name == self.name]
        entries = {server.model: CATALOGUE.get(server.alias) for server in mine}
        wanted = {
            model: launch_for(
                self._settings, context_limit=entry.context_tokens if entry else None, is_small=entry is not None
            ) for model, entry in entries.items()
        }
        keep(CHILDREN, [one for one in kept if one[0] != self.name])
        for server in mine:
            if server.launch == wanted[server.model] and server.is_running() and server.model not in self._live:
                starting = asyncio.get_running_loop().create_task(self._provider_of(server))
                self._live[server.model] = _Live(server, starting)
            else:
                await server.stop()

    async def _provider_of(self, server: LocalServer) -> OpenAIProvider:
        """The provider that speaks to a server whose model is loaded."""
        row = replace(self._settings, base_url=f"{server.url}/v1", proxy="none", headers={})
        return OpenAIProvider(row, key=server.api_key)

    async def _live_for(self, path: Path, model: str) -> _Live:
        """The child that serves `path`, started if need be; idle children of other models make room for it."""
        await self._take_over()
        known = self._own_live().get(path)
        if known is not None and (not known.starting.done() or known.server.is_running()):
            return known
        self._require_runtime()
        entry = CATALOGUE.get(model)
        launch = launch_for(
            self._settings, context_limit=entry.context_tokens if entry else None, is_small=entry is not None
        )
        leaving = [self._live.pop(one) for one in list(self._live) if one == path or not self._live[one].users]
        server = LocalServer(path, model, launch, home_dir() / "logs" / "local-server.log")
        live = _Live(server, asyncio.get_running_loop().create_task(self._start(server)))
        live.starting.add_done_callback(_look_at)
        self._live[path] = live
        for one in leaving:
            await _end(one)
        return live

    async def _start(self, server: LocalServer) -> OpenAIProvider:
        """The provider that speaks to `server`, once that has loaded its model. Raises ProviderError."""
        try:
            report = await server.start(self._settings.first_event_timeout_s)
        except OSError as exc:
            raise self._start_error({"reason": "spawn", "message": str(exc)}, server) from exc
        if not server.url:
            raise self._start_error(report, server)
        return await self._provider_of(server)

    def _own_live(self) -> Dict[Path, _Live]:
        """Our children; a forked copy of us has none, and keeps its parent's without touching them."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._parents, self._live = [*self._parents, *self._live.values()], {}
        return self._live

    # ------------------------------------------------------------ what there is

    def _path_of(self, model: str) -> Path:
        """The model's file. Raises ProviderError(model_not_found) that says how to get one."""
        path = find_model(model, models_dir(home_dir()))
        if path is None:
            raise self._not_found(model)
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise ProviderError(
                    "bad_request", f"{path} is not a GGUF file", provider=self._label, model=model,
                    user_text=tr("{name} is not a model file in the GGUF format.", name=path.name),
                    next_step=tr("Choose a .gguf file, or another model."),
                )
        return path

    def _catalogue_info(self, entry: CatalogueModel, *, is_installed: bool) -> ModelInfo:
        size = tr("not downloaded yet: {mb:.0f} MB", mb=entry.wheel_size_bytes / 1e6)
        path = models_dir(home_dir()) / entry.file_name
        return ModelInfo(
            entry.id, self.name, name=entry.title, local=True, size_bytes=entry.size_bytes,
            parameter_size=entry.parameter_size, context_tokens=window_tokens(self._settings, entry.context_tokens),
            capabilities=frozenset(), price_input=0.0, price_output=0.0, loaded=self._is_loaded(path),
            unavailable_reason=missing_runtime(self._settings)[0] or (None if is_installed else size),
        )

    def _file_info(self, model: str, path: Path) -> ModelInfo:
        return ModelInfo(
            model, self.name, name=path.stem, local=True, size_bytes=path.stat().st_size,
            context_tokens=window_tokens(self._settings, None), price_input=0.0, price_output=0.0,
            loaded=self._is_loaded(path), unavailable_reason=missing_runtime(self._settings)[0] or None,
        )

    def _is_loaded(self, path: Path) -> bool:
        live = self._own_live().get(path)
        return live is not None and live.starting.done() and live.server.is_running()

    # ------------------------------------------------------------ what goes wrong

    def _require_runtime(self) -> None:
        sentence, next_step = missing_runtime(self._settings)
        if sentence:
            raise ProviderError(
                "unsupported_feature", sentence, provider=self._label, code="no_local_runtime", user_text=sentence,
                next_step=next_step,
            )

    def _not_found(self, model: str) -> ProviderError:
        if model in CATALOGUE:
            megabytes = round(CATALOGUE[model].wheel_size_bytes / 1e6)
            sentence = f"The model {model} is not on this machine yet."
            next_step = f"Download it once ({megabytes} MB): nuke-ai-panel models pull {model}"
        else:
            sentence = f"There is no model file {model}."
            next_step = "Give the path of a .gguf file, or download the tiny model: nuke-ai-panel models pull smollm2"
        return ProviderError(
            "model_not_found", sentence, provider=self._label, model=model, user_text=sentence, next_step=next_step,
            code="model_not_downloaded" if model in CATALOGUE else "no_such_file",
        )

    def _start_error(self, report: Mapping[str, Json], server: LocalServer) -> ProviderError:
        """Why a child did not come up, with its last word."""
        reason = report.get("reason")
        if reason == "library":
            return ProviderError(
                "unsupported_feature", str(report.get("message")), provider=self._label, code="no_local_runtime",
                user_text=tr("The built-in model's Python ({get}) cannot run it: {get2}.", get=report.get('python'),
                get2=report.get('message')),
                next_step=_INSTALL,
            )
        if reason == "timeout":
            return ProviderError(
                "timeout", f"the model did not load in {self._settings.first_event_timeout_s:g} s",
                provider=self._label, user_text=tr("The model took too long to load."), retryable=False,
                next_step=tr("Choose a smaller model, or raise first_event_timeout_s in the settings."),
            )
        why = report.get("message") if reason == "spawn" else server.last_line()
        return ProviderError(
            "server_error", f"the built-in model did not start: {why}", provider=self._label, retryable=False,
            user_text=tr("The built-in model did not start: {why}", why=why),
            next_step=tr("The log says more: {log_path}", log_path=server.log_path),
        )

    def _crashed(self, server: LocalServer) -> ProviderError:
        return ProviderError(
            "server_error", f"the built-in model's process ended: {server.last_line()}", provider=self._label,
            user_text=tr("The built-in model stopped working: {last_line}", last_line=server.last_line()),
            next_step=tr("Try again: it is started anew. The log says more: {log_path}", log_path=server.log_path),
        )


_INSTALL = (
    "Install xllamacpp into a Python 3.10 or newer and name that Python in providers.local.options.python, "
    "or choose another provider."
)


def missing_runtime(settings: ProviderSettings) -> Tuple[str, str]:
    """What our own Python lacks for the built-in model, and what to do; two empty texts if nothing, or unknown."""
    if settings.options.get("python"):
        return "", ""
    if not is_python(sys.executable):
        return "", ""  # the child itself finds out, and says it
    if sys.version_info < (3, 10):
        return f"The built-in model needs Python 3.10 or newer; this is {sys.version.split()[0]}.", _INSTALL
    if importlib.util.find_spec("xllamacpp") is None:
        return (
            "The built-in model needs the package xllamacpp.",
            f'Install it: "{sys.executable}" -m pip install xllamacpp; or choose another provider.',
        )
    return "", ""


async def _end(live: _Live) -> None:
    live.is_ended = True
    if not live.starting.done():
        live.starting.cancel()
        await asyncio.wait([live.starting])
    await live.server.stop()
    if not live.starting.cancelled() and live.starting.exception() is None:
        await live.starting.result().close()


def _look_at(starting: asyncio.Task[OpenAIProvider]) -> None:
    """A start that failed after its request was stopped concerns nobody: the next request starts again."""
    if not starting.cancelled():
        starting.exception()
