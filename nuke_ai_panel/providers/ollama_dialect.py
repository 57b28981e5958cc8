"""The request and the model descriptions of Ollama's native API. Pure; `ollama_decoder.py` reads the answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Dict, FrozenSet, List, Mapping, Optional, Set, Tuple, Union

from ..errors import SettingsError
from ..messages import Json, Message
from ..words import tr
from .base import ChatRequest, ModelInfo
from .openai_dialect import text_of
from .openai_models import rows_of
from .pictures import bare_base64, images_of, pdf_refused, pdfs_of
from .services import LoadedModel
from .usage_counts import count

_DURATION = re.compile(r"[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+")
_EFFORTS: Dict[str, Union[bool, str]] = {
    "none": False, "off": False, "false": False, "on": True, "true": True,
    "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "max", "max": "max",
}
_ABILITIES = {"vision": "vision", "tools": "tools", "thinking": "reasoning"}
# What a model that cannot chat can do ("image" makes pictures).
_NO_CHAT = frozenset({"embedding", "image"})
_VISION_FAMILIES = frozenset({"mllama", "clip"})
_NUM_CTX = re.compile(r"^\s*num_ctx\s+(\d+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class OllamaOptions:
    """The `options` of an Ollama row: window, how long the model stays loaded, thinking, and the model's own."""

    num_ctx: Optional[int] = None
    keep_alive: Json = None
    think: Union[bool, str, None] = None
    model_options: Mapping[str, Json] = field(default_factory=dict)


def read_options(options: Mapping[str, Json], row: str) -> OllamaOptions:
    """The options of the settings row called `row`. Raises SettingsError that names the option."""
    num_ctx = options.get("num_ctx")
    if num_ctx is not None and (not isinstance(num_ctx, int) or isinstance(num_ctx, bool) or num_ctx < 1):
        raise _bad(row, "num_ctx", num_ctx, "a number of tokens, such as 8192")
    think = options.get("think")
    if think is not None and not isinstance(think, bool) and think not in _EFFORTS:
        raise _bad(row, "think", think, "true, false, low, medium or high")
    extra = options.get("model_options", {})
    if not isinstance(extra, dict):
        raise _bad(row, "model_options", extra, "a table, such as { top_k = 40 }")
    return OllamaOptions(num_ctx, _keep_alive(options.get("keep_alive"), row), think, extra)


