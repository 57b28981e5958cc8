"""The vendors' SDKs, strictly: what of a request their own types know, and what they would drop or refuse.

This is the only door to them. They are never dependencies of the product or of its tests; `make proof` installs them,
and one that is missing fails there.
"""

from __future__ import annotations

import base64
import collections.abc
import importlib
import typing
from typing import Any, Callable, Dict, Iterator, List, Mapping

import pytest

from nuke_ai_panel.messages import Json

Problems = List[str]


def sdk(module: str) -> Any:  # somebody else's module
    """The module of an SDK. Fails the test when it is not installed: a proof that is skipped proves nothing."""
    try:
        return importlib.import_module(module)
    except ImportError as exc:
        pytest.fail(f"{module} cannot be imported ({exc}); `python .ci/legs.py proof` installs the SDKs")


def problems_with(vendor: str, body: Mapping[str, Json]) -> Problems:
    """What the vendor's own types have against a request body; nothing when they know all of it."""
    return _CHECKS[vendor](dict(body))


# ---------------------------------------------------------------- typed dicts: OpenAI, Anthropic


def _openai(body: Dict[str, Json]) -> Problems:
    params = sdk("openai.types.chat.completion_create_params")
    return _fit(body, params.CompletionCreateParamsStreaming, "")


def _anthropic(body: Dict[str, Json]) -> Problems:
    params = sdk("anthropic.types.message_create_params")
    return _fit(body, params.MessageCreateParamsStreaming, "")


def _fit(value: Json, kind: Any, path: str) -> Problems:  # a type of the SDK
    """Where a value is not of the type, all the way down; a key that no TypedDict declares is a problem too."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if hasattr(kind, "__required_keys__"):
        return _fit_dict(value, kind, path)
    if origin is typing.Union:
        return min((_fit(value, one, path) for one in inner), key=len)
    if origin is typing.Literal:
        return [] if value in inner else [f"{path}: {value!r:.60} is none of {inner!r:.80}"]
    if origin is not None and str(origin) in _WRAPPERS:
        return _fit(value, inner[0], path)
    if origin in (list, collections.abc.Iterable, collections.abc.Sequence):
        if not isinstance(value, list):
            return [f"{path}: {value!r:.60} is no list"]
        return [one for number, item in enumerate(value) for one in _fit(item, inner[0], f"{path}.{number}")]
    if origin in (dict, collections.abc.Mapping):
        if not isinstance(value, dict):
            return [f"{path}: {value!r:.60} is no object"]
        return [one for name, item in value.items() for one in _fit(item, inner[1], f"{path}.{name}")]
    if kind in (object, Any):
        return []
    simple = (int, float) if kind is float else type(None) if kind is None else origin or kind
    fits = isinstance(value, simple) and (kind is bool or not isinstance(value, bool))
    return [] if fits else [f"{path}: {value!r:.60} is no {kind}"]


def _fit_dict(value: Json, kind: Any, path: str) -> Problems:  # a TypedDict of the SDK
    if not isinstance(value, dict):
        return [f"{path}: {value!r:.60} is no object"]
    hints = sdk("typing_extensions").get_type_hints(kind, include_extras=True)
    found = [f"{path}.{name}: the SDK does not know it" for name in value if name not in hints]
    found += [f"{path}.{name}: the SDK requires it" for name in kind.__required_keys__ if name not in value]
    for name, item in value.items():
        if name in hints:
            found += _fit(item, hints[name], f"{path}.{name}".lstrip("."))
    return found


_WRAPPERS = frozenset({
    "typing.Required", "typing.NotRequired", "typing_extensions.Required", "typing_extensions.NotRequired",
    "typing.Annotated", "typing_extensions.Annotated", "<class 'typing.Annotated'>",
})


# ---------------------------------------------------------------- models: what they keep is what they know


def _ollama(body: Dict[str, Json]) -> Problems:
    types = sdk("ollama._types")
    found = _by_model(types.ChatRequest, body)
    for field, kind in (("messages", types.Message), ("tools", types.Tool)):  # the request takes any mapping here
        for number, row in enumerate(body.get(field) or ()):
            fields = dict(row) if isinstance(row, dict) else {}
            for image in fields.pop("images", ()):  # the SDK writes an image as this text, but reads another shape
                base64.b64decode(image, validate=True)
            found += [f"{field}.{number}.{problem}" for problem in _by_model(kind, fields)]
    return found


def _openrouter(body: Dict[str, Json]) -> Problems:
    return _by_model(sdk("openrouter.components").ChatRequest, body)


def _mistral(body: Dict[str, Json]) -> Problems:
    return _by_model(sdk("mistralai.client.models").ChatCompletionStreamRequest, body)


def _google(body: Dict[str, Json]) -> Problems:
    types = sdk("google.genai.types")
    kinds = {
        "contents": types.Content, "systemInstruction": types.Content, "tools": types.Tool,
        "generationConfig": types.GenerationConfig, "safetySettings": types.SafetySetting,
    }
    found = [f"{name}: no field of a request" for name in body if name not in kinds]
    for name, kind in kinds.items():
        for one in body.get(name, []) if isinstance(body.get(name, []), list) else [body[name]]:
            found += [f"{name}.{problem}" for problem in _by_model(kind, one)]
    return found


def _by_model(kind: Any, body: Dict[str, Json]) -> Problems:  # a pydantic model of the SDK
    pydantic = sdk("pydantic")
    try:
        kept = kind.model_validate(body).model_dump(mode="json", by_alias=True, exclude_unset=True)
    except pydantic.ValidationError as exc:
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in exc.errors()]
    return list(_lost(body, kept, ""))


def _lost(said: Json, kept: Json, path: str) -> Iterator[str]:
    """Where `kept` is not all of `said`."""
    if isinstance(said, dict) and isinstance(kept, dict):
        for name, value in said.items():
            where = f"{path}.{name}".lstrip(".")
            if name in kept:
                yield from _lost(value, kept[name], where)
            elif value is not None:
                yield f"{where}: the SDK does not know it"
    elif isinstance(said, list) and isinstance(kept, list) and len(said) == len(kept):
        for number, (one, other) in enumerate(zip(said, kept)):
            yield from _lost(one, other, f"{path}.{number}")
    elif not _is_same(said, kept):
        yield f"{path}: {said!r:.60} became {kept!r:.60}"


def _is_same(said: Json, kept: Json) -> bool:
    if isinstance(said, str) and isinstance(kept, str):
        return said.rstrip("=") == kept.rstrip("=").replace("-", "+").replace("_", "/") or said.lower() == kept.lower()
    return bool(said == kept)


_CHECKS: Mapping[str, Callable[[Dict[str, Json]], Problems]] = {
    "openai": _openai, "anthropic": _anthropic, "ollama": _ollama, "openrouter": _openrouter, "mistral": _mistral,
    "google": _google,
}
