"""The request of Anthropic's Messages API: our values in, a JSON body out. Pure.

`anthropic_decoder.py` is the way back. Only `max_tokens` is sent unasked, because the API demands it, and marks for
the prompt cache, which change the price and never the answer. What models take differs by generation; `Traits` holds
what is known of one, from the model list or learnt from a refusal (`anthropic_repair.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple

from ..errors import SettingsError, provider_error
from ..messages import Attachment, Json, Message, ToolCall
from ..words import tr
from .answer_schema import instruction
from .anthropic_replay import thoughts_of, woven
from .anthropic_schema import claude_schema
from .base import ChatRequest
from .call_ids import CallIds
from .media import PDF, media_of
from .openai_dialect import text_of

DEFAULT_VERSION = "2023-06-01"
DEFAULT_MAX_TOKENS = 8192
MOST_UNASKED_TOKENS = 32_000
SMALLEST_BUDGET = 1024
_BUDGETS: Dict[str, int] = {
    "minimal": 1024, "low": 2048, "medium": 8192, "high": 16_384, "xhigh": 24_576, "max": 32_000,
}
_OFF = frozenset({"none", "off", "false", "disabled"})
_LEVELS = ("low", "medium", "high", "xhigh", "max")
_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_THINKING = ("adaptive", "enabled", "off")
_CACHES: Dict[str, Optional[str]] = {"off": None, "5m": "5m", "1h": "1h"}
_BAD_ID = re.compile(r"[^a-zA-Z0-9_-]")


@dataclass(frozen=True)
class AnthropicOptions:
    """The `options` of an Anthropic row. `cache_ttl` None sends no marks; `thinking` None follows reasoning_effort."""

    version: str = DEFAULT_VERSION
    beta: Tuple[str, ...] = ()
    cache_ttl: Optional[str] = "5m"
    thinking: Optional[str] = None
    thinking_budget: Optional[int] = None
    is_bearer: bool = False
    extra_body: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Traits:
    """What is known of one model; None is unknown. `refused` are names of fields that it answers 400 to."""

    max_output: Optional[int] = None
    adaptive: Optional[bool] = None
    budgeted: Optional[bool] = None
    schema: Optional[bool] = None
    efforts: Optional[FrozenSet[str]] = None
    refused: FrozenSet[str] = frozenset()


NO_TRAITS = Traits()


def read_options(options: Mapping[str, Json], row: str) -> AnthropicOptions:
    """The options of the settings row called `row`. Raises SettingsError that names the option."""
    cache, thinking = options.get("prompt_cache", "5m"), options.get("thinking")
    if not isinstance(cache, str) or cache not in _CACHES:
        raise _bad(row, "prompt_cache", cache, "off, 5m or 1h")
    if thinking is not None and thinking not in _THINKING:
        raise _bad(row, "thinking", thinking, "adaptive, enabled or off")
    budget = options.get("thinking_budget")
    if budget is not None and (not isinstance(budget, int) or isinstance(budget, bool) or budget < SMALLEST_BUDGET):
        raise _bad(row, "thinking_budget", budget, f"a number of tokens, {SMALLEST_BUDGET} or more")
    auth = options.get("auth", "x-api-key")
    if auth not in ("x-api-key", "bearer"):
        raise _bad(row, "auth", auth, "x-api-key or bearer")
    beta, extra = options.get("beta", ()), options.get("extra_body", {})
    if not isinstance(beta, (list, tuple)) or not all(isinstance(one, str) for one in beta):
        raise _bad(row, "beta", beta, "a list of names")
    return AnthropicOptions(
        version=str(options.get("version") or DEFAULT_VERSION), beta=tuple(beta), cache_ttl=_CACHES[cache],
        thinking=thinking, thinking_budget=budget, is_bearer=auth == "bearer",
        extra_body=extra if isinstance(extra, dict) else {},
    )


def encode(
    request: ChatRequest, options: AnthropicOptions, traits: Traits = NO_TRAITS, *, provider: str, label: str = "",
    room: Optional[int] = None, has_thoughts: bool = True,
) -> Dict[str, Json]:
    """The body of `POST /v1/messages`. `provider` is our row: its own thoughts are replayed unless `has_thoughts` says
    no. `room` bounds the answer.

    Raises ProviderError(unsupported_feature) for an attachment that the vendor does not take.
    """
    messages = _messages(request, provider=provider if has_thoughts else None, label=label or provider)
    thinking = _thinking(request, options, traits)
    if thinking.get("type") == "enabled" and _is_thoughtless_loop(messages):
        thinking = {}  # a tool loop that began without thoughts cannot go on with them
    max_tokens = _max_tokens(request, traits, thinking, room)
    if "budget_tokens" in thinking:
        budget = min(thinking["budget_tokens"], max(SMALLEST_BUDGET, max_tokens - SMALLEST_BUDGET))
        thinking = {**thinking, "budget_tokens": budget} if budget < max_tokens else {}
    body: Dict[str, Json] = {
        "model": request.model, "messages": messages, "stream": True, "max_tokens": max_tokens,
    }
    system = _system(request, traits)
    if system:
        body["system"] = [{"type": "text", "text": system}]
    if request.tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": {"type": "object", **tool.schema}}
            for tool in request.tools
        ]
    body.update(_sampling(request, is_thinking=thinking.get("type") in ("adaptive", "enabled")))
    if thinking:
        body["thinking"] = thinking
    config = _output_config(request, options, traits)
    if config:
        body["output_config"] = config
    for name in traits.refused:
        body.pop(name, None)
    if options.cache_ttl is not None and "cache_control" not in traits.refused:
        _mark(body, options.cache_ttl)
    elif system:
        body["system"] = system
    body.update(options.extra_body)
    return body


def lost(request: ChatRequest, body: Mapping[str, Json], traits: Traits) -> List[str]:
    """What the user set and `body` does not say."""
    effort = request.parameters.reasoning_effort
    is_off = effort is not None and effort.lower() in _OFF and "thinking" not in traits.refused
    parameters, config = request.parameters, body.get("output_config") or {}
    asked = {
        "temperature": (parameters.temperature, "temperature" in body),
        "top_p": (parameters.top_p, "top_p" in body),
        "seed": (parameters.seed, False),
        "stop": (parameters.stop or None, len(body.get("stop_sequences", ())) == len(parameters.stop)),
        "reasoning_effort": (effort, "thinking" in body or "effort" in config or is_off),
        "response_format": (request.schema, "format" in config),
    }
    return sorted(name for name, (value, is_sent) in asked.items() if value is not None and not is_sent)


# ---------------------------------------------------------------- parameters


def _sampling(request: ChatRequest, *, is_thinking: bool) -> Dict[str, Json]:
    """Thinking takes no temperature but 1 and no narrow top_p; the vendor's scale of temperature ends at 1."""
    parameters = request.parameters
    temperature, top_p = parameters.temperature, parameters.top_p
    stop = [text for text in parameters.stop if text.strip()]
    chosen: Dict[str, Json] = {
        "temperature": None if temperature is None or temperature > 1 or (is_thinking and temperature != 1)
        else temperature,
        "top_p": None if is_thinking and top_p is not None and top_p < 0.95 else top_p,
        "stop_sequences": stop or None,
    }
    return {name: value for name, value in chosen.items() if value is not None}


