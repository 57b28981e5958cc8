"""What the environment says about proxies, in every form: this machine and this house are never proxied."""

from __future__ import annotations

import itertools
from typing import Optional

import pytest

from nuke_ai_panel.providers.http import HttpOptions
from nuke_ai_panel.providers.proxies import proxy_for
from tests.fakes import fault_server as fake
from tests.fakes.fixtures import StartFaultServer

from .transport import KEY, failure, run

NAMES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
         "REQUEST_METHOD")
INSIDE = ("http://127.0.0.1:11434", "http://localhost:1234/v1", "http://[::1]:8080", "http://0.0.0.0:1",
          "http://192.168.1.9:8000", "http://10.0.0.5", "http://farm:8000", "http://llm.studio.internal")
OUTSIDE = ("http://api.vendor.test/v1", "https://api.vendor.test/v1")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("url", INSIDE)
@pytest.mark.parametrize(("variable", "no_proxy"), list(itertools.product(NAMES[:6], (None, "", "example.org"))))
def test_house_is_never_proxied_whatever_the_environment_says(
    url: str, variable: str, no_proxy: Optional[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "http://proxy.test:3128")
    if no_proxy is not None:
        monkeypatch.setenv("no_proxy", no_proxy)
    assert proxy_for(url, None) is None


@pytest.mark.parametrize("url", OUTSIDE)
@pytest.mark.parametrize("setting", ["none", " None ", "NONE"])
def test_settings_turn_the_environments_proxy_off(url: str, setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES[:6]:
        monkeypatch.setenv(name, "http://proxy.test:3128")
    assert proxy_for(url, setting) is None


@pytest.mark.parametrize(("no_proxy", "expected"), [
    ("", "http://proxy.test:3128"), ("other.test", "http://proxy.test:3128"), ("api.vendor.test", None),
    (".vendor.test", None), ("vendor.test", None), ("*", None),
])
def test_exceptions_of_the_environment_hold(
    no_proxy: str, expected: Optional[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("no_proxy", no_proxy)
    assert proxy_for(OUTSIDE[0], None) == expected


def test_dead_proxy_of_the_environment_is_named_and_the_way_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    port = fake.closed_port()
    monkeypatch.setenv("http_proxy", f"http://artist:hunter2@127.0.0.1:{port}")
    error = failure(lambda client: client.get_json(OUTSIDE[0]), HttpOptions())
    assert error.kind == "network" and f"127.0.0.1:{port}" in error.user_text
    assert 'none' in error.next_step and "hunter2" not in repr((error.message, error.user_text, error.next_step))


@pytest.mark.parametrize("url", OUTSIDE)
def test_proxy_of_the_environment_that_wants_a_password_is_named(
    url: str, fault_server: StartFaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = fault_server(fake.answer(407, b"", {"Proxy-Authenticate": "Basic"}))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    error = failure(lambda client: client.get_json(url), HttpOptions())
    assert (error.kind, error.retryable) == ("network", False) and "password" in error.user_text


def test_key_to_this_machine_passes_no_proxy_of_the_environment(
    fault_server: StartFaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, server = fault_server(fake.json_answer({})), fault_server(fake.json_answer({"ok": 1}))
    for name in NAMES[:6]:
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    got = run(lambda client: client.get_json(server.url, headers={"Authorization": f"Bearer {KEY}"}), HttpOptions())
    assert got == {"ok": 1} and proxy.connections == 0
