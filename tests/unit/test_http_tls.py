"""https with a studio's own root: trusted when it is named, refused otherwise, and never switched off."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from pathlib import Path

import pytest

from nuke_ai_panel.providers.http import HttpClient
from nuke_ai_panel.providers.tls import tls_context
from tests.fakes import fault_server as fake
from tests.fakes.certificates import PrivateCa
from tests.fakes.fixtures import StartFaultServer

from .transport import QUICK, ask, run, stream


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> PrivateCa:
    return PrivateCa(tmp_path_factory.mktemp("ca"))


def test_studio_root_in_the_settings_is_trusted(fault_server: StartFaultServer, ca: PrivateCa) -> None:
    server = fault_server(fake.sse([1, 2]), tls=ca.server_context("127.0.0.1"))
    options = replace(QUICK, ca_bundle=str(ca.pem))

    async def talk(client: HttpClient) -> None:
        for _ in range(3):
            assert (await stream(client, server.url)).kind is None

    run(talk, options)
    gc.collect()
    assert server.connections == 1


def test_root_in_the_environment_is_trusted(
    fault_server: StartFaultServer, ca: PrivateCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca.pem))
    server = fault_server(fake.sse([1]), tls=ca.server_context("127.0.0.1"))
    assert ask(server.url).kind is None


@pytest.mark.parametrize(
    ("name", "expired", "trusted"),
    [("127.0.0.1", False, False), ("127.0.0.1", True, True), ("other.test", False, True)],
    ids=["unknown root", "expired", "wrong name"],
)
def test_bad_certificate_is_refused(
    fault_server: StartFaultServer, ca: PrivateCa, name: str, expired: bool, trusted: bool
) -> None:
    server = fault_server(fake.sse([1]), tls=ca.server_context(name, expired=expired))
    options = replace(QUICK, ca_bundle=str(ca.pem)) if trusted else QUICK
    outcome = ask(server.url, options)
    assert outcome.error is not None
    assert (outcome.kind, outcome.error.retryable, server.heads) == ("tls", False, [])
    assert f"127.0.0.1:{server.port}" in outcome.error.user_text


def test_client_certificate_is_shown_when_asked_for(fault_server: StartFaultServer, ca: PrivateCa) -> None:
    server = fault_server(fake.json_answer({"ok": 1}), tls=ca.server_context("127.0.0.1", asks_client=True))
    certificate, key = ca.issue("artist.test")
    options = replace(QUICK, ca_bundle=str(ca.pem), client_cert=str(certificate), client_key=str(key))
    assert run(lambda client: client.get_json(server.url), options) == {"ok": 1}


def test_plain_server_behind_an_https_url_is_named() -> None:
    async def answer_in_plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()

    async def knock(client: HttpClient) -> tuple[object, int]:
        server = await asyncio.start_server(answer_in_plain, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        outcome = await stream(client, f"https://127.0.0.1:{port}/")
        server.close()
        await asyncio.sleep(0.2)
        return outcome.error, port

    error, port = run(knock)
    assert (error.kind, error.user_text) == ("tls", f"127.0.0.1:{port} does not speak https.")  # type: ignore[attr-defined]
    assert "http://" in error.next_step  # type: ignore[attr-defined]


def test_tls_server_behind_an_http_url_is_an_error(fault_server: StartFaultServer, ca: PrivateCa) -> None:
    server = fault_server(fake.sse([1]), tls=ca.server_context("127.0.0.1"))
    assert ask(f"http://127.0.0.1:{server.port}/").kind in ("protocol", "network")


@pytest.mark.parametrize("field", ["ca_bundle", "client_cert"])
def test_unreadable_file_is_named_and_read_again_next_time(tmp_path: Path, ca: PrivateCa, field: str) -> None:
    missing = tmp_path / "nothing.pem"
    options = replace(QUICK, **{field: str(missing)})

    async def twice(client: HttpClient) -> tuple[str, str]:
        url = f"https://127.0.0.1:{fake.closed_port()}/"
        first = await stream(client, url)
        certificate, key = ca.issue("later.test")
        missing.write_bytes(certificate.read_bytes() + key.read_bytes())
        second = await stream(client, url)
        assert first.error is not None
        return first.error.user_text, str(second.kind)

    text, later = run(twice, options)
    assert str(missing) in text
    assert later == "network"


def test_concurrent_requests_build_the_rules_once(
    fault_server: StartFaultServer, ca: PrivateCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []

    def counted(**options: str) -> object:
        built.append(options)
        return tls_context(**options)

    monkeypatch.setattr("nuke_ai_panel.providers.http_session.tls_context", counted)
    server = fault_server(fake.json_answer({}), tls=ca.server_context("127.0.0.1"))
    options = replace(QUICK, ca_bundle=str(ca.pem))

    async def together(client: HttpClient) -> None:
        await asyncio.gather(*(client.get_json(server.url) for _ in range(8)))

    run(together, options)
    assert len(built) == 1


def test_certificates_are_always_checked() -> None:
    import ssl

    context = tls_context(ca_bundle=None, client_cert=None, client_key=None, env={})
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
