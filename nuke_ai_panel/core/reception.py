"""Receives one answer: asks the provider, tries again while nothing was shown, lets the answer grow. Loop thread.

Work per token is kept tiny: text and thinking are handled where they arrive, everything else in `_take`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Callable, Optional

from ..errors import ProviderError, provider_error
from ..events import (
    AnswerReset,
    Finish,
    Keepalive,
    Progress,
    Restarted,
    StreamEvent,
    StreamStarted,
    StreamWarning,
    TextAdded,
    TextDelta,
    ThinkingAdded,
    ThinkingDelta,
    ThinkingOpaque,
    TurnEvent,
    UsageReport,
    WaitChanged,
)
from ..messages import ToolCall
from ..providers.base import ChatRequest
from ..words import tr
from .answer import GrowingAnswer
from .origin_limit import OriginLimit
from .provider_manager import ProviderManager
from .request import ModelChoice
from .retry import RetryPolicy, asked_delay, name_wait, next_delay
from .server_wait import ServerWait

log = logging.getLogger(__name__)


class Reception:
    """One request's way from a provider into an answer. `on_growth` hears of every new text."""

    def __init__(
        self, turn_id: str, choice: ModelChoice, providers: ProviderManager, *, policy: RetryPolicy, limit: OriginLimit,
        tell: Callable[[TurnEvent], None], on_growth: Callable[[], None], is_stopped: Callable[[], bool],
        wait_for_server_s: float = 0.0,
    ) -> None:
        self._turn_id = turn_id
        self._choice = choice
        self._providers = providers
        self._policy = policy
        self._limit = limit
        self._tell = tell
        self._on_growth = on_growth
        self._is_stopped = is_stopped
        self._phase = ""
        self._server = ServerWait(providers, choice.provider, wait_for_server_s, self._server_away)

    async def receive(self, request: ChatRequest, answer: GrowingAnswer) -> None:
        """Lets `answer` grow until its Finish. Raises ProviderError once trying again is over."""
        attempt, waited_s, warnings = 0, 0.0, len(answer.warnings)
        while True:
            began_at = await self._limit.take(self._queued, is_again=attempt > 0)
            try:
                await self._try(request, answer)
                self._limit.answered()
                return
            except ProviderError as error:
                away = error if self._server.is_due(error) and not answer.is_touched else None
                attempt += away is None
                delay: Optional[float] = None
                if away is None and not answer.is_touched and not self._server.forbids_again():
                    delay = next_delay(
                        self._policy, error, attempt=attempt, waited_s=waited_s, random=random.random
                    )
                self._limit.refused(error, started_at=began_at, pause_s=asked_delay(error) or delay)
                if away is None and delay is None:
                    name_wait(error)
                    if answer.is_touched and error.kind == "network":
                        error.user_text = tr("The answer was interrupted: the connection to {title} was lost.",
                            title=self._title())
                        error.next_step = tr(
                            "What arrived is kept. Try again once the server runs and the network is up.")
                    raise
                if delay is not None:
                    self._try_again_in(delay, attempt, error)
            finally:
                self._limit.give_back()
            answer.restart()
            del answer.warnings[warnings:]
            if away is not None:
                await self._server.until_back(away)
            elif delay is not None:
                await asyncio.sleep(delay)
                waited_s += delay

    async def _try(self, request: ChatRequest, answer: GrowingAnswer) -> None:
        loop, tell, turn_id = asyncio.get_running_loop(), self._tell, self._turn_id
        on_growth, is_stopped = self._on_growth, self._is_stopped
        is_known = self._providers.status(self._choice.provider).state in ("connected", "degraded")
        self._wait("waiting" if is_known else "connecting")
        started = loop.time()
        stream = self._providers.stream(self._choice, request)
        try:
            async for event in stream:
                kind = type(event)
                if answer.finish is not None:
                    continue  # nothing counts after the end; the provider only tidies its connection
                if kind is TextDelta or kind is ThinkingDelta:
                    if answer.first_token_s is None:
                        answer.first_token_s, answer.is_touched = loop.time() - started, True
                    text: str = event.text  # type: ignore[union-attr]  # narrowed by its exact type
                    if kind is TextDelta:
                        piece = answer.text.add(text)
                        if piece:
                            tell(TextAdded(turn_id, piece))
                    else:
                        piece = answer.thinking.add(text)
                        if piece:
                            tell(ThinkingAdded(turn_id, piece))
                    on_growth()
                else:
                    self._take(event, answer)
                if is_stopped():
                    raise asyncio.CancelledError
        finally:
            answer.total_s = loop.time() - started
            await stream.aclose()
        if answer.finish is None:
            raise provider_error("truncated", "the stream ended without its end", provider=self._choice.provider)

    def _take(self, event: StreamEvent, answer: GrowingAnswer) -> None:
        if isinstance(event, Finish):
            answer.finish, answer.raw_finish = event.reason, event.raw_reason
        elif isinstance(event, UsageReport):
            answer.add_usage(event.usage)
        elif isinstance(event, StreamStarted):
            answer.start(event)
            self._wait("waiting", answer)
        elif isinstance(event, ToolCall):
            answer.is_touched = True
            answer.tool_calls.append(event)
        elif isinstance(event, ThinkingOpaque):
            answer.add_opaque(event)
        elif isinstance(event, Keepalive):
            answer.keepalives += event.source == "comment"
            self._wait("waiting", answer)
        elif isinstance(event, Progress):
            self._phase = event.phase
            self._tell(WaitChanged(self._turn_id, event.phase, event.detail, event.done, event.total))
        elif isinstance(event, StreamWarning):
            answer.warnings.append(event.code)
        elif isinstance(event, Restarted):
            answer.restart()
            self._tell(AnswerReset(self._turn_id))
            if answer.text:  # what a continuation began with
                self._tell(TextAdded(self._turn_id, str(answer.text)))

    def _try_again_in(self, delay: float, attempt: int, error: ProviderError) -> None:
        log.info("try %d at %s failed (%s, request %s); again in %.1f s",
                 attempt, self._choice.provider, error.kind, error.request_id, delay)
        self._phase = "retrying"
        self._tell(WaitChanged(self._turn_id, "retrying", detail=error.user_text, retry_in_s=delay, attempt=attempt))

    def _server_away(self, error: ProviderError, retry_in_s: float, failures: int) -> None:
        self._phase = "unreachable"
        self._tell(WaitChanged(
            self._turn_id, "unreachable", detail=self._title(), retry_in_s=retry_in_s, attempt=failures,
            error=error.info(),
        ))

    def _queued(self, pause_s: float) -> None:
        self._phase = "queued"
        detail = tr("{title} asks for a pause", title=self._title()) if pause_s > 0 else ""
        self._tell(WaitChanged(self._turn_id, "queued", detail=detail, retry_in_s=pause_s if pause_s > 0 else None))

    def _title(self) -> str:
        return self._providers.status(self._choice.provider).title

    def _wait(self, phase: str, answer: Optional[GrowingAnswer] = None) -> None:
        if phase != self._phase and not (answer is not None and answer.is_touched):
            self._phase = phase
            self._tell(WaitChanged(self._turn_id, phase))
