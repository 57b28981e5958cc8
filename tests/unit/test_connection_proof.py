"""Connected takes an exchange that only such a server gives; what merely answers at the address is no proof."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from nuke_ai_panel.app import App
from nuke_ai_panel.core.provider_status import ProviderStatus
from nuke_ai_panel.utils.event_loop_manager import run_coroutine, shutdown_event_loop

from ..fakes.fault_server import FaultServer, answer, json_answer, redirect
from ..fakes.model_server import FakeModelServer
from ..fakes.server import Behaviour, Request
from .connection_kit import FAKE, opened_at, until
from .turn_kit import Chat

PAGE = b"<!doctype html><html><body>Welcome to the guest network. Sign in.</body></html>"
PATHS = {
    "openai": "/v1", "ollama": "", "openrouter": "/api/v1", "anthropic": "", "google": "/v1beta", "mistral": "/v1",
}
IMPOSTORS: Dict[str, Behaviour] = {
    "a page to sign in at": answer(200, PAGE, {"Content-Type": "text/html"}),
    "a page that says that it is JSON": answer(200, PAGE, {"Content-Type": "application/json"}),
    "a redirect": redirect(302, "http://portal.invalid/"), "the network's own refusal": answer(511, PAGE),
    "a proxy that asks who we are": answer(407, PAGE), "nothing of that name": answer(404, PAGE),
    "no such method": answer(405, b""), "an empty answer": answer(200, b""),
    "JSON of somebody else": json_answer({"message": "welcome"}), "a word": json_answer("hello"),
    "an error that calls itself fine": json_answer({"error": {"message": "not today"}}),
    "a list that is none": json_answer({"data": "x", "version": 3}),
}
AT_THE_SERVER = {"nothing of that name", "no such method", "JSON of somebody else", "a word",
                 "an error that calls itself fine", "a list that is none"}


@pytest.mark.parametrize("impostor", IMPOSTORS)
def test_whatever_answers_at_the_address_is_not_connected(impostor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer(IMPOSTORS[impostor]) as server:
        more: Dict[str, Any] = {}  # settings of any type
        for name, path in PATHS.items():
            more[f"providers.{name}.base_url"] = server.url + path
            more[f"providers.{name}.key_over_http"] = True
            monkeypatch.setenv(f"{'GEMINI' if name == 'google' else name.upper()}_API_KEY", "sk-of-nobody")
        app = opened_at(server.url + "/v1", **more)
        for name in PATHS:
            listed = app.providers.check(name).result(20)
            app.providers.reset(name)
            probe_quietly(app, name)
            for status in (listed, app.providers.status(name)):
                wanted = ("degraded",) if impostor in AT_THE_SERVER else ("unreachable",)
                assert status.state in wanted, (name, status)
                assert status.error is not None and status.error.user_text and status.error.next_step, (name, status)
        app.close()
        shutdown_event_loop()


def probe_quietly(app: App, name: str) -> None:
    async def probe() -> None:
        try:
            await app.providers._probe(name)
        except Exception:  # noqa: BLE001  (the state tells)
            return

    run_coroutine(probe(), 20)


def test_server_without_a_list_is_connected_from_its_first_answer_on(model_server: FakeModelServer) -> None:
    without_a_list(model_server, 404)
    app = opened_at(model_server.base_url)
    assert app.providers.check("openai").result(10).state == "degraded"
    chat = Chat(app)
    assert chat.start("hello", choice=FAKE).result(10).status == "complete"
    assert app.providers.status("openai").state == "connected"
    probe_quietly(app, "openai")
    assert app.providers.check("openai").result(10).state == "connected"
    assert app.providers.status("openai").error is None
    app.close()
    shutdown_event_loop()


def without_a_list(server: FakeModelServer, status: int) -> None:
    """From now on the server's list of models is answered with `status`."""
    before = server.behaviour_for

    def behaviour_for(request: Request) -> Behaviour:
        return before(request) if request.method == "POST" else json_answer({"error": {"message": "no"}}, status)

    server.behaviour_for = behaviour_for  # type: ignore[method-assign]  # what a knob of the fake would do


@pytest.mark.parametrize("status", [302, 401, 404, 429, 500, 503])
def test_flowing_answer_outweighs_what_fails_beside_it(model_server: FakeModelServer, status: int) -> None:
    app = opened_at(model_server.base_url)
    model_server.words, model_server.tokens_per_s = tuple(f"word{one} " for one in range(5000)), 50.0
    chat = Chat(app)
    handle = chat.start("hello", choice=FAKE)
    until(lambda: chat.events.text())
    without_a_list(model_server, status)
    assert app.providers.check("openai").result(10).state in ("connected", "degraded")
    told = len(chat.events.text())
    until(lambda: len(chat.events.text()) > told)
    handle.stop()
    chat.events.end()
    # The answer went on after that; only a key that was rejected is still to be mended.
    assert app.providers.status("openai").state in (("needs key",) if status == 401 else ("connected", "degraded"))
    app.close()
    shutdown_event_loop()


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    file = tmp_path / "policy.toml"
    file.write_text("[providers]\n[end]\n")
    monkeypatch.setenv("NUKE_AI_PANEL_POLICY", str(file))
    yield file


def test_change_of_the_policy_is_told_both_ways(model_server: FakeModelServer, policy: Path) -> None:
    app = opened_at(model_server.base_url)
    told: List[ProviderStatus] = []
    app.providers.subscribe(lambda one: told.append(one) if one.name == "openai" else None)
    app.watch_settings()
    app.providers.hold("openai")
    until(lambda: told and told[-1].state == "connected")
    policy.write_text('[providers]\ndeny = ["openai"]\n[end]\n')
    until(lambda: told[-1].state == "forbidden by policy")
    assert told[-1].error is not None and "policy" in told[-1].error.user_text
    asked = len(model_server.requests)
    time.sleep(1.3)
    assert len(model_server.requests) == asked
    policy.write_text("[providers]\n[end]\n")
    until(lambda: told[-1].state == "connected")
    # It was not taken for connected because it once had been.
    states = [one.state for one in told]
    assert states[states.index("forbidden by policy") + 1:] == ["unknown", "connecting", "connected"]
    assert len(model_server.requests) > asked
    app.close()
    shutdown_event_loop()
