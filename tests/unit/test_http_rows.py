"""What else the network and its servers can do, each with the behaviour that was promised; see network_rows.py."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import pytest

from nuke_ai_panel.app import App, ModelChoice
from nuke_ai_panel.events import TextAdded, WaitChanged, WarningRaised
from nuke_ai_panel.messages import Message
from nuke_ai_panel.providers import http as door
from nuke_ai_panel.providers.connection import http_options, open_client
from nuke_ai_panel.providers.http import HttpClient, HttpOptions
from nuke_ai_panel.providers.http_request import HttpRequest
from nuke_ai_panel.settings import ProviderSettings
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop
from tests.fakes import fault_server as fake
from tests.fakes.fixtures import StartFaultServer

from .transport import BODY, KEY, QUICK, ask, failure, run, stream
from .turn_kit import OVERRIDES, Chat

ROOT = Path(__file__).parents[2]
FAKE = ModelChoice("openai", "fake-model")


def word(text: str, finish: Optional[str] = None) -> bytes:
    return fake.event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]})


DONE = b"data: [DONE]\n\n"


@pytest.fixture
def opened() -> Iterator[List[App]]:
    apps: List[App] = []
    yield apps
    for app in apps:
        app.close()
    shutdown_event_loop()


def answer_from(opened: List[App], server: fake.FaultServer, **more: Any) -> Message:  # settings of any type
    """The answer of a whole turn whose provider is `server`."""
    chat = chat_with(opened, server, **more)
    return chat.ask("q", choice=FAKE, retries=0)


def chat_with(opened: List[App], server: fake.FaultServer, **more: Any) -> Chat:  # settings of any type
    rows = {f"providers.openai.{name}": value for name, value in more.items()}
    app = App.open(overrides={**OVERRIDES, "providers.openai.base_url": f"{server.url}/v1", **rows})
    opened.append(app)
    return Chat(app)


# ---------------------------------------------------------------- the clocks as they are set


def test_clocks_are_a_minute_and_local_servers_may_load_for_five() -> None:
    row = ProviderSettings("openai", kind="openai")
    assert (row.connect_timeout_s, row.idle_timeout_s, row.first_event_timeout_s) == (10.0, 60.0, 300.0)
    client = open_client(row, None)

    def head_s(url: str, size: int = 0, **options: Any) -> float:  # options of several types
        client._options = replace(http_options(row), **options)
        return client._first_byte_s(HttpRequest("POST", url, {}, b"x" * size, None, None, 10.0))

    assert head_s("https://api.openai.com/v1") == 60.0
    assert head_s("http://127.0.0.1:11434/api/chat") == head_s("http://farm:8000/v1") == 300.0
    assert head_s("https://api.openai.com/v1", first_byte_timeout_s=200.0) == 200.0
    assert head_s("https://api.openai.com/v1", size=700_000) == 160.0


def test_stall_in_mid_answer_keeps_what_came_and_may_be_continued(
    fault_server: StartFaultServer, opened: List[App]
) -> None:
    server = fault_server(fake.stall(word("Half an ")), fake.stream([word("answer.", "stop"), DONE]))
    chat = chat_with(opened, server, idle_timeout_s=0.3)
    broken = chat.ask("q", choice=FAKE, retries=2)
    assert (broken.status, broken.text) == ("failed", "Half an ")
    assert broken.error is not None and broken.error.kind == "timeout"
    whole = chat.ask("", choice=FAKE, continue_of=broken.id)
    assert (whole.id, whole.status, whole.text) == (broken.id, "complete", "Half an answer.")
    assert len(server.requests) == 2


def test_model_that_names_itself_and_then_thinks_has_the_first_clock(
    fault_server: StartFaultServer, opened: List[App]
) -> None:
    role = fake.event({"choices": [{"index": 0, "delta": {"role": "assistant"}}]})

    async def think(connection: fake.Connection, request: fake.Request) -> None:
        await connection.send(fake.head(200, {"Content-Type": fake.EVENT_STREAM, "Connection": "close"}) + role)
        await connection.pause(0.8)
        await connection.send(word("done", "stop") + DONE)
        connection.finish()

    answer = answer_from(opened, fault_server(think), idle_timeout_s=0.3)
    assert (answer.status, answer.text) == ("complete", "done")


# ---------------------------------------------------------------- answers that are none


@pytest.mark.parametrize("behaviour", [
    fake.answer(204), fake.answer(200), fake.answer(200, b"", {"Content-Type": fake.EVENT_STREAM}),
    fake.stream([], framing="close"), fake.stream([b"\n\n", b": nothing\n\n"]),
], ids=["204", "empty", "empty stream", "closed", "comments"])
def test_empty_answer_is_an_error_and_no_empty_bubble(
    fault_server: StartFaultServer, opened: List[App], behaviour: fake.Behaviour
) -> None:
    answer = answer_from(opened, fault_server(behaviour))
    assert (answer.status, answer.text) == ("failed", "")
    assert answer.error is not None and answer.error.user_text


def test_connection_that_just_ends_is_no_success(fault_server: StartFaultServer, opened: List[App]) -> None:
    answer = answer_from(opened, fault_server(fake.stream([word("Half")], framing="close")))
    assert (answer.status, answer.text) == ("failed", "Half")
    assert answer.error is not None and answer.error.kind == "truncated"


def test_error_inside_a_good_stream_keeps_the_part_before_it(fault_server: StartFaultServer, opened: List[App]) -> None:
    error = fake.event({"error": {"message": "upstream fell over", "type": "server_error"}})
    server = fault_server(fake.stream([word("Half"), error, DONE]), fake.stream([word("x", "stop"), DONE]))
    answer = Chat(chat_with(opened, server).app).ask("q", choice=FAKE, retries=2)
    assert (answer.status, answer.text, len(server.requests)) == ("failed", "Half", 1)
    assert answer.error is not None and "upstream fell over" in answer.error.message


def test_sign_in_page_shows_its_beginning_without_its_tags(fault_server: StartFaultServer, opened: List[App]) -> None:
    page = b"<html><script>alert(1)</script><body>Log\x1b[31m in to the studio " + b"x" * 3000 + b"</body></html>"
    answer = answer_from(opened, fault_server(fake.answer(200, page, {"Content-Type": "text/html"})))
    assert answer.error is not None and answer.error.kind == "protocol"
    shown = answer.error.message
    assert "Log" in shown and "<" not in shown and "\x1b" not in shown and len(shown) < 300


@pytest.mark.parametrize(("pieces", "expected"), [
    (["Caf\u00e9 \U0001f680 \u4e2d"], "Caf\u00e9 \U0001f680 \u4e2d"),
], ids=["four-byte"])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_characters_cut_between_packets_arrive_whole(
    fault_server: StartFaultServer, opened: List[App], pieces: List[str], expected: str, size: int
) -> None:
    delta = {"choices": [{"index": 0, "delta": {"content": pieces[0]}, "finish_reason": "stop"}]}
    body = b"data: " + json.dumps(delta, ensure_ascii=False).encode() + b"\r\n\r\n" + DONE
    cut = [body[at:at + size] for at in range(0, len(body), size)]
    assert answer_from(opened, fault_server(fake.stream(cut))).text == expected


def test_bytes_that_are_no_utf8_become_replacement_characters(
    fault_server: StartFaultServer, opened: List[App]
) -> None:
    body = b'data: {"choices":[{"index":0,"delta":{"content":"a\xff\xfeb"},"finish_reason":"stop"}]}\n\n' + DONE
    assert answer_from(opened, fault_server(fake.stream([body]))).text == "a\ufffd\ufffdb"


def test_one_unreadable_event_is_skipped_and_ten_are_an_error(
    fault_server: StartFaultServer, opened: List[App]
) -> None:
    bad = b'data: {"choices": [}\n\n'
    deep = b'data: ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"\n\n"
    few = answer_from(opened, fault_server(fake.stream([word("a"), bad, deep, word("b", "stop"), DONE])))
    assert (few.status, few.text) == ("complete", "ab") and "bad_json_event" in few.warnings
    many = answer_from(opened, fault_server(fake.stream([word("a"), *[bad] * 10, word("b", "stop"), DONE])))
    assert (many.status, many.text) == ("failed", "a")
    assert many.error is not None and many.error.kind == "protocol"


def test_half_a_surrogate_is_stored_and_shown(fault_server: StartFaultServer, opened: List[App]) -> None:
    body = b'data: {"choices":[{"index":0,"delta":{"content":"x\\ud83dy"},"finish_reason":"stop"}]}\n\n' + DONE
    chat = chat_with(opened, fault_server(fake.stream([body])))
    assert chat.ask("q", choice=FAKE).text == "x\ufffdy" == chat.path()[1].text


def test_eight_mebibyte_event_is_read_and_nine_are_refused_with_what_came(
    fault_server: StartFaultServer, opened: List[App]
) -> None:
    def event(size: int) -> bytes:
        frame = word("", "stop")
        return frame.replace(b'"content": ""', b'"content": "' + b"x" * (size - len(frame) + 6) + b'"')

    fits = answer_from(opened, fault_server(fake.stream([word("a"), event(8 << 20), DONE])))
    assert (fits.status, len(fits.text)) == ("complete", 1 + (8 << 20) - len(word("", "stop")) + 6)
    broken = answer_from(opened, fault_server(fake.stream([word("a"), event(9 << 20), DONE])))
    assert (broken.status, broken.text) == ("failed", "a")
    assert broken.error is not None and broken.error.kind == "protocol"


def test_endless_answer_ends_at_its_cap_in_little_memory(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.infinite(word("x" * 60_000)))
    program = f"""