def _thinking(request: ChatRequest, options: AnthropicOptions, traits: Traits) -> Dict[str, Json]:
    """What to say about thinking: the request's effort first, then the row; empty leaves it to the model."""
    effort = (request.parameters.reasoning_effort or "").lower()
    wanted = options.thinking
    if effort:
        wanted = "off" if effort in _OFF else wanted if wanted in ("adaptive", "enabled") else "any"
    if wanted is None or "thinking" in traits.refused or (traits.adaptive is False and traits.budgeted is False):
        return {}
    if wanted == "off":
        return {"type": "disabled"}
    is_adaptive = traits.adaptive is not False and (wanted != "enabled" or traits.budgeted is False)
    if is_adaptive:
        shown: Dict[str, Json] = {} if "display" in traits.refused else {"display": "summarized"}
        return {"type": "adaptive", **shown}
    return {"type": "enabled", "budget_tokens": options.thinking_budget or _BUDGETS.get(effort, _BUDGETS["medium"])}


def _max_tokens(request: ChatRequest, traits: Traits, thinking: Mapping[str, Json], room: Optional[int]) -> int:
    """The user's limit, else a generous one; never more than the model or the window has."""
    asked = request.parameters.max_tokens
    if asked is None:
        asked = DEFAULT_MAX_TOKENS if traits.max_output is None else min(traits.max_output, MOST_UNASKED_TOKENS)
        asked = max(asked, thinking.get("budget_tokens", 0) + DEFAULT_MAX_TOKENS)
    return min(limit for limit in (asked, traits.max_output, room) if limit is not None)


def _output_config(request: ChatRequest, options: AnthropicOptions, traits: Traits) -> Dict[str, Json]:
    config: Dict[str, Json] = {}
    effort = (request.parameters.reasoning_effort or "").lower()
    level = _level(effort, traits.efforts)
    if level and "effort" not in traits.refused:
        config["effort"] = level
    if request.schema is not None and _takes_schema(traits):
        config["format"] = {"type": "json_schema", "schema": claude_schema(request.schema)}
    return config


def _takes_schema(traits: Traits) -> bool:
    return traits.schema is not False and "format" not in traits.refused


def _system(request: ChatRequest, traits: Traits) -> str:
    """The system prompt; a model that cannot be held to a schema is told of it there."""
    texts = [request.system] if request.system and request.system.strip() else []
    if request.schema is not None and not _takes_schema(traits):
        texts.append(instruction(request.schema))
    return "\n\n".join(texts)


