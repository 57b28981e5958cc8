"""The request of the OpenAI family: our values in, a JSON body out. Pure. `openai_decoder.py` is the way back.

Nothing is sent that the user did not set: strict servers refuse what they do not know. Where servers disagree, a
`Dialect` says how (`openai_vendors.py` has one for each vendor); what a server turns out to refuse becomes a `Repair`
(`openai_repairs.py`), which its provider remembers per model.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Dict, FrozenSet, List, Literal, Mapping, Optional

from ..messages import Json, Message
from .answer_schema import instruction, openai_format
from .base import ChatRequest
from .media import media_of
from .openai_repairs import LENGTH_FIELDS, NO_DEVELOPER, NO_FORMAT, NO_JSON_SCHEMA, NO_SYSTEM, Repair
from .pictures import images_of, pdf_refused, pdfs_of
from .reasoning_details import KEY as DETAILS_KEY
from .reasoning_details import replayed

_NO_THINKING = frozenset({"none", "off"})


@dataclass(frozen=True)
class Dialect:
    """How one server differs.

    `length_field` is what it calls the limit of an answer; `developer_models` the names of models whose system prompt
    comes from a developer; `schema_form` how it takes a JSON Schema; `reasoning_field` where it wants the thoughts
    behind a tool call back; `switch` how thinking is turned off; `think_tags` that thoughts come in the text.
    """

    length_field: str = "max_tokens"
    asks_for_usage: bool = True
    effort_is_object: bool = False
    replays_details: bool = False
    developer_models: Optional[re.Pattern[str]] = None
    schema_form: Literal["json_schema", "json_object", "text"] = "json_schema"
    takes_pdf: bool = False
    reasoning_field: str = ""
    switch: Literal["", "thinking", "template"] = ""
    think_tags: bool = False
    parallel_tool_calls: Optional[bool] = None
    extra_body: Mapping[str, Json] = field(default_factory=dict)


def encode(
    request: ChatRequest, dialect: Dialect, *, provider: str, label: str = "",
    repairs: FrozenSet[Repair] = frozenset(),
) -> Dict[str, Json]:
    """The body of `POST /chat/completions` for `request`. `provider` is our row: its own reasoning is replayed.

    Raises ProviderError for a PDF file that the server cannot read; `label` is what that error calls it.
    """
    form = _schema_form(dialect, repairs)
    system = [request.system] if request.system else []
    if request.schema is not None and form != "json_schema":
        system.append(instruction(request.schema))
    messages = _system(request.model, "\n\n".join(system), dialect, repairs)
    messages += _messages(request, dialect, provider, label or provider)
    if NO_SYSTEM in repairs and system:
        _prepend(messages, "\n\n".join(system))
    body: Dict[str, Json] = {"model": request.model, "messages": messages, "stream": request.streams}
    if dialect.asks_for_usage and request.streams:
        body["stream_options"] = {"include_usage": True}
    body.update(_parameters(request, dialect))
    if request.tools:
        body["tools"] = [
            {"type": "function",
             "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.schema)}}
            for tool in request.tools
        ]
        if dialect.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = dialect.parallel_tool_calls
    if request.schema is not None and form != "text":
        body["response_format"] = (
            openai_format(request.schema) if form == "json_schema" else {"type": "json_object"})
    for refused in repairs:
        value = body.pop(refused, None)
        if value is not None and refused in LENGTH_FIELDS:
            body[LENGTH_FIELDS[refused]] = value
    body.update(dialect.extra_body)
    return body


def _schema_form(dialect: Dialect, repairs: FrozenSet[Repair]) -> Literal["json_schema", "json_object", "text"]:
    if NO_FORMAT in repairs:
        return "text"
    return "json_object" if NO_JSON_SCHEMA in repairs and dialect.schema_form == "json_schema" else dialect.schema_form


def _parameters(request: ChatRequest, dialect: Dialect) -> Dict[str, Json]:
    parameters = request.parameters
    effort = parameters.reasoning_effort
    chosen: Dict[str, Json] = {
        "temperature": parameters.temperature,
        "top_p": parameters.top_p,
        dialect.length_field: parameters.max_tokens,
        "seed": parameters.seed,
        "stop": list(parameters.stop) or None,
    }
    if effort and dialect.switch and effort.lower() in _NO_THINKING:
        if dialect.switch == "thinking":
            chosen["thinking"] = {"type": "disabled"}
        else:
            chosen["chat_template_kwargs"] = {"enable_thinking": False}
    elif effort and dialect.effort_is_object:
        chosen["reasoning"] = {"effort": effort}
    else:
        chosen["reasoning_effort"] = effort
    return {name: value for name, value in chosen.items() if value is not None}


def _system(model: str, text: str, dialect: Dialect, repairs: FrozenSet[Repair]) -> List[Dict[str, Json]]:
    if not text or NO_SYSTEM in repairs:
        return []
    is_developer = dialect.developer_models is not None and dialect.developer_models.search(model) is not None
    role = "developer" if is_developer and NO_DEVELOPER not in repairs else "system"
    return [{"role": role, "content": text}]


def _prepend(messages: List[Dict[str, Json]], text: str) -> None:
    """Puts the system prompt before the first question, for models that know no system prompt."""
    if messages and messages[0]["role"] == "user":
        content = messages[0]["content"]
        first: Json = f"{text}\n\n{content}" if isinstance(content, str) else [{"type": "text", "text": text}, *content]
        messages[0] = {"role": "user", "content": first}
    else:
        messages.insert(0, {"role": "user", "content": text})


def _messages(request: ChatRequest, dialect: Dialect, provider: str, label: str) -> List[Dict[str, Json]]:
    encoded: List[Dict[str, Json]] = []
    for message in request.messages:
        if message.role == "assistant":
            encoded.append(_assistant(message, dialect, is_own=message.provider == provider))
        elif message.role == "tool":
            encoded.append({"role": "tool", "tool_call_id": message.tool_call_id or "", "content": message.text})
        else:
            encoded.append({"role": message.role, "content": _content(message, dialect, label, request.model)})
    return encoded


def _assistant(message: Message, dialect: Dialect, *, is_own: bool) -> Dict[str, Json]:
    encoded: Dict[str, Json] = {"role": "assistant", "content": message.text}
    if message.tool_calls:
        encoded["content"] = message.text or None
        encoded["tool_calls"] = [
            {"id": call.id, "type": "function",
             "function": {"name": call.name, "arguments": _arguments_text(call.arguments, call.raw_arguments)}}
            for call in message.tool_calls
        ]
        if dialect.reasoning_field:
            # Whoever wants it wants it with every call, even where there is nothing of its own.
            encoded[dialect.reasoning_field] = message.reasoning if is_own else ""
    details = replayed(message.reasoning_opaque) if dialect.replays_details and is_own else []
    if details:
        encoded[DETAILS_KEY] = details
    return encoded


def _arguments_text(arguments: Optional[Mapping[str, Json]], raw: Optional[str]) -> str:
    return (raw or "{}") if arguments is None else json.dumps(arguments, ensure_ascii=False)


def _content(message: Message, dialect: Dialect, label: str, model: str) -> Json:
    """Text alone is a string; with images and files it is parts, text first."""
    text = text_of(message)
    images, pdfs = images_of(message), pdfs_of(message)
    if pdfs and not dialect.takes_pdf:
        raise pdf_refused(pdfs[0], provider=label, model=model)
    if not images and not pdfs:
        return text
    parts: List[Json] = [{"type": "text", "text": text}] if text else []
    parts += [{"type": "image_url", "image_url": {"url": media_of(image).data_url}} for image in images]
    files = [{"filename": pdf.name or "file.pdf", "file_data": media_of(pdf).data_url} for pdf in pdfs]
    return parts + [{"type": "file", "file": file} for file in files]


def text_of(message: Message) -> str:
    """What the model reads of a message: text attachments that nobody wrote out yet, then the text."""
    attached = [one.text for one in message.attachments if one.data_base64 is None and one.text]
    return "\n\n".join([*attached, message.text] if message.text else attached)
