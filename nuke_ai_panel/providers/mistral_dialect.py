"""The request of Mistral's chat completions: our values in, a JSON body out. Pure.

`mistral_decoder.py` is the way back. Nearly OpenAI's, and strict where they differ: an unknown key is refused with 422
(stream_options among them), the seed has another name, ids of tool calls are nine letters and digits, and a question
may not follow a tool's result.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Dict, FrozenSet, List, Mapping, Optional

from ..errors import SettingsError, provider_error
from ..messages import Attachment, Json, Message, ToolCall
from ..words import tr
from .answer_schema import openai_format
from .base import ChatRequest
from .call_ids import CallIds
from .error_facts import ErrorFacts
from .media import PDF, media_of
from .mistral_decoder import CHUNK
from .openai_dialect import text_of

_ID = re.compile(r"[a-zA-Z0-9]{9}")
_REFUSED = re.compile(
    r"extra inputs? (?:are|is) not permitted|not (?:supported|enabled|allowed|available)|does(?: not|n't) support"
    r"|unsupported", re.IGNORECASE,
)
_DROPPABLE = ("reasoning_effort", "prompt_mode", "safe_prompt", "random_seed", "stop", "top_p", "temperature")


@dataclass(frozen=True)
class MistralOptions:
    """The `options` of a Mistral row; None leaves a field out."""

    safe_prompt: Optional[bool] = None
    prompt_mode: Optional[str] = None
    extra_body: Mapping[str, Json] = field(default_factory=dict)


def read_options(options: Mapping[str, Json], row: str) -> MistralOptions:
    """The options of the settings row called `row`. Raises SettingsError that names the option."""
    safe, mode, extra = options.get("safe_prompt"), options.get("prompt_mode"), options.get("extra_body", {})
    for name, value, fits, wanted in (
        ("safe_prompt", safe, safe is None or isinstance(safe, bool), "true or false"),
        ("prompt_mode", mode, mode is None or isinstance(mode, str), "reasoning"),
        ("extra_body", extra, isinstance(extra, dict), "a table"),
    ):
        if not fits:
            raise SettingsError(
                f"providers.{row}.options.{name} = {value!r} is not {wanted}",
                user_text=tr("The option {name} of {row} is not valid.", name=name, row=row),
                next_step=tr("Set it to {wanted}.", wanted=wanted),
            )
    return MistralOptions(safe, mode, extra)


def encode(
    request: ChatRequest, options: MistralOptions, *, provider: str, label: str = "",
    refused: FrozenSet[str] = frozenset(),
) -> Dict[str, Json]:
    """The body of `POST /chat/completions`. `provider` is our row: its own signed thoughts are replayed.

    Raises ProviderError(unsupported_feature) for an attachment that the vendor does not take.
    """
    parameters = request.parameters
    chosen: Dict[str, Json] = {
        "temperature": parameters.temperature,
        "top_p": parameters.top_p,
        "max_tokens": parameters.max_tokens,
        "random_seed": parameters.seed,
        "stop": list(parameters.stop) or None,
        "reasoning_effort": _effort(parameters.reasoning_effort),
        "response_format": None if request.schema is None else openai_format(request.schema),
        "safe_prompt": options.safe_prompt,
        "prompt_mode": options.prompt_mode,
    }
    body: Dict[str, Json] = {
        "model": request.model, "messages": _messages(request, provider=provider, label=label or provider),
        "stream": True,
    }
    body.update({name: value for name, value in chosen.items() if value is not None and name not in refused})
    if request.tools:
        body["tools"] = [
            {"type": "function",
             "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.schema)}}
            for tool in request.tools
        ]
    body.update(options.extra_body)
    return body


def refused_field(facts: ErrorFacts, body: Mapping[str, Json]) -> Optional[str]:
    """The field of `body` that the server refuses and that the request can do without; None if none is."""
    words = facts.words.lower()
    if not _REFUSED.search(words):
        return None
    named = set(re.findall(r"[a-z_]+", words.replace("reasoning effort", "reasoning_effort")))
    return next((name for name in _DROPPABLE if name in named and name in body), None)


def short_id(call_id: str) -> str:
    """The id as Mistral takes it: its own as it is, another vendor's as nine letters and digits of its digest."""
    return call_id if _ID.fullmatch(call_id) else hashlib.sha256(call_id.encode("utf-8", "replace")).hexdigest()[:9]


