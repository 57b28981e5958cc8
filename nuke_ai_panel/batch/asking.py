"""Asks a provider one request of a batch, once. Loop thread. Policy, ledger, budget and redaction are the manager's."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import List, Optional, Tuple

from ..app import App, ModelChoice
from ..core.tokens import estimate_messages
from ..errors import ProviderError, provider_error
from ..events import Allowance, Finish, Restarted, StreamStarted, TextDelta, ThinkingDelta, UsageReport
from ..messages import Message, Usage, clean_text
from ..providers.base import ChatRequest, Parameters
from .values import Answer, Job, Said, StreamMode

SHORT_TOKENS = 512


def messages_of(said: Tuple[Said, ...], conversation_id: str) -> Tuple[Message, ...]:
    """A request's messages; their ids are made from the conversation's."""
    made: List[Message] = []
    for number, one in enumerate(said):
        parent = made[-1].id if made else None
        made.append(Message(
            f"{conversation_id[:-2]}{number % 256:02x}", conversation_id, parent, one.role, one.text,
            attachments=one.attachments,
        ))
    return tuple(made)


def streams(mode: StreamMode, job: Job, *, is_near: bool) -> bool:
    """Whether to ask for a stream: a short answer of a near server costs less processor time in one piece."""
    most = job.parameters.max_tokens
    return mode == "on" or (mode == "auto" and not (is_near and most is not None and most <= SHORT_TOKENS))


async def ask(
    app: App, choice: ModelChoice, job: Job, *, conversation_id: str, more: Tuple[Said, ...] = (),
    most_tokens: Optional[int] = None, streams: bool = True,
) -> Answer:
    """The whole answer. Raises ProviderError, also for one that stopped half-way, PolicyError and SettingsError.

    `more` is what was said after the job's own messages; `most_tokens` limits an answer that has no limit.
    """
    messages = messages_of((*job.said, *more), conversation_id)
    parameters = job.parameters
    if parameters.max_tokens is None and most_tokens is not None:
        parameters = replace(parameters, max_tokens=most_tokens)
    window = await _window(app, choice, job, messages, parameters)
    request = ChatRequest(
        choice.model, messages, system=job.system, parameters=parameters, window_tokens=window, schema=job.schema,
        streams=streams,
    )
    loop = asyncio.get_running_loop()
    started = loop.time()
    said: List[str] = []
    thoughts: List[str] = []
    first: Optional[float] = None
    usage: Optional[Usage] = None
    finish: Optional[Finish] = None
    allowance: Optional[Allowance] = None
    allowed_at = 0.0
    start = StreamStarted()
    stream = app.providers.stream(choice, request)
    try:
        async for event in stream:
            kind = type(event)
            if kind is TextDelta or kind is ThinkingDelta:
                if first is None:
                    first = loop.time() - started
                text: str = event.text  # type: ignore[union-attr]  # narrowed by its exact type
                (said if kind is TextDelta else thoughts).append(text)
            elif isinstance(event, UsageReport):
                usage = _joined(usage, event.usage)
            elif isinstance(event, StreamStarted):
                start = StreamStarted(*(new or old for new, old in zip(event, start)))
            elif isinstance(event, Allowance):
                allowance, allowed_at = event, loop.time()
            elif isinstance(event, Restarted):
                said.clear()
                thoughts.clear()
            elif isinstance(event, Finish):
                finish = finish or event
    except ProviderError as error:
        error.was_heard = first is not None  # the purse counts it
        raise
    finally:
        await stream.aclose()
    label = app.providers.settings(choice.provider).label
    if finish is None:
        raise provider_error("truncated", "the stream ended without its end", provider=label)
    if finish.reason == "content_filter":
        raise provider_error("content_filter", "the answer was withheld", provider=label, model=choice.model)
    return Answer(
        clean_text("".join(said)), finish.reason, usage, clean_text("".join(thoughts)), start.response_id,
        start.request_id, start.model, first, loop.time() - started, allowance, allowed_at,
    )


async def _window(
    app: App, choice: ModelChoice, job: Job, messages: Tuple[Message, ...], parameters: Parameters
) -> Optional[int]:
    """The window to ask a local server for. Nothing is left out of a row in silence: what does not fit is an error."""
    if not app.providers.sends_window(choice.provider):
        return None
    tokens = estimate_messages(messages) + len(job.system or "") // 4
    window = await app.windows.choose(choice, tokens, parameters)
    if window.tokens is not None and tokens > window.tokens:
        raise provider_error(
            "context_too_long", f"about {tokens} tokens do not fit into a window of {window.tokens}",
            provider=app.providers.settings(choice.provider).label, model=choice.model,
        )
    return window.tokens


def _joined(known: Optional[Usage], new: Usage) -> Usage:
    if known is None:
        return new
    return replace(known, **{name: value for name, value in vars(new).items() if value is not None})
