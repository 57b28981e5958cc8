"""Forty planted keys, every provider, every fault: afterwards not one of them is anywhere but in the request.

The server answers with what it was sent, headers and all, in every place where an answer has room for words. Then
everything that the product writes, prints, copies or hands out is searched for every spelling of every key, and for
pieces of it. NUKE_AI_PANEL_CANARIES says how many keys; a release plants five hundred:
`NUKE_AI_PANEL_CANARIES=500 python -m pytest tests/campaigns/test_canaries.py`.
"""

from __future__ import annotations

import base64
import contextlib
import html
import io
import json
import logging
import os
import random
import traceback
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Set, Tuple
from urllib.parse import quote

import pytest

from nuke_ai_panel.app import App, ModelChoice, TurnRequest
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop

from ..fakes.fault_server import (
    FaultServer,
    answer,
    chunk,
    closed_port,
    head,
    raw,
    redirect,
)
from ..fakes.server import Behaviour, Connection, Request
from ..unit.cli_kit import Cli
from ..unit.turn_kit import Events

CAMPAIGN = int(os.environ.get("NUKE_AI_PANEL_CAMPAIGN", "1"))
COUNT = int(os.environ.get("NUKE_AI_PANEL_CANARIES", str(min(500, 40 * CAMPAIGN))))
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
SHAPES = (
    "sk-{48}", "sk-proj-{64}", "sk-svcacct-{60}", "sk-ant-api03-{80}AA", "sk-or-v1-{64}", "AIza{35}", "gsk_{52}",
    "xai-{80}", "hf_{34}", "nvapi-{64}", "{32}", "pk-{40}", "rk-{40}", "{64}", "sk_live_{24}", "AKIA{16}", "ya29.{60}",
    "eyJ{40}.{40}.{40}", "github_pat_{50}", "{20}/{20}+{8}==", "{16}%2F{16}", "{16}&{16}", "{16};{16}",
    "{12}~{12}!{12}", "lm-{32}", "Bearer-{24}", "token_{32}", "{16}:{16}", "{12}#{12}?{12}", "{24}$", "0x{40}",
    "{16}-{16}-{16}", "sess-{40}", "{16}@{16}", "key-{32}", "{16}*{16}", "fw_{24}", "r8_{37}", "co-{40}", "tgp_v1_{43}",
)
KINDS: Tuple[Tuple[str, str, str, Dict[str, str]], ...] = (
    ("openai", "openai", "/v1", {}), ("openrouter", "openrouter", "/v1", {}), ("ollama", "ollama", "", {}),
    ("google", "google", "/v1beta", {}), ("anthropic", "anthropic", "", {}), ("mistral", "mistral", "/v1", {}),
    ("azure", "openai", "", {"vendor": "azure"}),
)


def canaries() -> List[str]:
    dice = random.Random(20261121)

    def fill(shape: str) -> str:
        out, rest = "", shape
        while "{" in rest:
            before, _, rest = rest.partition("{")
            size, _, rest = rest.partition("}")
            out += before + "".join(dice.choice(LETTERS) for _ in range(int(size)))
        return out + rest

    return [fill(SHAPES[number % len(SHAPES)]) for number in range(COUNT)]


# ---------------------------------------------------------------- answers that hold what was asked


def echo(request: Request) -> str:
    return f"you sent {dict(request.headers)!r} to {request.path}"


def echoing(make: Callable[[str], Behaviour]) -> Behaviour:
    async def behave(connection: Connection, request: Request) -> None:
        await make(echo(request))(connection, request)

    return behave


def error_of(status: int) -> Behaviour:
    def make(text: str) -> Behaviour:
        body = {"error": {"message": text, "code": "x", "type": text[:300], "param": text[:50],
                          "metadata": {"raw": text, "provider_name": "Up", "reasons": [text]}}, "detail": text}
        return answer(status, json.dumps(body).encode(), {
            "Content-Type": "application/json", "x-request-id": "r1", "Retry-After": "0"})

    return echoing(make)


def page(status: int) -> Behaviour:
    return echoing(lambda text: answer(
        status, f"<html><title>{html.escape(text)}</title><p>{'x' * 150}{html.escape(text)}".encode(),
        {"Content-Type": "text/html"}))