def _level(effort: str, known: Optional[FrozenSet[str]]) -> Optional[str]:
    """The vendor's word for `effort`: the nearest level below that the model has; unknown words go as they are."""
    if not effort or effort in _OFF:
        return None
    effort = "low" if effort == "minimal" else effort
    if known is None or effort in known:
        return effort
    below = [level for level in _LEVELS[: _LEVELS.index(effort)] if level in known] if effort in _LEVELS else []
    return below[-1] if below else None


def _mark(body: Dict[str, Json], ttl: str) -> None:
    """Marks what stays the same from request to request for the prompt cache: tools, system, the conversation."""
    mark = {"type": "ephemeral"} if ttl == "5m" else {"type": "ephemeral", "ttl": ttl}
    for name in ("tools", "system"):
        if name in body:
            body[name][-1]["cache_control"] = mark
    for block in reversed(body["messages"][-1]["content"]):
        if block["type"] not in ("thinking", "redacted_thinking"):
            block["cache_control"] = mark
            break


# ---------------------------------------------------------------- messages


def _messages(request: ChatRequest, *, provider: Optional[str], label: str) -> List[Dict[str, Json]]:
    """Turns in strict alternation; all results of one round stand first in one user message."""
    turns: List[Tuple[str, List[Dict[str, Json]]]] = []
    ids = CallIds(clean_id)
    for message in request.messages:
        role = "assistant" if message.role == "assistant" else "user"
        if role == "assistant":
            is_own = provider is not None and (message.provider, message.model) == (provider, request.model)
            ids.new_round()
            blocks = woven(message.text, [_call(one, ids) for one in message.tool_calls],
                           thoughts_of(message.reasoning_opaque) if is_own else [])
        elif message.role == "tool":
            failed = {"is_error": True} if message.status == "failed" else {}
            blocks = [{"type": "tool_result", "tool_use_id": ids.of_result(message.tool_call_id or ""),
                       "content": message.text, **failed}]
        else:
            blocks = _question(message, label)
        if not blocks:
            continue
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(blocks)
        else:
            turns.append((role, blocks))
    if not turns:
        raise provider_error(
            "bad_request", "the question is empty", provider=label, user_text=tr("There is nothing to send."),
            next_step=tr("Write a question."),
        )
    if turns[0][0] == "assistant":
        turns.insert(0, ("user", [{"type": "text", "text": "…"}]))  # the API insists on a question first
    return [{"role": role, "content": blocks} for role, blocks in turns]


def _question(message: Message, label: str) -> List[Dict[str, Json]]:
    """Documents and images first, which the vendor recommends, then the text."""
    blocks = [_media(one, label) for one in message.attachments if one.data_base64]
    text = text_of(message)
    return [*blocks, {"type": "text", "text": text}] if text.strip() else blocks


def _media(attachment: Attachment, label: str) -> Dict[str, Json]:
    media = media_of(attachment)
    source = {"type": "base64", "media_type": media.type, "data": media.base64}
    if media.type == PDF:
        return {"type": "document", "source": source, "title": attachment.name or "document"}
    if media.type in _IMAGES:
        return {"type": "image", "source": source}
    raise provider_error(
        "unsupported_feature", f"{attachment.name} is {media.type}", provider=label, retryable=False,
        user_text=tr("{label} cannot read {name} ({type}).", label=label, name=attachment.name, type=media.type),
        next_step=tr("Attach it as PNG, JPEG, GIF, WebP or PDF."),
    )


def _call(call: ToolCall, ids: CallIds) -> Dict[str, Json]:
    """Arguments that were no JSON go back under the name that the vendor's documentation gives them."""
    given = {"INVALID_JSON": call.raw_arguments or ""} if call.arguments is None else dict(call.arguments)
    return {"type": "tool_use", "id": ids.of_call(call.id), "name": call.name, "input": given}


def clean_id(call_id: str) -> str:
    """An id that the vendor takes, from whichever vendor the call came."""
    return _BAD_ID.sub("_", call_id) or "call"


def _is_thoughtless_loop(messages: Sequence[Mapping[str, Json]]) -> bool:
    """True while tools are being answered whose call was made without a thought before it."""
    if len(messages) < 2 or messages[-1]["content"][0]["type"] != "tool_result":
        return False
    return messages[-2]["content"][0]["type"] not in ("thinking", "redacted_thinking")


def _bad(row: str, option: str, value: Json, wanted: str) -> SettingsError:
    return SettingsError(
        f"providers.{row}.options.{option} = {value!r} is not {wanted}",
        user_text=tr("The option {option} of {row} is not valid.", option=option, row=row),
        next_step=tr("Set it to {wanted}.", wanted=wanted),
    )
