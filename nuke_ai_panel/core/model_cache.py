"""Remembers each provider's list of models on disk, so that a picker opens at once and offline. Files only; any thread.

One small JSON file a provider, replaced as a whole. A file that cannot be read is as good as none: it is a cache. A
list of another address is not used.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from pathlib import Path
from typing import Dict, Optional, Tuple
from urllib.parse import quote

from ..messages import Json
from ..providers.base import ModelInfo
from ..settings import ProviderSettings

log = logging.getLogger(__name__)

_FIELDS = {one.name for one in dataclasses.fields(ModelInfo)}
_SETS = ("capabilities", "input_modalities", "output_modalities", "parameters")
# What was true of a server's memory then, and may not be now.
_MOMENTARY = {"loaded": False, "window_tokens": None}


def load_models(home: Path, row: ProviderSettings) -> Optional[Tuple[float, Tuple[ModelInfo, ...]]]:
    """When the list was fetched (UTC seconds) and the list; None without a usable one."""
    try:
        content = json.loads(_path(home, row.name).read_text("utf-8"))
        if content["base_url"] != (row.base_url or ""):
            return None
        return float(content["fetched_at"]), tuple(_model(one, row.name) for one in content["models"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save_models(home: Path, row: ProviderSettings, fetched_at: float, models: Tuple[ModelInfo, ...]) -> None:
    """Writes the list; a disk that refuses is logged, because the list in memory goes on."""
    content = {"base_url": row.base_url or "", "fetched_at": fetched_at, "models": [_plain(one) for one in models]}
    path = _path(home, row.name)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(content, separators=(",", ":")), "utf-8")
        os.replace(partial, path)
    except OSError as exc:
        log.info("the list of models of %s was not cached: %s", row.name, exc)


def _path(home: Path, name: str) -> Path:
    return home / "cache" / f"models-{quote(name, safe='')}.json"


def _plain(model: ModelInfo) -> Dict[str, Json]:
    content = {name: value for name, value in dataclasses.asdict(model).items() if value not in (None, "", ())}
    content.update((name, sorted(content[name])) for name in _SETS if name in content)
    return content


def _model(content: Dict[str, Json], provider: str) -> ModelInfo:
    known = {name: value for name, value in content.items() if name in _FIELDS}
    known.update((name, frozenset(known[name])) for name in _SETS if name in known)
    known.update((name, tuple(known.get(name, ()))) for name in ("efforts", "aliases"))
    return ModelInfo(**{**known, **_MOMENTARY, "provider": provider})