def _effort(word: Optional[str]) -> Optional[str]:
    return "none" if word is not None and word.lower() in ("off", "false") else word


def _messages(request: ChatRequest, *, provider: str, label: str) -> List[Dict[str, Json]]:
    encoded: List[Dict[str, Json]] = []
    if request.system:
        encoded.append({"role": "system", "content": request.system})
    names: Dict[str, str] = {}
    ids = CallIds(short_id)
    last_question = max((at for at, one in enumerate(request.messages) if one.role == "user"), default=0)
    for at, message in enumerate(request.messages):
        if message.role == "assistant":
            names.update((call.id, call.name) for call in message.tool_calls)
            is_own = message.provider == provider and message.model == request.model
            ids.new_round()
            encoded.append(_answer(message, ids, is_own=is_own, is_running=at > last_question))
        elif message.role == "tool":
            call_id = message.tool_call_id or ""
            row = {"role": "tool", "tool_call_id": ids.of_result(call_id), "content": message.text}
            encoded.append({**row, "name": names[call_id]} if call_id in names else row)
        else:
            if encoded and encoded[-1]["role"] == "tool":
                encoded.append({"role": "assistant", "content": "…"})  # the answer that never came
            encoded.append({"role": message.role, "content": _question(message, label)})
    return encoded


def _answer(message: Message, ids: CallIds, *, is_own: bool, is_running: bool) -> Dict[str, Json]:
    """Signed thoughts go back always, unsigned ones while the tools that they led to are answered."""
    chunks: List[Json] = []
    if is_own:
        chunks = [item[CHUNK] for item in message.reasoning_opaque if isinstance(item, dict) and CHUNK in item]
        if not chunks and is_running and message.reasoning and message.tool_calls:
            chunks = [{"type": "thinking", "thinking": [{"type": "text", "text": message.reasoning}]}]
    content: Json = message.text
    if chunks:
        content = [*chunks, *([{"type": "text", "text": message.text}] if message.text else [])]
    encoded: Dict[str, Json] = {"role": "assistant", "content": content}
    if message.tool_calls:
        encoded["tool_calls"] = [_call(one, ids) for one in message.tool_calls]
    return encoded


def _call(call: ToolCall, ids: CallIds) -> Dict[str, Json]:
    arguments = call.raw_arguments or "{}" if call.arguments is None else json.dumps(call.arguments, ensure_ascii=False)
    return {"id": ids.of_call(call.id), "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _question(message: Message, label: str) -> Json:
    """Text alone is a string; with images and documents it is parts, text first."""
    text = text_of(message)
    media = [_media(one, label) for one in message.attachments if one.data_base64]
    if not media:
        return text
    return [*([{"type": "text", "text": text}] if text else []), *media]


def _media(attachment: Attachment, label: str) -> Dict[str, Json]:
    media = media_of(attachment)
    if media.is_image:
        return {"type": "image_url", "image_url": media.data_url}
    if media.type == PDF:
        named = {"document_name": attachment.name} if attachment.name else {}
        return {"type": "document_url", "document_url": media.data_url, **named}
    raise provider_error(
        "unsupported_feature", f"{attachment.name} is {media.type}", provider=label, retryable=False,
        user_text=tr("{label} cannot read {name} ({type}).", label=label, name=attachment.name, type=media.type),
        next_step=tr("Attach it as an image or a PDF."),
    )
