"""Keeps OpenRouter's `reasoning_details`: shown as text, stored whole and in order for replay. Pure."""

from __future__ import annotations

from typing import Dict, List

from ..messages import Json

_SHOWN = {"reasoning.text": "text", "reasoning.summary": "summary"}
KEY = "reasoning_details"


class ReasoningDetails:
    """The items of one answer. Fragments of one item (same type, id and index) are joined, nothing else changes."""

    def __init__(self) -> None:
        self._items: List[Dict[str, Json]] = []

    def __bool__(self) -> bool:
        return bool(self._items)

    def add(self, fragments: Json) -> str:
        """Takes a delta's list and returns what of it is readable."""
        if not isinstance(fragments, list):
            return ""
        shown = []
        for fragment in fragments:
            if not isinstance(fragment, dict):
                continue
            text = fragment.get(_SHOWN.get(str(fragment.get("type")), ""))
            if isinstance(text, str):
                shown.append(text)
            if not self._joins(fragment):
                self._items.append(dict(fragment))
        return "".join(shown)

    def payload(self) -> Json:
        """What a `ThinkingOpaque` carries."""
        return {KEY: self._items}

    def _joins(self, fragment: Dict[str, Json]) -> bool:
        last = self._items[-1] if self._items else {}
        field = _SHOWN.get(str(fragment.get("type")))
        if field is None or fragment.get("index") is None or last.get("signature"):
            return False
        if any(last.get(key) != fragment.get(key) for key in ("type", "index")):
            return False
        if None not in (last.get("id"), fragment.get("id")) and last["id"] != fragment["id"]:
            return False
        joined = f"{last.get(field) or ''}{fragment.get(field) or ''}"
        last.update({key: value for key, value in fragment.items() if value is not None})
        last[field] = joined
        return True


def replayed(opaque: tuple[Json, ...]) -> List[Json]:
    """The items to send back with an assistant message."""
    return [item for payload in opaque if isinstance(payload, dict) for item in payload.get(KEY) or ()]