def in_stream(*, starts: bool) -> Behaviour:
    """A failure in the middle of a good answer, in every vendor's shape at once."""

    def make(text: str) -> Behaviour:
        events = [
            {"error": {"message": text, "code": 502, "type": "error"}},
            {"type": "error", "error": {"type": "overloaded_error", "message": text}},
        ]
        data = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in events[0 if starts else 1:])
        if starts:
            data = b'data: {"choices":[{"delta":{"content":"Hello"}}]}\n\n' + data
        body = head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}) + chunk(data)
        return raw(body + b"0\r\n\r\n")

    return echoing(make)


def lines_of_ollama() -> Behaviour:
    def make(text: str) -> Behaviour:
        data = json.dumps({"error": text}).encode() + b"\n"
        return raw(head(200, {"Content-Type": "application/x-ndjson", "Transfer-Encoding": "chunked"})
                   + chunk(data) + b"0\r\n\r\n")

    return echoing(make)


FAULTS: Dict[str, Behaviour] = {
    **{f"HTTP {status}": error_of(status) for status in (
        400, 401, 402, 403, 404, 408, 409, 413, 415, 422, 429, 500, 502, 503, 529)},
    "page 200": page(200), "page 403": page(403), "page 500": page(500),
    "plain 500": echoing(lambda text: answer(500, text.encode(), {"Content-Type": "text/plain"})),
    "no JSON": echoing(lambda text: answer(200, text.encode(), {"Content-Type": "application/json"})),
    "header": echoing(lambda text: answer(500, b"", {"x-request-id": text[:900], "Content-Type": text[:80]})),
    "reason": echoing(lambda text: raw(f"HTTP/1.1 500 {text[:900]}\r\nContent-Length: 0\r\n\r\n".encode("latin-1"))),
    "no HTTP": echoing(lambda text: raw(text.encode())),
    "redirect": echoing(lambda text: redirect(307, f"http://127.0.0.1:1/{quote(text)}")),
    "redirect with user": echoing(lambda text: redirect(302, f"http://{quote(text)}@127.0.0.1:1/")),
    "bad chunk": echoing(lambda text: raw(
        head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}) + text.encode() + b"\r\n")),
    "error in a stream": in_stream(starts=True), "error instead of a stream": in_stream(starts=False),
    "error line": lines_of_ollama(),
    "event that is no JSON": echoing(lambda text: raw(
        head(200, {"Content-Type": "text/event-stream", "Connection": "close"}) + f"data: {text}\n\n".encode())),
    "drop": raw(b"", then="reset"), "silence": raw(b""),
    "half a head": echoing(lambda text: raw(f"HTTP/1.1 200 OK\r\nX: {text[:500]}".encode())),
}


# ---------------------------------------------------------------- where a key could turn up


