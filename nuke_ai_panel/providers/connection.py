"""Builds a provider's way out from its settings. Touches no socket."""

from __future__ import annotations

from typing import Dict, Mapping, Optional

from ..errors import ProviderError
from ..messages import Json
from ..settings import ProviderSettings
from .http import HttpClient, HttpOptions

LIST_TIMEOUT_S = 15.0
# A sign of life that takes longer is none.
PROBE_S = 5.0


def http_options(settings: ProviderSettings) -> HttpOptions:
    """The transport's part of a provider's row."""
    return HttpOptions(
        proxy=settings.proxy, ca_bundle=settings.ca_bundle, client_cert=settings.client_cert,
        client_key=settings.client_key, connect_timeout_s=settings.connect_timeout_s,
        first_byte_timeout_s=settings.first_byte_timeout_s, first_event_timeout_s=settings.first_event_timeout_s,
        idle_timeout_s=settings.idle_timeout_s, headers=dict(settings.headers),
        allows_plain_http=settings.key_over_http,
    )


def open_client(settings: ProviderSettings, key: Optional[str]) -> HttpClient:
    """The provider's one client; its session opens at first use."""
    return HttpClient(
        settings.label, http_options(settings), secrets=[key] if key else [], row=settings.name, kind=settings.kind
    )


def bearer(key: Optional[str], headers: Mapping[str, str] = {}) -> Dict[str, str]:  # never written to
    """The headers of a request: `key` as a bearer token when there is one; local servers reject an empty token."""
    key = (key or "").strip()
    return {**headers, "Authorization": f"Bearer {key}"} if key else dict(headers)


def has_own_key(settings: ProviderSettings) -> bool:
    """True when the row's own headers identify the user, so that no key is needed."""
    return any(name.lower() in ("authorization", "api-key", "x-api-key") for name in settings.headers)


async def ask_list(
    client: HttpClient, url: str, headers: Mapping[str, str], *, timeout_s: float = LIST_TIMEOUT_S
) -> Json:
    """What `url` lists; an empty list where a server has none, so that models are named by hand. On the loop."""
    try:
        return await client.get_json(url, headers=headers, timeout_s=timeout_s)
    except ProviderError as error:
        if error.status not in (404, 405):
            raise
        return []
