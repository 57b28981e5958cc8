"""A key goes to the server it is for, and never unencrypted to another machine; what is refused opens no socket."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Mapping

import pytest

from nuke_ai_panel.app import App, ModelChoice
from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.providers.connection import open_client
from nuke_ai_panel.providers.http import HttpClient
from nuke_ai_panel.providers.key_guard import carries_key, guard_key, origin_for_key
from nuke_ai_panel.settings import ProviderSettings
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop
from tests.fakes import fault_server as fake
from tests.fakes.fixtures import StartFaultServer
from tests.fakes.model_server import FakeModelServer

from .transport import BODY, KEY, QUICK, failure, run
from .turn_kit import OVERRIDES, Chat

BEARER = {"Authorization": f"Bearer {KEY}"}
KEYED: Dict[str, Mapping[str, str]] = {
    "bearer": BEARER, "x-api-key": {"x-api-key": KEY}, "api-key": {"api-key": KEY}, "google": {"x-goog-api-key": KEY},
    "cookie": {"Cookie": "session=1"}, "own": {"X-Studio-Token": KEY},
}
FAR = ("http://api.vendor.test/v1", "http://192.168.1.20:8000/v1", "http://renderbox:8000/v1", "http://8.8.8.8/")
NEAR = ("http://127.0.0.1:1234/v1", "http://localhost:1234/", "http://[::1]:1/", "http://api.localhost/",
        "http://127.9.9.9/")


@pytest.mark.parametrize("header", sorted(KEYED))
@pytest.mark.parametrize("url", FAR)
def test_key_is_not_sent_in_the_clear_to_another_machine(
    url: str, header: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*args: object, **more: object) -> object:
        raise AssertionError("a name was looked up")

    monkeypatch.setattr("socket.getaddrinfo", opened)
    for ask in (lambda client: client.get_json(url, headers=KEYED[header]),
                lambda client: client.post_stream(url, BODY, headers=KEYED[header])):
        error = failure(ask)
        assert (error.kind, error.retryable) == ("tls", False)
        assert "not encrypted" in error.user_text and "key_over_http" in error.next_step
        assert KEY not in str(error) + error.user_text


@pytest.mark.parametrize("url", NEAR)
def test_this_machine_may_have_a_key_without_encryption(url: str) -> None:
    guard_key(url, home=None, allows_plain_http=False, provider="studio")


def test_house_may_be_allowed_to_by_hand() -> None:
    guard_key(FAR[1], home=None, allows_plain_http=True, provider="studio")
    row = ProviderSettings("lan", kind="openai", base_url=FAR[1], key_over_http=True)
    assert open_client(row, KEY)._options.allows_plain_http
    assert not open_client(replace(row, key_over_http=False), KEY)._options.allows_plain_http


def test_request_without_a_key_may_go_in_the_clear() -> None:
    assert not carries_key(FAR[0], {"User-Agent": "x"}, [KEY])


@pytest.mark.parametrize("url", [f"https://h/?key={KEY}", f"https://h/{KEY}/x", f"https://u:{KEY}@h/",
                                 "https://h/?key=sk%2Dcanary-0123456789abcdef"])
def test_key_in_the_address_is_a_key(url: str) -> None:
    assert carries_key(url, {}, [KEY])


@pytest.mark.parametrize("elsewhere", [
    "https://api.vendor.test:8443/v1", "https://api.vendor.test.evil.example/v1", "https://vendor.test/v1",
    "http://127.0.0.1/v1", "https://api.vendor.test@evil.example/v1", "https://evil.example#api.vendor.test",
])
def test_key_is_for_one_origin(elsewhere: str) -> None:
    home = origin_for_key("https://api.vendor.test/v1")
    with pytest.raises(ProviderError) as caught:
        guard_key(elsewhere, home=home, allows_plain_http=True, provider="Vendor")
    assert caught.value.kind == "permission" and "nothing was sent" in caught.value.user_text


@pytest.mark.parametrize("same", ["https://api.vendor.test/other", "https://API.vendor.test:443/v1",
                                  "HTTPS://api.vendor.test./v1"])
def test_origin_is_the_same_however_it_is_written(same: str) -> None:
    guard_key(same, home=origin_for_key("https://api.vendor.test/v1"), allows_plain_http=False, provider="Vendor")


def test_client_takes_its_key_to_no_second_server(fault_server: StartFaultServer) -> None:
    first, second = fault_server(fake.json_answer({})), fault_server(fake.json_answer({}))

    async def both(client: HttpClient) -> ProviderError:
        await client.get_json(first.url, headers=BEARER)
        await client.get_json(second.url)  # without the key anybody may be asked
        try:
            await client.get_json(second.url, headers=BEARER)
        except ProviderError as error:
            return error
        raise AssertionError("the key was sent")

    assert run(both, QUICK).kind == "permission"
    assert [one.headers.get("authorization") for one in second.requests] == [None]


def test_another_address_for_one_question_does_not_get_the_providers_key(
    model_server: FakeModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    app = App.open(overrides={**OVERRIDES, "providers.openai.headers": {"X-Team": "north"}})
    chat = Chat(app)
    name = app.with_base_url("openai", model_server.base_url)
    assert chat.ask("q", choice=ModelChoice(name, "fake-model")).status == "complete"
    assert "authorization" not in model_server.chats[0].headers and "x-team" not in model_server.chats[0].headers
    elsewhere = app.with_base_url("openai", "https://api.other.test/v1")
    answer = chat.ask("q", choice=ModelChoice(elsewhere, "m"))
    assert answer.error is not None and answer.error.kind == "missing_key"
    same = app.with_base_url("openai", "https://api.openai.com/v2")
    assert app.providers.settings(same).key_env == "OPENAI_API_KEY"
    app.close()
    shutdown_event_loop()
