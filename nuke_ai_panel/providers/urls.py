"""Says where a provider lives: base URLs as people write them, made exact. Pure; no DNS, any thread."""

from __future__ import annotations

import functools
import ipaddress
from typing import Optional, Tuple
from urllib.parse import SplitResult, urlsplit

from ..errors import SettingsError
from ..words import tr

OLLAMA_PORT = 11434
_PORTS = {"http": 80, "https": 443}
# What people paste after the base: the longest first, so that "/chat/completions" goes before "/completions".
_ENDPOINTS = (
    "/chat/completions", "/completions", "/embeddings", "/responses", "/models",
    "/api/generate", "/api/version", "/api/chat", "/api/tags", "/api/show", "/api/ps",
)
_PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".intranet")


def is_loopback_host(host: str) -> bool:
    """True when `host` (no port, brackets allowed) names this machine, "any address" included: it connects here."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and (address.is_loopback or address.is_unspecified)


def is_private_host(host: str) -> bool:
    """True when `host` cannot be on the public internet: loopback, private ranges, bare and .local-like names."""
    if is_loopback_host(host):
        return True
    name = host.strip("[]").rstrip(".").lower()
    address = _address(name)
    if address is not None:
        return address.is_private or address.is_link_local
    return bool(name) and ("." not in name or name.endswith(_PRIVATE_SUFFIXES))


def is_loopback_url(url: str) -> bool:
    """True when `url` leads to this machine."""
    host = _split(url).hostname
    return host is not None and is_loopback_host(host)


@functools.lru_cache(maxsize=256)
def is_private_url(url: str) -> bool:
    """True when `url` leads to this machine or to the local network."""
    host = _split(url).hostname
    return host is not None and is_private_host(host)


def origin_of(url: str) -> str:
    """Scheme, host and port of `url`, and nothing that could hold a secret."""
    parts = _split(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def join_url(base: str, path: str) -> str:
    """`base` plus `path`, as strings: no dot-segment magic, and a query of the base stays at the end."""
    head, mark, query = base.partition("?")
    return f"{head.rstrip('/')}/{path.lstrip('/')}{mark}{query}"


def has_path(url: str) -> bool:
    """True when `url` says more than the host."""
    return bool(_split(url).path.strip("/"))


def normalise_base_url(text: str) -> str:
    """The base URL that `text` means: scheme added, slash and known endpoint suffixes gone. Raises SettingsError."""
    url = _unquoted(text)
    if not url:
        return ""
    if "://" not in url:
        host = _split(f"http://{url}").hostname or ""
        url = f"{'http' if is_private_host(host) else 'https'}://{url}"
    parts = _split(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise SettingsError(tr("not a base URL: {words!r}", words=text),
            next_step=tr("Write it like http://127.0.0.1:1234/v1."))
    path = _without_endpoint(parts.path)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{path}{query}"


def ollama_host(text: Optional[str]) -> str:
    """The URL that `OLLAMA_HOST` means to Ollama itself, always with a port: `envconfig.Host` of its sources."""
    value = _unquoted(text or "")
    scheme, mark, rest = value.partition("://")
    if not mark:
        scheme, rest, default_port = "http", value, OLLAMA_PORT
        if rest.partition("/")[0] == "ollama.com":
            scheme, default_port = "https", 443
    else:
        scheme = scheme.lower()
        default_port = _PORTS.get(scheme, OLLAMA_PORT)
    address, slash, path = rest.partition("/")
    host, port = _host_and_port(address, default_port)
    if not mark and not slash and not address:
        host = "127.0.0.1"
    return f"{scheme}://{_bracketed(host)}:{port}{_without_endpoint(slash + path, api_root=True)}"


def ollama_base_url(text: Optional[str]) -> str:
    """Where to connect for `OLLAMA_HOST`: like `ollama_host`, but "any address" and no address mean this machine."""
    parts = _split(ollama_host(text))
    if parts.scheme not in _PORTS:
        raise SettingsError(tr("not an Ollama address: {words!r}", words=text),
            next_step=tr("Write it like http://127.0.0.1:11434."))
    host = parts.hostname or "127.0.0.1"
    address = _address(host)
    if address is not None and address.is_unspecified:
        host = "127.0.0.1" if address.version == 4 else "::1"
    return f"{parts.scheme}://{_bracketed(host)}:{parts.port}{parts.path}"


def _host_and_port(address: str, default_port: int) -> Tuple[str, int]:
    """The host without brackets and a port in range; an impossible port is the default, as in Ollama."""
    address = address.rpartition("@")[2]
    if address.startswith("["):
        host, _, tail = address[1:].partition("]")
        port = tail[1:] if tail.startswith(":") else ""
    elif address.count(":") == 1:
        host, _, port = address.partition(":")
    else:  # a bare name, or IPv6 without brackets
        host, port = address, ""
    number = int(port) if port.isascii() and port.isdigit() else -1
    return host, number if 0 <= number <= 65535 else default_port


def _without_endpoint(path: str, *, api_root: bool = False) -> str:
    """`path` without trailing slashes and without the endpoint that was pasted with it."""
    path = path.rstrip("/")
    for suffix in _ENDPOINTS:
        if path.endswith(suffix):
            path = path[: -len(suffix)].rstrip("/")
            break
    if api_root and path in ("/api", "/v1"):
        return ""
    return path


def _unquoted(text: str) -> str:
    """`text` without the spaces and quotes that shells and copy and paste leave around it."""
    return text.strip().strip("\"'").strip()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _address(name: str) -> Optional[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # reading it is what validates it
    except ValueError as exc:
        raise SettingsError(tr("not a URL: {url!r} ({exc})", url=url, exc=exc),
            next_step=tr("Write it like http://127.0.0.1:1234/v1.")) from exc
    return parts
