"""Speaks Ollama's native API. Lives on the loop thread; one client, hence one session, for the provider's life.

Native, not `/v1`: only here can the window be set, are errors inside a stream kept, and does the server say why a
model thinks. The window is sent with every request and never shrinks for a model, because another one makes Ollama
load the model again. While it loads, the server withholds even the head of its answer, so the provider says so; a
model that answered a moment ago is loaded, and its next answer is not watched for that.
"""

from __future__ import annotations

import asyncio
import time
from typing import AsyncGenerator, AsyncIterator, Dict, Optional, Set, Tuple
from urllib.parse import urlsplit

from ..errors import ProviderError
from ..events import Progress, StreamEvent
from ..messages import Json
from ..settings import ProviderSettings
from .base import ChatRequest, ModelInfo
from .classify import classify_error
from .connection import bearer, has_own_key, open_client
from .http_stream import StreamResponse
from .ollama_decoder import OllamaDecoder
from .ollama_dialect import encode_chat, loaded_models, read_options, read_show, read_tags
from .reading import check_head, ndjson_parser, read_events
from .urls import is_loopback_url, is_private_url, ollama_base_url

# Shorter than the server's own five minutes, after which it unloads a model.
WARM_S = 120.0
QUIET_S = 1.0
ASK_AGAIN_S = 2.0


