"""Speaks to OpenRouter: one key, the models of many vendors. Lives on the loop thread.

The dialect is OpenAI's; what differs is the catalogue with prices, the reasoning that must go back unchanged, and who
answered in the end: the upstream vendor is reported in `StreamStarted.upstream`, the cost with the usage. The request
names one model and no fallback models.
"""

from __future__ import annotations

from typing import Dict, Tuple

from ..settings import ProviderSettings
from .base import ModelInfo
from .openai_dialect import Dialect
from .openai_provider import OpenAIProvider
from .openrouter_models import read_catalogue
from .urls import join_url

APP_TITLE = "Nuke AI Panel"


class OpenRouterProvider(OpenAIProvider):
    """`https://openrouter.ai/api/v1`, or a proxy of it."""

    default_base_url = "https://openrouter.ai/api/v1"

    def _own_headers(self, settings: ProviderSettings) -> Dict[str, str]:
        headers = {"X-OpenRouter-Title": APP_TITLE, "X-Title": APP_TITLE}
        url = settings.options.get("app_url")
        return {**headers, "HTTP-Referer": url} if isinstance(url, str) and url else headers

    def _make_dialect(self, settings: ProviderSettings) -> Dialect:
        extra = settings.options.get("extra_body")
        return Dialect(
            asks_for_usage=False, effort_is_object=True, replays_details=True,
            extra_body=extra if isinstance(extra, dict) else {},
        )

    async def models(self) -> Tuple[ModelInfo, ...]:
        """The catalogue, with windows, abilities and prices. Raises ProviderError."""
        listed = await self._client.get_json(join_url(self._base, "models"), headers=self._headers, timeout_s=30.0)
        self._known = {model.id: model for model in read_catalogue(listed, self.name)}
        return tuple(self._known.values())

    async def model_info(self, model: str) -> ModelInfo:
        """The catalogue's row, or one that says nothing. Raises ProviderError."""
        if model not in self._known:
            await self.models()
        return self._known.get(model) or ModelInfo(model, self.name)
