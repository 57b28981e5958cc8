"""The studio's rules and the ledger where they count: nothing forbidden reaches a socket, nothing leaves unwritten."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Iterator

import pytest

import nuke_ai_panel as ai
from nuke_ai_panel.app import App, ModelChoice
from nuke_ai_panel.core import studio_gate
from nuke_ai_panel.errors import PolicyError
from nuke_ai_panel.events import TurnFailed, WarningRaised
from nuke_ai_panel.messages import Message
from nuke_ai_panel.providers.base import ChatRequest
from nuke_ai_panel.providers.http import HttpClient, HttpOptions
from nuke_ai_panel.providers.openai_provider import OpenAIProvider
from nuke_ai_panel.settings import ProviderSettings, policy_source
from nuke_ai_panel.store.ledger_file import LedgerFile
from nuke_ai_panel.tools import Risk, Tool, Toolbox
from nuke_ai_panel.utils.event_loop_manager import run_coroutine, shutdown_event_loop

from ..conftest import LogLines
from ..fakes.model_server import FakeModelServer
from .cli_kit import Cli
from .studio_kit import answers, ask, ledger_of, open_app, write_policy


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy file that allows everything, until a test writes into it."""
    monkeypatch.setattr(policy_source, "machine_policy_path", lambda: tmp_path / "machine.toml")
    monkeypatch.setenv("NUKE_AI_PANEL_POLICY", str(tmp_path / "policy.toml"))
    return write_policy(tmp_path / "policy.toml", 'contact = "pipeline@studio"')


@pytest.fixture
def app(policy: Path, model_server: FakeModelServer) -> Iterator[App]:
    opened = open_app(model_server.base_url)
    yield opened
    opened.close()
    shutdown_event_loop()


FORBIDDING = [
    '[providers]\ndeny = ["openai"]', '[providers]\nallow = ["ollama"]', '[models]\ndeny = ["fake-*"]',
    '[models]\nallow = ["other"]', '[origins]\nallow = ["https://openrouter.ai"]', '[origins]\ndeny = ["127.*"]',
]


@pytest.mark.parametrize("rules", FORBIDDING)
def test_forbidden_question_is_kept_and_never_sent(
    rules: str, app: App, policy: Path, model_server: FakeModelServer
) -> None:
    write_policy(policy, f'contact = "pipeline@studio"\n{rules}')
    answer, events = ask(app, "what I typed")
    assert isinstance(events[-1], TurnFailed) and events[-1].error.kind == "policy"
    assert "pipeline@studio" in events[-1].error.next_step and str(policy) in events[-1].error.message
    assert (model_server.requests, model_server.connections) == ([], 0)
    assert answer.status == "failed"
    assert [one.text for one in app.store.path(answer.conversation_id).result(5)] == ["what I typed", ""]
    assert answers(app, 0) == []


@pytest.mark.parametrize("rules", FORBIDDING)
def test_script_editor_and_bare_parts_are_refused_alike(
    rules: str, policy: Path, model_server: FakeModelServer, home: Path
) -> None:
    write_policy(policy, rules)
    url = model_server.base_url
    (home / "settings.toml").write_text(f'[providers.openai]\nbase_url = "{url}"\n')
    row = ProviderSettings("openai", kind="openai", base_url=url)

    async def bare_provider() -> None:
        provider = OpenAIProvider(row)
        try:
            request = ChatRequest("fake-model", (Message("1", "c", None, "user", "hi"),))
            async for _ in provider.stream(request):
                pass
        finally:
            await provider.close()

    with pytest.raises(PolicyError):
        asyncio.run(bare_provider())
    try:
        with pytest.raises(PolicyError):
            ai.ask("hi", provider="openai", model="fake-model")
        with pytest.raises(PolicyError):
            ai.ask("hi", provider="openai", model="fake-model", base_url=url.replace("127.0.0.1", "localhost")
                   if "127" not in rules else url)
    finally:
        ai.close()
        shutdown_event_loop()
    assert model_server.requests == []


