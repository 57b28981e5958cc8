"""The request of Google's Gemini API: our values in, a JSON body out. Pure. `google_decoder.py` is the way back.

Nothing is sent that the user did not set, but one thing: a model that thinks is asked for its thoughts, which it
would keep to itself otherwise. What a model turns out to refuse becomes a `Repair`, which the provider remembers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, FrozenSet, Iterator, List, Mapping, Optional, Tuple

from ..errors import SettingsError
from ..messages import Json, Message
from ..words import tr
from .answer_schema import instruction, openapi_schema
from .base import ChatRequest
from .error_facts import ErrorFacts
from .google_parts import model_parts
from .media import media_of
from .openai_dialect import text_of
from .pictures import images_of, pdfs_of

Repair = str
MAX_REPAIRS = 5
_BUDGETS = {"none": 0, "off": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576,
            "max": 24576}
_LEVELS = {"none": "minimal", "off": "minimal", "xhigh": "high", "max": "high"}
_TAKES_BUDGET = re.compile(r"gemini-(?:1|2)")
_THINKS = re.compile(r"gemini-(?:2\.5|[3-9])(?!.*-(?:image|tts|live))")
# What the server's words refuse → what the request does without from then on. The first that matches counts.
_REFUSALS: Tuple[Tuple[str, re.Pattern[str]], ...] = (
    ("parametersJsonSchema", re.compile(r"(?i)unknown name \W*(?:parametersJsonSchema|parameters_json_schema)")),
    ("responseJsonSchema", re.compile(
        r"(?i)unknown name \W*(?:responseJsonSchema|response_json_schema)|response_?json_?schema\b.*not supported")),
    ("responseMimeType", re.compile(r"(?i)json mode is not (?:enabled|supported)|response_?mime_?type.*not supported")),
    ("systemInstruction", re.compile(r"(?i)(?:developer|system)[ _]?instruction is not (?:enabled|supported)")),
    ("thinkingLevel", re.compile(r"(?i)thinking[_ ]?level\b.*(?:not supported|invalid|unsupported|unknown)"
                                 r"|unknown name \W*thinking_?level")),
    ("thinkingBudget", re.compile(r"(?i)(?:thinking[_ ]?)?budget\b.*(?:not supported|invalid|unsupported|out of range)"
                                  r"|only works in thinking mode")),
    ("thinkingConfig", re.compile(
        r"(?i)thinking(?:_?config)?\b.*(?:not (?:enabled|supported)|unsupported)|unknown name \W*thinking_?config"
        r"|includeThoughts|include_thoughts")),
    ("seed", re.compile(r"(?i)\bseed\b.*(?:not (?:enabled|supported)|unsupported)|unknown name \W*seed")),
)
# Repairs by which the user gets something else than was asked for.
_LOSSES = {"thinkingLevel": "reasoning_effort", "thinkingBudget": "reasoning_effort", "seed": "seed"}


@dataclass(frozen=True)
class GoogleOptions:
    """The `options` of a Google row. `thoughts` None asks the models that think for their thoughts."""

    thoughts: Optional[bool] = None
    safety: Mapping[str, Json] = field(default_factory=dict)
    cached_content: Optional[str] = None
    extra_body: Mapping[str, Json] = field(default_factory=dict)


def read_options(options: Mapping[str, Json], row: str) -> GoogleOptions:
    """The options of the settings row called `row`. Raises SettingsError that names the option."""
    thoughts, safety = options.get("thoughts"), options.get("safety", {})
    cached, extra = options.get("cached_content"), options.get("extra_body", {})
    if thoughts is not None and not isinstance(thoughts, bool):
        raise _bad(row, "thoughts", "true or false")
    if not isinstance(safety, dict) or not all(isinstance(one, str) for one in safety.values()):
        raise _bad(row, "safety", 'a table, such as { HARM_CATEGORY_HARASSMENT = "BLOCK_ONLY_HIGH" }')
    if cached is not None and not isinstance(cached, str):
        raise _bad(row, "cached_content", "the name of a cache, such as cachedContents/abc")
    if not isinstance(extra, dict):
        raise _bad(row, "extra_body", "a table")
    return GoogleOptions(thoughts, safety, cached, extra)


def encode(
    request: ChatRequest, options: GoogleOptions, *, provider: str, thinks: Optional[bool] = None,
    repairs: FrozenSet[Repair] = frozenset(),
) -> Dict[str, Json]:
    """The body of `:streamGenerateContent`. `thinks` says whether the model does; None goes by its name."""
    system = [request.system] if request.system else []
    if request.schema is not None and "responseMimeType" in repairs:
        system.append(instruction(request.schema))
    body: Dict[str, Json] = {"contents": _contents(request, provider)}
    if system and "systemInstruction" in repairs:
        _prepend(body["contents"], "\n\n".join(system))
    elif system:
        body["systemInstruction"] = {"parts": [{"text": "\n\n".join(system)}]}
    if request.tools:
        body["tools"] = [{"functionDeclarations": list(_declarations(request, repairs))}]
    config = _config(request, options, thinks=model_thinks(request.model) if thinks is None else thinks,
                     repairs=repairs)
    if config:
        body["generationConfig"] = config
    if options.safety:
        body["safetySettings"] = [{"category": name, "threshold": level} for name, level in options.safety.items()]
    if options.cached_content:
        body["cachedContent"] = options.cached_content
    for name, value in options.extra_body.items():
        known = body.get(name)
        body[name] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
    return body


def repair_for(facts: ErrorFacts) -> Optional[Repair]:
    """What the request can do without, by what the server's error refuses; None if it names nothing of the kind."""
    return next((name for name, words in _REFUSALS if words.search(facts.words)), None)


