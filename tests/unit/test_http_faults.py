"""What the network can do to a stream, and that each ends in one clear error with what had arrived kept."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from typing import Any, Awaitable, Callable, List, Optional

import aiohttp
import pytest

from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.providers.http import HttpClient, HttpOptions
from nuke_ai_panel.providers.http_errors import FOREIGN_ERRORS
from tests.fakes import fault_server as fake
from tests.fakes.fixtures import StartFaultServer
from tests.streams import Case, load_cases

from .transport import BODY, QUICK, Outcome, ask, failure, run, stream

EVENT = fake.event({"a": 1})
IMPATIENT = HttpOptions(
    proxy="none", connect_timeout_s=0.5, first_event_timeout_s=0.4, idle_timeout_s=0.3, progress_timeout_s=0.9
)


# ---------------------------------------------------------------- N1, N2, N7, N8, N9: our clocks


def test_refused_loopback_asks_whether_the_server_runs() -> None:
    port = fake.closed_port()
    error = ask(f"http://127.0.0.1:{port}/v1").error
    assert error is not None
    assert (error.kind, error.retryable) == ("network", False)
    assert f"127.0.0.1:{port}" in error.user_text
    assert "Is the server running?" in error.user_text


def test_unknown_host_is_named() -> None:
    error = ask("http://nobody.invalid/v1").error
    assert error is not None
    assert (error.kind, error.user_text) == ("network", "No address is known for nobody.invalid.")


def test_silence_before_the_head_ends_on_the_first_clock(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.no_headers())
    outcome = ask(server.url, IMPATIENT)
    assert outcome.kind == "timeout"
    assert 0.35 < outcome.seconds < 1.0
    server.wait_for_disconnect(timeout_s=1.0)


def test_head_without_an_event_ends_on_the_first_clock(fault_server: StartFaultServer) -> None:
    outcome = ask(fault_server(fake.stall()).url, IMPATIENT)
    assert (outcome.status, outcome.kind) == (200, "timeout")
    assert 0.35 < outcome.seconds < 1.0


def test_silence_between_events_ends_on_the_second_clock(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.stall(EVENT))
    outcome = ask(server.url, IMPATIENT)
    assert (outcome.kind, outcome.body) == ("timeout", EVENT)
    assert 0.25 < outcome.seconds < 0.8
    assert outcome.error is not None
    assert outcome.error.message == f"nothing more came from 127.0.0.1:{server.port} within 0.3 s"
    server.wait_for_disconnect(timeout_s=1.0)


def test_clock_between_events_does_not_wait_for_the_first_ones(fault_server: StartFaultServer) -> None:
    outcome = ask(fault_server(fake.stall(EVENT)).url, replace(IMPATIENT, first_event_timeout_s=30.0))
    assert (outcome.kind, outcome.body) == ("timeout", EVENT)
    assert 0.25 < outcome.seconds < 0.8


def test_dripped_bytes_that_make_no_event_are_silence(fault_server: StartFaultServer) -> None:
    outcome = ask(fault_server(fake.drip(b"data: " + b"x" * 200, 0.02)).url, IMPATIENT)
    assert outcome.kind == "timeout"
    assert outcome.seconds < 1.0


def test_keepalives_hold_the_line_but_not_for_ever(fault_server: StartFaultServer) -> None:
    outcome = ask(fault_server(fake.keepalives(0.1)).url, IMPATIENT)
    assert outcome.kind == "timeout"
    assert 0.85 < outcome.seconds < 1.5
    assert outcome.error is not None
    assert "nothing but keep-alives" in outcome.error.message


def test_steady_events_outlive_every_clock(fault_server: StartFaultServer) -> None:
    outcome = ask(fault_server(fake.stream([EVENT] * 15, pause_s=0.1)).url, IMPATIENT)
    assert (outcome.kind, outcome.body) == (None, EVENT * 15)
    assert outcome.seconds > IMPATIENT.progress_timeout_s


def test_a_busy_reader_is_not_a_silent_server(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.stream([EVENT] * 3, pause_s=0.02))

    async def dawdle(client: HttpClient) -> bytes:
        response = await client.post_stream(server.url, BODY)
        got = b""
        async for chunk in response.chunks():
            got += chunk
            response.event_seen()
            await asyncio.sleep(0.5)
        return got

    assert run(dawdle, IMPATIENT) == EVENT * 3


def test_json_request_has_a_deadline_of_its_own(fault_server: StartFaultServer) -> None:
    for server in (fault_server(fake.no_headers()), fault_server(fake.stream([b"["], framing="close", end="stall"))):
        started = time.monotonic()
        assert failure(lambda client, url=server.url: client.get_json(url, timeout_s=0.3)).kind == "timeout"  # type: ignore[misc]
        assert time.monotonic() - started < 1.5
        server.wait_for_disconnect(timeout_s=1.0)


# ---------------------------------------------------------------- N10–N12, N14–N25: broken answers

HTML = fake.answer(200, b"<html>Log in</html>", {"Content-Type": "text/html"})
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BROKEN = {
    "reset": (fake.drop(EVENT), "network", EVENT),
    "no chunk terminator": (fake.cut_short(EVENT), "network", EVENT),
    "short content length": (fake.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + EVENT), "network", EVENT),
    "garbage status line": (fake.raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "protocol", b""),
    "invalid chunk size": (fake.raw(CHUNKED + b"ZZ\r\nhello"), "protocol", b""),
    "overflowing chunk size": (fake.raw(CHUNKED + b"F" * 40 + b"\r\nhello"), "protocol", b""),
    "huge header": (fake.raw(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n"), "protocol", b""),
    "2,000 times continue": (fake.interim_answers(2000, fake.sse([1])), "protocol", b""),
    "gzip bomb": (fake.gzip_bomb(64 << 20), "protocol", b""),
    "broken gzip": (fake.answer(200, b"no gzip", {"Content-Encoding": "gzip"}), "protocol", b""),
    "closed unanswered": (fake.raw(b""), "network", b""),
}


@pytest.mark.parametrize("fault", sorted(BROKEN))
def test_broken_answer_is_an_error_and_keeps_what_came(fault_server: StartFaultServer, fault: str) -> None:
    behaviour, kind, kept = BROKEN[fault]
    server = fault_server(behaviour)
    outcome = ask(server.url)
    assert (outcome.kind, outcome.body) == (kind, kept)
    assert outcome.error is not None
    assert f"127.0.0.1:{server.port}" in outcome.error.message
    assert outcome.seconds < 2.0


@pytest.mark.skipif(aiohttp.__version__.startswith("3.8."), reason="aiohttp 3.8 counts no headers")
def test_hundred_thousand_headers_are_refused(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.raw(b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 100_000 + b"\r\n"))
    assert ask(server.url).kind == "protocol"


def test_few_interim_answers_are_fine(fault_server: StartFaultServer) -> None:
    assert ask(fault_server(fake.interim_answers(8, fake.sse([1]))).url).kind is None


def test_body_that_ends_with_the_connection_ends_well_here(fault_server: StartFaultServer) -> None:
    outcome = ask(fault_server(fake.stream([EVENT], framing="close")).url)
    assert (outcome.kind, outcome.body) == (None, EVENT)  # only the protocol's own terminator can tell


def test_what_arrived_before_a_reset_reaches_a_slow_reader(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.stream([EVENT] * 4, pause_s=0.03, end="reset"))

    async def dawdle(client: HttpClient) -> tuple[bytes, Optional[str]]:
        response = await client.post_stream(server.url, BODY)
        got = await response.__anext__()
        await asyncio.sleep(0.4)
        try:
            async for chunk in response.chunks():
                got += chunk
        except ProviderError as exc:
            return got, exc.kind
        return got, None

    assert run(dawdle) == (EVENT * 4, "network")


def test_five_mebibyte_line_passes(fault_server: StartFaultServer) -> None:
    outcome = ask(fault_server(fake.huge_line(5 << 20)).url)
    assert (outcome.kind, len(outcome.body)) == (None, (5 << 20) + 8)


def test_endless_stream_stops_at_the_cap(fault_server: StartFaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nuke_ai_panel.providers.http.STREAM_LIMIT_BYTES", 4 << 20)
    server = fault_server(fake.infinite())
    outcome = ask(server.url)
    assert outcome.kind == "protocol"
    assert 3 << 20 < len(outcome.body) <= 4 << 20
    server.wait_for_disconnect(timeout_s=1.0)


@pytest.mark.parametrize("behaviour", [fake.answer(204), fake.answer(200), HTML], ids=["204", "empty", "html"])
def test_json_request_wants_json(fault_server: StartFaultServer, behaviour: fake.Behaviour) -> None:
    error = failure(lambda client: client.get_json(fault_server(behaviour).url))
    assert error.kind == "protocol"


def test_compressed_json_is_read_up_to_the_cap(
    fault_server: StartFaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gzip

    packed = gzip.compress(json.dumps({"ok": "x" * 1000}).encode())
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    server = fault_server(fake.answer(200, packed, headers))
    assert run(lambda client: client.get_json(server.url)) == {"ok": "x" * 1000}
    monkeypatch.setattr("nuke_ai_panel.providers.http.JSON_LIMIT_BYTES", 500)
    assert failure(lambda client: client.get_json(server.url)).kind == "protocol"


def test_oversized_json_is_refused(fault_server: StartFaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nuke_ai_panel.providers.http.JSON_LIMIT_BYTES", 1000)
    server = fault_server(fake.json_answer("x" * 2000))
    assert failure(lambda client: client.get_json(server.url)).kind == "protocol"


def test_bomb_does_not_hold_up_the_loop(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.gzip_bomb(256 << 20))
    gaps: List[float] = []

    async def watch(client: HttpClient) -> Outcome:
        async def tick() -> None:
            while True:
                before = time.monotonic()
                await asyncio.sleep(0.005)
                gaps.append(time.monotonic() - before)

        ticking = asyncio.ensure_future(tick())
        await asyncio.sleep(0.02)
        outcome = await stream(client, server.url)
        ticking.cancel()
        await asyncio.wait({ticking})
        return outcome

    assert run(watch).kind == "protocol"
    assert max(gaps) < 0.1


def test_server_that_answers_during_the_upload_is_heard(fault_server: StartFaultServer) -> None:
    body = json.dumps({"error": {"message": "request too large"}}).encode()
    server = fault_server(fake.early(413, body), ignores_bodies=True)

    async def upload(client: HttpClient) -> tuple[int, bytes]:
        response = await client.post_stream(server.url, {"image": "A" * (2 << 20)})
        try:
            return response.status, await response.read_body()
        finally:
            response.close()

    assert run(upload) == (413, body)


def test_error_body_that_stalls_still_gives_its_status(
    fault_server: StartFaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nuke_ai_panel.providers.http_stream.ERROR_BODY_S", 0.2)
    start = b"HTTP/1.1 503 X\r\nContent-Length: 999\r\n\r\nbusy"
    server = fault_server(fake.raw(start, then="stall"))

    async def read(client: HttpClient) -> tuple[int, bytes]:
        response = await client.post_stream(server.url, BODY)
        return response.status, await response.read_body()

    assert run(read) == (503, b"busy")


def test_loopback_by_name_finds_the_family_that_listens(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.json_answer({"ok": 1}))
    assert run(lambda client: client.get_json(f"http://localhost:{server.port}/")) == {"ok": 1}


def test_ipv6_loopback_works(fault_server: StartFaultServer) -> None:
    try:
        server = fault_server(fake.json_answer({"ok": 1}), host="::1")
    except AssertionError:
        pytest.skip("no IPv6 on this machine")
    assert run(lambda client: client.get_json(server.url)) == {"ok": 1}


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "file:///etc/passwd", "nonsense", "", "http://"])
def test_impossible_urls_are_the_settings_fault(url: str) -> None:
    assert failure(lambda client: client.get_json(url)).kind == "bad_request"


# ---------------------------------------------------------------- recorded bodies through the wire

CASES = [case for case in load_cases() if case.end in ("eof", "reset")]


@pytest.mark.parametrize("chunking", ["whole", "random"])
def test_recorded_bodies_arrive_byte_for_byte(fault_server: StartFaultServer, chunking: str) -> None:
    def recorded(case: Case) -> fake.Behaviour:
        return fake.replay(
            status=case.status, headers=case.headers, body=case.body, end=case.end, chunking=chunking, seed=3
        )

    server = fault_server(fake.json_answer({}), routes={f"/{n}": recorded(case) for n, case in enumerate(CASES)})

    async def all_of_them(client: HttpClient) -> List[Outcome]:
        return [await stream(client, f"{server.url}/{number}") for number in range(len(CASES))]

    got = [(outcome.status, outcome.body, outcome.kind) for outcome in run(all_of_them)]
    assert got == [(case.status, case.body, "network" if case.end == "reset" else None) for case in CASES]


# ---------------------------------------------------------------- N45: stop in every phase

Start = Callable[[HttpClient], Awaitable[Any]]


def stopped_after(start: Start, wait_s: float = 0.15, options: HttpOptions = QUICK) -> float:
    """Seconds from the cancellation to its end."""

    async def stop(client: HttpClient) -> float:
        task = asyncio.ensure_future(start(client))
        await asyncio.sleep(wait_s)
        assert not task.done()
        before = time.monotonic()
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        assert task.cancelled()
        return time.monotonic() - before

    return run(stop, options)


def test_stop_while_a_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **more: time.sleep(0.6) or [])
    assert stopped_after(lambda client: client.post_stream("http://slow.test/", BODY)) < 0.2


def test_stop_while_connecting() -> None:
    import socket

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        fillers = []
        for _ in range(4):  # the queue is full: further SYNs are dropped
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
            fillers.append(filler)
        try:
            assert stopped_after(lambda client: client.post_stream(url, BODY)) < 0.2
            assert ask(url, replace(IMPATIENT, first_event_timeout_s=5.0)).kind == "timeout"
        finally:
            for filler in fillers:
                filler.close()


def test_stop_during_the_tls_handshake(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.no_headers())
    url = f"https://127.0.0.1:{server.port}/"
    assert stopped_after(lambda client: client.post_stream(url, BODY), wait_s=0.5) < 0.2
    server.wait_until(lambda: server.open_connections() == 0, 1.0)


def test_stop_during_the_upload(fault_server: StartFaultServer) -> None:
    import socket

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        assert stopped_after(lambda client: client.post_stream(url, {"image": "A" * (32 << 20)}), wait_s=0.8) < 0.2
        peer, _ = listening.accept()
        peer.settimeout(1.0)
        with peer:
            received = 0
            try:
                while True:
                    piece = peer.recv(1 << 20)
                    received += len(piece)
                    if not piece:
                        break
            except ConnectionResetError:
                pass
        assert 0 < received < 32 << 20


def test_stop_before_the_first_byte(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.no_headers())
    assert stopped_after(lambda client: client.post_stream(server.url, BODY)) < 0.2
    server.wait_for_disconnect(timeout_s=0.5)


def test_stop_in_the_middle_of_a_stream(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.stall(EVENT))
    assert stopped_after(lambda client: stream(client, server.url)) < 0.2
    server.wait_for_disconnect(timeout_s=0.5)


def test_stop_under_a_flood(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.infinite(b"data: 1\n\n"))
    assert stopped_after(lambda client: stream(client, server.url)) < 0.2
    server.wait_for_disconnect(timeout_s=0.5)


def test_server_sees_the_stop_within_a_fifth_of_a_second(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.stall(EVENT))
    moments = []

    async def close(client: HttpClient) -> None:
        for _ in range(10):
            response = await client.post_stream(server.url, BODY)
            await response.__anext__()
            moments.append(time.monotonic())
            response.close()
            await asyncio.sleep(0.02)

    run(close)
    server.wait_for_disconnect(10)
    assert max(seen - closed for closed, seen in zip(moments, server.disconnects)) < 0.2


def test_hundred_stops_leave_nothing_behind(fault_server: StartFaultServer) -> None:
    server = fault_server(fake.stall(EVENT))

    async def churn(client: HttpClient) -> None:
        for number in range(100):
            task = asyncio.ensure_future(stream(client, server.url))
            await asyncio.sleep(0.002 * (number % 3))
            task.cancel()
            await asyncio.wait({task})
        assert (client._streams, client._trips) == (set(), set())

    run(churn)
    server.wait_until(lambda: server.open_connections() == 0, 2.0)


def test_table_knows_every_class_that_the_network_raises() -> None:
    assert issubclass(asyncio.TimeoutError, FOREIGN_ERRORS)
    assert issubclass(ConnectionResetError, FOREIGN_ERRORS)
    assert not issubclass(asyncio.CancelledError, FOREIGN_ERRORS)
