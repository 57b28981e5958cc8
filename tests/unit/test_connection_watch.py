"""A provider in use is looked after: its state is true within two seconds, both ways, at the cost of a short GET."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Callable, Iterator, List, Tuple

import pytest

import nuke_ai_panel as ai
from nuke_ai_panel import api
from nuke_ai_panel.app import App, open_apps
from nuke_ai_panel.core import connection_watch
from nuke_ai_panel.core.connection_watch import LONGEST_PAUSE_S, PACE_S, pause_after
from nuke_ai_panel.messages import ErrorInfo
from nuke_ai_panel.providers import http_wake
from nuke_ai_panel.providers.http_wake import NetworkWatch
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop

from ..fakes.fault_server import closed_port
from ..fakes.model_server import FakeModelServer
from .connection_kit import FAKE, opened_at, until
from .turn_kit import OVERRIDES, Chat

SEEN_S = 2.0


@pytest.fixture
def online(model_server: FakeModelServer) -> Iterator[App]:
    app = opened_at(model_server.base_url)
    yield app
    app.close()
    shutdown_event_loop()


def state(app: App, name: str = "openai") -> str:
    return app.providers.status(name).state


def states_of(app: App) -> List[str]:
    seen: List[str] = []
    app.providers.subscribe(lambda status: seen.append(status.state) if status.name == "openai" else None)
    return seen


def test_server_that_ends_and_comes_back_is_seen_within_two_seconds(
    online: App, model_server: FakeModelServer
) -> None:
    seen = states_of(online)
    release = online.providers.hold("openai")
    until(lambda: state(online) == "connected")
    for _ in range(2):
        model_server.stop()
        assert until(lambda: state(online) == "unreachable") < SEEN_S
        model_server.start()
        assert until(lambda: state(online) == "connected") < SEEN_S
    release()
    assert seen == ["connecting", "connected", *["unreachable", "connected"] * 2]


def test_every_probe_is_a_short_get_without_tokens(online: App, model_server: FakeModelServer) -> None:
    online.providers.hold("openai")
    until(lambda: len(model_server.requests) >= 3)
    assert {(one.method, one.path, one.body) for one in model_server.requests} == {("GET", "/v1/models", b"")}
    assert model_server.connections == 1


def test_nobody_in_use_is_probed_for_nobody(online: App, model_server: FakeModelServer) -> None:
    release = online.providers.hold("openai")
    again = online.providers.hold("openai")
    until(lambda: model_server.requests)
    release()
    release()  # once is enough
    count = len(model_server.requests)
    until(lambda: len(model_server.requests) > count)
    again()
    until(lambda: not online.providers._watch.is_running)
    count = len(model_server.requests)
    time.sleep(PACE_S["machine"] * 1.3)
    assert len(model_server.requests) == count


def test_flowing_answer_is_sign_of_life_enough(online: App, model_server: FakeModelServer) -> None:
    online.providers.hold("openai")
    until(lambda: state(online) == "connected")
    model_server.hold(after=1)
    chat = Chat(online)
    handle = chat.start("hello", choice=FAKE)
    until(lambda: chat.events.text())
    count = len(model_server.requests)
    time.sleep(PACE_S["machine"] * 1.5)
    assert len(model_server.requests) == count and state(online) == "connected"
    model_server.release()
    assert handle.result(10).status == "complete"


def test_probe_is_no_entry_in_the_ledger_of_this_machine_but_counted(
    online: App, model_server: FakeModelServer, home: Path
) -> None:
    online.providers.hold("openai")
    until(lambda: len(model_server.requests) >= 2)
    assert online.gate.entries().result(5) == []
    assert online.gate.probes[model_server.url] >= 2


def test_probe_passes_the_studios_policy(
    model_server: FakeModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[providers]\ndeny = ["openai"]\n')
    monkeypatch.setenv("NUKE_AI_PANEL_POLICY", str(policy))
    app = opened_at(model_server.base_url)
    app.providers.hold("openai")
    until(lambda: app.providers._watch.is_running)
    time.sleep(0.3)
    assert state(app) == "forbidden by policy" and model_server.requests == []
    app.close()
    shutdown_event_loop()


@pytest.mark.parametrize(("name", "settings"), [
    ("local", {}), ("demo", OVERRIDES), ("openrouter", {}),
])
def test_who_has_no_server_here_and_whom_nobody_asked_is_left_alone(name: str, settings: dict[str, Any]) -> None:
    app = App.open(overrides=settings)
    app.providers.hold(name)
    until(lambda: app.providers._watch.is_running)
    time.sleep(0.2)
    assert state(app, name) == "unknown" and app.providers.built() == ()
    app.close()
    shutdown_event_loop()


def test_provider_without_its_key_is_not_asked_again_and_again() -> None:
    app = App.open()
    assert app.providers.check("openrouter").result(5).state == "needs key"
    tried: List[str] = []
    app.keys.find = lambda row: tried.append(row.name)  # type: ignore[assignment,method-assign]  # no key
    app.providers.hold("openrouter")
    until(lambda: app.providers._watch.is_running)
    time.sleep(0.3)
    assert tried == [] and state(app, "openrouter") == "needs key"
    app.close()
    shutdown_event_loop()


def test_service_outside_that_is_idle_is_left_alone_for_minutes() -> None:
    assert PACE_S["outside"] >= 180 and PACE_S["house"] >= 30


@pytest.mark.parametrize("failures", range(1, 12))
def test_pauses_grow_to_a_minute_with_jitter_and_stay_short_on_this_machine(failures: int) -> None:
    longest = min(LONGEST_PAUSE_S, 2.0 ** (failures - 1))
    for luck in (0.0, 0.5, 0.999):
        pause = pause_after(failures, "outside", random=lambda luck=luck: luck)  # type: ignore[misc]  # a default
        assert max(1.0, longest / 2) <= pause <= longest
        assert pause_after(failures, "machine", random=lambda: 0.9) == 1.0
    if longest > 2:
        assert pause_after(failures, "house", random=lambda: 0.0) != pause_after(failures, "house", random=lambda: 0.9)


def at_a_distance(app: App, distance: str) -> None:
    """Has the server on this machine treated as one elsewhere."""
    app.providers._watch._distance = lambda name: distance  # type: ignore[assignment,return-value]  # a Literal


def test_absent_server_elsewhere_is_looked_for_less_and_less(online: App, model_server: FakeModelServer) -> None:
    at_a_distance(online, "house")
    model_server.stop()
    online.providers.check("openai").result(10)
    online.providers.hold("openai")
    until(lambda: (online.providers.status("openai").next_try_at or 0) > time.time() + 1.2, 20)


def woken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_wake.SleepWatch, "slept", lambda self, due_in_s=None: True)


def moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_wake.NetworkWatch, "is_other", lambda self: True)


@pytest.mark.parametrize("event", [woken, moved])
def test_sleep_and_another_network_have_everybody_looked_at_at_once(
    event: Callable[[pytest.MonkeyPatch], None], online: App, model_server: FakeModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_a_distance(online, "outside")
    model_server.stop()
    online.providers.check("openai").result(10)
    monkeypatch.setattr(connection_watch, "pause_after", lambda *_, **__: 3600.0)
    online.providers.hold("openai")
    until(lambda: (online.providers.status("openai").next_try_at or 0) > time.time() + 1000)
    model_server.start()
    event(monkeypatch)
    assert until(lambda: state(online) == "connected", 15) < 12


def test_network_is_another_one_when_our_own_address_is(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses: List[Tuple[str, ...]] = [("10.0.0.5", ""), ("10.0.0.5", ""), ("", ""), ("192.168.1.9", "")]
    monkeypatch.setattr(http_wake, "_own_addresses", lambda: addresses.pop(0))
    watch = NetworkWatch()
    assert [watch.is_other() for _ in range(3)] == [False, True, True]


def test_asking_for_the_own_address_never_fails() -> None:
    assert NetworkWatch().is_other() is False


def test_changed_address_is_looked_at_at_once(online: App, model_server: FakeModelServer) -> None:
    online.providers.hold("openai")
    until(lambda: state(online) == "connected")
    online._reload = lambda: opened_at(f"http://127.0.0.1:{closed_port()}/v1").settings
    online.reload_settings()
    assert until(lambda: state(online) == "unreachable") < SEEN_S
    for one in open_apps():
        if one is not online:
            one.close()


def test_status_of_the_script_editor_tells_all_of_it(
    model_server: FakeModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", model_server.base_url)
    model_server.stop()
    release = api.shared_app().providers.hold("openai")
    until(lambda: ai.status()["providers"]["openai"]["state"] == "unreachable")
    found = ai.status()["providers"]["openai"]
    assert set(found) >= {"title", "state", "since", "latency_s", "error", "next_step", "next_try_at", "waiting"}
    assert "Nothing answers at 127.0.0.1" in found["error"] and found["next_step"].startswith("Start OpenAI")
    assert found["since"] == pytest.approx(time.time(), abs=30) and found["waiting"] == 0
    until(lambda: ai.status()["providers"]["openai"]["next_try_at"] is not None)
    json.dumps(ai.status())
    model_server.start()
    until(lambda: ai.status()["providers"]["openai"]["state"] == "connected")
    assert ai.status()["providers"]["openai"]["latency_s"] < 1
    release()
    api.close()


def test_states_are_kept_for_the_next_generation_of_the_code(online: App, model_server: FakeModelServer) -> None:
    online.providers.hold("openai")
    until(lambda: state(online) == "connected")
    model_server.stop()
    until(lambda: state(online) == "unreachable")
    before = online.providers.status("openai")
    online.hand_over(20.0)
    again = opened_at(model_server.base_url)
    after = again.providers.status("openai")
    assert (after.state, after.since, after.error) == (before.state, before.since, before.error)
    assert isinstance(after.error, ErrorInfo) and not online.providers._watch.is_running
    elsewhere = opened_at(f"http://127.0.0.1:{closed_port()}/v1")
    assert state(elsewhere) == "unknown"  # what was known is about another address
    model_server.start()
    again.providers.hold("openai")
    assert until(lambda: state(again) == "connected") < SEEN_S
    elsewhere.close()
    again.close()
    shutdown_event_loop()