def losses(request: ChatRequest, repairs: FrozenSet[Repair]) -> List[str]:
    """The names of what the user set and this model refuses."""
    asked = request.parameters
    is_set = {"reasoning_effort": bool(asked.reasoning_effort), "seed": asked.seed is not None}
    lost = {_LOSSES[one] for one in repairs if one in _LOSSES}
    if "thinkingConfig" in repairs:
        lost.add("reasoning_effort")
    return sorted(name for name in lost if is_set[name])


def model_thinks(model: str) -> bool:
    """Whether the family that the name tells of is one that thinks."""
    return _THINKS.search(model) is not None


def _config(
    request: ChatRequest, options: GoogleOptions, *, thinks: bool, repairs: FrozenSet[Repair]
) -> Dict[str, Json]:
    parameters = request.parameters
    chosen: Dict[str, Json] = {
        "temperature": parameters.temperature,
        "topP": parameters.top_p,
        "maxOutputTokens": parameters.max_tokens,
        "stopSequences": list(parameters.stop) or None,
        "seed": None if "seed" in repairs else parameters.seed,
    }
    if request.schema is not None and "responseMimeType" not in repairs:
        chosen["responseMimeType"] = "application/json"
        if "responseJsonSchema" in repairs:
            chosen["responseSchema"] = openapi_schema(dict(request.schema))
        else:
            chosen["responseJsonSchema"] = dict(request.schema)
    if "thinkingConfig" not in repairs:
        chosen["thinkingConfig"] = _thinking(request, options, thinks=thinks, repairs=repairs) or None
    return {name: value for name, value in chosen.items() if value is not None}


def _thinking(
    request: ChatRequest, options: GoogleOptions, *, thinks: bool, repairs: FrozenSet[Repair]
) -> Dict[str, Json]:
    """How much to think, and whether to tell. A plain number as effort is a budget in tokens."""
    effort = (request.parameters.reasoning_effort or "").strip().lower()
    config: Dict[str, Json] = {}
    if effort.isascii() and effort.isdigit():
        config["thinkingBudget"] = int(effort)
    elif effort and _TAKES_BUDGET.search(request.model) and effort in _BUDGETS:
        config["thinkingBudget"] = _BUDGETS[effort]
    elif effort:
        config["thinkingLevel"] = _LEVELS.get(effort, effort)
    for refused in repairs:
        config.pop(refused, None)
    tells = (thinks or bool(effort)) if options.thoughts is None else options.thoughts
    if tells and effort not in ("none", "off"):
        config["includeThoughts"] = True
    return config


def _declarations(request: ChatRequest, repairs: FrozenSet[Repair]) -> Iterator[Dict[str, Json]]:
    for tool in request.tools:
        declared: Dict[str, Json] = {"name": tool.name, "description": tool.description}
        if tool.schema.get("properties"):
            if "parametersJsonSchema" in repairs:
                declared["parameters"] = openapi_schema(dict(tool.schema))
            else:
                declared["parametersJsonSchema"] = dict(tool.schema)
        yield declared


def _contents(request: ChatRequest, provider: str) -> List[Dict[str, Json]]:
    """The turns; the results of one round of calls go back together, as the calls came."""
    contents: List[Dict[str, Json]] = []
    called: Dict[str, Tuple[str, bool]] = {}
    previous = ""
    for message in request.messages:
        if message.role == "assistant":
            parts, known = model_parts(message, is_own=message.provider == provider)
            called.update(known)
            if parts:
                contents.append({"role": "model", "parts": parts})
        elif message.role == "tool":
            part = _result(message, called)
            if previous == "tool":
                contents[-1]["parts"].append(part)
            else:
                contents.append({"role": "user", "parts": [part]})
        else:
            contents.append({"role": "user", "parts": _question(message)})
        previous = message.role
    return contents


def _question(message: Message) -> List[Dict[str, Json]]:
    media = [media_of(one) for one in (*images_of(message), *pdfs_of(message))]
    parts: List[Dict[str, Json]] = [{"inlineData": {"mimeType": one.type, "data": one.base64}} for one in media]
    text = text_of(message)
    return [*parts, {"text": text}] if text or not parts else parts


def _result(message: Message, called: Mapping[str, Tuple[str, bool]]) -> Dict[str, Json]:
    """What a tool said, under the name of the call; its id only where Gemini gave one."""
    call_id = message.tool_call_id or ""
    name, is_named = called.get(call_id, ("", False))
    response: Dict[str, Json] = {"name": name, "response": {"output": message.text}}
    if message.status == "failed":
        response["response"] = {"error": message.text}
    return {"functionResponse": {"id": call_id, **response} if is_named else response}


def _prepend(contents: List[Dict[str, Json]], text: str) -> None:
    """Puts the system prompt before the first question, for models that know no system prompt."""
    if contents and contents[0]["role"] == "user":
        contents[0]["parts"].insert(0, {"text": text})
    else:
        contents.insert(0, {"role": "user", "parts": [{"text": text}]})


def _bad(row: str, option: str, wanted: str) -> SettingsError:
    return SettingsError(
        f"providers.{row}.options.{option} is not {wanted}",
        user_text=tr("The option {option} of {row} is not valid.", option=option, row=row),
        next_step=tr("Set it to {wanted}.", wanted=wanted),
    )