def test_model_lists_and_downloads_are_refused_too(policy: Path, model_server: FakeModelServer) -> None:
    write_policy(policy, '[origins]\nallow = []')

    async def get(kind: str) -> None:
        client = HttpClient("x", HttpOptions())
        try:
            if kind == "list":
                await client.get_json(f"{model_server.base_url}/models")
            else:
                await client.get_stream(model_server.base_url)
        finally:
            await client.close()

    for kind in ("list", "download"):
        with pytest.raises(PolicyError):
            asyncio.run(get(kind))
    assert model_server.connections == 0


def test_model_that_is_smuggled_into_the_body_is_refused(
    app: App, policy: Path, model_server: FakeModelServer, home: Path
) -> None:
    write_policy(policy, '[models]\ndeny = ["secret*"]')
    (home / "settings.toml").write_text('[providers.openai.options.extra_body]\nmodels = ["secret-model"]\n')
    app.reload_settings()
    _, events = ask(app)
    assert isinstance(events[-1], TurnFailed) and events[-1].error.model == "secret-model"
    assert model_server.chats == []


def test_change_of_the_file_counts_for_the_next_request(app: App, policy: Path, model_server: FakeModelServer) -> None:
    assert ask(app)[0].text == "Hello, artist."
    write_policy(policy, '[providers]\ndeny = ["openai"]')
    assert ask(app)[0].status == "failed"
    policy.write_text("[providers\n")
    broken = ask(app)[0]
    assert broken.error is not None and "cannot be read, so nothing is sent" in broken.error.user_text
    assert f"{policy}, line 1" in broken.error.message
    write_policy(policy, "")
    assert ask(app)[0].text == "Hello, artist." and len(model_server.chats) == 2


def test_forbidden_provider_is_in_no_list_and_its_status_says_why(app: App, policy: Path) -> None:
    assert "openai" in app.providers.names()
    write_policy(policy, '[providers]\ndeny = ["openai"]')
    status = app.providers.check("openai").result(10)
    assert status.state == "forbidden by policy" and status.error is not None and status.error.code == "providers.deny"
    assert "openai" not in app.providers.names()
    write_policy(policy, "")
    assert app.providers.check("openai").result(10).state == "connected" and "openai" in app.providers.names()


def test_forbidden_model_is_listed_with_the_reason(app: App, policy: Path) -> None:
    write_policy(policy, '[models]\ndeny = ["fake-model-2"]')
    models = app.providers.refresh_models("openai").result(10).models
    assert {one.id: one.unavailable_reason for one in models} == {
        "fake-model": None, "fake-model-2": "forbidden by policy (models.deny)"}
    assert app.providers.status("openai").state == "connected"


def test_broken_policy_hides_no_provider_but_lets_none_answer(app: App, policy: Path) -> None:
    policy.write_text("x")
    assert app.providers.check("openai").result(10).state == "forbidden by policy"
    assert "openai" in app.providers.names()


