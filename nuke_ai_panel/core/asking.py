"""Asks the chosen model for one answer, and whoever may stand in when it is not available. Loop thread.

Each model gets the prompt as it suits its own window. A stand-in is asked before the first word only, and never in
silence: the answer carries its name, and a notice says why.
"""

from __future__ import annotations

from typing import Callable, Tuple

from ..errors import NukeAIError, ProviderError, SettingsError
from ..events import ContextTrimmed, StandInAsked, TurnEvent, WarningRaised
from ..messages import Message, Usage
from ..words import tr
from .answer import GrowingAnswer
from .fallback import is_unavailable, objection, skipped_text, stand_ins, stood_in_text
from .origin_limit import limit_of
from .place import Place
from .prompt import Prompt, dropped_by_server
from .reception import Reception
from .request import ModelChoice, TurnRequest
from .retry import BACKGROUND_S, INTERACTIVE_S, RetryPolicy
from .tokens import estimate
from .turn_services import TurnServices, prepare
from .turn_words import context_dropped_text


class Asking:
    """All requests of one turn."""

    def __init__(
        self, turn_id: str, services: TurnServices, request: TurnRequest, place: Place, *,
        tell: Callable[[TurnEvent], None], on_growth: Callable[[], None], is_stopped: Callable[[], bool],
    ) -> None:
        self._turn_id = turn_id
        self._services = services
        self._request = request
        self._place = place
        self._tell = tell
        self._on_growth = on_growth
        self._is_stopped = is_stopped

    async def ask(
        self, answer: GrowingAnswer, chosen: ModelChoice, path: Tuple[Message, ...], *, may_stand_in: bool
    ) -> ModelChoice:
        """Lets `answer` grow to its end, and returns who gave it. Raises NukeAIError, the chosen model's own."""
        try:
            await self._ask(answer, chosen, path, is_waited_for=not (may_stand_in and self._has_stand_ins(chosen)))
            return chosen
        except ProviderError as error:
            if not may_stand_in or answer.is_touched or not is_unavailable(error):
                raise
            return await self._ask_instead(answer, chosen, path, error)

    async def _ask_instead(
        self, answer: GrowingAnswer, chosen: ModelChoice, path: Tuple[Message, ...], first: ProviderError
    ) -> ModelChoice:
        """Asks those who may stand in, in order. Raises `first` when nobody could answer."""
        providers = self._services.providers
        try:
            others = stand_ins(self._services.settings(), self._request)
        except SettingsError as error:
            text = tr("Nobody was asked instead: {user_text}", user_text=error.user_text)
            self._warn(answer, f"not_asked_instead:{text}", text)
            raise first from None
        for other in others:
            if other == chosen:
                continue
            label, code = providers.status(other.provider).title, ""
            try:
                why_not = objection(providers.settings(chosen.provider), providers.settings(other.provider))
                if why_not is not None:
                    self._warn(answer, f"not_asked_instead:{why_not}", why_not)
                    continue
                text = stood_in_text(first, other, label)
                code = f"stood_in:{text}"
                answer.warnings.append(code)
                answer.hand_over(other.provider, other.model)
                self._tell(StandInAsked(self._turn_id, answer.message(), text))
                await self._ask(answer, other, path)
                return other
            except NukeAIError as error:
                if answer.is_touched:
                    raise
                if code in answer.warnings:
                    answer.warnings.remove(code)
                    answer.hand_over(chosen.provider, chosen.model)
                    self._tell(StandInAsked(self._turn_id, answer.message(), ""))
                text = skipped_text(label, error)
                self._warn(answer, f"not_asked_instead:{text}", text)
        raise first

    def _has_stand_ins(self, chosen: ModelChoice) -> bool:
        """Whether somebody else would be asked, so that a server which is not there need not be waited for."""
        try:
            return any(other != chosen for other in stand_ins(self._services.settings(), self._request))
        except SettingsError:
            return False

    async def _ask(
        self, answer: GrowingAnswer, choice: ModelChoice, path: Tuple[Message, ...], *, is_waited_for: bool = False
    ) -> None:
        prompt = await prepare(self._services, self._request, self._place, choice, path)
        if prompt.dropped_messages and prompt.window_tokens is not None:
            self._tell(ContextTrimmed(
                self._turn_id, prompt.dropped_messages, prompt.kept_messages, prompt.window_tokens
            ))
        answer.window_tokens = prompt.request.window_tokens
        await self._reception(choice, is_waited_for).receive(prompt.request, answer)
        self._weigh(answer, choice, prompt)

    def _reception(self, choice: ModelChoice, is_waited_for: bool) -> Reception:
        providers, asked = self._services.providers, self._request.retries
        budget_s = BACKGROUND_S if self._request.kind == "batch" else INTERACTIVE_S
        retries = providers.settings(choice.provider).retries if asked is None else asked
        return Reception(
            self._turn_id, choice, providers, policy=RetryPolicy(retries, budget_s),
            limit=limit_of(providers.origin(choice.provider)), tell=self._tell, on_growth=self._on_growth,
            is_stopped=self._is_stopped, wait_for_server_s=self._request.wait_for_server_s if is_waited_for else 0.0,
        )

    def _weigh(self, answer: GrowingAnswer, choice: ModelChoice, prompt: Prompt) -> None:
        """Compares the reported size of the prompt with the estimate: learns from it, or finds it cut."""
        usage = answer.usage
        reported = usage.input if usage is not None else None
        if usage is None:
            said = estimate(str(answer.text)) + estimate(str(answer.thinking))
            answer.usage = Usage(input=prompt.tokens, output=said, estimated=True)
            return
        dropped = dropped_by_server(prompt, reported) if prompt.request.window_tokens else 0
        if dropped:
            self._warn(answer, f"context_dropped:{dropped}", context_dropped_text(dropped))
        elif reported:
            self._services.ratios.learn(choice.provider, choice.model, estimated=prompt.raw_tokens, reported=reported)

    def _warn(self, answer: GrowingAnswer, code: str, text: str) -> None:
        answer.warnings.append(code)
        self._tell(WarningRaised(self._turn_id, code.partition(":")[0], text))