import asyncio
from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.messages import Message
from nuke_ai_panel.providers.base import ChatRequest
from nuke_ai_panel.providers.openai_provider import OpenAIProvider
from nuke_ai_panel.settings import ProviderSettings

async def main():
    provider = OpenAIProvider(ProviderSettings("x", kind="openai", base_url={server.url!r} + "/v1"))
    try:
        async for _ in provider.stream(ChatRequest("m", (Message("q", "c", None, "user", "q"),))):
            pass
    except ProviderError as error:
        print(error.kind)
    await provider.close()

asyncio.run(main())
print([int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")][0] >> 10)
"""
    if not sys.platform.startswith("linux"):
        pytest.skip("memory is counted by Linux's /proc")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=ROOT)
    kind, mib = done.stdout.split()
    assert (kind, int(mib) < 200) == ("protocol", True), done.stdout + done.stderr


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize("location", ["http://127.0.0.1:{port}/x", "file:///etc/passwd", "{own}", "javascript:x", "http://"])
def test_https_redirect_never_leads_to_plain_http_a_file_or_round_in_circles(
    fault_server: StartFaultServer, location: str
) -> None:
    second = fault_server(fake.json_answer({"stolen": 1}))
    first = fault_server(fake.json_answer({}))
    target = location.format(port=second.port, own=first.url)
    first.behaviours[:] = [fake.redirect(308, target)]
    error = failure(lambda client: client.post_json(first.url, BODY, headers={"x-api-key": KEY}))
    assert (error.kind, error.status) == ("bad_request", 308)
    assert second.connections == 0 and len(first.requests) == 1


@pytest.mark.parametrize(("status", "kind", "sentence"), [
    (401, "auth", "rejected the key"), (403, "permission", "does not allow"),
    (413, "bad_request", "too large"), (400, "context_too_long", "longer than"),
])
def test_refusal_is_explained_and_not_tried_again(
    fault_server: StartFaultServer, opened: List[App], status: int, kind: str, sentence: str
) -> None:
    bodies: Dict[int, Dict[str, Any]] = {
        400: {"error": {"message": "too long", "code": "context_length_exceeded"}},
        413: {"error": {"message": "Request Entity Too Large"}},
    }
    server = fault_server(fake.json_answer(bodies.get(status, {"error": {"message": f"no: {KEY}"}}), status))
    os.environ["OPENAI_API_KEY"] = KEY
    try:
        chat = chat_with(opened, server)
        answer = chat.ask("q", choice=FAKE, retries=2)
    finally:
        del os.environ["OPENAI_API_KEY"]
    assert answer.error is not None and answer.error.kind == kind
    assert sentence in answer.error.user_text and answer.error.next_step
    assert KEY not in repr(answer) and len(server.requests) == 1


@pytest.mark.parametrize("header", ["99999999", "-5", "garbage", "", "nan", "inf", "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_any_retry_after_ends_in_an_answer_or_a_named_wait(
    fault_server: StartFaultServer, opened: List[App], header: str
) -> None:
    server = fault_server(fake.rate_limited(header), fake.stream([word("ok", "stop"), DONE]))
    chat = chat_with(opened, server)
    began = time.monotonic()
    answer = chat.ask("q", choice=FAKE, retries=2)
    assert time.monotonic() - began < 5
    if header in ("99999999", "Wed, 21 Oct 2099 07:28:00 GMT"):
        assert answer.error is not None and "asks to wait" in answer.error.user_text and len(server.requests) == 1
    else:
        assert answer.text == "ok" and len(server.requests) == 2


@pytest.mark.parametrize("status", [500, 502, 503, 529])
def test_servers_trouble_is_tried_twice_more_and_no_further(
    fault_server: StartFaultServer, opened: List[App], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nuke_ai_panel.core.retry.FIRST_DELAY_S", 0.01)
    server = fault_server(fake.json_answer({"error": {"message": "oops"}}, status))
    chat = chat_with(opened, server)
    answer = chat.ask("q", choice=FAKE)
    assert answer.status == "failed" and len(server.requests) == 3
    waits = [wait for wait in chat.events.of(WaitChanged) if wait.phase == "retrying"]
    assert [wait.attempt for wait in waits] == [1, 2]


# ---------------------------------------------------------------- old connections, swapped servers, wrong threads


def test_stale_connection_is_replaced_once_and_only_if_it_died_at_once(
    fault_server: StartFaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow_death(connection: fake.Connection, request: fake.Request) -> None:
        if connection.served:
            await connection.pause(0.3)  # it may have begun to work
            connection.finish()
            return
        await fake.json_answer({"ok": 1})(connection, request)

    monkeypatch.setattr("nuke_ai_panel.providers.http_connector.STALE_S", 0.1)
    server = fault_server(slow_death)

    async def twice(client: HttpClient) -> Optional[str]:
        await client.get_json(server.url)
        return (await stream(client, server.url)).kind

    assert run(twice) == "network" and len(server.requests) == 2


def test_many_stale_connections_cost_one_more_request_each(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.once_per_connection(fake.json_answer({"ok": 1})))

    async def bursts(client: HttpClient) -> List[int]:
        counts = []
        for ask_once in (lambda: client.get_json(server.url), lambda: client.post_json(server.url, BODY)):
            await asyncio.gather(*(client.get_json(server.url) for _ in range(6)))
            before = len(server.requests)
            await ask_once()  # six idle connections, all dead
            counts.append(len(server.requests) - before)
        return counts

    assert max(run(bursts)) <= 2


SERVER = """
import sys
from tests.fakes.model_server import FakeModelServer
one = FakeModelServer(["Hello ", "from ", "the ", "real ", "one."])
one.tokens_per_s = float(sys.argv[2])
one.port = int(sys.argv[1])
one.start()
print(one.port, flush=True)
sys.stdin.read()
"""


def start_server(port: int, tokens_per_s: float) -> subprocess.Popen[str]:
    running = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(port), str(tokens_per_s)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, cwd=ROOT,
    )
    assert running.stdout is not None and running.stdout.readline().strip()
    return running


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no kill -9")
def test_model_server_that_is_killed_and_started_again_is_found_again(opened: List[App]) -> None:
    port = fake.closed_port()
    first = start_server(port, 5.0)
    app = App.open(overrides={**OVERRIDES, "providers.openai.base_url": f"http://127.0.0.1:{port}/v1"})
    opened.append(app)
    chat = Chat(app)
    handle = chat.start("q", choice=FAKE)
    chat.events.wait_for(TextAdded)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    chat.events.end()
    broken = handle.result(5)
    assert broken.status == "failed" and broken.text.startswith("Hello ")
    assert broken.error is not None and broken.error.kind == "network"
    second = start_server(port, 1000.0)
    try:
        assert chat.ask("again", choice=FAKE).text == "Hello from the real one."
    finally:
        second.communicate()


def test_client_is_refused_on_another_thread_before_anything_is_sent(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.json_answer({}))
    said: List[str] = []

    async def elsewhere(client: HttpClient) -> None:
        try:
            await client.post_stream(server.url, BODY)
        except RuntimeError as exc:
            said.append(str(exc))

    async def use(client: HttpClient) -> None:
        await client.get_json(server.url)
        thread = threading.Thread(target=lambda: asyncio.run(elsewhere(client)))
        thread.start()
        await asyncio.get_running_loop().run_in_executor(None, thread.join)

    run(use)
    assert len(said) == 1 and "another event loop" in said[0] and len(server.requests) == 1


def test_localhost_that_nobody_serves_names_every_address() -> None:
    port = fake.closed_port()
    error = failure(lambda client: client.get_json(f"http://localhost:{port}/"))
    assert error.kind == "network" and "127.0.0.1" in error.message
    families = {one[4][0] for one in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)}
    assert all(address in error.message for address in families)


def test_clock_of_the_wall_decides_no_deadline() -> None:
    sources = "".join(Path(door.__file__).with_name(name).read_text("utf-8") for name in (
        "http.py", "http_stream.py", "http_connector.py", "http_resolver.py", "http_session.py"))
    assert "time.time(" not in sources
    assert HttpOptions().idle_timeout_s == 60.0 and QUICK.proxy == "none"


def test_unknown_tool_and_cut_call_never_run(fault_server: StartFaultServer, opened: List[App]) -> None:
    call = {"index": 0, "id": "c1", "function": {"name": "look", "arguments": '{"path": "/sh'}}
    cut = fake.event({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
    for behaviour in (fake.drop(cut), fake.cut_short(cut), fake.stream([cut], framing="close")):
        answer = answer_from(opened, fault_server(behaviour))
        assert (answer.status, answer.tool_calls) == ("failed", ())
    whole = {**call, "function": {"name": "nobody", "arguments": "{}"}}
    asks = fake.event({"choices": [{"index": 0, "delta": {"tool_calls": [whole]}, "finish_reason": "tool_calls"}]})
    chat = chat_with(opened, fault_server(fake.stream([asks, DONE])))
    chat.ask("q", choice=FAKE)
    assert [one.code for one in chat.events.of(WarningRaised)] == ["tool_calls_unanswered"]


def test_plain_answer_of_a_tls_port_and_silence_are_errors(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.raw(b"\x15\x03\x01\x00\x02\x02\x28"))
    assert ask(server.url).kind == "protocol"
