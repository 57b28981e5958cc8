"""The recorded response bodies in `tests/data/streams`, as values. Text over 2000 characters is kept as its hash."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, FrozenSet, List, Mapping, Optional

from nuke_ai_panel.messages import Json

ROOT = Path(__file__).parent / "data" / "streams"
OPENAI_FAMILY = frozenset({"openai", "openrouter", "llamacpp", "lmstudio", "vllm", "deepseek", "azure", "mistral"})

# What must have arrived before an answer may count as complete.
TERMINATOR = re.compile(
    rb'\[DONE\]|"(?:finish_reason|finishReason|done_reason|stop_reason)"\s*:\s*"[^"]|"done"\s*:\s*true|"success"'
    rb'|"type"\s*:\s*"message_stop"'
)


@dataclass(frozen=True)
class Case:
    """One recorded body: how it arrives, how it ends, and what must come of it."""

    id: str
    api: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    end: str
    think_tags: bool
    now: Optional[float]
    expect: Mapping[str, Json]


def load_cases(apis: Optional[FrozenSet[str]] = None) -> List[Case]:
    """Every recorded case of `apis` (all when None)."""
    index = json.loads((ROOT / "index.json").read_text("utf-8"))
    return [_case(row) for row in index["cases"] if apis is None or row["api"] in apis]


def text_matches(got: str, expected: Json) -> bool:
    """True when `got` is the expected text, or has its length and hash."""
    if isinstance(expected, str):
        return got == expected
    digest = hashlib.sha256(got.encode("utf-8")).hexdigest()
    return bool({"length": len(got), "sha256": digest} == expected)


def _case(row: Dict[str, Json]) -> Case:
    options = row["options"]
    return Case(
        id=row["id"], api=row["api"], status=row["http"]["status"], headers=row["http"]["headers"],
        body=(ROOT / row["file"]).read_bytes(), end=row["end"], think_tags=bool(options.get("think_tags")),
        now=options.get("now"), expect=row["expect"],
    )
