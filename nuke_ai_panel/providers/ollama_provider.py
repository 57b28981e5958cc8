"""Speaks Ollama's native API. Lives on the loop thread; one client, hence one session, for the provider's life.

Native, not `/v1`: only here can the window be set, are errors inside a stream kept, and does the server say why a
model thinks. The window is sent with every request and never shrinks for a model, because another one makes Ollama
load the model again. While it loads, the server withholds even the head of its answer, so the provider says so: also
for a model that answered a moment ago, because another one may have taken its place in memory.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import AsyncGenerator, AsyncIterator, Dict, Iterator, List, Optional, Set, Tuple, Union
from urllib.parse import urlsplit

from ..errors import ProviderError
from ..events import Progress, StreamEvent, StreamWarning
from ..messages import Json
from ..settings import ProviderSettings
from ..words import tr
from .base import ChatRequest, ModelInfo
from .connection import ask_life, bearer, has_own_key, open_client
from .http_stream import StreamResponse
from .ollama_decoder import OllamaDecoder
from .ollama_dialect import (
    encode_chat,
    full_name,
    loaded_models,
    read_loaded,
    read_options,
    read_show,
    read_tags,
    think_of,
)
from .ollama_errors import explain, explain_pull
from .ollama_launch import START_TIMEOUT_S, find_program, start_server
from .pictures import pdf_refused, pdfs_of
from .reading import check_head, ndjson_parser, read_events, read_refusal
from .services import LoadedModel
from .urls import is_loopback_url, is_private_url, ollama_base_url

QUIET_S = 1.0
ASK_AGAIN_S = 2.0
# Verifying a large layer is silent for tens of seconds, loading a large model for minutes.
PULL_SILENCE_S = 300.0
LOAD_TIMEOUT_S = 300.0
DESCRIBE_S = 5.0
DESCRIBE_AT_ONCE = 4


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
        self._has_no_degrees: Set[str] = set()
        self._known: Dict[str, ModelInfo] = {}
        self._shown: Set[str] = set()

    # ------------------------------------------------------------ the contract

    async def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """The answer as events; see `base.Provider`."""
        for document in (one for message in request.messages for one in pdfs_of(message)):
            raise pdf_refused(document, provider=self._label, model=request.model)
        with self._explained(request.model):
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
            if self._loses_thinking(request):
                yield StreamWarning("parameter_dropped:think")
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
        """The models on the server's disk, what they can do, and which of them are loaded. Raises ProviderError."""
        with self._explained():
            tags = await self._client.get_json(f"{self._base}/api/tags", headers=self._headers)
        loaded = read_loaded(await self._ask_quietly("/api/ps"))
        listed = read_tags(tags, self.name, is_local=self.is_local, loaded=loaded)
        self._known, self._shown = {model.id: model for model in listed}, set()
        await self._describe([one.id for one in listed if one.capabilities is None or one.context_tokens is None])
        return tuple(self._known.values())

    async def model_info(self, model: str) -> ModelInfo:
        """The model's window and abilities, asked of the server once. Raises ProviderError."""
        if model not in self._shown:
            with self._explained(model):
                said = await self._client.post_json(f"{self._base}/api/show", {"model": model}, headers=self._headers)
            self._show(model, said)
        return self._known[model]

    async def close(self) -> None:
        """Closes the session."""
        await self._client.close()

    # ------------------------------------------------------------ what only Ollama has

    async def probe(self) -> None:
        """Asks for the version: the cheapest that it answers. Raises ProviderError."""
        with self._explained():
            await ask_life(
                self._client, f"{self._base}/api/version", self._headers, provider=self._label,
                shows=lambda body: isinstance(body, dict) and isinstance(body.get("version"), str),
            )

    async def version(self) -> str:
        """The server's version, empty if it does not say. Raises ProviderError."""
        said = await self._client.get_json(f"{self._base}/api/version", headers=self._headers)
        version = said.get("version") if isinstance(said, dict) else None
        return version if isinstance(version, str) else ""

    async def pull(self, model: str) -> AsyncIterator[StreamEvent]:
        """Fetches a model: `Progress` for each step and one Finish. Closing it stops; a later pull goes on there."""
        try:
            with self._explained(model):
                response = await self._client.post_stream(
                    f"{self._base}/api/pull", {"model": model, "stream": True}, headers=self._headers
                )
                response.allow_silence(PULL_SILENCE_S)
                await check_head(response, provider=self._label, model=model)
                decoder = OllamaDecoder(self._label, model=model)
                events = read_events(response, ndjson_parser(response), decoder, provider=self._label)
                try:
                    async for event in events:
                        yield event
                finally:
                    await events.aclose()
        except ProviderError as error:
            raise explain_pull(error, model=model) from error.__cause__

    async def loaded(self) -> Tuple[LoadedModel, ...]:
        """The models in the server's memory. Raises ProviderError."""
        with self._explained():
            return read_loaded(await self._client.get_json(f"{self._base}/api/ps", headers=self._headers))

    async def load(self, model: str, *, keep_alive: Union[int, str, None] = None) -> None:
        """Loads a model; `keep_alive` as in the settings, None takes the row's own. Raises ProviderError."""
        keep = self._options.keep_alive if keep_alive is None else keep_alive
        body: Dict[str, Json] = {"model": model, "messages": [], "stream": False}
        if keep is not None:
            body["keep_alive"] = keep
        window = self._options.num_ctx or self._windows.get(model)
        if window is not None:
            body["options"] = {"num_ctx": window}
        await self._command(body)

    async def unload(self, model: str) -> None:
        """Takes a model out of memory; one that is not there stays away. Raises ProviderError."""
        await self._command({"model": model, "messages": [], "keep_alive": 0, "stream": False})

    def can_start(self) -> bool:
        """Whether the server would run on this machine, and Ollama's program is here."""
        return is_loopback_url(self._base) and find_program() is not None

    async def start(self) -> None:
        """Starts `ollama serve` and waits until it answers. Raises ProviderError that says why it does not."""
        if not is_loopback_url(self._base):
            raise ProviderError(
                "network", "the server is another machine's", provider=self._label, retryable=False,
                user_text=tr("{label} runs on another machine.", label=self._label), next_step=tr("Start it there."),
            )

        async def answers() -> bool:
            return await self._ask_quietly("/api/version") is not None

        if not await answers():
            await start_server(self._base, answers=answers, timeout_s=START_TIMEOUT_S)

    # ------------------------------------------------------------ how

    async def _command(self, body: Json) -> None:
        with self._explained(str(body["model"])):
            await self._client.post_json(
                f"{self._base}/api/chat", body, headers=self._headers, timeout_s=LOAD_TIMEOUT_S
            )

    @contextmanager
    def _explained(self, model: Optional[str] = None) -> Iterator[None]:
        """Errors inside the block get Ollama's own meaning."""
        try:
            yield
        except ProviderError as error:
            raise explain(error, base_url=self._base, model=model) from error.__cause__

    def _show(self, model: str, said: Json) -> None:
        known = self._known.get(model) or ModelInfo(model, self.name, local=self.is_local)
        self._known[model] = read_show(said, known)
        self._shown.add(model)

    async def _describe(self, models: List[str]) -> None:
        """Asks what the list did not say, a few models at a time and not for long: the list must not wait for it."""
        gate = asyncio.Semaphore(DESCRIBE_AT_ONCE)

        async def describe(model: str) -> None:
            async with gate:
                said = await self._ask_quietly("/api/show", {"model": model})
            if said is not None:
                self._show(model, said)

        asking = [asyncio.ensure_future(describe(model)) for model in models]
        if not asking:
            return
        try:
            await asyncio.wait(asking, timeout=DESCRIBE_S)
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    async def _open(self, request: ChatRequest) -> StreamResponse:
        """The head of an answer. A model that does not think, or not by degrees, is asked again so, and remembered."""
        window = self._window(request)
        while True:
            body = encode_chat(request, self._options, num_ctx=window, label=self._label,
                               thinks=request.model not in self._cannot_think)
            if isinstance(body.get("think"), str) and request.model in self._has_no_degrees:
                body["think"] = True
            response = await self._client.post_stream(f"{self._base}/api/chat", body, headers=self._headers)
            if response.status != 400 or "think" not in body:
                break
            error, _ = await read_refusal(response, provider=self._label, model=request.model)
            if "think" not in error.message.lower():
                raise error
            is_degree = isinstance(body["think"], str) and "support thinking" not in error.message.lower()
            (self._has_no_degrees if is_degree else self._cannot_think).add(request.model)
        await check_head(response, provider=self._label, model=request.model)
        return response

    def _loses_thinking(self, request: ChatRequest) -> bool:
        """True when thinking was asked for and this model has none."""
        if request.model not in self._cannot_think:
            return False
        return think_of(request.parameters.reasoning_effort, self._options) not in (None, False)

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
        """Says what the server does while it withholds the head, each time that it does something else.

        A server that does not tell what is in its memory is loading, as far as anybody knows.
        """
        said, is_told = "", False
        await asyncio.wait({opening}, timeout=QUIET_S)
        while not opening.done():
            asking = asyncio.ensure_future(self._ask_quietly("/api/ps"))
            try:
                await asyncio.wait({opening, asking}, return_when=asyncio.FIRST_COMPLETED)
                running = asking.result() if asking.done() else None
            finally:
                asking.cancel()
            if not opening.done():
                is_there = running is not None and _is_among(model, running)
                phase = said if said and running is None else "prompt" if is_there else "loading"
                if phase != said or (running is not None and not is_told):
                    said, is_told = phase, running is not None
                    yield Progress(phase, is_told=is_told)
            await asyncio.wait({opening}, timeout=ASK_AGAIN_S)

    async def _ask_quietly(self, path: str, body: Json = None) -> Json:
        """What `path` says, None when it says nothing: only for what an answer does not depend on."""
        url = f"{self._base}{path}"
        try:
            if body is None:
                return await self._client.get_json(url, headers=self._headers, timeout_s=3.0)
            return await self._client.post_json(url, body, headers=self._headers, timeout_s=3.0)
        except ProviderError as error:
            if error.kind == "cancelled":
                raise
            return None


def _is_among(model: str, running: Json) -> bool:
    return bool(loaded_models(running) & {model, full_name(model)})


def _abandon(opening: asyncio.Future[StreamResponse]) -> None:
    """Leaves no request and no response behind when nobody reads the answer any more."""
    opening.cancel()
    opening.add_done_callback(_close_unread)


def _close_unread(opening: asyncio.Future[StreamResponse]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
