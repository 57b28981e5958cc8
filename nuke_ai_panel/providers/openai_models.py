"""Reads model lists of the OpenAI family, whatever their shape. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, FrozenSet, Iterator, List, Optional

from ..messages import Json
from .base import ModelInfo
from .usage_counts import count

_WINDOW_KEYS = ("max_model_len", "context_length", "context_window", "max_context_length", "loaded_context_length")


def read_models(body: Json, provider: str, *, is_local: bool) -> List[ModelInfo]:
    """The models in `{"data": [...]}`, `{"models": [...]}` or a bare list; the first of equal ids counts."""
    found: Dict[str, ModelInfo] = {}
    for row in rows_of(body):
        model = _word(row.get("id")) or _word(row.get("key")) or _word(row.get("model")) or _word(row.get("name"))
        if not model or model in found or _is_no_chat_model(row, model):
            continue
        found[model] = ModelInfo(
            model, provider, name=_word(row.get("display_name")), context_tokens=_window(row), local=is_local,
            capabilities=_abilities(row), size_bytes=count(_mapping(row.get("meta")).get("size")),
            loaded=_mapping(row.get("status")).get("value") == "loaded" or row.get("state") == "loaded",
        )
    return list(found.values())


def rows_of(body: Json) -> Iterator[Dict[str, Json]]:
    """The rows of a model list in any of its shapes; bare names become rows."""
    if isinstance(body, dict):
        body = body.get("data") if isinstance(body.get("data"), list) else body.get("models")
    for row in body if isinstance(body, list) else ():
        if isinstance(row, dict):
            yield row
        elif isinstance(row, str):
            yield {"id": row}


def llamacpp_window(props: Json, info: ModelInfo) -> ModelInfo:
    """`info` with what a llama.cpp server's `/props` says about its one model."""
    defaults = _mapping(_mapping(props).get("default_generation_settings"))
    window = count(defaults.get("n_ctx")) or count(_mapping(props).get("n_ctx"))
    modalities = _mapping(props).get("modalities")
    if not window:
        return info
    abilities = info.capabilities
    if isinstance(modalities, dict) and "vision" in modalities:
        abilities = frozenset({"vision"} if modalities["vision"] else ()) | (abilities or frozenset())
    return replace(info, context_tokens=window, capabilities=abilities, loaded=True)


def lmstudio_models(body: Json, provider: str) -> List[ModelInfo]:
    """The models of LM Studio's own list: the window is the loaded one's, else the largest possible."""
    found = []
    for row in rows_of(body):
        key = _word(row.get("key"))
        if not key or row.get("type") == "embedding":
            continue
        loaded = [one for one in row.get("loaded_instances") or () if isinstance(one, dict)]
        window = next((count(_mapping(one.get("config")).get("context_length")) for one in loaded), None)
        ids = {key, *(_word(one.get("id")) for one in loaded)} - {""}
        for model in sorted(ids):
            found.append(ModelInfo(
                model, provider, name=_word(row.get("display_name")),
                context_tokens=window or count(row.get("max_context_length")), capabilities=_abilities(row), local=True,
                size_bytes=count(row.get("size_bytes")), parameter_size=_word(row.get("params_string")) or None,
                loaded=bool(loaded),
            ))
    return found


def _window(row: Dict[str, Json]) -> Optional[int]:
    for key in _WINDOW_KEYS:
        window = count(row.get(key))
        if window:
            return window
    return count(_mapping(row.get("meta")).get("n_ctx")) or count(_mapping(row.get("meta")).get("n_ctx_train"))


def _abilities(row: Dict[str, Json]) -> Optional[FrozenSet[str]]:
    """Our names for what the row says the model can; None when it says nothing."""
    said = row.get("capabilities")
    if isinstance(said, dict):
        said = [name for name, value in said.items() if value]
    if not isinstance(said, list):
        said = _mapping(row.get("architecture")).get("input_modalities")
    if not isinstance(said, list):
        return None
    words = {str(word) for word in said}
    return frozenset(ours for ours, theirs in _LISTED.items() if words & theirs)


_LISTED = {
    "vision": frozenset({"vision", "multimodal", "image"}),
    "tools": frozenset({"tools", "tool_use", "trained_for_tool_use", "function_calling"}),
    "reasoning": frozenset({"thinking", "reasoning"}),
}


def _is_no_chat_model(row: Dict[str, Json], model: str) -> bool:
    """True for embedders, speech and picture models, by what the row or the name says."""
    if row.get("type") in ("embedding", "embeddings"):
        return True
    return model.lower().startswith(("text-embedding-", "whisper-", "tts-", "dall-e-", "omni-moderation", "gpt-image-"))


def _mapping(value: Json) -> Dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _word(value: Json) -> str:
    return value if isinstance(value, str) else ""
