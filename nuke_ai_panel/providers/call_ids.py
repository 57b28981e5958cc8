"""Gives the tool calls of a request ids that a vendor takes, each only once. Pure; one `CallIds` a request.

Calls in a conversation may come from several vendors, and some number them from 0 in every answer. Anthropic refuses a
request in which an id stands twice, Mistral ids that are not of its own form.
"""

from __future__ import annotations

from typing import Callable, Dict, List, Set


class CallIds:
    """`fit` makes an id of the vendor's form from any. Ask in the order of the conversation."""

    def __init__(self, fit: Callable[[str], str]) -> None:
        self._fit = fit
        self._used: Set[str] = set()
        self._waiting: Dict[str, List[str]] = {}

    def new_round(self) -> None:
        """Another answer begins: results belong to its calls from here on."""
        self._waiting.clear()

    def of_call(self, call_id: str) -> str:
        """The id for a call."""
        made, number = self._fit(call_id), 1
        while made in self._used:
            number += 1
            made = self._fit(f"{call_id}_{number}")
        self._used.add(made)
        self._waiting.setdefault(call_id, []).append(made)
        return made

    def of_result(self, call_id: str) -> str:
        """The id for a result: that of the call it answers."""
        waiting = self._waiting.get(call_id)
        return waiting.pop(0) if waiting else self._fit(call_id)
