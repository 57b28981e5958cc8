"""Speaks to OpenAI and to everything that speaks like it: llama.cpp, LM Studio, vLLM and most services.

Lives on the loop thread. One client, hence one session, for the provider's life. A local server needs no key and gets
no Authorization header; what its model list does not say (the context window above all) is asked of the server's own
endpoints, once for each model.
"""

from __future__ import annotations

from typing import AsyncIterator, Dict, FrozenSet, List, Optional, Set, Tuple

from ..errors import ProviderError
from ..events import StreamEvent, StreamWarning
from ..messages import Json
from ..settings import ProviderSettings
from .base import ChatRequest, ModelInfo
from .classify import classify_error
from .connection import bearer, has_own_key, open_client
from .error_facts import read_error
from .http_stream import StreamResponse
from .openai_decoder import OpenAIDecoder
from .openai_dialect import MAX_REPAIRS, Dialect, Repair, encode, is_loss, repair_for
from .openai_models import llamacpp_window, lmstudio_models, read_models
from .reading import check_head, read_events, sse_parser
from .urls import has_path, is_loopback_url, is_private_url, join_url, normalise_base_url, origin_of

DEFAULT_BASE_URL = "https://api.openai.com/v1"
_NEW_LENGTH_HOSTS = ("api.openai.com", ".openai.azure.com")


class OpenAIProvider:
    """Any server with an OpenAI-compatible `/chat/completions`."""

    default_base_url = DEFAULT_BASE_URL
    _decoder_class = OpenAIDecoder

    def __init__(self, settings: ProviderSettings, *, key: Optional[str] = None) -> None:
        self.name = settings.name
        self._base = normalise_base_url(settings.base_url or "") or self.default_base_url
        self.is_local = is_private_url(self._base)
        self.needs_key = not self.is_local and not has_own_key(settings)
        self._label = settings.label
        self._headers = bearer(key, self._own_headers(settings))
        self._client = open_client(settings, key)
        self._dialect = self._make_dialect(settings)
        self._repairs: Dict[str, FrozenSet[Repair]] = {}
        self._known: Dict[str, ModelInfo] = {}
        self._asked_window: Set[str] = set()

    # ------------------------------------------------------------ what a relative overrides

    def _own_headers(self, settings: ProviderSettings) -> Dict[str, str]:
        return {}

    def _make_dialect(self, settings: ProviderSettings) -> Dialect:
        host = origin_of(self._base).partition("://")[2]
        is_new = any(host == known or (known[0] == "." and host.endswith(known)) for known in _NEW_LENGTH_HOSTS)
        extra = settings.options.get("extra_body")
        return Dialect(
            length_field="max_completion_tokens" if is_new else "max_tokens",
            extra_body=extra if isinstance(extra, dict) else {},
        )

    def _encode(self, request: ChatRequest, repairs: FrozenSet[Repair]) -> Dict[str, Json]:
        return encode(request, self._dialect, provider=self.name, repairs=repairs)

    # ------------------------------------------------------------ the contract

    async def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """The answer as events; see `base.Provider`."""
        response = await self._open(request)
        decoder = self._decoder_class(
            self._label, model=request.model, think_tags=request.think_tags, request_id=response.request_id
        )
        events = read_events(response, sse_parser(response), decoder, provider=self._label)
        try:
            for repair in self._losses(request):
                yield StreamWarning(f"parameter_dropped:{repair}")
            async for event in events:
                yield event
        finally:
            await events.aclose()
            response.close()

    async def models(self) -> Tuple[ModelInfo, ...]:
        """The server's list; empty when it has none to give. Raises ProviderError."""
        try:
            listed = await self._client.get_json(join_url(self._base, "models"), headers=self._headers)
        except ProviderError as error:
            if error.status not in (404, 405):
                raise
            listed = []  # a server without a list: the model is named by hand
        found = {model.id: model for model in read_models(listed, self.name, is_local=self.is_local)}
        if self.is_local:
            found = await self._with_lmstudio(found)
        self._known = found
        return tuple(found.values())

    async def model_info(self, model: str) -> ModelInfo:
        """What the list says about `model`, with the window that a llama.cpp server has. Raises ProviderError."""
        if model not in self._known:
            await self.models()
        info = self._known.setdefault(model, ModelInfo(model, self.name, local=self.is_local))
        if info.context_tokens is None and self.is_local and model not in self._asked_window:
            self._asked_window.add(model)
            props = await self._ask_quietly(f"{self._root()}/props")
            info = self._known[model] = llamacpp_window(props, info)
        return info

    async def close(self) -> None:
        """Closes the session."""
        await self._client.close()

    # ------------------------------------------------------------ how

    async def _open(self, request: ChatRequest) -> StreamResponse:
        """The head of an answer. What the server refuses by name is left out once, and from then on."""
        for _ in range(MAX_REPAIRS):
            repairs = self._repairs.get(request.model, frozenset())
            body = self._encode(request, repairs)
            response = await self._post(body)
            if response.status not in (400, 404, 422):
                await check_head(response, provider=self._label, model=request.model)
                return response
            raw = await response.read_body()
            response.close()
            error = classify_error(response.status, raw, response.headers, provider=self._label, model=request.model)
            if error.status == 404 and error.kind == "bad_request" and not has_path(self._base):
                self._base = join_url(self._base, "v1")  # nearly every server that was named by its host alone
                continue
            repair = repair_for(read_error(raw), body)
            if repair is None or repair in repairs:
                raise error
            self._repairs[request.model] = repairs | {repair}
        raise error

    def _losses(self, request: ChatRequest) -> List[Repair]:
        """What the user set and this model refuses."""
        repairs = self._repairs.get(request.model)
        if not repairs:
            return []
        asked = self._encode(request, frozenset())
        return sorted(repair for repair in repairs if is_loss(repair) and repair in asked)

    async def _post(self, body: Json) -> StreamResponse:
        return await self._client.post_stream(join_url(self._base, "chat/completions"), body, headers=self._headers)

    def _root(self) -> str:
        return self._base[:-3] if self._base.endswith("/v1") else self._base

    async def _ask_quietly(self, url: str) -> Json:
        """What `url` says, None when it says nothing: only for questions that most servers do not know."""
        try:
            return await self._client.get_json(url, headers=self._headers, timeout_s=3.0)
        except ProviderError as error:
            if error.kind == "cancelled":
                raise
            return None

    async def _with_lmstudio(self, found: Dict[str, ModelInfo]) -> Dict[str, ModelInfo]:
        """LM Studio's own list knows windows and abilities; others answer 404 and nothing changes."""
        if not found or not is_loopback_url(self._base) or any(model.context_tokens for model in found.values()):
            return found
        richer: List[ModelInfo] = lmstudio_models(await self._ask_quietly(f"{self._root()}/api/v1/models"), self.name)
        return {**found, **{model.id: model for model in richer if model.id in found}}
