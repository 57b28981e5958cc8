"""Whatever breaks a stream, and wherever: one end, no false success, no tool call that was not whole.

`WIRE_FUZZ` is the number of mutated bodies (300 by default); `WIRE_FUZZ_SEED` repeats a run.
"""

from __future__ import annotations

import os
import random
from typing import Callable, Dict, Iterable, List, Optional

import pytest

from nuke_ai_panel.errors import ProviderError, provider_error
from nuke_ai_panel.events import StreamEvent
from nuke_ai_panel.messages import Json
from nuke_ai_panel.providers.anthropic_decoder import AnthropicDecoder
from nuke_ai_panel.providers.google_decoder import GoogleDecoder
from nuke_ai_panel.providers.mistral_decoder import MistralDecoder
from nuke_ai_panel.providers.ollama_decoder import OllamaDecoder
from nuke_ai_panel.providers.openai_decoder import OpenAIDecoder
from nuke_ai_panel.providers.reading import Decoder
from nuke_ai_panel.providers.wire import FrameTooLarge, NdjsonParser, Parser, SniffingParser, SseParser

from ..normalised import normalised
from ..streams import OPENAI_FAMILY, TERMINATOR, Case, load_cases

FAMILIES = OPENAI_FAMILY | {"ollama", "gemini", "anthropic"}
CASES = [case for case in load_cases(FAMILIES) if case.status == 200 and len(case.body) < 5000]
NASTY = [
    b"\x00", b"\xff\xfe", b"\r", b"\n", b"\r\n", b"\n\n", b"data:", b"data: [DONE]\n\n", b": c\n", b'"', b"\\", b"{",
    b"[" * 400, b"null", b"1e999", b"\\ud83d", b"\xef\xbb\xbf", b"event: error\n", b"error: {}\n\n", b"\xe2\x80\xa8",
]
DECODERS: Dict[str, Callable[..., Decoder]] = {
    "ollama": OllamaDecoder, "gemini": GoogleDecoder, "anthropic": AnthropicDecoder, "mistral": MistralDecoder,
}
ROUNDS = int(os.environ.get("WIRE_FUZZ", "300"))
SEED = int(os.environ.get("WIRE_FUZZ_SEED", "5"))


def parser_for(case: Case) -> Parser:
    if case.api == "ollama":
        return NdjsonParser()
    return SseParser() if "event-stream" in case.headers["content-type"] else SniffingParser()


def read(case: Case, chunks: Iterable[bytes], *, is_reset: bool = False) -> Dict[str, Json]:
    """The normalised result of a body that ends cleanly or with a reset, as `reading.read_events` goes about it."""
    parser = parser_for(case)
    decoder = DECODERS.get(case.api, OpenAIDecoder)("p", think_tags=case.think_tags)
    events: List[StreamEvent] = []
    error: Optional[ProviderError] = None
    try:
        for chunk in chunks:
            events += decoder.feed(parser.feed(chunk))
            if decoder.done:
                break
        if not decoder.done:
            events += decoder.feed(parser.salvage() if is_reset else parser.finish())
    except FrameTooLarge as exc:
        return normalised(events, provider_error("protocol", str(exc)))
    if is_reset and not decoder.done:
        return normalised(events, provider_error("network", "reset"))
    events += decoder.finish()
    error = decoder.error
    return normalised(events, error)


@pytest.mark.parametrize("is_reset", [False, True], ids=["eof", "reset"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_answer_cut_anywhere_is_never_a_false_success(case: Case, is_reset: bool) -> None:
    wrong = []
    for end in range(len(case.body)):
        got = read(case, [case.body[:end]], is_reset=is_reset)
        is_early = got["finish"] is not None and not TERMINATOR.search(case.body[:end])
        has_early_call = got["error"] is not None and got["tool_calls"]
        if is_early or has_early_call:
            wrong.append((end, got["finish"], got["tool_calls"]))
    assert wrong == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_text_of_a_cut_answer_is_a_beginning_of_the_whole(case: Case) -> None:
    full = read(case, [case.body])

    for end in range(0, len(case.body), 3):
        got = read(case, [case.body[:end]], is_reset=True)
        assert full["text"].startswith(got["text"])
        assert full["reasoning"].startswith(got["reasoning"])


def mutated(body: bytes, rng: random.Random) -> bytes:
    """`body` with a few bytes changed, dropped, doubled, or swapped for something nasty."""
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(body) + 1)
        width = rng.choice((0, 1, 1, 5, 40))
        kind = rng.randrange(4)
        middle = {0: b"", 1: bytes(rng.randrange(256) for _ in range(width)), 2: rng.choice(NASTY),
                  3: body[at:at + 80] * 2}[kind]
        body = body[:at] + middle + body[at + width:]
    return body


def test_mutated_bodies_end_once_and_the_same_however_they_are_cut() -> None:
    rng = random.Random(SEED)
    for _ in range(ROUNDS):
        case = rng.choice([one for one in CASES if one.body])
        body = mutated(case.body, rng)
        places = sorted(rng.randrange(len(body) + 1) for _ in range(rng.randint(1, 20)))
        pieces = [body[a:b] for a, b in zip([0, *places], [*places, len(body)])]

        whole = read(case, [body])

        assert read(case, pieces) == whole, body
        assert read(case, [body[i:i + 1] for i in range(len(body))]) == whole, body
        assert all(one["arguments"] is None or isinstance(one["arguments"], dict) for one in whole["tool_calls"])
