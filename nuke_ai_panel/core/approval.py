"""Who may run what: a policy decides, or a human's click does. Values and one pure rule.

Approval is never an argument that a model can set: `Approval` comes from a front end through `TurnHandle.answer` only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from ..messages import ToolCall
from ..tools import Risk, Tool


class Decision(Enum):
    """What the policy says about one call."""

    ALLOW = "allow"
    DENY = "deny"
    ASK = "ask"


@dataclass(frozen=True)
class Approval:
    """A human's answer to one call; `reason` goes to the model when it was denied."""

    is_allowed: bool
    reason: str = ""


class ApprovalPolicy(Protocol):
    """Decides about a call before anybody is asked."""

    def decide(self, tool: Tool, call: ToolCall) -> Decision:
        """ALLOW runs it, DENY refuses it, ASK waits for a human."""
        ...


class AskBeforeChanges:
    """The default: reading is free, everything else is asked."""

    def decide(self, tool: Tool, call: ToolCall) -> Decision:
        """ALLOW for a tool that only reads, else ASK."""
        return Decision.ALLOW if tool.risk is Risk.READ else Decision.ASK
