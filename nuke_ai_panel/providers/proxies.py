"""Decides through which proxy a URL is reached. Pure but for `system_proxy`, which asks the operating system.

A loopback server is never reached through a proxy, whatever is set: a prompt for a model on this machine must not
leave it. Private addresses are not sent to the *system's* proxy either; a proxy named in the settings is a decision.
"""

from __future__ import annotations

import urllib.request
from typing import Callable, Mapping, Optional
from urllib.parse import urlsplit

from ..errors import ProviderError
from ..words import tr
from .urls import is_loopback_url, is_private_url

NO_PROXY = "none"


def proxy_for(
    url: str, setting: Optional[str], *,
    system: Optional[Callable[[], Mapping[str, str]]] = None, bypass: Optional[Callable[[str], object]] = None,
) -> Optional[str]:
    """The proxy URL for `url`, or None to go directly. Raises ProviderError(network) for a proxy we cannot use.

    `setting` is a URL, "none", or None for the system's own settings; asking the system may block.
    """
    if is_loopback_url(url) or (setting is not None and setting.strip().lower() == NO_PROXY):
        return None
    if setting is not None and setting.strip():
        return _usable(setting.strip())
    if is_private_url(url):
        return None
    parts = urlsplit(url)
    proxies = (system or urllib.request.getproxies)()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or (bypass or urllib.request.proxy_bypass)(parts.netloc.rpartition("@")[2]):
        return None
    return _usable(proxy)


def proxy_secrets(proxy: Optional[str]) -> tuple[str, ...]:
    """The password in a proxy URL, so that it can be kept out of messages."""
    password = urlsplit(proxy).password if proxy and "://" in proxy else None
    return (password,) if password else ()


def _usable(proxy: str) -> str:
    if "://" not in proxy:
        proxy = "http://" + proxy
    scheme = urlsplit(proxy).scheme.lower()
    if scheme.startswith("socks"):
        raise ProviderError(
            "network", f"a {scheme} proxy is set, and only http proxies are supported", retryable=False,
            user_text=tr("A SOCKS proxy is set; only HTTP proxies can be used."),
            next_step=tr('Set an HTTP proxy for this provider in Settings, or proxy = "none" to go without.'),
        )
    if scheme not in ("http", "https") or not urlsplit(proxy).hostname:
        raise ProviderError(
            "network", "the proxy setting is not a URL such as http://proxy:8080", retryable=False,
            user_text=tr("The proxy setting is not a proxy's address."),
            next_step=tr("Write it as http://proxy:8080 in Settings, or \"none\" to go without."),
        )
    return proxy
