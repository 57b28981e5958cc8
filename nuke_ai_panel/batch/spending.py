"""The money of one run: what a request can cost is set aside before it leaves, so the cap holds. Loop thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ..core.budget import cost
from ..messages import Usage
from ..settings.policy import Price
from ..words import tr
from .errors import InvalidBatchError
from .values import Job

# Without a limit of its own an answer under a budget is at most so long.
ANSWER_TOKENS = 4096
_MESSAGE_TOKENS = 24
_PICTURE_TOKENS = 8000


def price_from(known: Optional[Price], price_in: Optional[float], price_out: Optional[float]) -> Optional[Price]:
    """The price with what was said of it; the other half is the known one's. Raises InvalidBatchError without one."""
    if price_in is None and price_out is None:
        return known
    if known is None and (price_in is None or price_out is None):
        raise InvalidBatchError(
            tr("Only one half of the price is known."),
            next_step=tr("Give both --price-in and --price-out, in US dollars for a million tokens."),
        )
    first = known.input if known is not None and price_in is None else price_in
    second = known.output if known is not None and price_out is None else price_out
    return Price(first or 0.0, second or 0.0)


@dataclass
class Purse:
    """What is spent and what is set aside, in US dollars. `cap` None only counts."""

    price: Optional[Price]
    cap: Optional[float] = None
    spent: float = 0.0
    held: float = 0.0

    def most(self, job: Job, *, extra_bytes: int = 0) -> float:
        """The most that one request can cost, every byte a token and the answer as long as it may become."""
        pictures = sum(len(one.attachments) for one in job.said)
        tokens = job.prompt_bytes + extra_bytes + _MESSAGE_TOKENS * (len(job.said) + 1) + _PICTURE_TOKENS * pictures
        if job.schema is not None:
            tokens += len(str(job.schema))
        return cost(self.price, tokens, job.parameters.max_tokens or ANSWER_TOKENS) or 0.0

    def hold(self, amount: float) -> bool:
        """Sets `amount` aside; False when the cap does not allow it."""
        if self.cap is not None and self.spent + self.held + amount > self.cap + 1e-12:
            return False
        self.held += amount
        return True

    def settle(self, amount: float, usage: Optional[Usage], *, was_heard: bool) -> Optional[float]:
        """Takes back what was set aside and counts what was used, unknown use in full; None without a price."""
        self.held = max(0.0, self.held - amount)
        used = self.cost_of(usage)
        if used is None:
            used = amount if was_heard else 0.0
        self.spent += used
        return used if used or self.price is not None else None

    def cost_of(self, usage: Optional[Usage]) -> Optional[float]:
        """What an answer cost, None when nobody says."""
        if usage is None:
            return None
        if usage.cost_usd is not None:
            return usage.cost_usd
        if self.price is None:
            return 0.0
        if usage.input is None or usage.output is None:
            return None
        return cost(self.price, usage.input, usage.output)
