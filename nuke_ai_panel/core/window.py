"""Chooses the context window of each request: what a model can read, and what a local server is asked to load.

Loop thread. A local server loads a model anew whenever the window changes, so a window never shrinks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional

from ..providers.base import Parameters
from .prompt import ANSWER_TOKENS, SMALLEST_WINDOW, choose_window
from .provider_manager import ProviderManager
from .request import ModelChoice


@dataclass(frozen=True)
class Window:
    """The tokens that prompt and answer share, None when unknown; `is_sent` when the server is to be told."""

    tokens: Optional[int]
    is_sent: bool = False


class Windows:
    """The window of each model that was used so far."""

    def __init__(self, providers: ProviderManager) -> None:
        self._providers = providers
        self._sticky: Dict[ModelChoice, int] = {}

    async def choose(self, choice: ModelChoice, prompt_tokens: int, parameters: Parameters) -> Window:
        """The window for a prompt of about that size. Asks the provider about the model only where it matters."""
        fixed = self._providers.settings(choice.provider).options.get("num_ctx")
        is_sent = self._providers.sends_window(choice.provider)
        if isinstance(fixed, int) and fixed > 0:
            return Window(fixed, is_sent)
        known = await self._providers.known_model(choice)
        limit = known.context_tokens if known is not None else None
        if not is_sent:
            return Window(limit)
        needed = prompt_tokens + (parameters.max_tokens or ANSWER_TOKENS)
        sticky = self._sticky.get(choice) or _bounded(known.window_tokens if known is not None else None, limit)
        window = choose_window(needed, limit, sticky)
        if window > (sticky or SMALLEST_WINDOW) and limit is None:
            info = await self._providers.model_info(choice)
            window = choose_window(needed, info.context_tokens if info is not None else None, sticky)
        self._sticky[choice] = window
        return Window(window, True)

    def sent_to(self, choice: ModelChoice) -> Optional[int]:
        """The window that the model was last asked for here."""
        return self._sticky.get(choice)

    async def widen(self, choice: ModelChoice) -> Optional[int]:
        """Twice the window, as far as the model can read, for every request from now on; None when it is all there.

        A window that the settings fix is theirs: the caller writes it there.
        """
        fixed = self._providers.settings(choice.provider).options.get("num_ctx")
        info = await self._providers.model_info(choice) or await self._providers.known_model(choice)
        now = fixed if isinstance(fixed, int) and fixed > 0 else self._sticky.get(choice) or SMALLEST_WINDOW
        wider = _bounded(2 * now, info.context_tokens if info is not None else None)
        if wider is None or wider <= now:
            return None
        self._sticky[choice] = wider
        return wider


def _bounded(window: Optional[int], limit: Optional[int]) -> Optional[int]:
    return window if window is None or limit is None else min(window, limit)
