"""Reads model lists of the OpenAI family, whatever their shape. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Dict, FrozenSet, Iterator, List, Mapping, Optional

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
            max_output_tokens=count(row.get("max_completion_tokens")) or count(row.get("max_output_tokens")),
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


def azure_deployments(body: Json, provider: str, deployment: Optional[str]) -> List[ModelInfo]:
    """The deployments of a resource that work, or the one that the address names, whatever the list says."""
    found = []
    for row in rows_of(body):
        name, model = _word(row.get("id")), _word(row.get("model"))
        if not name or row.get("status") not in (None, "succeeded") or _is_no_chat_model(row, model or name):
            continue
        found.append(ModelInfo(name, provider, name=f"{name} ({model})" if model and model != name else ""))
    if deployment is None:
        return found
    return [one for one in found if one.id == deployment] or [ModelInfo(deployment, provider)]


def xai_models(body: Json, provider: str) -> List[ModelInfo]:
    """The models of xAI's own list. Its prices are hundredths of a cent per million tokens."""
    return [
        ModelInfo(
            _word(row.get("id")), provider, context_tokens=_window(row) or count(row.get("max_prompt_length")),
            capabilities=_abilities(row), price_input=_xai_price(row.get("prompt_text_token_price")),
            price_output=_xai_price(row.get("completion_text_token_price")),
        )
        for row in rows_of(body) if _word(row.get("id"))
    ]


def litellm_models(body: Json, provider: str) -> List[ModelInfo]:
    """The models of a LiteLLM proxy's `/model/info`; one name may stand for several deployments, the first counts."""
    found: Dict[str, ModelInfo] = {}
    for row in rows_of(body):
        model, info = _word(row.get("model_name")), _mapping(row.get("model_info"))
        if not model or model in found:
            continue
        said = {ours: info.get(theirs) for ours, theirs in _LITELLM.items()}
        known = any(value is not None for value in said.values())
        found[model] = ModelInfo(
            model, provider, context_tokens=count(info.get("max_input_tokens")) or count(info.get("max_tokens")),
            max_output_tokens=count(info.get("max_output_tokens")),
            capabilities=frozenset(ours for ours, value in said.items() if value) if known else None,
            price_input=_per_million(info.get("input_cost_per_token")),
            price_output=_per_million(info.get("output_cost_per_token")),
        )
    return list(found.values())


DETAIL_READERS: Mapping[str, Callable[[Json, str], List[ModelInfo]]] = {
    "api/v1/models": lmstudio_models, "language-models": xai_models, "model/info": litellm_models,
}
_LITELLM = {
    "vision": "supports_vision", "pdf": "supports_pdf_input", "tools": "supports_function_calling",
    "reasoning": "supports_reasoning", "json": "supports_response_schema",
}


def _xai_price(value: Json) -> Optional[float]:
    price = count(value)
    return None if price is None else price / 10_000


def _per_million(value: Json) -> Optional[float]:
    """A price per token as one per million; no price is none, not zero."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0 or value == float("inf"):
        return None
    return round(float(value) * 1e6, 9)


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
        said = row.get("input_modalities") or _mapping(row.get("architecture")).get("input_modalities")
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
    if row.get("type") in ("embedding", "embeddings") or row.get("active") is False:
        return True
    if _mapping(row.get("capabilities")).get("chat_completion") is False:
        return True
    return model.lower().startswith(("text-embedding-", "whisper-", "tts-", "dall-e-", "omni-moderation", "gpt-image-"))


def _mapping(value: Json) -> Dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _word(value: Json) -> str:
    return value if isinstance(value, str) else ""
