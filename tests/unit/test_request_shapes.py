"""Whatever a conversation holds, and whoever took part in it: strict vendors take the request that it becomes.

`REQUEST_FUZZ` is the number of random conversations (300 by default); `REQUEST_FUZZ_SEED` repeats a run.
"""

from __future__ import annotations

import json
import os
import random
from typing import Any, List, Tuple

from nuke_ai_panel.core.prompt import build_request
from nuke_ai_panel.messages import Attachment, Json, Message, ToolCall
from nuke_ai_panel.providers import anthropic_dialect, mistral_dialect
from nuke_ai_panel.providers.anthropic_replay import placed
from nuke_ai_panel.providers.base import ChatRequest, Parameters, ToolSpec

from ..fakes import anthropic_dialect as claude
from ..fakes import mistral_dialect as mistral

ROUNDS = int(os.environ.get("REQUEST_FUZZ", "300"))
SEED = int(os.environ.get("REQUEST_FUZZ_SEED", "3"))
TEXTS = ("", "hi", " ", "\n", "Ünïcode", "x" * 50, "`a`")
IDS = ("toolu_1", "functions.x:0", "call_0", "D681PevKs", "ü", "a b")
PICTURE = Attachment("i", "image", "a.png", media_type="image/png", data_base64="iVBORw0KGgoAAAA")
OPTIONS = ({}, {"prompt_cache": "off"}, {"thinking": "enabled"}, {"thinking": "adaptive"}, {"thinking": "off"},
           {"thinking": "enabled", "thinking_budget": 40_000})


def opaque(rng: random.Random) -> Tuple[Json, ...]:
    thought = {"type": "thinking", "thinking": "h", "signature": "s"}
    items: List[Json] = [
        placed(thought, text_before=rng.randint(0, 60), calls_before=rng.randint(0, 3)), {"reasoning_details": [1]},
        {"mistral_chunk": {"type": "thinking", "thinking": [], "signature": "s"}}, 5, None, {"anthropic_block": 7},
    ]
    return tuple(rng.choice(items) for _ in range(rng.randint(0, 2)))


def conversation(rng: random.Random) -> List[Message]:
    """Questions, answers of several vendors, calls with and without results; the last question holds a word."""
    path = []
    for _ in range(rng.randint(1, 6)):
        pasted = Attachment("t", "paste", "t", text=rng.choice(TEXTS))
        attached = (rng.choice((PICTURE, pasted)),) if rng.random() < 0.3 else ()
        path.append(Message("q", "c", None, "user", rng.choice(TEXTS), attachments=attached))
        for _ in range(rng.randint(0, 3)):
            calls = tuple(
                ToolCall(rng.choice(IDS), "look", rng.choice(({}, {"a": 1}, None)), "{x")
                for _ in range(rng.randint(0, 2))
            )
            path.append(Message(
                "a", "c", None, "assistant", rng.choice(TEXTS), tool_calls=calls, reasoning=rng.choice(("", "r")),
                reasoning_opaque=opaque(rng), provider=rng.choice("pq"), model=rng.choice("mk"),
            ))
            path += [Message("t", "c", None, "tool", rng.choice(TEXTS), tool_call_id=call.id)
                     for call in calls if rng.random() < 0.8]
    return [*path, Message("q", "c", None, "user", "end")]


def asked(rng: random.Random) -> ChatRequest:
    parameters = Parameters(
        rng.choice((None, 0.0, 0.5, 1.0, 1.7)), rng.choice((None, 0.5, 0.99)),
        rng.choice((None, 1, 1025, 2000, 50_000)), rng.choice((None, 3)), rng.choice(((), ("x",), ("\n", "y"))),
        rng.choice((None, "none", "minimal", "low", "odd")),
    )
    tools = (ToolSpec("look", "", {}),) if rng.random() < 0.5 else ()
    system = rng.choice((None, " ", "s"))
    return build_request("m", conversation(rng), system=system, parameters=parameters, tools=tools).request


def traits(rng: random.Random) -> anthropic_dialect.Traits:
    def maybe() -> Any:  # True, False or None
        return rng.choice((None, True, False))

    efforts = rng.choice((None, frozenset(), frozenset({"low"})))
    return anthropic_dialect.Traits(rng.choice((None, 4096, 64_000)), maybe(), maybe(), maybe(), efforts)


def test_any_conversation_is_one_that_claude_takes() -> None:
    rng = random.Random(SEED)
    for _ in range(ROUNDS):
        options = anthropic_dialect.read_options(rng.choice(OPTIONS), "p")
        body = anthropic_dialect.encode(
            asked(rng), options, traits(rng), provider="p", room=rng.choice((None, 300, 1500))
        )

        assert claude.refusal(body, {"x-api-key": "k", "anthropic-version": "x"}) is None, json.dumps(body)


def test_any_conversation_is_one_that_mistral_takes() -> None:
    rng = random.Random(SEED)
    for _ in range(ROUNDS):
        body = mistral_dialect.encode(asked(rng), mistral_dialect.MistralOptions(), provider="p")

        assert mistral.refusal(body, {"authorization": "Bearer x"}) is None, json.dumps(body)
