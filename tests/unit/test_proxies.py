"""Which proxy a request takes: none to this machine, ever; the settings' before the system's."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Optional

import pytest

from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.providers.http import HttpOptions
from nuke_ai_panel.providers.proxies import proxy_for, proxy_secrets
from tests.fakes import fault_server as fake
from tests.fakes.fixtures import StartFaultServer

from .transport import KEY, ask, failure, run

SYSTEM = {"http": "http://sys.test:3128", "https": "http://sys.test:3129"}
CLOUD, LAN, HERE = "https://api.vendor.test/v1", "http://192.168.1.20:8000/v1", "http://127.0.0.1:11434"
MATRIX = [
    # url, setting, system, bypassed by the system, expected
    (CLOUD, None, SYSTEM, False, "http://sys.test:3129"),
    ("http://api.vendor.test/v1", None, SYSTEM, False, "http://sys.test:3128"),
    (CLOUD, None, SYSTEM, True, None),
    (CLOUD, None, {}, False, None),
    (CLOUD, None, {"all": "http://all.test:1"}, False, "http://all.test:1"),
    (CLOUD, None, {"https": "sys.test:3128"}, False, "http://sys.test:3128"),
    (CLOUD, "none", SYSTEM, False, None),
    (CLOUD, " NONE ", SYSTEM, False, None),
    (CLOUD, "", SYSTEM, False, "http://sys.test:3129"),
    (CLOUD, "http://mine.test:8080", SYSTEM, True, "http://mine.test:8080"),
    (CLOUD, "https://mine.test:8080", {}, False, "https://mine.test:8080"),
    (LAN, None, SYSTEM, False, None),
    (LAN, "http://mine.test:8080", {}, False, "http://mine.test:8080"),
    ("http://renderbox:8000/v1", None, SYSTEM, False, None),
    ("http://[fe80::1]:8000", None, SYSTEM, False, None),
    (HERE, None, SYSTEM, False, None),
    (HERE, "http://mine.test:8080", SYSTEM, False, None),
    ("http://localhost:1234", "http://mine.test:8080", SYSTEM, False, None),
    ("http://[::1]:1234", "http://mine.test:8080", SYSTEM, False, None),
    ("http://0.0.0.0:1234", "http://mine.test:8080", SYSTEM, False, None),
]


@pytest.mark.parametrize(("url", "setting", "system", "bypassed", "expected"), MATRIX)
def test_proxy_of_a_url(
    url: str, setting: Optional[str], system: Dict[str, str], bypassed: bool, expected: Optional[str]
) -> None:
    assert proxy_for(url, setting, system=lambda: system, bypass=lambda host: bypassed) == expected


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "socks5h://h:1", "ftp://h:1", "http://", "://"])
def test_unusable_proxy_says_what_to_write(proxy: str) -> None:
    for ask_for in (lambda: proxy_for(CLOUD, proxy), lambda: proxy_for(CLOUD, None, system=lambda: {"https": proxy},
                                                                     bypass=lambda host: False)):
        with pytest.raises(ProviderError) as caught:
            ask_for()
        assert (caught.value.kind, caught.value.retryable) == ("network", False)
        assert "none" in caught.value.next_step


def test_proxy_password_is_a_secret() -> None:
    assert proxy_secrets("http://artist:hunter2@proxy.test:3128") == ("hunter2",)
    assert proxy_secrets("http://proxy.test:3128") == proxy_secrets(None) == ()


def test_request_goes_through_the_proxy_of_the_settings(fault_server: StartFaultServer) -> None:
    proxy = fault_server(fake.json_answer({"via": "proxy"}))
    options = HttpOptions(proxy=f"http://artist:hunter2@127.0.0.1:{proxy.port}")
    got = run(lambda client: client.get_json("http://model.test/v1/models"), options)
    assert got == {"via": "proxy"}
    assert proxy.requests[0].path == "http://model.test/v1/models"
    assert proxy.requests[0].headers["proxy-authorization"].startswith("Basic ")


def test_environment_proxy_never_sees_a_loopback_request(
    fault_server: StartFaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = fault_server(fake.json_answer({"via": "proxy"}))
    server = fault_server(fake.json_answer({"via": "direct"}))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("no_proxy", "")
    assert run(lambda client: client.get_json(server.url), HttpOptions()) == {"via": "direct"}
    assert run(lambda client: client.get_json("http://model.test/"), HttpOptions()) == {"via": "proxy"}
    assert proxy.connections == 1


@pytest.mark.parametrize("url", ["http://model.test/v1", "https://model.test/v1"])
def test_proxy_that_wants_a_password_says_so(fault_server: StartFaultServer, url: str) -> None:
    proxy = fault_server(fake.answer(407, b"", {"Proxy-Authenticate": "Basic"}))
    options = HttpOptions(proxy=f"http://127.0.0.1:{proxy.port}")
    options = replace(options, allows_plain_http=True)
    error = failure(lambda client: client.get_json(url, headers={"Authorization": f"Bearer {KEY}"}), options)
    assert (error.kind, error.retryable) == ("network", False)
    assert f"127.0.0.1:{proxy.port}" in error.user_text
    assert "password" in error.user_text


def test_dead_proxy_is_named_and_its_password_is_not() -> None:
    options = HttpOptions(proxy=f"http://artist:hunter2@127.0.0.1:{fake.closed_port()}")
    error = ask("http://model.test/v1", options).error
    assert error is not None
    assert (error.kind, "proxy 127.0.0.1:" in error.message, "hunter2" in str(error)) == ("network", True, False)
