"""Speaks to Google's Gemini API. Lives on the loop thread; one client, hence one session, for the provider's life.

The key travels in a header; an address that holds one is refused, because addresses end up in logs. The base URL names
the version of the API (v1beta has features that v1 lacks).
"""

from __future__ import annotations

from dataclasses import replace
from typing import AsyncIterator, Dict, FrozenSet, Optional, Tuple
from urllib.parse import parse_qsl, quote, urlsplit

from ..errors import SettingsError
from ..events import StreamEvent
from ..settings import ProviderSettings
from ..words import tr
from .base import ChatRequest, ModelInfo
from .connection import ask_life, has_own_key, is_list, open_client
from .error_facts import read_error
from .google_decoder import GoogleDecoder
from .google_dialect import MAX_REPAIRS, Repair, encode, losses, read_options, repair_for
from .google_models import next_page, read_models
from .http_stream import StreamResponse
from .reading import check_head, read_events, read_refusal, sse_parser
from .urls import has_path, is_private_url, join_url, normalise_base_url

DEFAULT_BASE_URL = "https://generativelanguage.googleapis.com/v1beta"
KEY_HEADER = "x-goog-api-key"
_MAX_PAGES = 20
_FOLDERS = ("models", "tunedModels")


class GoogleProvider:
    """Gemini, at Google or behind a proxy that speaks its language."""

    default_base_url = DEFAULT_BASE_URL

    def __init__(self, settings: ProviderSettings, *, key: Optional[str] = None) -> None:
        self.name = settings.name
        self._base = _base_url(settings)
        self.is_local = is_private_url(self._base)
        self.needs_key = not self.is_local and not has_own_key(settings)
        self._label = settings.label
        key = (key or "").strip()
        self._headers = {KEY_HEADER: key} if key else {}
        self._client = open_client(settings, key)
        self._options = read_options(settings.options, settings.name)
        self._repairs: Dict[str, FrozenSet[Repair]] = {}
        self._known: Dict[str, ModelInfo] = {}

    # ------------------------------------------------------------ the contract

    async def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """The answer as events; see `base.Provider`."""
        response = await self._open(request)
        decoder = GoogleDecoder(
            self._label, model=request.model, think_tags=request.think_tags, request_id=response.request_id
        )
        lost = losses(request, self._repairs.get(request.model, frozenset()))
        events = read_events(response, sse_parser(response), decoder, provider=self._label, losses=lost)
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()

    async def models(self) -> Tuple[ModelInfo, ...]:
        """The models that answer questions, with their limits. Raises ProviderError."""
        found: Dict[str, ModelInfo] = {}
        url = join_url(self._base, "models?pageSize=1000")
        for _ in range(_MAX_PAGES):
            page = await self._client.get_json(url, headers=self._headers, timeout_s=30.0)
            for model in read_models(page, self.name, is_local=self.is_local):
                found.setdefault(model.id, model)
            token = next_page(page)
            if token is None:
                break
            url = join_url(self._base, f"models?pageSize=1000&pageToken={quote(token, safe='')}")
        self._known = found
        return tuple(found.values())

    async def model_info(self, model: str) -> ModelInfo:
        """What the list says about `model`. Raises ProviderError."""
        if model not in self._known:
            await self.models()
        bare = model[len("models/"):] if model.startswith("models/") else model
        known = self._known.get(model) or self._known.get(bare)
        return replace(known, id=model) if known is not None else ModelInfo(model, self.name, local=self.is_local)

    async def probe(self) -> None:
        """Asks for the first model of the list. Raises ProviderError."""
        url = join_url(self._base, "models?pageSize=1")
        await ask_life(self._client, url, self._headers, provider=self._label, shows=is_list)

    async def close(self) -> None:
        """Closes the session."""
        await self._client.close()

    # ------------------------------------------------------------ how

    async def _open(self, request: ChatRequest) -> StreamResponse:
        """The head of an answer. What the model refuses by name is left out once, and from then on."""
        # Without alt=sse the answer is one JSON list that cannot be shown before its end.
        url = join_url(self._base, f"{_path_of(request.model)}:streamGenerateContent?alt=sse")
        for _ in range(MAX_REPAIRS):
            repairs = self._repairs.get(request.model, frozenset())
            body = encode(request, self._options, provider=self.name, thinks=self._thinks(request.model),
                          repairs=repairs)
            response = await self._client.post_stream(url, body, headers=self._headers)
            if response.status != 400:
                await check_head(response, provider=self._label, model=request.model)
                return response
            error, raw = await read_refusal(response, provider=self._label, model=request.model)
            repair = repair_for(read_error(raw)) if error.kind in ("bad_request", "unsupported_feature") else None
            if repair is None or repair in repairs:
                raise error
            self._repairs[request.model] = repairs | {repair}
        raise error

    def _thinks(self, model: str) -> Optional[bool]:
        """Whether the list says that the model thinks; None when it says nothing."""
        known = self._known.get(model)
        return None if known is None or known.capabilities is None else "reasoning" in known.capabilities


def _path_of(model: str) -> str:
    """The model's place below the base URL; whatever its name holds, it cannot lead anywhere else."""
    folder, mark, name = model.partition("/")
    if not mark or folder not in _FOLDERS:
        folder, name = _FOLDERS[0], model
    return f"{folder}/{quote(name, safe='')}"


def _base_url(settings: ProviderSettings) -> str:
    """The row's address with a version. Raises SettingsError for one that holds a key."""
    base = normalise_base_url(settings.base_url or "") or DEFAULT_BASE_URL
    parts = urlsplit(base)
    if any(name.lower() in ("key", "access_token") for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        raise SettingsError(
            f"the base URL of {settings.name} holds a key",
            user_text=tr("The address of {label} holds a key, which would end up in logs.", label=settings.label),
            next_step=tr("Take everything from the question mark on out of the address, and set the key in Settings."),
        )
    head = base.partition("/models/")[0]  # what people paste from the documentation
    return head if has_path(head) else join_url(head, "v1beta")


