"""Builds the request from what is shown: settings, the visible path, attachments and tools. Pure.

What is shown is what is sent, with three exceptions that a reader of the transcript expects: an answer of which
nothing arrived, a call without its result (no vendor accepts one), and what no longer fits the model's window. Where
the transcript says that a summary stands for what is above, it does; see marks.py. The oldest turns are dropped whole,
a turn being a question and everything until the next; the system prompt and the newest turn always stay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import List, Mapping, Optional, Sequence, Tuple

from ..messages import Attachment, Json, Message
from ..providers.base import ChatRequest, Parameters, ToolSpec
from .marks import after_summary
from .tokens import MESSAGE_TOKENS, estimate, estimate_message, estimate_messages

NO_PARAMETERS = Parameters()
# Room for the answer where the user set no max_tokens.
ANSWER_TOKENS = 1024
SMALLEST_WINDOW = 4096
# Growing a local server's window reloads its model, so it grows a little early.
_HEADROOM = 1.2
CONTINUE = (
    "Continue your last message exactly where it stopped, mid-word if need be. Repeat nothing of it, and do not open a "
    "code block that is still open."
)


@dataclass(frozen=True)
class Prompt:
    """A request and what is known about its size. `raw_tokens` is the estimate before the learnt `ratio`."""

    request: ChatRequest
    raw_tokens: int
    tokens: int
    dropped_messages: int = 0
    kept_messages: int = 0
    window_tokens: Optional[int] = None


def build_request(
    model: str, path: Sequence[Message], *, system: Optional[str] = None, parameters: Parameters = NO_PARAMETERS,
    tools: Tuple[ToolSpec, ...] = (), window_tokens: Optional[int] = None, sends_window: bool = False,
    ratio: float = 1.0, think_tags: bool = False, schema: Optional[Mapping[str, Json]] = None,
) -> Prompt:
    """The request that asks `model` for the next message after `path`.

    `window_tokens` bounds it, None does not; with `sends_window` the server is told to use a window of that size.
    `ratio` is what TokenRatios learnt for the model.
    """
    turns = split_turns(sendable(path))
    fixed = (estimate(system) + MESSAGE_TOKENS if system else 0) + sum(
        estimate(tool.name) + estimate(tool.description) + estimate(str(tool.schema)) for tool in tools
    )
    sizes = [estimate_messages(turn) for turn in turns]
    dropped: List[Message] = []
    if window_tokens is not None:
        budget = window_tokens - answer_room(parameters, window_tokens)
        while len(turns) > 1 and (fixed + sum(sizes)) * ratio > budget:
            sizes.pop(0)
            dropped += turns.pop(0)
    kept = tuple(message for turn in turns for message in turn)
    raw = fixed + sum(sizes)
    request = ChatRequest(
        model=model, messages=kept, system=system or None, parameters=parameters, tools=tools,
        window_tokens=window_tokens if sends_window else None, think_tags=think_tags, schema=schema,
    )
    return Prompt(request, raw, int(raw * ratio), len(dropped), len(kept), window_tokens)


def answer_room(parameters: Parameters, window_tokens: int) -> int:
    """Tokens of the window that are kept for the answer."""
    return min(parameters.max_tokens or ANSWER_TOKENS, window_tokens // 2)


def choose_window(needed_tokens: int, limit: Optional[int], sticky: Optional[int]) -> int:
    """The window to ask a local server for: 4096 doubled until the request fits, never less than `sticky`.

    `sticky` is what the model was loaded with: another size would load it again. `limit` is the model's own.
    """
    window = SMALLEST_WINDOW
    while window < needed_tokens * _HEADROOM:
        window *= 2
    if limit is not None:
        window = min(window, limit)
    return max(window, sticky or 0)


def dropped_by_server(prompt: Prompt, reported: Optional[int]) -> int:
    """About how many tokens a server silently cut from the start of the prompt, 0 if it read all of it.

    Servers that cut say so nowhere but in their count. Small prompts are mostly template, and a count near the estimate
    is the estimate's error.
    """
    if not reported or prompt.tokens < 200 or reported > 0.6 * prompt.tokens:
        return 0
    return prompt.tokens - reported


def sendable(path: Sequence[Message]) -> List[Message]:
    """The messages of `path` as they are sent: attachments written out, empty answers and unanswered calls left out.

    A summary stands for what is above it.
    """
    sent: List[Message] = []
    path = after_summary(path)
    for number, message in enumerate(path):
        if message.role == "user":
            _add_question(sent, render_question(message))
        elif message.role == "assistant":
            results = {one.tool_call_id: one for one in takewhile(lambda one: one.role == "tool", path[number + 1:])}
            calls = tuple(call for call in message.tool_calls if call.id in results)
            if message.text or calls:
                sent.append(message if calls == message.tool_calls else replace(message, tool_calls=calls))
                sent += [results[call.id] for call in calls]
    return sent


def split_turns(messages: Sequence[Message]) -> List[List[Message]]:
    """The messages grouped into turns, each starting with a question."""
    turns: List[List[Message]] = []
    for message in messages:
        if message.role == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    return turns


def render_question(message: Message) -> Message:
    """A question whose text attachments stand in its text, each in a labelled fence; images stay attached."""
    texts = [_fenced(one) for one in message.attachments if one.data_base64 is None]
    if not texts:
        return message
    images = tuple(one for one in message.attachments if one.data_base64 is not None)
    text = "\n\n".join([*texts, message.text] if message.text else texts)
    return replace(message, text=text, attachments=images)


def _fenced(attachment: Attachment) -> str:
    longest = max((len(run) for run in re.findall(r"`{3,}", attachment.text)), default=2)
    fence = "`" * (longest + 1)
    body = attachment.text if attachment.text.endswith("\n") else attachment.text + "\n"
    label = " ".join(attachment.name.replace("`", "'").split())
    return f"Attached {attachment.kind} “{label}”:\n{fence}\n{body}{fence}"


def _add_question(sent: List[Message], question: Message) -> None:
    """Adds a question; one whose answer never came is joined with the next, because many models insist on turns."""
    last = sent[-1] if sent else None
    if last is None or last.role != "user":
        sent.append(question)
        return
    text = "\n\n".join(part for part in (last.text, question.text) if part)
    sent[-1] = replace(question, text=text, attachments=last.attachments + question.attachments)


def estimate_question(message: Message) -> int:
    """The tokens of a question with its attachments, for the context meter."""
    return estimate_message(render_question(message))
