"""Keeps keys at home: none over plain http to another machine, none to an address it was not given for. Pure.

A key that was sent once in the clear, or to the wrong server, cannot be taken back, so the request is refused before
a socket is opened, whatever asked for it.
"""

from __future__ import annotations

from typing import Mapping, Optional, Sequence
from urllib.parse import unquote_plus, urlsplit

from ..errors import ProviderError
from ..words import tr
from .payload import KEY_HEADERS
from .urls import is_loopback_url, origin_of

_CREDENTIALS = KEY_HEADERS | {"cookie", "ocp-apim-subscription-key"}


def carries_key(url: str, headers: Mapping[str, str], secrets: Sequence[str]) -> bool:
    """Whether the request would show a key: in a header that is for one, or anywhere else in its head."""
    if any(name.lower() in _CREDENTIALS for name in headers):
        return True
    said = unquote_plus(url)
    return any(secret in said or any(secret in value for value in headers.values()) for secret in secrets if secret)


def origin_for_key(url: str) -> str:
    """Scheme, host and port of `url`, in one spelling."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme.lower(), 0)
    return f"{parts.scheme.lower()}://{(parts.hostname or '').rstrip('.')}:{port}"


def guard_key(url: str, *, home: Optional[str], allows_plain_http: bool, provider: str) -> None:
    """Raises ProviderError when a request with a key may not go to `url`. `home` is the origin the key is for."""
    here = origin_of(url)
    if home is not None and origin_for_key(url) != home:
        raise ProviderError(
            "permission", f"the key is for {home} and was not sent to {here}", provider=provider, retryable=False,
            user_text=tr("The key of {provider} is for {home}; nothing was sent to {here}.", provider=provider
            or tr('this provider'), home=home, here=here),
            next_step=tr("Add a provider with that base URL in Settings, with a key of its own."),
        )
    if url[:5].lower() == "http:" and not (allows_plain_http or is_loopback_url(url)):
        raise ProviderError(
            "tls", f"the key was not sent to {here}: plain http would show it to everybody on the way",
            provider=provider, retryable=False,
            user_text=tr("{provider} has a key, and {here} is not encrypted; nothing was sent.", provider=provider
            or tr('This provider'), here=here),
            next_step=tr("Write the base URL with https://, or allow it for this provider in Settings "
            "(key_over_http = true)."),
        )
