"""The request of the OpenAI family: our values in, a JSON body out. Pure. `openai_decoder.py` is the way back.

Nothing is sent that the user did not set: strict servers refuse what they do not know. Where servers disagree, a
`Dialect` says how; what a server turns out to refuse becomes a `Repair`, which its provider remembers per model.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Dict, FrozenSet, List, Mapping, Optional

from ..messages import Attachment, Json, Message
from .base import ChatRequest, Parameters
from .error_facts import ErrorFacts
from .reasoning_details import KEY as DETAILS_KEY
from .reasoning_details import replayed

MAX_REPAIRS = 4
SCHEMA_NAME = "answer"
# A repair is the name of the field that this server refuses for this model.
Repair = str
_LENGTH_FIELDS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_DROPPABLE = ("stream_options", "temperature", "top_p", "seed", "stop", "reasoning_effort", "reasoning")
_REFUSED = re.compile(
    r"unsupported|not supported|does(?: not|n't) support|unrecognized|unrecognised|unknown|unexpected"
    r"|not permitted|not allowed|extra[ _](?:inputs?|fields?)|no longer|use 'max_|only the default",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Dialect:
    """How one server differs. `length_field` is what it calls the limit of an answer."""

    length_field: str = "max_tokens"
    asks_for_usage: bool = True
    effort_is_object: bool = False
    replays_details: bool = False
    extra_body: Mapping[str, Json] = field(default_factory=dict)


def encode(
    request: ChatRequest, dialect: Dialect, *, provider: str, repairs: FrozenSet[Repair] = frozenset()
) -> Dict[str, Json]:
    """The body of `POST /chat/completions` for `request`. `provider` is our row: its own reasoning is replayed."""
    body: Dict[str, Json] = {"model": request.model, "messages": _messages(request, dialect, provider), "stream": True}
    if dialect.asks_for_usage:
        body["stream_options"] = {"include_usage": True}
    body.update(_parameters(request.parameters, dialect))
    if request.tools:
        body["tools"] = [
            {"type": "function",
             "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.schema)}}
            for tool in request.tools
        ]
    if request.schema is not None:
        schema = {"name": SCHEMA_NAME, "strict": True, "schema": dict(request.schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    for refused in repairs:
        value = body.pop(refused, None)
        if value is not None and refused in _LENGTH_FIELDS:
            body[_LENGTH_FIELDS[refused]] = value
    body.update(dialect.extra_body)
    return body


def repair_for(facts: ErrorFacts, body: Mapping[str, Json]) -> Optional[Repair]:
    """The field of `body` that the server's error refuses and that the request can do without; None if none is."""
    if not _REFUSED.search(facts.words):
        return None
    param = facts.raw.get("param")
    named = [param] if isinstance(param, str) and param else re.findall(r"[a-z_]+", facts.words.lower())
    for name in (*_LENGTH_FIELDS, *_DROPPABLE):
        if name in named and name in body:
            return name
    return None


def is_loss(repair: Repair) -> bool:
    """True when the user loses something they set; a renamed field and an unasked-for one are no loss."""
    return repair not in _LENGTH_FIELDS and repair != "stream_options"


def _parameters(parameters: Parameters, dialect: Dialect) -> Dict[str, Json]:
    effort = parameters.reasoning_effort
    chosen: Dict[str, Json] = {
        "temperature": parameters.temperature,
        "top_p": parameters.top_p,
        dialect.length_field: parameters.max_tokens,
        "seed": parameters.seed,
        "stop": list(parameters.stop) or None,
        "reasoning_effort": None if dialect.effort_is_object else effort,
        "reasoning": {"effort": effort} if dialect.effort_is_object and effort else None,
    }
    return {name: value for name, value in chosen.items() if value is not None}


def _messages(request: ChatRequest, dialect: Dialect, provider: str) -> List[Dict[str, Json]]:
    encoded: List[Dict[str, Json]] = []
    if request.system:
        encoded.append({"role": "system", "content": request.system})
    for message in request.messages:
        if message.role == "assistant":
            is_own = dialect.replays_details and message.provider == provider
            encoded.append(_assistant(message, replays_details=is_own))
        elif message.role == "tool":
            encoded.append({"role": "tool", "tool_call_id": message.tool_call_id or "", "content": message.text})
        else:
            encoded.append({"role": message.role, "content": _content(message)})
    return encoded


def _assistant(message: Message, *, replays_details: bool) -> Dict[str, Json]:
    encoded: Dict[str, Json] = {"role": "assistant", "content": message.text}
    if message.tool_calls:
        encoded["content"] = message.text or None
        encoded["tool_calls"] = [
            {"id": call.id, "type": "function",
             "function": {"name": call.name, "arguments": _arguments_text(call.arguments, call.raw_arguments)}}
            for call in message.tool_calls
        ]
    details = replayed(message.reasoning_opaque) if replays_details else []
    if details:
        encoded[DETAILS_KEY] = details
    return encoded


def _arguments_text(arguments: Optional[Mapping[str, Json]], raw: Optional[str]) -> str:
    return (raw or "{}") if arguments is None else json.dumps(arguments, ensure_ascii=False)


def _content(message: Message) -> Json:
    """Text alone is a string; with images and documents it is parts, text first."""
    text = text_of(message)
    files = [one for one in message.attachments if one.data_base64]
    if not files:
        return text
    parts: List[Json] = [{"type": "text", "text": text}] if text else []
    return parts + [_file_part(one) for one in files]


def _file_part(file: Attachment) -> Json:
    if is_pdf(file):
        return {"type": "file", "file": {"filename": file.name, "file_data": _data_url(file)}}
    return {"type": "image_url", "image_url": {"url": _data_url(file)}}


def is_pdf(attachment: Attachment) -> bool:
    """Whether it is a document that goes out as a file and not as an image."""
    return attachment.data_base64 is not None and attachment.media_type == "application/pdf"


def text_of(message: Message) -> str:
    """What the model reads of a message: text attachments that nobody wrote out yet, then the text."""
    attached = [one.text for one in message.attachments if one.data_base64 is None and one.text]
    return "\n\n".join([*attached, message.text] if message.text else attached)


def _data_url(image: Attachment) -> str:
    data = image.data_base64 or ""
    return data if data.startswith("data:") else f"data:{image.media_type};base64,{data}"
