"""Speaks to OpenRouter: one key, the models of many vendors. Lives on the loop thread.

The dialect is OpenAI's; what differs is the catalogue with prices, the reasoning that must go back unchanged, which
vendors a request may reach (`openrouter_routing.py`), and who answered in the end: the upstream vendor is reported in
`StreamStarted.upstream`, the cost with the usage. The request names one model and no fallback models.
"""

from __future__ import annotations

from typing import Dict, FrozenSet, Optional, Tuple

from ..errors import ProviderError
from ..messages import Json
from ..settings import ProviderSettings
from .base import ChatRequest, ModelInfo
from .connection import ask_life
from .openai_dialect import Dialect
from .openai_provider import OpenAIProvider
from .openrouter_account import read_account
from .openrouter_models import read_catalogue, routed
from .openrouter_routing import read_routing, split_route, with_routing
from .services import Account
from .urls import join_url

APP_TITLE = "Nuke AI Panel"


class OpenRouterProvider(OpenAIProvider):
    """`https://openrouter.ai/api/v1`, or a proxy of it."""

    default_base_url = "https://openrouter.ai/api/v1"

    def __init__(self, settings: ProviderSettings, *, key: Optional[str] = None) -> None:
        self._routing = read_routing(settings.options, settings.name)
        super().__init__(settings, key=key)

    def _own_headers(self, settings: ProviderSettings) -> Dict[str, str]:
        headers = {"X-OpenRouter-Title": APP_TITLE, "X-Title": APP_TITLE}
        url = settings.options.get("app_url")
        return {**headers, "HTTP-Referer": url} if isinstance(url, str) and url else headers

    def _make_dialect(self, settings: ProviderSettings) -> Dialect:
        extra = settings.options.get("extra_body")
        return Dialect(
            asks_for_usage=False, effort_is_object=True, replays_details=True, takes_pdf=True,
            extra_body=extra if isinstance(extra, dict) else {},
        )

    def _encode(self, request: ChatRequest, repairs: FrozenSet[str]) -> Dict[str, Json]:
        return with_routing(super()._encode(request, repairs), self._routing, request)

    async def probe(self) -> None:
        """Asks about the key: the list of models is large. Raises ProviderError."""
        await ask_life(
            self._client, join_url(self._base, "key"), self._headers, provider=self._label,
            shows=lambda body: isinstance(body, dict) and isinstance(body.get("data"), dict),
        )

    async def models(self) -> Tuple[ModelInfo, ...]:
        """The catalogue, with windows, abilities and prices. Raises ProviderError."""
        listed = await self._client.get_json(join_url(self._base, "models"), headers=self._headers, timeout_s=30.0)
        self._known = {model.id: model for model in read_catalogue(listed, self.name)}
        return tuple(self._known.values())

    async def model_info(self, model: str) -> ModelInfo:
        """The catalogue's row, or one that says nothing. Raises ProviderError."""
        if not self._known:
            await self.models()
        own, route = split_route(model)
        known = self._known.get(model)
        if known is None and route and own in self._known:
            known = routed(self._known[own], route)
        return known or ModelInfo(model, self.name)

    async def account(self) -> Account:
        """The key's limits and the account's credit, as far as this key may see it. Raises ProviderError."""
        key = await self._client.get_json(join_url(self._base, "key"), headers=self._headers)
        credits: Json = None
        try:
            credits = await self._client.get_json(join_url(self._base, "credits"), headers=self._headers)
        except ProviderError as error:
            if error.kind not in ("auth", "permission", "bad_request", "model_not_found"):
                raise
        return read_account(key, credits)