class Everything(logging.Handler):
    """Every log line at every level, with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))
        self.lines: List[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextlib.contextmanager
def all_logs() -> Iterator[Everything]:
    handler, root = Everything(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def spellings(key: str) -> Set[str]:
    """The key in every form in which it could be written, and pieces of it."""
    forms = {
        key, quote(key), quote(key, safe=""), html.escape(key), json.dumps(key)[1:-1], repr(key)[1:-1],
        base64.b64encode(key.encode()).decode()[:-4], key[::-1],
    }
    # A piece as long as this is no accident: the middle of a key is random.
    middle = len(key) // 2
    forms.add(key[max(0, middle - 8):middle + 8])
    forms.update((key[-14:], key[8:24]))
    return {form for form in forms if len(form) >= 12}


def found_in(sinks: Dict[str, bytes], keys: List[str]) -> List[str]:
    hits = []
    for key in keys:
        for form in spellings(key):
            raw_form = form.encode()
            hits += [f"{form!r} of {key!r} in {name}" for name, data in sinks.items() if raw_form in data]
    return hits


def open_app(server_url: str, dead: int) -> App:
    rows: Dict[str, object] = {}
    for name, kind, suffix, options in KINDS:
        for row, base in ((f"k-{name}", server_url + suffix), (f"dead-{name}", f"http://127.0.0.1:{dead}{suffix}")):
            rows.update({
                f"providers.{row}.kind": kind, f"providers.{row}.base_url": base, f"providers.{row}.key_env": "CANARY",
                f"providers.{row}.first_event_timeout_s": 3.0, f"providers.{row}.retries": 0,
                f"providers.{row}.enabled": True,
            })
            if options:
                rows[f"providers.{row}.options"] = options
    return App.open(overrides=rows)


def ask(app: App, provider: str, sinks: io.StringIO) -> None:
    events = Events()
    handle = app.start_turn(TurnRequest("hi", ModelChoice(provider, "gpt-x"), retries=0), events)
    message = handle.result(30)
    sinks.write(f"{events.all!r}\n{message!r}\n")
    error = handle.error()
    if error is not None:
        sinks.write("".join(traceback.format_exception(type(error), error, error.__traceback__)))
        sinks.write(f"{error!r} {error.info()!r} {vars(error)!r}\n")
    if message.error is not None:
        qt = pytest.importorskip("nuke_ai_panel_qt.core.message_items") if os.environ.get("QT_QPA_PLATFORM") else None
        if qt is not None:  # what Copy details puts on the clipboard
            sinks.write(repr(qt.error_card(message.error, titles=lambda name: name)))


def test_planted_keys_are_nowhere_after_every_fault_of_every_provider(
    home: Path, monkeypatch: pytest.MonkeyPatch, log_lines: object
) -> None:
    keys = canaries()
    told = io.StringIO()
    arrived: Set[str] = set()
    dead = closed_port()
    pairs = [(kind[0], fault) for fault in FAULTS for kind in KINDS]
    pairs += [(f"dead-{kind[0]}", "") for kind in KINDS]
    rounds = max(1, -(-len(keys) // len(pairs)))
    with all_logs() as logs, FaultServer() as server:
        monkeypatch.setenv("CANARY", keys[0])
        app = open_app(server.url, dead)
        for number, (kind, fault) in enumerate(pairs * rounds):
            key = keys[number % len(keys)]
            monkeypatch.setenv("CANARY", key)
            row = kind if kind.startswith("dead-") else f"k-{kind}"
            app.providers.reset(row)
            if fault:
                server.behaviours = [FAULTS[fault]]
            ask(app, row, told)
            if number % 5 == 0:
                status = app.providers.check(row).result(20)
                told.write(f"{status!r} {app.providers.models(row)!r}\n")
        for request in server.requests:
            text = repr(dict(request.headers)) + request.path
            arrived.update(key for key in keys if key in text or quote(key, safe="") in text)
        told.write(f"{app.settings!r} {app.providers!r} {app.keys!r} {vars(app.gate)!r}")
        entries = app.gate.entries().result(10)
        told.write(repr(entries))
        ids = list(dict.fromkeys(one.conversation_id for one in entries if one.conversation_id))
        told.write(app.store.export_json(ids).result(30))
        for one in ids[::7]:
            told.write(app.store.export_markdown(one).result(30) + app.store.export_html(one).result(30))
        app.close()
        shutdown_event_loop()
    cli = Cli(home)
    env = {"OPENAI_API_KEY": keys[1 % len(keys)], "NUKE_AI_PANEL_HOME": str(home)}
    with FaultServer() as server:
        for fault in ("HTTP 401", "page 403", "redirect"):
            server.behaviours = [FAULTS[fault]]
            for more in ([], ["--json"]):
                done = cli.run("ask", "--provider", "openai", "--base-url", f"{server.url}/v1", "--model", "m", *more,
                               "hi", env=env)
                told.write(done.stdout + done.stderr)
    for command in ("ledger", "ledger --json", "ledger --csv", "history list --json", "config list"):
        done = cli.run(*command.split(), env=env)
        told.write(done.stdout + done.stderr)
    ids = [one["id"] for one in json.loads(cli.run("history", "list", "--json", "--limit", "5").stdout)]
    for one in ids:
        told.write(cli.run("history", "show", one, "--json").stdout)

    log_lines.lines.clear()  # type: ignore[attr-defined]  # which lines there are is other tests' business
    sinks = {
        "what was told": told.getvalue().encode("utf-8", "replace"),
        "the log": "\n".join(logs.lines).encode("utf-8", "replace"),
    }
    for path in home.rglob("*"):
        if path.is_file():
            sinks[str(path.relative_to(home))] = path.read_bytes()
    assert any(name.startswith("ledger/") for name in sinks) and "history.db" in sinks
    assert len(arrived) == len(keys), f"{len(arrived)} of {len(keys)} keys were really sent"
    assert len(entries) >= len(pairs) * rounds
    assert found_in(sinks, keys) == []


def test_search_finds_a_key_that_leaks() -> None:
    """The campaign above would notice."""
    key = canaries()[3]
    assert found_in({"x": f"an error: {key[8:40]}…".encode()}, [key])
    assert found_in({"x": quote(key, safe="").encode()}, [key]) and not found_in({"x": b"sk-ant-api03-"}, [key])
    with pytest.raises(NukeAIError):
        raise NukeAIError("x")