def test_key_of_a_forbidden_provider_is_not_even_looked_for(
    app: App, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(app.keys, "find", lambda row: asked.append(row.name))
    write_policy(policy, '[providers]\ndeny = ["openai"]')
    ask(app)
    assert asked == []


def test_command_line_is_refused_and_says_whom_to_ask(
    policy: Path, model_server: FakeModelServer, home: Path
) -> None:
    cli = Cli(home, model_server.base_url)
    env = {"NUKE_AI_PANEL_POLICY": str(policy)}
    write_policy(policy, 'contact = "pipeline@studio"\n[providers]\ndeny = ["openai"]')
    done = cli.ask("hi", env=env)
    assert done.returncode not in (0, 5) and done.stdout == ""
    assert "forbids OpenAI (rule providers.deny). Ask pipeline@studio" in done.stderr
    listed = cli.run("models", env=env)
    assert "OpenAI: forbidden by policy (providers.deny). Ask pipeline@studio" in listed.stderr
    policy.write_text("local_only = tru")
    done = cli.ask("hi", env=env)
    assert f"{policy}, line 1" in done.stderr and "nothing is sent" in done.stderr
    assert model_server.requests == []


def test_defaults_of_the_policy_begin_a_conversation_until_the_artist_chooses(
    policy: Path, model_server: FakeModelServer
) -> None:
    write_policy(policy, '[defaults]\nprovider = "openai"\nmodel = "fake-model-2"\nsystem = "Be kind."')
    app = App.open(overrides={"providers.openai.base_url": model_server.base_url})
    try:
        ask(app, choice=None)
        body = model_server.chats[0].json()
        assert body["model"] == "fake-model-2" and body["messages"][0]["content"] == "Be kind."
        assert app.settings.sources["default_model"] == f"{policy}, line 3"
    finally:
        app.close()
    app = open_app(model_server.base_url, system="Be brief.")
    try:
        ask(app, choice=None)
        body = model_server.chats[1].json()
        assert body["model"] == "fake-model" and body["messages"][0]["content"] == "Be brief."
    finally:
        app.close()
        shutdown_event_loop()


def test_tool_that_is_off_is_unknown_to_the_model_and_never_runs(
    policy: Path, model_server: FakeModelServer
) -> None:
    write_policy(policy, '[tools]\ndeny = ["run_*"]')
    ran = []
    tools = [Tool(name, "does it", Risk.READ, lambda name=name: ran.append(name) or "done")
             for name in ("run_python", "read_node")]
    app = App.open(toolbox=Toolbox(tools), overrides={
        "default_provider": "openai", "default_model": "fake-model", "providers.openai.base_url": model_server.base_url,
        "max_tool_rounds": 1,
    })
    try:
        model_server.calls = [("1", "run_python", "{}"), ("2", "read_node", "{}")]
        ask(app)
        assert [one["function"]["name"] for one in model_server.chats[0].json()["tools"]] == ["read_node"]
        assert ran == ["read_node"]
        told = [one["content"] for one in model_server.chats[1].json()["messages"] if one["role"] == "tool"]
        assert "A studio rule forbids it." in told[0]
    finally:
        app.close()
        shutdown_event_loop()


# ---------------------------------------------------------------- the ledger


def test_answer_is_in_the_ledger_with_what_it_used_and_nothing_of_what_it_said(
    app: App, model_server: FakeModelServer, home: Path
) -> None:
    answer, _ = ask(app, "my secret question")
    (entry,) = answers(app)
    chat = model_server.chats[0]
    assert (entry.provider, entry.model, entry.origin) == ("openai", "fake-model", model_server.url)
    assert (entry.bytes_sent, entry.conversation_id, entry.outcome) == (
        len(chat.body), answer.conversation_id, "answered")
    assert answer.usage is not None and (entry.input_tokens, entry.output_tokens) == (
        answer.usage.input, answer.usage.output)
    assert (entry.cost_usd, entry.trust, entry.left_house, entry.status) == (0.0, "machine", False, 200)
    text = "".join(path.read_text() for path in (home / "ledger").glob("*.jsonl"))
    assert "secret question" not in text and "artist" not in text
    assert app.gate.verify().result(5) == []


def test_entry_is_written_before_the_first_byte_leaves(app: App, model_server: FakeModelServer, home: Path) -> None:
    seen = []
    behave = model_server.behaviour_for

    def look(request: object) -> object:
        seen.append(len(LedgerFile(home / "ledger").entries()))
        return behave(request)  # type: ignore[arg-type]  # the server's own request

    model_server.behaviour_for = look  # type: ignore[method-assign,assignment]  # a spy
    ask(app)
    assert seen and seen[-1] == len(seen)


def test_failures_stops_and_lists_are_in_the_ledger_as_what_they_were(
    app: App, model_server: FakeModelServer
) -> None:
    app.providers.check("openai").result(10)
    model_server.fail(500)
    ask(app)
    model_server.drop_after = 1
    ask(app)
    found = ledger_of(app.gate, count=3, where=lambda one: one.purpose == "answer" or one.status == 200)
    assert [(one.purpose, one.method, one.outcome, one.status) for one in found] == [
        ("other", "GET", "answered", 200), ("answer", "POST", "server_error", 500),
        ("answer", "POST", "network", 200),
    ]
    assert found[1].charged_tokens == 0 and found[2].is_estimated


def test_request_that_found_no_server_costs_nothing(app: App, model_server: FakeModelServer) -> None:
    model_server.stop()
    ask(app)
    (entry,) = answers(app)
    assert (entry.outcome, entry.charged_tokens, entry.status) == ("not sent", 0, None)


def test_unwritable_ledger_is_said_and_stops_only_who_needs_it(
    app: App, policy: Path, model_server: FakeModelServer, home: Path, log_lines: LogLines
) -> None:
    (home / "ledger").write_text("in the way")
    assert ask(app)[0].text == "Hello, artist."
    log_lines.take("cannot be used")
    assert app.gate.trouble is not None
    write_policy(policy, "[ledger]\nrequired = true")
    answer, _ = ask(app)
    assert answer.error is not None and answer.error.code == "ledger.required" and len(model_server.chats) == 1
    (home / "ledger").unlink()
    assert ask(app)[0].text == "Hello, artist." and app.gate.trouble is None


def test_policy_that_does_not_answer_lets_nothing_leave_and_blocks_nothing(
    app: App, model_server: FakeModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studio_gate, "PERMIT_S", 0.3)
    go = threading.Event()
    app.gate.entries().result(5)
    app.gate._ledger.submit(lambda file: go.wait(20))

    async def longest_pause() -> float:
        longest, last, end = 0.0, time.perf_counter(), time.perf_counter() + 0.2
        while last < end:
            await asyncio.sleep(0.01)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        return longest

    beat = run_coroutine
    answer, _ = ask(app)
    assert beat(longest_pause()) < 0.15
    go.set()
    assert answer.error is not None and "does not answer" in answer.error.user_text and model_server.requests == []


def test_studio_folder_holds_a_ledger_for_each_user(app: App, policy: Path, tmp_path: Path, home: Path) -> None:
    write_policy(policy, f'[ledger]\nfolder = "{tmp_path}/all"')
    ask(app)
    assert len(answers(app)) == 1
    assert [path.parent.name for path in (tmp_path / "all").glob("*/*.jsonl")] == [app.gate.user]
    assert not (home / "ledger").exists()


def test_what_was_sent_can_be_looked_at(app: App, model_server: FakeModelServer) -> None:
    answer, _ = ask(app, "look at this")
    sent = app.gate.sent(answer.parent_id or "")
    assert sent is not None and sent.body == model_server.chats[0].json()


# ---------------------------------------------------------------- redaction


def test_secrets_do_not_reach_the_server_and_come_back_in_answer_thinking_and_calls(
    app: App, policy: Path, model_server: FakeModelServer, home: Path
) -> None:
    write_policy(policy, '[redaction]\nlevels = ["machine"]\nwords = ["Orion"]')
    question = "Why is C:\\jobs\\Orion\\plate.exr dark? Orion again, /home/lovelace/x.nk by Lovelace"

    def words(body: dict) -> list[str]:  # type: ignore[type-arg]  # whatever was sent
        text = body["messages"][-1]["content"]
        model_server.thinking = tuple(text)
        return list(text)

    model_server.words = words
    answer, events = ask(app, question)
    wire = model_server.chats[0].body.decode().lower()
    assert not any(one in wire for one in ("orion", "jobs", "plate", "lovelace"))
    assert answer.text == question
    assert "".join(getattr(one, "text", "") for one in events if type(one).__name__ == "TextAdded") == question
    path = app.store.path(answer.conversation_id).result(5)
    assert [one.text for one in path] == [question, question]
    ask(app, "and now?", conversation_id=answer.conversation_id)
    second = model_server.chats[1].json()["messages"]
    assert second[0] == model_server.chats[0].json()["messages"][0]  # the same placeholders
    assert second[1]["content"] == second[0]["content"]
    assert answers(app, 2)[0].redacted == 4


def test_redaction_of_ones_own_needs_no_policy(model_server: FakeModelServer, home: Path) -> None:
    app = open_app(model_server.base_url, redaction__levels=["machine"], redaction__words=["Apollo"])
    try:
        ask(app, "Apollo lies in /jobs/apollo/x.exr")
        assert "pollo" not in model_server.chats[0].body.decode()
    finally:
        app.close()
        shutdown_event_loop()


def test_nothing_is_redacted_where_nobody_asked(app: App, policy: Path, model_server: FakeModelServer) -> None:
    write_policy(policy, '[redaction]\nlevels = ["cloud"]\nwords = ["Orion"]')
    ask(app, "Orion in /jobs/x/y.exr")
    assert model_server.chats[0].json()["messages"][0]["content"] == "Orion in /jobs/x/y.exr"


# ---------------------------------------------------------------- nothing kept


def test_no_log_keeps_no_word_on_disk(app: App, policy: Path, model_server: FakeModelServer, home: Path) -> None:
    write_policy(policy, "no_log = true")
    ask(app, "first")  # the policy is seen with the first request at the latest
    answer, _ = ask(app, "my unspeakable question")
    ask(app, "and more", conversation_id=answer.conversation_id)
    assert [one["content"] for one in model_server.chats[2].json()["messages"]] == [
        "my unspeakable question", "Hello, artist.", "and more"]
    app.close()
    for path in home.rglob("*"):
        if path.is_file():
            assert b"unspeakable" not in path.read_bytes(), path


# ---------------------------------------------------------------- budgets

PRICE = '[budget.prices."openai/fake-*"]\ninput = 0.0\noutput = 1000.0\n'


def test_hard_limit_refuses_before_sending_and_says_what_is_left(
    app: App, policy: Path, model_server: FakeModelServer
) -> None:
    write_policy(policy, f"[budget]\nanswer_tokens = 20\n[budget.day]\nhard_usd = 0.025\n{PRICE}")
    assert ask(app)[0].status == "complete"
    assert model_server.chats[0].json()["max_tokens"] == 20
    (entry,) = answers(app)
    assert entry.reserved_usd == pytest.approx(0.02) and entry.cost_usd == pytest.approx(0.004)
    assert ask(app)[0].status == "complete"  # 0.004 + 0.02 fits
    answers(app, 2)
    refused, _ = ask(app)  # 0.008 + 0.02 does not
    assert refused.error is not None and refused.error.code == "budget.day.hard_usd"
    assert "$0.0080 of $0.0250 is used today" in refused.error.user_text
    assert len(model_server.chats) == 2 and app.providers.status("openai").state == "connected"


def test_many_at_once_cannot_overspend_together(app: App, policy: Path, model_server: FakeModelServer) -> None:
    write_policy(policy, f"[budget]\nanswer_tokens = 20\n[budget.month]\nhard_usd = 0.1\n{PRICE}")
    model_server.words = ["x "] * 20
    model_server.first_token_delay_s = 0.3
    results = []
    threads = [threading.Thread(target=lambda: results.append(ask(app)[0])) for _ in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    done = [one for one in results if one.status == "complete"]
    assert len(done) == len(model_server.chats) == 5
    assert sum(one.cost_usd or 0 for one in answers(app, 5)) == pytest.approx(0.1)


def test_request_whose_end_is_unknown_counts_in_full(app: App, policy: Path, model_server: FakeModelServer) -> None:
    from nuke_ai_panel.store.ledger_rows import LedgerEntry, sent_record

    write_policy(policy, "[budget]\nanswer_tokens = 20\n[budget.day]\nhard_tokens = 5000")
    died = LedgerEntry("died", time.time(), "openai", "x", "cloud", "answer", user=app.gate.user, reserved_tokens=4990)

    def write(file: LedgerFile) -> None:
        with file.turn():
            file.append(sent_record(died))

    app.gate._ledger.submit(write).result(5)
    refused, _ = ask(app)
    assert refused.error is not None and refused.error.code == "budget.day.hard_tokens"


def test_unknown_price_is_refused_outside_and_free_inside(
    app: App, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAR_KEY", "far-key-that-nobody-sees")
    write_policy(policy, "[budget.day]\nhard_usd = 1")
    assert ask(app)[0].status == "complete"  # this machine is free
    (Path(app.settings.home) / "settings.toml").write_text(
        '[providers.far]\nkind = "openai"\nbase_url = "https://far.example.com/v1"\nkey_env = "FAR_KEY"\n')
    app.reload_settings()
    far, _ = ask(app, choice=ModelChoice("far", "unheard-of"))
    assert far.error is not None and far.error.code == "budget.unpriced"
    assert "budget.prices" in far.error.next_step


def test_soft_limit_warns_beside_the_answer(app: App, policy: Path, model_server: FakeModelServer) -> None:
    write_policy(policy, "[budget.day]\nsoft_tokens = 1\nhard_tokens = 100000")
    assert not [one for one in ask(app)[1] if isinstance(one, WarningRaised)]
    answers(app, 1)
    (warning,) = [one for one in ask(app)[1] if isinstance(one, WarningRaised)]
    assert warning.code == "budget" and "past the studio's mark of 1 tokens" in warning.text


# ---------------------------------------------------------------- the command


def test_ledger_command_lists_sums_and_exports(policy: Path, model_server: FakeModelServer, home: Path) -> None:
    cli = Cli(home, model_server.base_url)
    assert cli.run("ledger").stderr == "Nothing is in the ledger yet.\n"
    cli.ask("hi")
    cli.ask("hi again")
    lines = cli.run("ledger").stdout
    assert lines.count("fake-model  http://127.0.0.1") == 2 and "By provider:" in lines
    assert "Altogether 2 requests, 0 of them beyond the local network" in lines
    rows = json.loads(cli.run("ledger", "--json", "--provider", "open*").stdout)
    assert [(one["model"], one["outcome"], one["left_house"]) for one in rows] == [
        ("fake-model", "answered", False)] * 2
    assert json.loads(cli.run("ledger", "--json", "--outside").stdout) == []
    table = cli.run("ledger", "--csv", "--sums", "model").stdout.splitlines()
    assert table[0].startswith("model,requests") and table[1].startswith("fake-model,2")
    assert cli.run("ledger", "--since", "2099-01-01").stderr == "Nothing since then.\n"
    assert "is no day, time or age" in cli.run("ledger", "--since", "yesteryear").stderr
    assert cli.run("ledger", "--verify").stdout.startswith("The ledger is whole")
    (path,) = (home / "ledger").glob("*.jsonl")
    path.write_text(path.read_text().replace("fake-model", "fine-model", 1))
    done = cli.run("ledger", "--verify")
    assert done.returncode == 1 and "line 1: this line or the one before was changed" in done.stdout


def test_entry_of_a_killed_process_is_there(policy: Path, model_server: FakeModelServer, home: Path) -> None:
    cli = Cli(home, model_server.base_url)
    model_server.hold(after=1)
    running = cli.start("ask", *cli.talk, "hi")
    model_server.wait_for_requests(1)
    running.kill()
    running.communicate(timeout=20)
    model_server.release()
    (row,) = json.loads(cli.run("ledger", "--json").stdout)
    assert (row["outcome"], row["model"], row["ended_at"]) == ("unknown", "fake-model", None)


def test_no_log_adds_nothing_to_a_conversation_that_was_kept_before(
    app: App, policy: Path, model_server: FakeModelServer, home: Path
) -> None:
    first, _ = ask(app, "kept question")
    write_policy(policy, "no_log = true")
    app.providers.check("openai").result(10)
    answer, _ = ask(app, "unspeakable follow-up", conversation_id=first.conversation_id)
    assert answer.text == "Hello, artist."
    assert model_server.chats[1].json()["messages"][0]["content"] == "kept question"
    app.close()
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"kept question" in kept and b"unspeakable" not in kept
