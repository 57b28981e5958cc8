"""Feeds mutated answers to one framer or decoder and says what came of it; run as a program, by test_fuzz_decoders.

    python -m tests.campaigns.fuzz_decoders TARGET INPUTS SEED      # prints one JSON object

Targets are found, not listed: every parser of `providers/wire.py`, and every decoder class in a module of the
providers whose name ends in `_decoder`. The seeds are the recorded answers of all vendors, so each decoder reads its
own dialect, broken, and everybody else's.
"""

from __future__ import annotations

import faulthandler
import importlib
import inspect
import json
import pkgutil
import random
import resource
import sys
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from nuke_ai_panel import providers
from nuke_ai_panel.errors import ProviderError, provider_error
from nuke_ai_panel.events import StreamEvent
from nuke_ai_panel.providers import wire
from nuke_ai_panel.providers.answer_decoder import AnswerDecoder
from nuke_ai_panel.providers.wire import FrameTooLarge, Parser
from tests.normalised import normalised
from tests.streams import OPENAI_FAMILY, load_cases

HANG_S = 30.0
_BASES = frozenset({"AnswerDecoder", "SseDecoder"})
# A decoder mostly reads its own vendor's answers; one that is not named here reads the OpenAI family's.
_DIALECTS = {"OllamaDecoder": {"ollama"}, "AnthropicDecoder": {"anthropic"}, "GoogleDecoder": {"gemini"}}
NASTY = (
    b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\r", b"\n", b"\r\n", b"\n\n", b"\r\r", b"data:", b"data: [DONE]\n\n",
    b": c\n", b'"', b"\\", b"{", b"}", b"[" * 400, b"null", b"true", b"-1", b"1e999", b"NaN", b"\\ud83d", b"\\u0000",
    b"\xef\xbb\xbf", b"event: error\n", b"event: ", b"error: {}\n\n", b"\xe2\x80\xa8", b'{"error":', b"[]", b"{}",
    b'"' + b"9" * 5000 + b'"', b"9" * 5000, b'{"a":' * 250, b"<html>", b"id: 1\nretry: x\n",
)


def parsers() -> Dict[str, Callable[[], Parser]]:
    """Every framer by its name."""
    found = {name: one for name, one in vars(wire).items() if inspect.isclass(one) and name.endswith("Parser")}
    return {name: one for name, one in found.items() if one.__module__ == wire.__name__ and name != "Parser"}


def decoders() -> Dict[str, Callable[..., Any]]:  # the shape of reading.Decoder
    """Every decoder by its name."""
    found: Dict[str, Callable[..., Any]] = {}
    for module in pkgutil.iter_modules(providers.__path__):
        if not module.name.endswith("_decoder"):
            continue
        for name, one in vars(importlib.import_module(f"{providers.__name__}.{module.name}")).items():
            is_own = inspect.isclass(one) and one.__module__.endswith(f".{module.name}")
            if is_own and issubclass(one, AnswerDecoder) and name not in _BASES:
                found[name] = one
    return found


def targets() -> Tuple[str, ...]:
    """The names of everything that is fuzzed."""
    return (*sorted(parsers()), *sorted(decoders()))


def mutated(body: bytes, rng: random.Random) -> bytes:
    """`body` with a few places changed, dropped, doubled, moved, or swapped for something nasty."""
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(body) + 1)
        width = rng.choice((0, 1, 1, 5, 40))
        kind = rng.randrange(6)
        if kind == 0:
            body = body[:at] + body[at + width:]
        elif kind == 1:
            body = body[:at] + bytes(rng.getrandbits(8) for _ in range(width)) + body[at + width:]
        elif kind == 2:
            body = body[:at] + rng.choice(NASTY) + body[at + width:]
        elif kind == 3:
            body = body[:at] + body[at:at + 80] * 2 + body[at + 80:]
        elif kind == 4:
            body = body[at:] + body[:at] if rng.random() < 0.2 else body[:at]
        elif body:
            at = min(at, len(body) - 1)
            body = body[:at] + bytes([body[at] ^ (1 << rng.randrange(8))]) + body[at + 1:]
    return body


