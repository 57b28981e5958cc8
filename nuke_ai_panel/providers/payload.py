"""Bodies and headers on their way out and in: encoded, cleaned, inflated, capped. Pure."""

from __future__ import annotations

import json
import zlib
from typing import Dict, Iterator, Mapping, Optional
from urllib.parse import urljoin, urlsplit

from ..errors import ProviderError, provider_error
from ..messages import Json, clean_text
from ..words import tr

LARGE_BODY_BYTES = 1 << 20
KEY_HEADERS = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization"})
_REQUEST_ID_HEADERS = (
    "x-request-id", "request-id", "x-generation-id", "mistral-correlation-id", "apim-request-id", "x-litellm-call-id",
    "cf-ray",
)
_NO_VALUE = frozenset({"", "bearer", "basic"})


def is_large(body: Json, limit: int = LARGE_BODY_BYTES) -> bool:
    """True when the text inside `body` is longer than `limit`; looks no further than that."""
    seen, waiting = 0, [body]
    while waiting:
        item = waiting.pop()
        kind = type(item)
        if kind is str:
            seen += len(item)
            if seen > limit:
                return True
        elif kind is dict:
            waiting.extend(item.values())
        elif kind is list or kind is tuple:
            waiting.extend(item)
    return False


def encode_json(body: Json) -> bytes:
    """`body` as UTF-8 JSON; lone surrogates become U+FFFD. Raises ProviderError(bad_request) for NaN and infinity."""
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError as exc:
        raise ProviderError(
            "bad_request", tr("the request holds a number that JSON does not have: {exc}", exc=exc), retryable=False
        ) from exc
    data: bytes = clean_text(text).encode("utf-8")
    return data


def slices(data: bytes, size: int = 1 << 16) -> Iterator[bytes]:
    """`data` in pieces, so that an upload can stop between two of them."""
    for start in range(0, len(data), size):
        yield data[start:start + size]


def clean_headers(*layers: Mapping[str, str], provider: str = "") -> Dict[str, str]:
    """The layers merged, later ones win, without line breaks and without empty keys. Raises ProviderError(auth).

    A key pasted with a "…" or a smart quote would be sent as UTF-8 and come back as a riddle: it is refused here.
    """
    cleaned: Dict[str, str] = {}
    names: Dict[str, str] = {}
    for layer in layers:
        for name, raw in layer.items():
            value = raw.replace("\r", "").replace("\n", "").replace("\0", "").strip()
            known = names.setdefault(name.strip().lower(), name.strip())
            if known.lower() in KEY_HEADERS and value.lower() in _NO_VALUE:
                cleaned.pop(known, None)
                continue
            if not (value.isascii() and value.isprintable()):
                raise _bad_header(known, provider)
            cleaned[known] = value
    return cleaned


def _bad_header(name: str, provider: str) -> ProviderError:
    if name.lower() in KEY_HEADERS:
        return provider_error(
            "auth", "the key holds a character that no key has; it was not sent", provider=provider,
            user_text=tr("The key for {provider} holds a character that no key has.", provider=provider
            or tr('the server')),
            next_step=tr("Copy the key again and set it in Settings."),
        )
    return ProviderError(
        "bad_request", tr("the header {name} holds a character that a header cannot have", name=name),
        provider=provider,
        next_step=tr("Correct the header {name} in Settings.", name=name),
    )


def request_id(headers: Mapping[str, str]) -> Optional[str]:
    """The id under which the vendor's support finds this request; `headers` have lower-case names."""
    for name in _REQUEST_ID_HEADERS:
        if name in headers:
            return headers[name]
    return None


def inflate(data: bytes, encoding: str, limit: int) -> bytes:
    """`data` decoded from its content encoding, at most `limit` bytes. Raises ProviderError(protocol)."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return data
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ProviderError("protocol", tr("the answer is encoded as {encoding}, which was not asked for",
            encoding=encoding[:40]))
    try:
        return _decompress(data, zlib.MAX_WBITS | 32, limit)
    except zlib.error as exc:
        if encoding == "deflate":
            try:
                return _decompress(data, -zlib.MAX_WBITS, limit)  # raw deflate, as some servers send it
            except zlib.error:
                pass
        raise ProviderError("protocol", tr("the answer's {encoding} encoding is broken: {exc}", encoding=encoding,
            exc=exc)) from exc


def _decompress(data: bytes, wbits: int, limit: int) -> bytes:
    decoder = zlib.decompressobj(wbits)
    plain = decoder.decompress(data, limit)
    if decoder.unconsumed_tail:
        raise ProviderError("protocol", tr("the answer is larger than {limit} MiB once decompressed",
            limit=limit >> 20))
    if not decoder.eof:
        raise ProviderError("protocol", tr("the answer's compressed body is cut short"))
    return plain


def parse_json(data: bytes, content_type: str) -> Json:
    """`data` as JSON. Raises ProviderError(protocol) that quotes the beginning of what came instead."""
    if not data.strip():
        raise ProviderError("protocol", tr("the answer is empty"))
    try:
        return json.loads(data.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as exc:
        kind = content_type or "no content type"
        start = data[:200].decode("utf-8", "replace")
        raise ProviderError("protocol", tr("the answer ({kind}) is not JSON: {start}", kind=kind, start=start)) from exc


def address_of(url: str) -> str:
    """`host:port` of a URL, as messages name it; never the user name, the path or the query."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "an address that is none"
    if ":" in host:
        host = f"[{host}]"
    return f"{host}:{port or {'https': 443, 'http': 80}.get(parts.scheme, '?')}"


def redirect_target(url: str, location: str) -> str:
    """Where a redirect points, as `scheme://host:port`; the path is left out, it may carry anything."""
    if not location.strip():
        return "nowhere"
    try:
        target = urljoin(url, location.strip())
        scheme = urlsplit(target).scheme
    except ValueError:
        return "an address that is none"
    return f"{scheme}://{address_of(target)}" if scheme in ("http", "https") else f"a {scheme[:20] or '?'}: address"
