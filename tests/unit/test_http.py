"""One session, one connection, no redirects, no keys in sight, closed for good."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Dict

import aiohttp
import pytest

from nuke_ai_panel.providers.http import HttpClient, HttpOptions
from tests.fakes import fault_server as fake
from tests.fakes.fixtures import StartFaultServer
from tests.fakes.model_server import FakeModelServer

from .transport import BODY, KEY, QUICK, ask, failure, run, stream

ROOT = Path(__file__).resolve().parents[2]
KEY_HEADERS = (
    {"Authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}, {"api-key": KEY}, {"x-goog-api-key": KEY},
)


# ---------------------------------------------------------------- requests and answers


def test_json_comes_back_as_values(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.json_answer({"data": ["größe", 1]}))
    assert run(lambda client: client.get_json(server.url + "/v1/models")) == {"data": ["größe", 1]}


def test_posted_json_is_utf8_and_compact(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.json_answer({}))
    run(lambda client: client.post_json(server.url, {"q": "größe"}))
    assert server.requests[0].body == '{"q":"größe"}'.encode()
    assert server.requests[0].headers["content-type"] == "application/json"


def test_lone_surrogates_leave_as_replacement_characters(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.json_answer({}))
    run(lambda client: client.post_json(server.url, {"q": "a\ud83d \ud83d\ude00"}))
    assert server.requests[0].json() == {"q": "a\ufffd \U0001f600"}


def test_nan_is_refused_before_anything_is_sent(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.json_answer({}))
    error = failure(lambda client: client.post_json(server.url, {"temperature": float("nan")}))
    assert (error.kind, server.requests) == ("bad_request", [])


def test_very_large_body_arrives_whole(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.sse([1]))
    picture = "QUJD" * 1_500_000
    assert ask(server.url, body={"image": picture}).kind is None
    assert server.requests[0].json() == {"image": picture}
    assert server.requests[0].headers["content-length"] == str(len(server.requests[0].body))


def test_stream_names_its_head(fault_server: StartFaultServer) -> None:
    headers = {"Content-Type": "text/event-stream; charset=utf-8", "X-Request-Id": "req-7"}
    server = fault_server(fake.sse([1], headers=headers))

    async def head(client: HttpClient) -> tuple[object, ...]:
        response = await client.post_stream(server.url, BODY)
        try:
            return response.status, response.content_type, response.request_id, response.headers["x-request-id"]
        finally:
            response.close()

    assert run(head) == (200, "text/event-stream", "req-7", "req-7")


def test_errors_body_can_be_read_from_a_stream(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.rate_limited("7"))

    async def read(client: HttpClient) -> tuple[int, bytes]:
        response = await client.post_stream(server.url, BODY)
        try:
            return response.status, await response.read_body()
        finally:
            response.close()

    status, body = run(read)
    assert status == 429
    assert b"rate_limit_exceeded" in body


def test_json_error_is_classified_with_its_delay(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.rate_limited("7"))
    error = failure(lambda client: client.get_json(server.url))
    assert (error.kind, error.status, error.retry_after_s, error.provider) == ("rate_limit", 429, 7.0, "studio")


def test_stream_asks_for_no_compression(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.sse([1]))
    ask(server.url, QUICK, headers={"Accept-Encoding": "gzip"})
    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_cookies_are_not_kept(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.json_answer({}, headers={"Set-Cookie": "track=1"}))

    async def twice(client: HttpClient) -> None:
        await client.get_json(server.url)
        await client.get_json(server.url)

    run(twice)
    assert "cookie" not in server.requests[1].headers


def test_netrc_is_not_read(fault_server: StartFaultServer, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    netrc = os.path.join(str(tmp_path), "netrc")
    with open(netrc, "w", encoding="utf-8") as file:
        file.write("default login thief password secret\n")
    monkeypatch.setenv("NETRC", netrc)
    server = fault_server(fake.sse([1]))
    ask(server.url, headers={"Authorization": f"Bearer {KEY}"})
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "api-key"])
def test_key_with_a_foreign_character_is_refused_before_sending(fault_server: StartFaultServer, name: str) -> None:
    server = fault_server(fake.json_answer({}))
    error = failure(lambda client: client.get_json(server.url, headers={name: "sk-abc…"}))
    assert (error.kind, server.connections) == ("auth", 0)


def test_keys_line_break_is_taken_off(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.json_answer({}))
    run(lambda client: client.get_json(server.url, headers={"Authorization": f"Bearer {KEY}\r\n"}))
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_empty_key_sends_no_header(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.json_answer({}))
    run(lambda client: client.get_json(server.url, headers={"Authorization": "Bearer "}))
    assert "authorization" not in server.requests[0].headers


def test_key_is_masked_wherever_a_server_echoes_it(fault_server: StartFaultServer) -> None:
    echo = {"error": {"message": f"Incorrect API key provided: {KEY}", "code": "invalid_api_key"}}
    server = fault_server(fake.json_answer(echo, 401), fake.answer(200, f"<html>{KEY}</html>".encode()))
    first = failure(lambda client: client.get_json(server.url))
    second = failure(lambda client: client.get_json(server.url))
    shown = f"{first} {first.info()} {second} {second.info()}"
    assert (first.kind, second.kind) == ("auth", "protocol")
    assert KEY not in shown


# ---------------------------------------------------------------- redirects


@pytest.mark.parametrize("headers", KEY_HEADERS, ids=lambda headers: next(iter(headers)))
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_refused_and_nothing_reaches_its_target(
    fault_server: StartFaultServer, status: int, headers: Dict[str, str]
) -> None:
    target = fault_server(fake.json_answer({"stolen": True}))
    server = fault_server(fake.redirect(status, f"{target.url}/steal?key=1"))
    streamed = ask(server.url, headers=headers)
    fetched = failure(lambda client: client.get_json(server.url, headers=headers))
    assert (streamed.kind, fetched.kind) == ("bad_request", "bad_request")
    assert f"127.0.0.1:{target.port}" in fetched.user_text
    assert "steal" not in fetched.user_text
    assert (target.connections, target.heads) == (0, [])


@pytest.mark.parametrize("location", ["file:///etc/passwd", "/", "", "http://[", "https://127.0.0.1:1/"])
def test_odd_redirects_are_refused(fault_server: StartFaultServer, location: str) -> None:
    server = fault_server(fake.redirect(302, location))
    assert failure(lambda client: client.get_json(server.url)).kind == "bad_request"
    assert len(server.requests) == 1


# ---------------------------------------------------------------- connections


def test_twenty_messages_use_one_connection(model_server: FakeModelServer) -> None:
    url = model_server.base_url + "/chat/completions"

    async def talk(client: HttpClient) -> None:
        for _ in range(20):
            assert b"[DONE]" in (await stream(client, url, body={**BODY, "stream": True})).body

    run(talk)
    assert (len(model_server.requests), model_server.connections) == (20, 1)


def test_drained_stream_gives_its_connection_back(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.stream([b"data: [DONE]\n\n", b": bye\n\n"], pause_s=0.05))

    async def leave_early(client: HttpClient) -> None:
        for _ in range(3):
            response = await client.post_stream(server.url, BODY)
            await response.__anext__()
            assert await response.drain()
            response.close()

    run(leave_early)
    assert server.connections == 1


def test_drain_gives_up_on_a_server_that_never_ends(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.stall(b"data: [DONE]\n\n"))

    async def drain(client: HttpClient) -> tuple[bool, float]:
        response = await client.post_stream(server.url, BODY)
        await response.__anext__()
        started = time.monotonic()
        return await response.drain(0.2), time.monotonic() - started

    ended, seconds = run(drain)
    assert not ended
    assert 0.15 < seconds < 1.0
    server.wait_for_disconnect()


def test_idle_connections_that_the_server_closed_are_replaced_silently(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.once_per_connection(fake.sse([1])))

    async def talk(client: HttpClient) -> None:
        for _ in range(4):
            assert (await stream(client, server.url)).kind is None

    run(talk)
    assert server.connections == 4


def test_idle_connections_that_were_reset_are_replaced_silently(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.once_per_connection(fake.json_answer({"ok": 1}), reset=True))

    async def talk(client: HttpClient) -> None:
        assert await client.post_json(server.url, {}) == {"ok": 1}
        assert await client.post_json(server.url, {}) == {"ok": 1}

    run(talk)


def test_server_that_was_restarted_is_found_again(model_server: FakeModelServer) -> None:
    url = model_server.base_url + "/chat/completions"

    async def talk(client: HttpClient) -> list[object]:
        kinds = [(await stream(client, url, body={"stream": True})).kind]
        model_server.stop()
        kinds.append((await stream(client, url, body={"stream": True})).kind)
        model_server.start()
        return [*kinds, (await stream(client, url, body={"stream": True})).kind]

    assert run(talk) == [None, "network", None]


def test_new_connection_that_closes_unanswered_is_an_error_at_once(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.raw(b""))
    outcome = ask(server.url)
    assert (outcome.kind, len(server.requests)) == ("network", 1)


def test_request_is_not_sent_again_once_an_answer_began(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.sse([1]), fake.raw(b"HTTP/1.1 200 OK\r\nX-Half:", then="fin"))

    async def talk(client: HttpClient) -> tuple[object, object]:
        return (await stream(client, server.url)).kind, (await stream(client, server.url)).kind

    assert run(talk) == (None, "network")
    assert len(server.requests) == 2


def test_many_streams_at_once_never_mix(model_server: FakeModelServer) -> None:
    model_server.words = lambda body: [f"<{body['messages'][0]['content']}>"] * 20
    url = model_server.base_url + "/chat/completions"

    async def one(client: HttpClient, number: int) -> bool:
        body = {"stream": True, "messages": [{"role": "user", "content": f"q{number}"}]}
        outcome = await stream(client, url, body=body)
        return outcome.body.count(f"<q{number}>".encode()) == 20 == outcome.body.count(b"<")

    async def together(client: HttpClient) -> bool:
        return all(await asyncio.gather(*(one(client, number) for number in range(40))))

    assert run(together)


# ---------------------------------------------------------------- life and death of the session


def test_session_opens_at_first_use_only_once(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.json_answer({}))

    async def race(client: HttpClient) -> set[object]:
        assert not client._session.is_open
        await asyncio.gather(*(client.get_json(server.url) for _ in range(20)))
        return {client._session.live()}

    assert len(run(race)) == 1


def test_closing_ends_running_streams_as_cancelled(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.stall(b"data: 1\n\n"), fake.no_headers())

    async def close_early(client: HttpClient) -> tuple[object, object]:
        streaming = asyncio.ensure_future(stream(client, server.url))
        await asyncio.sleep(0.1)
        waiting = asyncio.ensure_future(stream(client, server.url))
        await asyncio.sleep(0.1)
        await client.close()
        return (await streaming).kind, (await waiting).kind

    assert run(close_early) == ("cancelled", "cancelled")
    server.wait_for_disconnect(2, timeout_s=1.0)


def test_closed_client_refuses_on_its_loop_and_closing_twice_is_fine(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.json_answer({}))

    async def reuse(client: HttpClient) -> None:
        await client.get_json(server.url)
        await client.close()
        await client.close()
        await client.get_json(server.url)

    assert failure(reuse).kind == "cancelled"
    assert len(server.requests) == 1


def test_closed_client_opens_again_on_a_fresh_loop(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.json_answer({"ok": 1}))
    client = HttpClient("studio", QUICK)

    async def use() -> object:
        try:
            return await client.get_json(server.url)
        finally:
            await client.close()

    assert asyncio.run(use()) == asyncio.run(use()) == {"ok": 1}


def test_other_loops_are_refused(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.json_answer({}))
    messages = []

    async def elsewhere(client: HttpClient) -> None:
        try:
            await client.get_json(server.url)
        except RuntimeError as exc:
            messages.append(str(exc))

    async def use(client: HttpClient) -> None:
        await client.get_json(server.url)
        thread = threading.Thread(target=lambda: asyncio.run(elsewhere(client)))
        thread.start()
        await asyncio.get_running_loop().run_in_executor(None, thread.join)

    run(use)
    assert messages == ["the HttpClient of studio belongs to another event loop; use it on that one"]


def test_nothing_is_left_open_without_a_word(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.sse([1]))
    ask(server.url)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        gc.collect()
    assert [str(one.message) for one in seen] == []
    server.wait_until(lambda: server.open_connections() == 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_child_leaves_its_parents_connection_alone(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.json_answer({"ok": 1}))
    client = HttpClient("studio", QUICK)
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(client.get_json(server.url))
        child = os.fork()
        if child == 0:
            code = 1
            try:
                gc.collect()
                code = 0 if asyncio.run(_once(client, server.url)) == {"ok": 1} else 2
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        loop.run_until_complete(client.get_json(server.url))
        loop.run_until_complete(client.close())
    finally:
        loop.close()
    assert [request.connection for request in server.requests] == [1, 2, 1]


async def _once(client: HttpClient, url: str) -> object:
    try:
        return await client.get_json(url)
    finally:
        await client.close()


def test_options_headers_go_with_every_request(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.json_answer({}))
    options = HttpOptions(proxy="none", headers={"X-Studio": "north", "User-Agent": "studio-tool"})
    run(lambda client: client.get_json(server.url), options)
    assert server.requests[0].headers["x-studio"] == "north"
    assert server.requests[0].headers["user-agent"] == "studio-tool"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="nobody can tell before Python 3.11")
def test_cancellation_from_inside_aiohttp_is_a_network_error(
    fault_server: StartFaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def given_up(*args: object, **more: object) -> object:
        raise asyncio.CancelledError

    monkeypatch.setattr("aiohttp.ClientSession._request", given_up)
    assert failure(lambda client: client.get_json("http://127.0.0.1:1/")).kind == "network"


@pytest.mark.skipif(aiohttp.__version__.startswith("3.8."), reason="aiohttp 3.8 warns of itself in development mode")
def test_twenty_messages_raise_no_warning_in_development_mode(model_server: FakeModelServer) -> None:
    program = """