def cut(body: bytes, rng: random.Random) -> List[bytes]:
    """`body` in a few pieces."""
    places = sorted(rng.randrange(len(body) + 1) for _ in range(rng.choice((0, 1, 3, 12))))
    return [body[start:end] for start, end in zip([0, *places], [*places, len(body)])]


def frames_of(make: Callable[[], Parser], pieces: List[bytes]) -> List[Any]:  # frames
    """All frames of a body that arrives in `pieces` and ends cleanly."""
    parser = make()
    try:
        frames: List[Any] = [frame for piece in pieces for frame in parser.feed(piece)]  # frames
        return [*frames, *parser.finish()]
    except FrameTooLarge as exc:
        return [str(exc)]


def try_parser(make: Callable[[], Parser], body: bytes, rng: random.Random) -> str:
    """Frames do not depend on how the body was cut, and a broken connection saves no more than a clean end."""
    whole = frames_of(make, [body])
    assert frames_of(make, cut(body, rng)) == whole
    parser = make()
    parser.feed(body)
    parser.salvage()
    return "frames" if whole else "nothing"


def try_decoder(make: Callable[..., Any], framers: Mapping[str, Callable[[], Parser]], body: bytes,
                rng: random.Random) -> str:
    """Exactly one end, and the kind of it."""
    names = tuple(framers) if rng.random() < 0.2 else ("NdjsonParser",) if body[:1] == b"{" else (
        "SseParser", "SniffingParser")
    parser = framers[rng.choice(names)]()
    decoder = make("Studio", model="m", think_tags=rng.random() < 0.3)
    events: List[StreamEvent] = []
    error: Optional[ProviderError] = None
    is_reset = rng.random() < 0.3
    try:
        for piece in cut(body, rng):
            events += decoder.feed(parser.feed(piece))
            if decoder.done:
                break
        if not decoder.done:
            events += decoder.feed(parser.salvage() if is_reset else parser.finish())
        if is_reset and not decoder.done:
            error = provider_error("network", "reset")
        else:
            events += decoder.finish()
            error = decoder.error
    except FrameTooLarge as exc:
        error = provider_error("protocol", str(exc))
    got = normalised(events, error)
    assert all(one["arguments"] is None or isinstance(one["arguments"], dict) for one in got["tool_calls"])
    if error is not None:
        json.dumps(got["error"])
        return error.kind
    return str(got["finish"])


def most_memory_mib() -> int:
    """The most memory that this process has held; the system's own count begins with its parent's."""
    try:
        with open("/proc/self/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) >> 10
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def run(target: str, inputs: int, seed: int) -> Dict[str, Any]:  # any JSON
    """What came of `inputs` mutated answers."""
    rng = random.Random(f"{target} {seed}")
    framers, found = parsers(), decoders()
    cases = [case for case in load_cases() if case.body]
    short = [case.body for case in cases if len(case.body) < 20_000]
    long = [case.body for case in cases if len(case.body) >= 20_000]
    family = _DIALECTS.get(target, OPENAI_FAMILY)
    own = [case.body for case in cases if case.api in family and case.status == 200 and len(case.body) < 20_000]
    ends: Dict[str, int] = {}
    slowest, slowest_body = 0.0, b""
    for number in range(inputs):
        seeds = long if long and number % 5000 == 4999 else own if rng.random() < 0.7 else short
        body = mutated(rng.choice(seeds), rng)
        faulthandler.dump_traceback_later(HANG_S, exit=True)
        began = time.thread_time()  # not the wall's: what else the machine does is no fault of an input
        try:
            end = try_parser(framers[target], body, rng) if target in framers else try_decoder(
                found[target], framers, body, rng)
        except BaseException:
            sys.stderr.write(f"input {number} of seed {seed}: {body[:2000]!r}\n")
            raise
        passed = time.thread_time() - began
        ends[end] = ends.get(end, 0) + 1
        if passed > slowest:
            slowest, slowest_body = passed, body
    faulthandler.cancel_dump_traceback_later()
    return {
        "target": target, "inputs": inputs, "ends": ends, "slowest_s": round(slowest, 4),
        "slowest_bytes": len(slowest_body), "rss_mib": most_memory_mib(),
    }


if __name__ == "__main__":
    started = time.perf_counter()
    outcome = run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps({**outcome, "seconds": round(time.perf_counter() - started, 1)}))
