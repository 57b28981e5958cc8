"""What the panel remembers beside the conversations: favourites, recent models, the last choice, the open conversation.

One small JSON file in the user's folder, written atomically. Lives on the main thread; the file is a few hundred bytes
and is written at most when an artist clicks. A file that cannot be read is set aside, never a reason not to start.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Optional, Tuple

from nuke_ai_panel.messages import Json

log = logging.getLogger(__name__)

FILE_NAME = "panel.json"
RECENT_MODELS = 6
FONT_SCALES = (0.7, 2.5)

ModelKey = Tuple[str, str]  # provider, model


@dataclass(frozen=True)
class PanelMemory:
    """The remembered values. A model is (provider, id); `efforts` says how much a model is asked to think."""

    favourites: Tuple[ModelKey, ...] = ()
    recent: Tuple[ModelKey, ...] = ()
    last_model: Optional[ModelKey] = None
    open_conversation: Optional[str] = None
    font_scale: float = 1.0
    list_open: bool = True
    efforts: Tuple[Tuple[str, str, str], ...] = ()


class PanelState:
    """The memory and its file. Main thread only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.memory = _read(path)

    def remember(self, **changes: object) -> None:
        """Replaces the named fields of the memory and writes it, if anything changed."""
        memory = replace(self.memory, **changes)  # type: ignore[arg-type]  # the callers name fields of PanelMemory
        if memory == self.memory:
            return
        self.memory = memory
        try:
            _write(self.path, asdict(memory))
        except OSError as error:
            log.warning("the panel's state could not be written to %s: %s", self.path, error)

    def toggle_favourite(self, model: ModelKey) -> None:
        """Adds the model to the favourites, or takes it out."""
        kept = tuple(item for item in self.memory.favourites if item != model)
        self.remember(favourites=kept if len(kept) < len(self.memory.favourites) else (*kept, model))

    def used_model(self, model: ModelKey) -> None:
        """Puts the model at the front of the recent ones and makes it the next conversation's."""
        others = tuple(item for item in self.memory.recent if item != model)
        self.remember(recent=(model, *others)[:RECENT_MODELS], last_model=model)

    def effort(self, model: ModelKey) -> str:
        """How much a model is asked to think; empty for as it likes."""
        return next((effort for *key, effort in self.memory.efforts if tuple(key) == model), "")

    def set_effort(self, model: ModelKey, effort: str) -> None:
        """From now on the model is asked to think so much; empty leaves it to the model."""
        others = tuple(one for one in self.memory.efforts if one[:2] != model)
        self.remember(efforts=(*others, (*model, effort)) if effort else others)


def _read(path: Path) -> PanelMemory:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return _memory_of(data)
    except FileNotFoundError:
        return PanelMemory()
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("the panel's state in %s was not readable and starts anew: %s", path, error)
        return PanelMemory()


def _memory_of(data: Json) -> PanelMemory:
    scale = min(max(float(data.get("font_scale", 1.0)), FONT_SCALES[0]), FONT_SCALES[1])
    last = data.get("last_model")
    conversation = data.get("open_conversation")
    return PanelMemory(
        favourites=tuple(_model_key(item) for item in data.get("favourites", ())),
        recent=tuple(_model_key(item) for item in data.get("recent", ())),
        last_model=_model_key(last) if last else None,
        open_conversation=conversation if isinstance(conversation, str) else None,
        font_scale=scale,
        list_open=bool(data.get("list_open", True)),
        efforts=tuple((str(one[0]), str(one[1]), str(one[2])) for one in data.get("efforts", ()) if len(one) == 3),
    )


def _model_key(item: Json) -> ModelKey:
    provider, model = item
    return str(provider), str(model)


def _write(path: Path, data: Json) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(data, indent=1), encoding="utf-8")
    os.replace(temporary, path)
