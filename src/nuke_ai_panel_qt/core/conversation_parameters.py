"""What a conversation asks of its answers, joined with what a request asks, and in words. Pure."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Dict

from nuke_ai_panel.app import Parameters


def merged(asked: Parameters, own: Parameters) -> Parameters:
    """What a request asks for, filled up with what its conversation does."""
    empty: Dict[str, Any] = {  # the fields have several types
        one.name: getattr(own, one.name) for one in fields(Parameters) if getattr(asked, one.name) in (None, ())
    }
    return replace(asked, **empty)


def words_of(own: Parameters) -> str:
    """What a conversation asks for, in a line; empty when nothing."""
    said = [
        f"{one.name.replace('_', ' ')} {getattr(own, one.name)}" for one in fields(Parameters)
        if getattr(own, one.name) not in (None, ())
    ]
    return ", ".join(said)
