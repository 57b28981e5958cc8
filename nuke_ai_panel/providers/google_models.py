"""Reads Google's list of models. Pure."""

from __future__ import annotations

import re
from typing import Dict, FrozenSet, List, Optional

from ..messages import Json
from .base import ModelInfo
from .google_dialect import model_thinks
from .usage_counts import count

_PREFIX = "models/"
# Models that generate, but not answers to questions.
_NO_CHAT = re.compile(r"-tts\b|embedding|\baqa\b|\bimagen|\bveo-|robotics-er.*streaming")
_DRAWS = re.compile(r"-image\b")


def read_models(body: Json, provider: str, *, is_local: bool) -> List[ModelInfo]:
    """The models in one page of `GET /models` that answer questions."""
    rows = body.get("models") if isinstance(body, dict) else None
    found: Dict[str, ModelInfo] = {}
    for row in rows if isinstance(rows, list) else ():
        name = row.get("name") if isinstance(row, dict) else None
        methods = row.get("supportedGenerationMethods") if isinstance(row, dict) else None
        if not isinstance(name, str) or (isinstance(methods, list) and "generateContent" not in methods):
            continue
        model = name[len(_PREFIX):] if name.startswith(_PREFIX) else name
        if not model or model in found or _NO_CHAT.search(model):
            continue
        title = row.get("displayName")
        found[model] = ModelInfo(
            model, provider, name=title if isinstance(title, str) else "",
            context_tokens=count(row.get("inputTokenLimit")), max_output_tokens=count(row.get("outputTokenLimit")),
            capabilities=_abilities(model, row.get("thinking")), local=is_local,
        )
    return list(found.values())


def next_page(body: Json) -> Optional[str]:
    """The token of the page after this one."""
    token = body.get("nextPageToken") if isinstance(body, dict) else None
    return token if isinstance(token, str) and token else None


def _abilities(model: str, thinking: Json) -> Optional[FrozenSet[str]]:
    """What the row says (thinking) and what holds for the whole Gemini family; None for models of other families."""
    if not model.startswith("gemini-"):
        return frozenset({"reasoning"}) if thinking is True else None
    can = {"vision"} if _DRAWS.search(model) else {"vision", "pdf", "tools", "json"}
    if thinking is True or (thinking is None and model_thinks(model)):
        can.add("reasoning")
    return frozenset(can)
