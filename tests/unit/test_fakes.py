"""The fake model server keeps its promises, since so many tests stand on it."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import ssl
import time
import warnings

import pytest

from nuke_ai_panel.providers.http import HttpClient
from tests.fakes import fault_server as fake
from tests.fakes.model_server import FakeModelServer

from .transport import BODY, ask, run, stream

CHAT = {**BODY, "stream": True, "stream_options": {"include_usage": True}}


def test_openai_dialect_streams_words_usage_and_sentinel(model_server: FakeModelServer) -> None:
    lines = ask(model_server.base_url + "/chat/completions", body=CHAT).body.decode().split("\n\n")
    chunks = [json.loads(line[6:]) for line in lines[:-2]]
    words = [choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"]]
    assert "".join(words) == "Hello, artist."
    assert chunks[-1]["usage"]["completion_tokens"] == 4
    assert lines[-2] == "data: [DONE]"


def test_ollama_dialect_streams_lines(model_server: FakeModelServer) -> None:
    model_server.thinking = ("Hm.",)
    lines = [json.loads(line) for line in ask(model_server.url + "/api/chat").body.splitlines()]
    assert lines[0]["message"]["thinking"] == "Hm."
    assert "".join(line["message"]["content"] for line in lines) == "Hello, artist."
    assert (lines[-1]["done"], lines[-1]["done_reason"]) == (True, "stop")


def test_models_are_listed_in_both_dialects(model_server: FakeModelServer) -> None:
    async def both(client: HttpClient) -> tuple[object, object]:
        first = await client.get_json(model_server.base_url + "/models")
        return first, await client.get_json(model_server.url + "/api/tags")

    openai, ollama = run(both)
    assert [row["id"] for row in openai["data"]] == [row["name"] for row in ollama["models"]]  # type: ignore[index]


def test_held_stream_waits_for_its_release(model_server: FakeModelServer) -> None:
    model_server.hold(after=2)

    async def wait(client: HttpClient) -> tuple[bytes, bytes]:
        task = asyncio.ensure_future(stream(client, model_server.base_url + "/chat/completions", body=CHAT))
        await asyncio.sleep(0.15)
        assert not task.done()
        model_server.release()
        return (await task).body, b""

    assert b"[DONE]" in run(wait)[0]


def test_client_that_leaves_a_held_stream_is_noticed(model_server: FakeModelServer) -> None:
    model_server.hold(after=1)

    async def leave(client: HttpClient) -> float:
        response = await client.post_stream(model_server.base_url + "/chat/completions", CHAT)
        await response.__anext__()
        response.close()
        return time.monotonic()

    left = run(leave)
    assert model_server.wait_for_disconnect() - left < 0.2


def test_pace_is_kept(model_server: FakeModelServer) -> None:
    model_server.words = ["w "] * 10
    model_server.tokens_per_s = 50
    assert 0.18 < ask(model_server.base_url + "/chat/completions", body=CHAT).seconds < 1.0


def test_errors_on_command_end(model_server: FakeModelServer) -> None:
    model_server.fail(503, headers={"Retry-After": "1"})
    url = model_server.base_url + "/chat/completions"
    assert [ask(url, body=CHAT).status, ask(url, body=CHAT).status] == [503, 200]


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_server_that_stops_while_clients_arrive_forgets_no_socket(is_tls: bool) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if is_tls else None
    gc.collect()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for _ in range(8):
            server = fake.FaultServer(fake.no_headers(), tls=tls)
            server.start()
            clients = []
            for _ in range(30):
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", server.port))
                clients.append(client)
            server.stop()
            for client in clients:
                client.close()
            del server
            gc.collect()
    assert [str(one.message) for one in seen] == []
