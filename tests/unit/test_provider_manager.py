"""Providers from settings: true states, lists of models that open offline, exact routing, one session each."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Iterator, List, Type

import pytest

from nuke_ai_panel.app import App, ModelChoice, ProviderStatus
from nuke_ai_panel.core.model_cache import load_models, save_models
from nuke_ai_panel.errors import SettingsError
from nuke_ai_panel.keys import Key
from nuke_ai_panel.providers.base import ModelInfo, Provider
from nuke_ai_panel.settings import ProviderSettings
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop

from ..conftest import LogLines
from ..fakes.fault_server import closed_port
from ..fakes.model_server import FakeModelServer
from .turn_kit import OVERRIDES, Chat, choose

FAKE = ModelChoice("openai", "fake-model")


def opened(url: str) -> App:
    return App.open(overrides={**OVERRIDES, "providers.openai.base_url": url})


@pytest.fixture
def online(model_server: FakeModelServer) -> Iterator[App]:
    app = opened(model_server.base_url)
    yield app
    app.close()
    shutdown_event_loop()


def states(app: App) -> List[str]:
    seen: List[str] = []
    app.providers.subscribe(lambda status: seen.append(status.state) if status.name == "openai" else None)
    return seen


def test_a_state_is_unknown_until_something_was_tried(online: App) -> None:
    assert online.providers.status("openai") == ProviderStatus("openai", "OpenAI")
    with pytest.raises(SettingsError):
        online.providers.status("nowhere")


def test_an_answer_makes_a_provider_connected(online: App) -> None:
    seen = states(online)
    Chat(online).ask("q", choice=FAKE)
    Chat(online).ask("q", choice=FAKE)
    assert seen == ["connecting", "connected"]
    assert online.providers.status("openai").since == pytest.approx(time.time(), abs=30)


def test_a_check_connects_for_real_and_measures(online: App, model_server: FakeModelServer) -> None:
    status = online.providers.check("openai").result(5)
    assert status.state == "connected" and status.latency_s is not None and status.latency_s < 5
    assert model_server.requests[0].path == "/v1/models" and model_server.chats == []


def test_nobody_listening_is_unreachable_and_later_connected(model_server: FakeModelServer) -> None:
    app = opened(f"http://127.0.0.1:{closed_port()}/v1")
    status = app.providers.check("openai").result(5)
    assert status.state == "unreachable" and status.error is not None and status.error.kind == "network"
    answer = Chat(app).ask("q", choice=FAKE, retries=0)
    assert answer.error is not None and app.providers.status("openai").state == "unreachable"
    app.close()


@pytest.mark.parametrize(("status", "state"), [
    (401, "needs key"), (403, "degraded"), (404, "degraded"), (429, "degraded"), (500, "degraded"),
])
def test_an_answer_that_is_an_error_still_is_an_answer(
    online: App, model_server: FakeModelServer, status: int, state: str
) -> None:
    model_server.fail(status)
    Chat(online).ask("q", choice=FAKE, retries=0)
    known = online.providers.status("openai")
    assert known.state == state and known.error is not None and known.error.status == status
    model_server.fail_times = 0
    for _ in range(3):  # a server's own failure is held against it until it has made up for it
        Chat(online).ask("q", choice=FAKE)
    assert online.providers.status("openai").state == "connected" and online.providers.status("openai").error is None


def test_a_missing_key_is_known_without_opening_a_socket(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    status = app.providers.check("openrouter").result(10)
    assert status.state == "needs key" and status.error is not None and status.error.kind == "missing_key"
    assert "OPENROUTER_API_KEY" in status.error.next_step
    answer = Chat(app).ask("q", choice=ModelChoice("openrouter", "m"))
    assert answer.error is not None and answer.error.kind == "missing_key"


def test_a_key_is_read_again_after_it_was_rejected(online: App, model_server: FakeModelServer) -> None:
    found = iter(["sk-old", "sk-old", "sk-new"])
    online.keys.find = lambda row: Key(next(found))  # type: ignore[method-assign]  # a key that changes
    model_server.fail(401, times=2)
    kinds = [Chat(online).ask("q", choice=FAKE, retries=0).error for _ in range(2)]
    sent = [request.headers["authorization"] for request in model_server.chats]
    assert sent == ["Bearer sk-old", "Bearer sk-old", "Bearer sk-new"]
    assert kinds[0] is not None and kinds[0].kind == "auth" and kinds[1] is None
    assert online.providers.status("openai").state == "connected"


def test_a_slow_key_store_never_blocks_the_loop(online: App) -> None:
    release = threading.Event()

    def find(row: ProviderSettings) -> None:
        release.wait(5)

    online.keys.find = find  # type: ignore[method-assign]  # a key store that takes its time
    waiting = Chat(online)
    handle = waiting.start("q", choice=FAKE)
    began = time.monotonic()
    assert Chat(online).ask("meanwhile", choice=choose("echo")).status == "complete" and time.monotonic() - began < 1
    handle.stop()
    waiting.events.end()
    release.set()


def test_models_are_cached_on_disk_and_there_offline(model_server: FakeModelServer, home: Path) -> None:
    app = opened(model_server.base_url)
    assert app.providers.models("openai").models == ()
    fresh = app.providers.refresh_models("openai").result(5)
    assert [model.id for model in fresh.models] == ["fake-model", "fake-model-2"]
    app.close()
    requests = len(model_server.requests)
    later = opened(model_server.base_url)
    cached = later.providers.models("openai")
    assert [model.id for model in cached.models] == ["fake-model", "fake-model-2"]
    assert cached.fetched_at["openai"] == fresh.fetched_at["openai"] and len(model_server.requests) == requests
    later.close()
    elsewhere = opened("http://127.0.0.1:9/v1")
    assert elsewhere.providers.models("openai").models == ()
    elsewhere.close()


def test_one_failure_hides_nobody_elses_models(online: App) -> None:
    catalogue = online.providers.refresh_models().result(20)
    assert {model.provider for model in catalogue.models} >= {"openai", "demo"}
    assert "openrouter" in catalogue.errors and "ollama" in catalogue.errors and "openai" not in catalogue.errors


def test_refreshing_at_once_asks_once(online: App, model_server: FakeModelServer) -> None:
    futures = [online.providers.refresh_models("openai") for _ in range(8)]
    assert len({future.result(5).fetched_at["openai"] for future in futures}) == 1
    assert [request.path for request in model_server.requests].count("/v1/models") == 1


def test_a_bug_in_a_provider_is_its_own_entry(online: App, log_lines: LogLines) -> None:
    async def models() -> None:
        raise KeyError("bug")

    Chat(online).ask("q")
    online.providers._live["demo"].provider.models = models  # type: ignore[assignment,method-assign]  # the bug
    catalogue = online.providers.refresh_models().result(20)
    assert catalogue.errors["demo"].kind == "internal" and "openai" not in catalogue.errors
    log_lines.take("failed to list its models")


def test_a_listener_that_raises_harms_nobody(online: App, log_lines: LogLines) -> None:
    def broken(status: ProviderStatus) -> None:
        raise ValueError("a widget is gone")

    unsubscribe = online.providers.subscribe(broken)
    seen = states(online)
    online.providers.check("openai").result(5)
    assert seen == ["connecting", "connected"]
    log_lines.take("a listener to provider states failed")
    log_lines.take("a listener to provider states failed")
    unsubscribe()


def test_a_request_goes_to_the_chosen_provider_and_model_only(online: App, model_server: FakeModelServer) -> None:
    model_server.fail(404, {"error": {"message": "model gone not found", "code": "model_not_found"}})
    answer = Chat(online).ask("secret", choice=ModelChoice("openai", "gone"))
    assert answer.error is not None and answer.error.kind == "model_not_found"
    assert [request.json()["model"] for request in model_server.chats] == ["gone"]
    assert "demo" not in online.providers._live


def test_a_provider_that_is_turned_off_is_not_offered() -> None:
    app = App.open(overrides={**OVERRIDES, "providers.ollama.enabled": False})
    assert "ollama" not in app.providers.names()
    answer = Chat(app).ask("q", choice=ModelChoice("ollama", "m"))
    assert answer.error is not None and "turned off" in answer.error.user_text
    app.close()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"base_url": "", "fetched_at": "x", "models": [{}]}'])
def test_a_damaged_cache_is_as_good_as_none(home: Path, content: str) -> None:
    (home / "cache").mkdir()
    (home / "cache" / "models-demo.json").write_text(content)
    assert load_models(home, ProviderSettings("demo")) is None


def test_a_model_survives_the_cache(home: Path) -> None:
    row = ProviderSettings("a/b", base_url="http://x")
    model = ModelInfo("m:1", "a/b", "M", 4096, 100, frozenset({"tools", "vision"}), 0.0, 1.5, True, 5, "7B")
    save_models(home, row, 12.5, (model,))
    assert load_models(home, row) == (12.5, (model,))
    assert [path.name for path in (home / "cache").iterdir()] == ["models-a%2Fb.json"]


def test_a_disk_that_refuses_the_cache_is_no_error(home: Path) -> None:
    (home / "cache").write_text("a file where a folder should be")
    save_models(home, ProviderSettings("demo"), 1.0, ())
    assert load_models(home, ProviderSettings("demo")) is None


def test_a_missing_package_is_named_with_the_command_that_mends_it(app: App) -> None:
    def classes(kind: str) -> Type[Provider]:
        raise ModuleNotFoundError("No module named 'aiohttp'", name="aiohttp")

    app.providers._classes = classes
    answer = Chat(app).ask("q")
    assert answer.error is not None and "needs aiohttp" in answer.error.user_text
    assert "pip install" in answer.error.next_step