def encode_chat(
    request: ChatRequest, options: OllamaOptions, *, num_ctx: Optional[int], thinks: bool = True,
    label: str = "Ollama",
) -> Dict[str, Json]:
    """The body of `POST /api/chat`. `num_ctx` is the window to load the model with; `thinks` False leaves think out.

    Raises ProviderError for a PDF file, which Ollama cannot read; `label` is what that error calls the server.
    """
    parameters = request.parameters
    chosen: Dict[str, Json] = {
        **options.model_options,
        "num_ctx": num_ctx,
        "temperature": parameters.temperature,
        "top_p": parameters.top_p,
        "num_predict": parameters.max_tokens,
        "seed": parameters.seed,
        "stop": list(parameters.stop) or None,
    }
    body: Dict[str, Json] = {"model": request.model, "messages": _messages(request, label),
                            "stream": request.streams}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    if chosen:
        body["options"] = chosen
    if options.keep_alive is not None:
        body["keep_alive"] = options.keep_alive
    think = think_of(parameters.reasoning_effort, options)
    if think is not None and thinks:
        body["think"] = think
    if request.schema is not None:
        body["format"] = dict(request.schema)
    if request.tools:
        body["tools"] = [
            {"type": "function",
             "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.schema)}}
            for tool in request.tools
        ]
    return body


def think_of(effort: Optional[str], options: OllamaOptions) -> Union[bool, str, None]:
    """What to send as `think`: the request's word first, then the row's; None leaves it to the server."""
    wanted = options.think if effort is None else effort
    return _EFFORTS.get(wanted.lower(), wanted) if isinstance(wanted, str) else wanted


def read_tags(
    body: Json, provider: str, *, is_local: bool, loaded: Tuple[LoadedModel, ...] = ()
) -> List[ModelInfo]:
    """The models of `/api/tags`; those that only embed are left out. `loaded` says which of them are in memory."""
    windows = {one.id: one.context_tokens for one in loaded}
    found: Dict[str, ModelInfo] = {}
    for row in rows_of(body):
        model = _word(row.get("model")) or _word(row.get("name"))
        abilities = row.get("capabilities")
        is_no_chat = isinstance(abilities, list) and bool(abilities) and _NO_CHAT.issuperset(map(str, abilities))
        if not model or model in found or is_no_chat:
            continue
        details = _mapping(row.get("details"))
        is_remote = bool(row.get("remote_host") or row.get("remote_model"))
        found[model] = ModelInfo(
            model, provider, name=_word(row.get("name")), context_tokens=count(details.get("context_length")) or None,
            capabilities=_listed(abilities), local=is_local and not is_remote, size_bytes=count(row.get("size")),
            parameter_size=_word(details.get("parameter_size")) or None, loaded=model in windows,
            price_input=None if is_remote else 0.0, price_output=None if is_remote else 0.0,
            window_tokens=windows.get(model),
        )
    return list(found.values())


def loaded_models(body: Json) -> FrozenSet[str]:
    """The names in `/api/ps`."""
    return frozenset(one.id for one in read_loaded(body))


def read_loaded(body: Json) -> Tuple[LoadedModel, ...]:
    """The models of `/api/ps`: what is in memory, how large, with which window and until when."""
    return tuple(
        LoadedModel(
            _word(row.get("model")) or _word(row.get("name")), count(row.get("size")), count(row.get("size_vram")),
            count(row.get("context_length")) or None, _moment(row.get("expires_at")),
        )
        for row in rows_of(body) if row.get("model") or row.get("name")
    )


def full_name(model: str) -> str:
    """`model` with its tag: the server lists what was asked for as `m` under `m:latest`."""
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"


def read_show(body: Json, info: ModelInfo) -> ModelInfo:
    """`info` with what `/api/show` says: the model's window and abilities, guessed for servers that name none."""
    said = _mapping(body)
    model_info = _mapping(said.get("model_info"))
    window = count(model_info.get(f"{_word(model_info.get('general.architecture'))}.context_length"))
    written = _NUM_CTX.search(_word(said.get("parameters")))
    fixed = int(written.group(1)) if written is not None else None
    details = _mapping(said.get("details"))
    return replace(
        info, context_tokens=window or info.context_tokens or fixed, capabilities=_listed(said.get("capabilities"))
        if isinstance(said.get("capabilities"), list) else _guessed(said, details),
        parameter_size=_word(details.get("parameter_size")) or info.parameter_size,
        local=info.local and not (said.get("remote_host") or said.get("remote_model")),
        window_tokens=info.window_tokens or fixed,
    )


def _guessed(said: Dict[str, Json], details: Dict[str, Json]) -> FrozenSet[str]:
    """The abilities of a model on a server that is too old to name them."""
    families = details.get("families")
    known: Set[str] = {str(one) for one in families} if isinstance(families, list) else set()
    found = set()
    template = _word(said.get("template"))
    if ".Tools" in template:
        found.add("tools")
    if ".Thinking" in template:
        found.add("reasoning")
    if known & _VISION_FAMILIES or _word(details.get("family")) in _VISION_FAMILIES or said.get("projector_info"):
        found.add("vision")
    return frozenset(found)


def _listed(abilities: Json) -> Optional[FrozenSet[str]]:
    if not isinstance(abilities, list):
        return None
    return frozenset(_ABILITIES[str(one)] for one in abilities if str(one) in _ABILITIES)


def _messages(request: ChatRequest, label: str) -> List[Dict[str, Json]]:
    encoded: List[Dict[str, Json]] = [{"role": "system", "content": request.system}] if request.system else []
    called: Dict[str, str] = {}
    for message in request.messages:
        row: Dict[str, Json] = {"role": message.role, "content": text_of(message)}
        for pdf in pdfs_of(message):
            raise pdf_refused(pdf, provider=label, model=request.model)
        images = [bare_base64(one) for one in images_of(message)]
        if images:
            row["images"] = images
        if message.tool_calls:
            called.update((call.id, call.name) for call in message.tool_calls)
            row.update(_calls(message))
        if message.role == "tool":
            call_id = message.tool_call_id or ""
            row.update({"tool_name": called.get(call_id, ""), "tool_call_id": call_id})
        encoded.append(row)
    return encoded


def _calls(message: Message) -> Dict[str, Json]:
    """Arguments as objects, which is what the native API wants; the thoughts behind a call go back with it."""
    row: Dict[str, Json] = {"tool_calls": [
        {"id": call.id, "function": {"name": call.name, "arguments": dict(call.arguments or {})}}
        for call in message.tool_calls
    ]}
    if message.reasoning:
        row["thinking"] = message.reasoning
    return row


def _keep_alive(value: Json, row: str) -> Json:
    """Seconds, or a duration with its unit: a bare number in quotes is a number, because the server refuses it."""
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    if isinstance(value, str):
        text = value.strip()
        if re.fullmatch(r"[+-]?\d+", text):
            return int(text)
        if _DURATION.fullmatch(text):
            return text
    raise _bad(row, "keep_alive", value, 'seconds, or a duration such as "10m"; -1 keeps the model loaded')


def _moment(value: Json) -> Optional[float]:
    """Go's time as UTC seconds; None for its zero and for what is none. It has more digits than Python reads."""
    text = re.sub(r"(\.\d{6})\d+", r"\1", _word(value).replace("Z", "+00:00"))
    text = re.sub(r"\.(\d{1,5})(?=[+-])", lambda found: f".{found.group(1):0<6}", text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None and 1970 < moment.year < 2200 else None


def _bad(row: str, option: str, value: Json, wanted: str) -> SettingsError:
    return SettingsError(
        f"providers.{row}.options.{option} = {value!r} is not {wanted}",
        user_text=tr("The option {option} of {row} is not valid.", option=option, row=row),
        next_step=tr("Set it to {wanted}.", wanted=wanted),
    )


def _mapping(value: Json) -> Dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _word(value: Json) -> str:
    return value if isinstance(value, str) else ""
