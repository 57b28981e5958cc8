"""The one table that turns what aiohttp, asyncio, ssl and the system raise into errors of ours. Pure.

Classes are caught by their common bases, because their names differ between aiohttp 3.8 and 3.14. Every message names
`host:port` and the cause; keys are masked by the caller, who knows them.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import Callable, NamedTuple, Optional, Tuple, Type

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from ..errors import ErrorKind, ProviderError
from ..words import tr
from .http_resolver import NameServerSilentError
from .payload import address_of
from .urls import is_loopback_url

# What the network can raise at us. LineTooLong and its like are HttpProcessingErrors and no ClientErrors.
FOREIGN_ERRORS: Tuple[Type[BaseException], ...] = (
    aiohttp.ClientError, HttpProcessingError, asyncio.TimeoutError, OSError, EOFError, UnicodeError,
)


class Route(NamedTuple):
    """Where a request was going, as messages need it."""

    provider: str
    url: str
    proxy: Optional[str] = None
    connect_timeout_s: float = 10.0

    @property
    def address(self) -> str:
        """host:port of the server."""
        return address_of(self.url)

    @property
    def proxy_address(self) -> str:
        """host:port of the proxy."""
        return address_of(self.proxy or "")


def translate(exc: BaseException, route: Route) -> ProviderError:
    """The error of ours for `exc`, which is one of FOREIGN_ERRORS; the first row of the table that fits."""
    for classes, describe in _TABLE:
        if isinstance(exc, classes):
            return describe(exc, route)
    return _error(route, "network", f"{_cause(exc)} while talking to {route.address}")


def never_left(exc: BaseException) -> bool:
    """Whether `exc` says that no connection came about: then nothing of the request can have been processed."""
    unconnected = (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError, socket.gaierror, ConnectionRefusedError)
    return isinstance(exc, unconnected)


def cancelled(route: Route) -> ProviderError:
    """The request ended because we closed its session or its stream."""
    return _error(route, "cancelled", f"the connection to {route.address} was closed here")


def connection_gone(route: Route) -> ProviderError:
    """aiohttp was cancelled from inside although nobody cancelled us: its connector went away."""
    return _error(route, "network", f"the connection to {route.address} was given up")


def timed_out(route: Route, waiting_for: str, limit_s: float) -> ProviderError:
    """One of our own clocks ran out."""
    return _error(route, "timeout", f"{waiting_for} from {route.address} within {limit_s:g} s")


def redirected(route: Route, status: int, target: str) -> ProviderError:
    """The server wanted to send us, and with us the prompt and the key, somewhere else."""
    return _error(
        route, "bad_request", f"{route.address} redirects to {target} (HTTP {status}); redirects are not followed",
        status=status,
        user_text=tr("{title} answered with a redirect to {target}. Nothing was sent there.", title=_title(route),
        target=target),
        next_step=tr("If that address is trusted, set it as the base URL in Settings."),
    )


def broken_answer(route: Route, why: str, *, status: Optional[int] = None) -> ProviderError:
    """The answer is not what the protocol allows."""
    return _error(route, "protocol", f"{why} (from {route.address})", status=status)


def proxy_refused(route: Route, status: int) -> ProviderError:
    """The proxy answered instead of the server."""
    login = " and wants a user name and a password" if status == 407 else ""
    return _error(
        route, "network", f"the proxy {route.proxy_address} answered HTTP {status}", status=status, retryable=False,
        user_text=tr("The proxy {proxy_address} refuses to connect us{login}.", proxy_address=route.proxy_address,
        login=login),
        next_step=tr("Write the proxy as http://user:password@host:port in Settings, or ask IT."),
    )


def not_a_url(route: Route) -> ProviderError:
    """The base URL cannot be asked at all."""
    return _error(
        route, "bad_request", f"not a URL that can be asked: {route.address}", retryable=False,
        user_text=tr("The base URL is not an address that can be asked."),
        next_step=tr("Write the base URL like https://host/v1 in Settings."),
    )


def _error(
    route: Route, kind: ErrorKind, message: str, *, status: Optional[int] = None, retryable: Optional[bool] = None,
    user_text: str = "", next_step: str = "",
) -> ProviderError:
    return ProviderError(
        kind, message, provider=route.provider, status=status, retryable=retryable,
        user_text=user_text, next_step=next_step,
    )


def _title(route: Route) -> str:
    return route.provider or "The server"


def _cause(exc: BaseException) -> str:
    number = getattr(exc, "errno", None)
    if isinstance(number, int) and number in errno.errorcode:
        return f"{errno.errorcode[number]} ({exc})" if str(exc) else errno.errorcode[number]
    return str(exc) or type(exc).__name__


def _proxy_unreachable(exc: BaseException, route: Route) -> ProviderError:
    reason = _cause(getattr(exc, "os_error", exc))
    return _error(
        route, "network", f"the proxy {route.proxy_address} cannot be reached: {reason}",
        user_text=tr("The proxy {proxy_address} cannot be reached.", proxy_address=route.proxy_address),
        next_step=tr('Correct the proxy in Settings; "none" goes without.'),
    )


def _proxy_refuses(exc: BaseException, route: Route) -> ProviderError:
    return proxy_refused(route, getattr(exc, "status", 0))


def _untrusted(exc: BaseException, route: Route) -> ProviderError:
    reason: BaseException = getattr(exc, "certificate_error", None) or getattr(exc, "os_error", None) or exc
    text = str(getattr(reason, "verify_message", "") or reason)
    if isinstance(reason, ssl.SSLError) and not isinstance(reason, ssl.SSLCertVerificationError):
        return _no_tls(reason, text, route)
    return _error(
        route, "tls", f"the certificate of {route.address} is not trusted: {text}",
        user_text=tr("The certificate of {address} is not trusted: {words}.", address=route.address, words=text),
    )


def _no_tls(reason: ssl.SSLError, text: str, route: Route) -> ProviderError:
    plain = any(word in text.upper() for word in ("WRONG_VERSION", "RECORD_LAYER", "RECORD LAYER", "HTTP_REQUEST"))
    if not plain:
        return _error(route, "tls", f"no secure connection to {route.address}: {text}")
    loopback = is_loopback_url(route.url)
    step = "Write the base URL with http:// in Settings." if loopback else "Check the base URL's port."
    return _error(
        route, "tls", f"{route.address} does not speak TLS: {text}",
        user_text=tr("{address} does not speak https.", address=route.address), next_step=step,
    )


def _unreachable(exc: BaseException, route: Route) -> ProviderError:
    reason = getattr(exc, "os_error", None) or exc
    if isinstance(reason, socket.gaierror) or "DNS" in type(exc).__name__:
        return _unknown_host(reason, route)
    if isinstance(reason, ssl.SSLError):
        return _untrusted(exc, route)
    if "Connect call failed" in str(reason) or isinstance(reason, ConnectionRefusedError):
        return _refused(reason, route)
    return _error(route, "network", f"{route.address} cannot be reached: {_cause(reason)}")


def _unknown_host(reason: BaseException, route: Route) -> ProviderError:
    host = route.address.rpartition(":")[0]
    if isinstance(reason, NameServerSilentError):
        return _error(
            route, "network", f"no address for {host}: {reason}", retryable=False,
            user_text=tr("The name server did not answer when it was asked for {host}.", host=host),
            next_step=tr("Check the network, then try again."),
        )
    # Not tried again by the turn: the resolver has looked twice.
    return _error(
        route, "network", f"no address is known for {host}: {reason}", retryable=False,
        user_text=tr("No address is known for {host}.", host=host),
        next_step=tr("Check the base URL and the network, then try again."),
    )


def _refused(reason: BaseException, route: Route) -> ProviderError:
    if not is_loopback_url(route.url):
        return _error(route, "network", f"{route.address} refuses the connection: {reason}")
    return _error(
        route, "network", f"connection refused at {route.address}: {reason}. Is the server running?", retryable=False,
        user_text=tr("Nothing answers at {address}. Is the server running?", address=route.address),
        next_step=tr("Start {provider}, then try again.", provider=route.provider or tr('the server')),
    )


def _slow(exc: BaseException, route: Route) -> ProviderError:
    return _error(route, "timeout", f"no connection to {route.address} within {route.connect_timeout_s:g} s")


def _lost(exc: BaseException, route: Route) -> ProviderError:
    return _error(route, "network", f"the connection to {route.address} was lost: {_cause(exc)}")


def _cut(exc: BaseException, route: Route) -> ProviderError:
    return _error(route, "network", f"connection lost mid-stream: {route.address} broke off ({_cause(exc)})")


def _disconnected(exc: BaseException, route: Route) -> ProviderError:
    return _error(route, "network", f"{route.address} closed the connection without an answer")


def _not_http(exc: BaseException, route: Route) -> ProviderError:
    reason = str(getattr(exc, "message", "") or exc).strip().splitlines()
    return broken_answer(route, f"not a valid HTTP answer: {reason[0][:200] if reason else type(exc).__name__}")


def _bad_url(exc: BaseException, route: Route) -> ProviderError:
    return not_a_url(route)


# The order matters: a class stands before its bases.
_TABLE: Tuple[Tuple[Tuple[Type[BaseException], ...], Callable[[BaseException, Route], ProviderError]], ...] = (
    ((aiohttp.ClientProxyConnectionError,), _proxy_unreachable),
    ((aiohttp.ClientHttpProxyError,), _proxy_refuses),
    ((aiohttp.ClientSSLError, ssl.SSLError, ssl.CertificateError, aiohttp.ServerFingerprintMismatch), _untrusted),
    ((aiohttp.ClientConnectorError, socket.gaierror, ConnectionRefusedError), _unreachable),
    ((asyncio.TimeoutError, socket.timeout), _slow),
    ((aiohttp.ServerDisconnectedError,), _disconnected),
    ((aiohttp.ClientPayloadError,), _cut),
    ((aiohttp.ClientResponseError, HttpProcessingError), _not_http),
    ((aiohttp.InvalidURL, UnicodeError), _bad_url),
    ((aiohttp.ClientOSError, aiohttp.ClientConnectionError, OSError, EOFError), _lost),
)
