"""What settings and keys must know of a server's address; providers make it exact. Pure.

An address is kept as people wrote it (OLLAMA_HOST has rules of its own, see providers), so everything here
understands one without a scheme, and one without a host, which is this machine.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import parse_qsl, urlsplit

# How addresses name a key that is given in the query.
_KEY_NAMES = re.compile(r"(?:key|token|secret|passw(?:or)?d|pwd|sig|signature|auth|authorization|\Acode)\Z", re.I)


def is_loopback_url(text: str) -> bool:
    """Whether the address names this machine, so that nothing leaves it."""
    host = _host(text)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host or "127.0.0.1")
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def origin_of(text: str) -> str:
    """Scheme, host and port, the port always written out: what a stored key is bound to."""
    try:
        parts = urlsplit(_with_scheme(text))
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return text
    return f"{parts.scheme}://{parts.hostname or ''}:{port}"


def address_problem(text: str) -> str:
    """What is wrong with an address that a human wrote, empty when nothing is. A scheme may still be missing."""
    url = _with_scheme(text)
    try:
        parts = urlsplit(url)
        secret = parts.username is not None or parts.password is not None
    except ValueError:
        return "must be a URL such as http://127.0.0.1:8080/v1"
    if parts.scheme not in ("http", "https") or any(char.isspace() for char in url):
        return "must be a URL that begins with http:// or https://"
    if secret:
        return "must not hold a user name or a password"
    if any(_KEY_NAMES.search(name) for name, _ in parse_qsl(parts.query)):
        return "must not hold a key"
    if parts.fragment:
        return "must not hold a #"
    return ""


def unquoted(text: str) -> str:
    """The text without the spaces and quotes that shells and copy and paste leave around it."""
    return text.strip().strip("\"'").strip()


def _with_scheme(text: str) -> str:
    text = unquoted(text)
    return text if "://" in text else f"https://{text}"


def _host(text: str) -> str:
    try:
        return (urlsplit(_with_scheme(text)).hostname or "").rstrip(".")
    except ValueError:
        return unquoted(text)
