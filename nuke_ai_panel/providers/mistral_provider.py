"""Speaks to Mistral's La Plateforme, or to a server that offers the same. Lives on the loop thread.

One client, hence one session, for the provider's life. The stream is OpenAI's; the request is not quite
(`mistral_dialect.py`), and the list of models says what each can do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import AsyncIterator, Dict, FrozenSet, List, Optional, Tuple

from ..events import StreamEvent
from ..settings import ProviderSettings
from .base import ChatRequest, ModelInfo
from .connection import ask_life, ask_list, bearer, has_own_key, is_list, open_client
from .error_facts import read_error
from .http_stream import StreamResponse
from .mistral_decoder import MistralDecoder
from .mistral_dialect import encode, read_options, refused_field
from .mistral_models import read_models
from .reading import check_head, read_events, read_refusal, sse_parser
from .urls import has_path, is_private_url, join_url, normalise_base_url

DEFAULT_BASE_URL = "https://api.mistral.ai/v1"
MAX_TRIES = 5


class MistralProvider:
    """`https://api.mistral.ai/v1`, or a proxy of it."""

    def __init__(self, settings: ProviderSettings, *, key: Optional[str] = None) -> None:
        self.name = settings.name
        base = normalise_base_url(settings.base_url or "") or DEFAULT_BASE_URL
        self._base = base if has_path(base) else join_url(base, "v1")
        self.is_local = is_private_url(self._base)
        self.needs_key = not self.is_local and not has_own_key(settings)
        self._label = settings.label
        self._options = read_options(settings.options, settings.name)
        self._headers = bearer(key)
        self._client = open_client(settings, key)
        self._refused: Dict[str, FrozenSet[str]] = {}
        self._known: Dict[str, ModelInfo] = {}

    async def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """The answer as events; see `base.Provider`."""
        response = await self._open(request)
        decoder = MistralDecoder(
            self._label, model=request.model, think_tags=request.think_tags, request_id=response.request_id
        )
        losses = self._losses(request)
        events = read_events(response, sse_parser(response), decoder, provider=self._label, losses=losses)
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()

    async def models(self) -> Tuple[ModelInfo, ...]:
        """The models that chat; empty where a server has no list. Raises ProviderError."""
        listed = await ask_list(self._client, join_url(self._base, "models"), self._headers)
        models = read_models(listed, self.name, is_local=self.is_local)
        self._known = {name: replace(one, id=name) for one in models for name in (*one.aliases, one.id)}
        return tuple(models)

    async def model_info(self, model: str) -> ModelInfo:
        """What the list says about `model`, under whichever of its names. Raises ProviderError."""
        if model not in self._known:
            await self.models()
        return self._known.setdefault(model, ModelInfo(model, self.name, local=self.is_local))

    async def probe(self) -> None:
        """Asks for the list, and looks only whether it is one. Raises ProviderError."""
        await ask_life(
            self._client, join_url(self._base, "models"), self._headers, provider=self._label, shows=is_list
        )

    async def close(self) -> None:
        """Closes the session."""
        await self._client.close()

    # ------------------------------------------------------------ how

    async def _open(self, request: ChatRequest) -> StreamResponse:
        """The head of an answer. What the server refuses by name is left out once, and from then on."""
        for _ in range(MAX_TRIES):
            refused = self._refused.get(request.model, frozenset())
            body = encode(request, self._options, provider=self.name, label=self._label, refused=refused)
            response = await self._client.post_stream(
                join_url(self._base, "chat/completions"), body, headers=self._headers
            )
            if response.status not in (400, 422):
                await check_head(response, provider=self._label, model=request.model)
                return response
            error, raw = await read_refusal(response, provider=self._label, model=request.model)
            field = refused_field(read_error(raw), body)
            if field is None or field in refused:
                break
            self._refused[request.model] = refused | {field}
        raise error

    def _losses(self, request: ChatRequest) -> List[str]:
        """What the user set and this model refuses."""
        refused = self._refused.get(request.model)
        if not refused:
            return []
        asked = encode(request, self._options, provider=self.name, label=self._label)
        return sorted(field for field in refused if field in asked)
