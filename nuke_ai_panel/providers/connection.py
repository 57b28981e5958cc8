"""Builds a provider's way out from its settings, and asks for signs of life. Lives on the loop thread."""

from __future__ import annotations

from typing import Callable, Dict, Mapping, Optional

from ..errors import ProviderError, provider_error
from ..messages import Json
from ..settings import ProviderSettings
from ..words import later, tr
from .classify import classify_error
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


async def ask_life(
    client: HttpClient, url: str, headers: Mapping[str, str], *, provider: str, shows: Callable[[Json], bool],
) -> None:
    """Returns if the server's short answer at `url` is one that only such a server gives, which `shows` tells.

    Raises ProviderError: whatever else listens there answers too, and is no proof of anything.
    """
    try:
        body = await client.get_json(url, headers=headers, timeout_s=PROBE_S)
    except ProviderError as error:
        if error.status in (404, 405):
            error.user_text = tr("Something answers at the address of {provider}, but does not know this request.",
                                 provider=provider)
            error.next_step = tr(_ASK_OR_CORRECT)
        raise
    if isinstance(body, dict) and body.get("error"):
        raise classify_error(None, body, {}, provider=provider)
    if not shows(body):
        raise provider_error(
            "bad_request", f"the JSON at {url} is not what {provider} answers", provider=provider, status=200,
            user_text=tr("Something answers at the address of {provider}, but not as {provider} does.",
                         provider=provider),
            next_step=tr(_ASK_OR_CORRECT),
        )


def is_list(body: Json) -> bool:
    """Whether `body` is a list of models in any of its shapes, an empty one too."""
    if isinstance(body, dict):
        body = next((body[name] for name in ("data", "models") if name in body), "")
    return body is None or isinstance(body, list)


_ASK_OR_CORRECT = later(
    "Correct the base URL in Settings: is /v1 missing, or one too many? A question shows whether it works."
)
