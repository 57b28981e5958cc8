"""Speaks Anthropic's Messages API, to the vendor or to a server that offers the same. Lives on the loop thread.

One client, hence one session, for the provider's life. What a model turns out not to take is left out from then on and
said beside the answer; how much of the window is free is asked of nobody, but read from the refusal of a request that
left too little.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import AsyncIterator, Dict, List, Optional, Tuple
from urllib.parse import quote

from ..errors import ProviderError
from ..events import StreamEvent
from ..settings import ProviderSettings
from .anthropic_decoder import AnthropicDecoder
from .anthropic_dialect import Traits, encode, lost, read_options
from .anthropic_models import next_page, read_models, traits_of, unlisted
from .anthropic_repair import explain_limit, explain_size, learnt, refuses_thoughts, room_left
from .base import ChatRequest, ModelInfo
from .connection import ask_life, ask_list, bearer, has_own_key, is_list, open_client
from .error_facts import read_error
from .http_stream import StreamResponse
from .reading import check_head, read_events, read_refusal, sse_parser
from .urls import is_private_url, join_url, normalise_base_url

DEFAULT_BASE_URL = "https://api.anthropic.com"
MAX_TRIES = 6
MAX_PAGES = 20
_PASTED = ("/messages", "/v1")


class AnthropicProvider:
    """`https://api.anthropic.com`, or any server with a compatible `/v1/messages`."""

    def __init__(self, settings: ProviderSettings, *, key: Optional[str] = None) -> None:
        self.name = settings.name
        self._base = base_url_of(settings.base_url or "")
        self.is_local = is_private_url(self._base)
        self.needs_key = not self.is_local and not has_own_key(settings)
        self._label = settings.label
        self._options = read_options(settings.options, settings.name)
        given = {name.lower() for name in settings.headers}
        self._headers = {name: value for name, value in self._own_headers(key).items() if name not in given}
        self._client = open_client(settings, key)
        self._known: Dict[str, ModelInfo] = {}
        self._traits: Dict[str, Traits] = {}

    # ------------------------------------------------------------ the contract

    async def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """The answer as events; see `base.Provider`."""
        response, losses = await self._open(request)
        decoder = AnthropicDecoder(
            self._label, model=request.model, think_tags=request.think_tags, request_id=response.request_id
        )
        events = read_events(response, sse_parser(response), decoder, provider=self._label, losses=losses)
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()

    async def models(self) -> Tuple[ModelInfo, ...]:
        """The vendor's list, all pages of it; empty where a server has none. Raises ProviderError."""
        found: Dict[str, Tuple[ModelInfo, Traits]] = {}
        url = join_url(self._base, "v1/models?limit=1000")
        after: Optional[str] = None
        for _ in range(MAX_PAGES):
            page_url = f"{url}&after_id={quote(after, safe='')}" if after else url
            page = await ask_list(self._client, page_url, self._headers)
            found.update(read_models(page, self.name, is_local=self.is_local))
            last, after = after, next_page(page)
            if after is None or after == last:
                break
        self._known = {model: info for model, (info, _) in found.items()}
        for model, (_, traits) in found.items():
            refused = self._traits[model].refused if model in self._traits else frozenset()
            self._traits[model] = replace(traits, refused=refused)
        return tuple(self._known.values())

    async def model_info(self, model: str) -> ModelInfo:
        """What the list says about `model`, or what its name tells. Raises ProviderError."""
        if model not in self._known:
            await self.models()
        return self._known.setdefault(model, unlisted(model, self.name, is_local=self.is_local))

    async def probe(self) -> None:
        """Asks for the first model of the list. Raises ProviderError."""
        url = join_url(self._base, "v1/models?limit=1")
        await ask_life(self._client, url, self._headers, provider=self._label, shows=is_list)

    async def close(self) -> None:
        """Closes the session."""
        await self._client.close()

    # ------------------------------------------------------------ how

    def _own_headers(self, key: Optional[str]) -> Dict[str, str]:
        headers = {"anthropic-version": self._options.version}
        if self._options.beta:
            headers["anthropic-beta"] = ",".join(self._options.beta)
        if self._options.is_bearer:
            return bearer(key, headers)
        key = (key or "").strip()
        return {**headers, "x-api-key": key} if key else headers

    async def _open(self, request: ChatRequest) -> Tuple[StreamResponse, List[str]]:
        """The head of an answer, and what of the user's wishes it leaves out. A refusal is learnt from and not met
        again."""
        room: Optional[int] = None
        has_thoughts = True
        for _ in range(MAX_TRIES):
            traits = self._traits.get(request.model) or traits_of(request.model)
            body = encode(
                request, self._options, traits, provider=self.name, label=self._label, room=room,
                has_thoughts=has_thoughts,
            )
            response = await self._client.post_stream(join_url(self._base, "v1/messages"), body, headers=self._headers)
            if response.status not in (400, 422):
                await self._check(response, request.model)
                return response, lost(request, body, traits)
            error, raw = await read_refusal(response, provider=self._label, model=request.model)
            explain_size(error)
            words = read_error(raw).words
            if has_thoughts and refuses_thoughts(words):
                has_thoughts = False
                continue
            better, less = learnt(words, body, traits), room_left(words)
            if better is not None:
                self._traits[request.model] = better
            elif less is not None and less < body["max_tokens"]:
                room = less
            else:
                break
        raise error

    async def _check(self, response: StreamResponse, model: str) -> None:
        try:
            await check_head(response, provider=self._label, model=model)
        except ProviderError as error:
            if error.kind == "rate_limit":
                explain_limit(error, response.headers, datetime.now(timezone.utc))
            raise


def base_url_of(text: str) -> str:
    """The address in front of `/v1/messages`, however much of that was pasted with it. Raises SettingsError."""
    url = normalise_base_url(text) or DEFAULT_BASE_URL
    head, mark, query = url.partition("?")
    for ending in _PASTED:
        if head.endswith(ending):
            head = head[: -len(ending)].rstrip("/")
    return f"{head}{mark}{query}"
