"""The studio's policy where it is not about a request: tools, and what a new conversation begins with. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Dict, Iterable, Tuple

from ..messages import Json, ToolCall
from ..providers.base import ToolSpec
from ..settings import Settings
from ..settings.policy import Policy
from ..settings.policy_rules import tool_refusal
from ..tools import Tool
from .approval import ApprovalPolicy, Decision


class StudioApproval:
    """Denies the tools that the policy forbids, and leaves the others to `inner`."""

    def __init__(self, inner: ApprovalPolicy, policy: Callable[[], Policy]) -> None:
        self._inner = inner
        self._policy = policy

    def decide(self, tool: Tool, call: ToolCall) -> Decision:
        """See ApprovalPolicy."""
        if tool_refusal(self._policy(), tool.name) is not None:
            return Decision.DENY
        return self._inner.decide(tool, call)


def allowed_tools(policy: Policy, tools: Iterable[ToolSpec]) -> Tuple[ToolSpec, ...]:
    """The tools that a model may hear of."""
    return tuple(one for one in tools if not policy or tool_refusal(policy, one.name) is None)


def with_studio_defaults(settings: Settings, policy: Policy) -> Settings:
    """The settings with the policy's defaults where nobody else set anything; the last file wins."""
    changes: Dict[str, Json] = {}
    sources = dict(settings.sources)
    for file in policy.files:
        defaults = file.defaults
        names = {"default_provider": "provider", "default_model": "model", "system": "system"}
        is_model_free = not {"default_provider", "default_model"} & set(settings.sources)
        for name, key in names.items():
            value = getattr(defaults, key)
            is_free = is_model_free if name != "system" else "system" not in settings.sources
            if value is not None and is_free:
                changes[name] = value
                sources[name] = file.place("defaults", key)
    return replace(settings, **changes, sources=sources) if changes else settings