class OllamaProvider:
    """An Ollama server, on this machine by default."""

    def __init__(self, settings: ProviderSettings, *, key: Optional[str] = None) -> None:
        self.name = settings.name
        self._base = ollama_base_url(settings.base_url)
        self.is_local = is_private_url(self._base)
        self.needs_key = urlsplit(self._base).hostname == "ollama.com" and not has_own_key(settings)
        self._label = settings.label
        self._headers = {} if is_loopback_url(self._base) else bearer(key)
        self._client = open_client(settings, key)
        self._options = read_options(settings.options, settings.name)
        self._windows: Dict[str, int] = {}
        self._cannot_think: Set[str] = set()
        self._answered_at: Dict[str, float] = {}
        self._known: Dict[str, ModelInfo] = {}
        self._shown: Set[str] = set()

    # ------------------------------------------------------------ the contract

    async def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """The answer as events; see `base.Provider`."""
        if self._is_warm(request.model):
            response = await self._open(request)
        else:
            opening = asyncio.ensure_future(self._open(request))
            waiting = self._while_waiting(opening, request.model)
            try:
                async for progress in waiting:
                    yield progress
            except BaseException:
                _abandon(opening)
                raise
            finally:
                await waiting.aclose()
            response = opening.result()
        self._answered_at[request.model] = time.monotonic()
        decoder = OllamaDecoder(
            self._label, model=request.model, think_tags=request.think_tags, request_id=response.request_id
        )
        events = read_events(response, ndjson_parser(response), decoder, provider=self._label)
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()

    async def models(self) -> Tuple[ModelInfo, ...]:
        """The models on the server's disk, and which of them are loaded. Raises ProviderError."""
        tags = await self._client.get_json(f"{self._base}/api/tags", headers=self._headers)
        loaded = loaded_models(await self._ask_quietly("/api/ps"))
        found = {model.id: model for model in read_tags(tags, self.name, is_local=self.is_local, loaded=loaded)}
        self._known, self._shown = found, set()
        return tuple(found.values())

    async def model_info(self, model: str) -> ModelInfo:
        """The model's window and abilities, asked of the server once. Raises ProviderError."""
        if model not in self._shown:
            known = self._known.get(model) or ModelInfo(model, self.name, local=self.is_local)
            said = await self._client.post_json(f"{self._base}/api/show", {"model": model}, headers=self._headers)
            self._known[model] = read_show(said, known)
            self._shown.add(model)
        return self._known[model]

    async def close(self) -> None:
        """Closes the session."""
        await self._client.close()

    # ------------------------------------------------------------ what only Ollama has

    async def version(self) -> str:
        """The server's version, empty if it does not say. Raises ProviderError."""
        said = await self._client.get_json(f"{self._base}/api/version", headers=self._headers)
        version = said.get("version") if isinstance(said, dict) else None
        return version if isinstance(version, str) else ""

    async def pull(self, model: str) -> AsyncIterator[StreamEvent]:
        """Fetches a model: `Progress` for each step and one Finish. Closing it stops; a later pull goes on there."""
        response = await self._client.post_stream(
            f"{self._base}/api/pull", {"model": model, "stream": True}, headers=self._headers
        )
        await check_head(response, provider=self._label, model=model)
        decoder = OllamaDecoder(self._label, model=model)
        events = read_events(response, ndjson_parser(response), decoder, provider=self._label)
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()

    # ------------------------------------------------------------ how

    def _is_warm(self, model: str) -> bool:
        """True when the model answered so recently that it must be loaded still: there is no loading to report."""
        keep_alive = self._options.keep_alive
        is_kept = keep_alive is None or (isinstance(keep_alive, (int, float)) and keep_alive < 0)
        return is_kept and time.monotonic() - self._answered_at.get(model, -WARM_S) < WARM_S

    async def _open(self, request: ChatRequest) -> StreamResponse:
        """The head of an answer. A model that turns out not to think is asked again without, and remembered."""
        window = self._window(request)
        for thinks in (True, False):
            thinks = thinks and request.model not in self._cannot_think
            body = encode_chat(request, self._options, num_ctx=window, thinks=thinks)
            response = await self._client.post_stream(f"{self._base}/api/chat", body, headers=self._headers)
            if response.status != 400 or "think" not in body:
                break
            raw = await response.read_body()
            response.close()
            error = classify_error(400, raw, response.headers, provider=self._label, model=request.model)
            if error.kind != "unsupported_feature" or "think" not in error.message:
                raise error
            self._cannot_think.add(request.model)
        await check_head(response, provider=self._label, model=request.model)
        return response

    def _window(self, request: ChatRequest) -> Optional[int]:
        """The window to ask for: the row's own, else the largest that was ever asked for with this model."""
        if self._options.num_ctx is not None:
            return self._options.num_ctx
        if request.window_tokens is not None:
            largest = max(request.window_tokens, self._windows.get(request.model, 0))
            self._windows[request.model] = largest
        return self._windows.get(request.model)

    async def _while_waiting(
        self, opening: asyncio.Future[StreamResponse], model: str
    ) -> AsyncGenerator[Progress, None]:
        """Says what the server does while it withholds the head, each time that it does something else."""
        said = ""
        await asyncio.wait({opening}, timeout=QUIET_S)
        while not opening.done():
            asking = asyncio.ensure_future(self._ask_quietly("/api/ps"))
            try:
                await asyncio.wait({opening, asking}, return_when=asyncio.FIRST_COMPLETED)
                running = asking.result() if asking.done() else None
            finally:
                asking.cancel()
            if running is not None:
                phase = "prompt" if _is_among(model, running) else "loading"
                if phase != said and not opening.done():
                    said = phase
                    yield Progress(phase)
            await asyncio.wait({opening}, timeout=ASK_AGAIN_S)

    async def _ask_quietly(self, path: str) -> Json:
        """What `path` says, None when it says nothing: only for what an answer does not depend on."""
        try:
            return await self._client.get_json(f"{self._base}{path}", headers=self._headers, timeout_s=3.0)
        except ProviderError as error:
            if error.kind == "cancelled":
                raise
            return None


def _is_among(model: str, running: Json) -> bool:
    name = model if ":" in model.rpartition("/")[2] else f"{model}:latest"
    return bool(loaded_models(running) & {model, name})


def _abandon(opening: asyncio.Future[StreamResponse]) -> None:
    """Leaves no request and no response behind when nobody reads the answer any more."""
    opening.cancel()
    opening.add_done_callback(_close_unread)


def _close_unread(opening: asyncio.Future[StreamResponse]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