import asyncio, gc, sys
from nuke_ai_panel.providers.http import HttpClient, HttpOptions

async def main(url):
    client = HttpClient("studio", HttpOptions())
    for _ in range(20):
        response = await client.post_stream(url, {"stream": True, "messages": []})
        print(len([chunk async for chunk in response.chunks()]) > 0)
        response.close()
    await client.close()

asyncio.run(main(sys.argv[1]))
gc.collect()
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program, model_server.base_url + "/chat/completions"],
        capture_output=True, text=True, timeout=60, cwd=ROOT,
    )
    assert (done.stdout.split(), done.stderr) == (["True"] * 20, "")
    assert model_server.connections == 1


def test_client_that_was_closed_before_its_first_use_stays_closed(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.json_answer({}))

    async def late(client: HttpClient) -> None:
        await client.close()
        await client.get_json(server.url)

    assert failure(late).kind == "cancelled"
    assert server.connections == 0


def test_closing_while_certificates_are_read_ends_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nuke_ai_panel.providers.http_session.tls_context", lambda **options: time.sleep(0.5))

    async def close_early(client: HttpClient) -> bool:
        waiting = asyncio.ensure_future(stream(client, "https://127.0.0.1:1/"))
        await asyncio.sleep(0.1)
        await client.close()
        await asyncio.wait({waiting}, timeout=0.2)
        return waiting.cancelled() or waiting.result().kind == "cancelled"

    assert run(close_early)
