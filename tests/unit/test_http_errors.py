"""The table of foreign errors, row by row: what aiohttp, asyncio, ssl and the system raise, and what becomes of it."""

from __future__ import annotations

import asyncio
import errno
import inspect
import socket
import ssl
from typing import Optional, Type

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong

from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.providers.http_errors import FOREIGN_ERRORS, Route, translate

ROUTE = Route("studio", "https://model.test:8443/v1?key=secret", "http://proxy.test:3128", 10.0)
HERE = Route("ollama", "http://127.0.0.1:11434/api/chat")


def connection_key() -> ConnectionKey:
    known = {"host": "model.test", "port": 8443, "is_ssl": True}
    return ConnectionKey(*(known.get(name) for name in inspect.signature(ConnectionKey).parameters))  # type: ignore


def connector_error(kind: Type[aiohttp.ClientConnectorError], reason: OSError) -> aiohttp.ClientConnectorError:
    return kind(connection_key(), reason)


def response_error(kind: Type[aiohttp.ClientResponseError], status: int) -> aiohttp.ClientResponseError:
    return kind(None, (), status=status, message="Bad status line: 'SSH-2.0'")  # type: ignore[arg-type]


def verify_error() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('10.0.0.1', 8443)")
ROWS = [
    (connector_error(aiohttp.ClientProxyConnectionError, REFUSED), "network", "proxy.test:3128"),
    (response_error(aiohttp.ClientHttpProxyError, 407), "network", "407"),
    (aiohttp.ClientConnectorCertificateError(connection_key(), verify_error()), "tls", "self-signed certificate"),
    (connector_error(aiohttp.ClientConnectorSSLError, ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]")), "tls", "TLS"),
    (connector_error(aiohttp.ClientConnectorSSLError, ssl.SSLError(1, "[SSL] handshake failure")), "tls", "handshake"),
    (ssl.SSLError(1, "[SSL] bad record"), "tls", "bad record"),
    (connector_error(aiohttp.ClientConnectorError, socket.gaierror(-2, "Name or service not known")), "network",
     "no address is known for model.test"),
    (connector_error(aiohttp.ClientConnectorError, REFUSED), "network", "refuses the connection"),
    (connector_error(aiohttp.ClientConnectorError, OSError(errno.EHOSTUNREACH, "No route")), "network", "EHOSTUNREACH"),
    (aiohttp.ServerTimeoutError("Connection timeout to host https://model.test:8443/v1?key=secret"), "timeout", "10 s"),
    (asyncio.TimeoutError(), "timeout", "10 s"),
    (TimeoutError(errno.ETIMEDOUT, "Connection timed out"), None, "model.test:8443"),
    (aiohttp.ServerDisconnectedError(), "network", "without an answer"),
    (aiohttp.ClientPayloadError("Response payload is not completed"), "network", "mid-stream"),
    (response_error(aiohttp.ClientResponseError, 400), "protocol", "SSH-2.0"),
    (LineTooLong("header", "8190", "9000"), "protocol", "not a valid HTTP answer"),
    (BadHttpMessage("bad chunk"), "protocol", "bad chunk"),
    (aiohttp.InvalidURL("http://["), "bad_request", "not a URL"),
    (aiohttp.ClientOSError(errno.ECONNRESET, "Connection reset by peer"), "network", "ECONNRESET"),
    (aiohttp.ClientConnectionError("Connector is closed."), "network", "Connector is closed"),
    (ConnectionResetError(errno.ECONNRESET, "reset"), "network", "ECONNRESET"),
    (BrokenPipeError(errno.EPIPE, "Broken pipe"), "network", "EPIPE"),
    (EOFError("eof"), "network", "eof"),
    (aiohttp.ClientError("something new"), "network", "something new"),
]


@pytest.mark.parametrize(("foreign", "kind", "part"), ROWS, ids=lambda value: type(value).__name__)
def test_foreign_error_becomes_ours(foreign: BaseException, kind: Optional[str], part: str) -> None:
    assert isinstance(foreign, FOREIGN_ERRORS)
    error = translate(foreign, ROUTE)
    assert isinstance(error, ProviderError)
    assert error.kind in ((kind,) if kind else ("timeout", "network"))
    assert part in error.message
    assert error.provider == "studio"
    assert "secret" not in error.message


def test_refused_loopback_is_not_tried_again() -> None:
    error = translate(connector_error(aiohttp.ClientConnectorError, REFUSED), HERE)
    assert (error.retryable, error.next_step) == (False, "Start ollama, then try again.")
    assert "Is the server running?" in error.user_text


def test_refused_elsewhere_may_be_tried_again() -> None:
    assert translate(connector_error(aiohttp.ClientConnectorError, REFUSED), ROUTE).retryable


def test_plain_server_on_loopback_suggests_http() -> None:
    plain = connector_error(aiohttp.ClientConnectorSSLError, ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]"))
    route = Route("studio", "https://127.0.0.1:8080/v1")
    assert "http://" in translate(plain, route).next_step
    assert "http://" not in translate(plain, ROUTE).next_step


def test_untrusted_certificate_is_never_tried_again() -> None:
    error = translate(aiohttp.ClientConnectorCertificateError(connection_key(), verify_error()), ROUTE)
    assert not error.retryable
    assert "CA bundle" in error.next_step
