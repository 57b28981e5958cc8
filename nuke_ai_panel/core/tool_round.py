"""Runs one tool call: finds the tool, checks the arguments, has it approved, runs it on the main thread. Loop thread.

Whatever goes wrong becomes a result that the model reads. Only a stop gets through.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from dataclasses import dataclass
from typing import Awaitable, Callable, Optional

from ..errors import ToolError
from ..messages import ToolCall, clean_text
from ..providers.base import ToolSpec
from ..tools import Tool, Toolbox, problem_with
from ..utils.main_thread import MainThread
from .approval import Approval, ApprovalPolicy, Decision

log = logging.getLogger(__name__)

APPROVAL_TIMEOUT_S = 600.0
_LONGEST_RESULT = 200_000

Ask = Callable[[Tool, ToolCall], Awaitable[Approval]]


@dataclass(frozen=True)
class ToolResult:
    """What the model reads about its call."""

    text: str
    is_error: bool = False


def specs(toolbox: Toolbox) -> tuple[ToolSpec, ...]:
    """The tools as a model sees them."""
    return tuple(ToolSpec(tool.name, tool.description, tool.schema) for tool in toolbox)


async def run_call(
    call: ToolCall, toolbox: Toolbox, *, policy: ApprovalPolicy, ask: Ask, main_thread: Optional[MainThread]
) -> ToolResult:
    """The result of `call`; never raises but for a stop."""
    tool = toolbox.find(call.name)
    if tool is None:
        return ToolResult(f"There is no tool called {call.name}.", is_error=True)
    if call.arguments is None:
        return ToolResult("The arguments were not valid JSON; nothing was run.", is_error=True)
    problem = problem_with(call.arguments, tool.schema)
    if problem:
        return ToolResult(f"The arguments are wrong, nothing was run: {problem}.", is_error=True)
    decision = policy.decide(tool, call)
    approval = Approval(decision is Decision.ALLOW, "A studio rule forbids it.")
    if decision is Decision.ASK:
        approval = await _asked(tool, call, ask)
    if not approval.is_allowed:
        return ToolResult(f"The user did not allow this call. {approval.reason}".strip(), is_error=True)
    if main_thread is None:
        return ToolResult("There is no main thread here to run tools on.", is_error=True)
    try:
        text = await asyncio.wrap_future(main_thread.submit(functools.partial(tool.run, **call.arguments)))
    except ToolError as error:
        return ToolResult(error.message, is_error=True)
    except Exception as exc:
        log.exception("the tool %s failed", tool.name)
        return ToolResult(f"The tool failed: {type(exc).__name__}: {exc}", is_error=True)
    return ToolResult(clean_text(str(text))[:_LONGEST_RESULT])


async def _asked(tool: Tool, call: ToolCall, ask: Ask) -> Approval:
    try:
        return await asyncio.wait_for(ask(tool, call), APPROVAL_TIMEOUT_S)
    except asyncio.TimeoutError:
        return Approval(False, "Nobody answered in time.")
