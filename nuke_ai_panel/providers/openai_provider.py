"""Speaks to OpenAI and to everything that speaks like it: Azure, most services, llama.cpp, LM Studio, vLLM, LiteLLM.

Lives on the loop thread. One client, hence one session, for the provider's life. How the vendors differ is a table
(`openai_vendors.py`). A local server needs no key and gets no Authorization header; what its model list does not say
(the context window above all) is asked of the server's own endpoints, once for each model.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import AsyncGenerator, AsyncIterator, Dict, FrozenSet, List, Optional, Set, Tuple

from ..errors import ProviderError, SettingsError
from ..events import Progress, StreamEvent
from ..messages import Json
from ..settings import ProviderSettings
from ..settings.presets import BUILT_IN, FORWARDING
from ..words import tr
from .azure_address import AzureAddress, read_address
from .base import ChatRequest, ModelInfo
from .connection import ask_life, ask_list, bearer, has_own_key, is_list, open_client
from .error_facts import read_error
from .http_stream import StreamResponse
from .openai_decoder import OpenAIDecoder
from .openai_dialect import Dialect, encode
from .openai_models import DETAIL_READERS, azure_deployments, llamacpp_window, read_models
from .openai_repairs import MAX_REPAIRS, Repair, loss_of, repair_for
from .openai_vendors import Vendor, vendor_of
from .reading import check_head, read_events, read_refusal, sse_parser
from .urls import has_path, is_loopback_url, is_private_url, join_url, normalise_base_url

DEFAULT_BASE_URL = "https://api.openai.com/v1"
LOADING_POLL_S = 1.0


class OpenAIProvider:
    """Any server with an OpenAI-compatible `/chat/completions`."""

    default_base_url = DEFAULT_BASE_URL
    _decoder_class = OpenAIDecoder

    def __init__(self, settings: ProviderSettings, *, key: Optional[str] = None) -> None:
        self.name = settings.name
        said = normalise_base_url(settings.base_url or "")
        self._vendor = vendor_of(settings, said or self.default_base_url)
        self.default_base_url = BUILT_IN.get(self._vendor.name, {}).get("base_url") or self.default_base_url
        self._base = said or self.default_base_url
        self._azure = _azure_address(self._vendor, settings, said)
        self.is_local = is_private_url(self._base) and self._vendor.name not in FORWARDING
        self.needs_key = not is_private_url(self._base) and not has_own_key(settings)
        self._label = settings.label
        self._headers = _key_headers(self._vendor, key, self._own_headers(settings))
        self._client = open_client(settings, key)
        self._patience_s = settings.first_event_timeout_s
        self._dialect = self._make_dialect(settings)
        self._repairs: Dict[str, FrozenSet[Repair]] = {}
        self._known: Dict[str, ModelInfo] = {}
        self._asked_window: Set[str] = set()

    # ------------------------------------------------------------ what a relative overrides

    def _own_headers(self, settings: ProviderSettings) -> Dict[str, str]:
        return {}

    def _make_dialect(self, settings: ProviderSettings) -> Dialect:
        dialect = self._vendor.dialect
        extra = settings.options.get("extra_body")
        parallel = settings.options.get("parallel_tool_calls")
        return replace(
            dialect,
            extra_body={**dialect.extra_body, **(extra if isinstance(extra, dict) else {})},
            parallel_tool_calls=parallel if isinstance(parallel, bool) else dialect.parallel_tool_calls,
        )

    def _encode(self, request: ChatRequest, repairs: FrozenSet[Repair]) -> Dict[str, Json]:
        return encode(request, self._dialect, provider=self.name, label=self._label, repairs=repairs)

    # ------------------------------------------------------------ the contract

    async def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """The answer as events; see `base.Provider`."""
        opened: List[StreamResponse] = []
        waiting = self._open(request, opened)
        try:
            async for progress in waiting:
                yield progress
        finally:
            await waiting.aclose()
        (response,) = opened
        decoder = self._decoder_class(
            self._label, model=request.model, think_tags=request.think_tags or self._dialect.think_tags,
            request_id=response.request_id,
        )
        lost = self._losses(request)
        events = read_events(response, sse_parser(response), decoder, provider=self._label, losses=lost)
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()

    async def models(self) -> Tuple[ModelInfo, ...]:
        """The server's list; empty when it has none to give. Raises ProviderError."""
        url = self._azure.models_url() if self._azure is not None else join_url(self._base, "models")
        listed = await ask_list(self._client, url, self._headers)
        if self._azure is not None and not self._azure.is_v1:
            found = {model.id: model for model in azure_deployments(listed, self.name, self._azure.deployment)}
        else:
            found = {model.id: model for model in read_models(listed, self.name, is_local=self.is_local)}
            found = await self._with_details(found)
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

    async def probe(self) -> None:
        """Asks for the list, and looks only whether it is one. Raises ProviderError."""
        url = self._azure.models_url() if self._azure is not None else join_url(self._base, "models")
        await ask_life(self._client, url, self._headers, provider=self._label, shows=is_list)

    async def close(self) -> None:
        """Closes the session."""
        await self._client.close()

    # ------------------------------------------------------------ how

    async def _open(self, request: ChatRequest, opened: List[StreamResponse]) -> AsyncGenerator[StreamEvent, None]:
        """Puts the head of an answer into `opened`. Yields while the server loads its model."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._patience_s
        while True:
            try:
                opened.append(await self._head(request))
                return
            except ProviderError as error:
                is_loading = error.status == 503 and "loading" in error.message.lower()
                if not (is_loading and self._vendor.waits_for_loading) or loop.time() + LOADING_POLL_S > give_up_at:
                    raise
            yield Progress("loading", detail=request.model, is_told=False)
            await asyncio.sleep(LOADING_POLL_S)

    async def _head(self, request: ChatRequest) -> StreamResponse:
        """The head of an answer. What the server refuses by name is left out once, and from then on."""
        for _ in range(MAX_REPAIRS):
            repairs = self._repairs.get(request.model, frozenset())
            body = self._encode(request, repairs)
            base = self._base
            response = await self._post(body)
            if response.status not in (400, 404, 422):
                await check_head(response, provider=self._label, model=request.model)
                return response
            error, raw = await read_refusal(response, provider=self._label, model=request.model)
            if error.status == 404 and error.kind == "bad_request" and self._azure is None and not has_path(base):
                # Nearly every server that was named by its host alone; another request may have found out meanwhile.
                self._base = join_url(base, "v1")
                continue
            repair = repair_for(read_error(raw), body)
            if repair is None or repair in repairs:
                raise error
            self._repairs[request.model] = repairs | {repair}
        raise error

    def _losses(self, request: ChatRequest) -> List[str]:
        """What the user set and this model refuses."""
        repairs = self._repairs.get(request.model)
        if not repairs:
            return []
        asked = self._encode(request, frozenset())
        return sorted({lost for lost in (loss_of(repair, asked) for repair in repairs) if lost is not None})

    async def _post(self, body: Json) -> StreamResponse:
        url = join_url(self._base, "chat/completions")
        if self._azure is not None:
            url = self._azure.chat_url(str(body["model"]))
        return await self._client.post_stream(url, body, headers=self._headers)

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

    async def _with_details(self, found: Dict[str, ModelInfo]) -> Dict[str, ModelInfo]:
        """The list with what the vendor's own endpoint knows: windows, abilities, prices; silence is fine."""
        where, _, path = self._vendor.details.partition(":")
        if not path or not found:
            return found
        if not self._vendor.name and not is_loopback_url(self._base):
            return found  # a server that nobody named is asked only where it could be LM Studio
        if not self._vendor.name and any(model.context_tokens for model in found.values()):
            return found
        said = await self._ask_quietly(join_url(self._base if where == "base" else self._root(), path))
        richer = DETAIL_READERS[path](said, self.name)
        return {**found, **{model.id: replace(model, local=self.is_local) for model in richer if model.id in found}}


def _azure_address(vendor: Vendor, settings: ProviderSettings, base_url: str) -> Optional[AzureAddress]:
    """The address of an Azure row, None for the others. Raises SettingsError for a row without one."""
    if vendor.needs_address and not base_url:
        raise SettingsError(
            f"providers.{settings.name}.base_url is not set",
            user_text=tr("{label} needs the address of your resource.", label=settings.label),
            next_step=tr("Set its base URL in Settings (providers.{name}.base_url), for example "
                         "https://NAME.openai.azure.com.", name=settings.name),
        )
    version = settings.options.get("api_version")
    return read_address(base_url, version if isinstance(version, str) else None) if vendor.is_azure else None


def _key_headers(vendor: Vendor, key: Optional[str], headers: Dict[str, str]) -> Dict[str, str]:
    """The headers of a request with the key where this vendor looks for it."""
    key = (key or "").strip()
    return {**headers, vendor.key_header: key} if vendor.key_header and key else bearer(key, headers)
