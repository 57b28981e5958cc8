"""What a request may cost, what was spent, and whether it fits the studio's budget. Pure.

A hard limit cannot be overspent: before a request leaves, the most that it can cost is set aside, in one step with
looking at what is left; so several sessions at once cannot pass it together. The most is counted as if every byte of
the prompt were a token, and the answer as long as it may become.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Iterator, Mapping, Optional, Tuple

from ..errors import PolicyError
from ..messages import Message, Usage
from ..providers.base import ChatRequest, ModelInfo
from ..settings.policy import BudgetRules, Limits, Policy, PolicyFile, Price
from ..words import later, tr

Charges = Mapping[Tuple[str, str], Tuple[float, int]]

_MESSAGE_TOKENS = 16
_IMAGE_TOKENS = 8000
_FILE_BYTES = 4
# An answer of which only the bytes are known: a token takes at least so many on the wire.
_WIRE_BYTES = 24
_PROMPT_BYTES = 3
PERIODS = (("day", later("today")), ("month", later("this month")))


@dataclass(frozen=True)
class Reserve:
    """The most that a request can use; no price is an unknown one."""

    input_tokens: int = 0
    output_tokens: int = 0
    price: Optional[Price] = None

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.input_tokens + self.output_tokens

    @property
    def usd(self) -> float:
        """All that they cost; nothing where no price is known."""
        return cost(self.price, self.input_tokens, self.output_tokens) or 0.0


NO_RESERVE = Reserve()


@dataclass(frozen=True)
class Spending:
    """One limit and how far it is used up. `limit` is a hard one if there is one; both in one unit."""

    period: str
    unit: str
    spent: float
    soft: Optional[float]
    hard: Optional[float]


def limits_for(policy: Policy, user: str) -> Iterator[Tuple[PolicyFile, str, Limits]]:
    """Every file's limits for a user, with the period that they hold for."""
    for file in policy.files:
        for period, limits in file.budget.limits_of(user).items():
            if limits != Limits():
                yield file, period, limits


def has_limits(policy: Policy, user: str) -> bool:
    """Whether anything is counted for this user."""
    return any(True for _ in limits_for(policy, user))


def has_hard_limit(policy: Policy, user: str, unit: str = "") -> bool:
    """Whether this user can run out of dollars or tokens (`unit` usd or tokens, empty for either)."""
    units = (unit,) if unit else ("usd", "tokens")
    return any(getattr(limits, f"hard_{one}") is not None for _, _, limits in limits_for(policy, user) for one in units)


def rules_of(policy: Policy) -> BudgetRules:
    """How to count; the first file that has a budget says it."""
    return next((file.budget.rules for file in policy.files if file.budget.rules != BudgetRules()), BudgetRules())


def price_of(policy: Policy, row: str, model: str, info: Optional[ModelInfo], *, is_inside: bool) -> Optional[Price]:
    """What the model costs: what the policy says, else its provider; inside the house nothing. None is unknown."""
    for file in policy.files:
        for pattern, price in file.budget.prices.items():
            if any(fnmatchcase(name.lower(), pattern.lower()) for name in (f"{row}/{model}", model)):
                return price
    if info is not None and info.price_input is not None and info.price_output is not None:
        return Price(info.price_input, info.price_output)
    return Price() if is_inside else None


def cost(price: Optional[Price], input_tokens: int, output_tokens: int) -> Optional[float]:
    """US dollars; None without a price."""
    return None if price is None else (input_tokens * price.input + output_tokens * price.output) / 1e6


def reserve_for(request: ChatRequest, price: Optional[Price], info: Optional[ModelInfo]) -> Reserve:
    """The most that `request` can use; it must have a `max_tokens`."""
    tokens = sum(_most_tokens(one) for one in request.messages) + len((request.system or "").encode("utf-8", "replace"))
    tokens += sum(len(str(tool).encode("utf-8", "replace")) for tool in request.tools) + _MESSAGE_TOKENS
    if info is not None and info.context_tokens:
        tokens = min(tokens, info.context_tokens)
    return Reserve(tokens, request.parameters.max_tokens or 0, price)


def used(
    usage: Optional[Usage], price: Optional[Price], *, bytes_sent: int, bytes_received: int, most_output: int
) -> Tuple[int, int, Optional[float], bool]:
    """Tokens in, tokens out, dollars, and whether that is a guess because the provider did not say."""
    if usage is not None and usage.input is not None and usage.output is not None and not usage.estimated:
        told = usage.cost_usd
        return usage.input, usage.output, told if told is not None else cost(price, usage.input, usage.output), False
    prompt = usage.input if usage is not None and usage.input is not None else bytes_sent // _PROMPT_BYTES
    answer = bytes_received // _WIRE_BYTES
    answer = min(answer, most_output) if most_output else answer
    return prompt, answer, cost(price, prompt, answer), True


def spending(policy: Policy, user: str, charges: Charges, now: float) -> Tuple[Spending, ...]:
    """Every limit of this user, with what is spent."""
    found = []
    for _, period, limits in limits_for(policy, user):
        usd, tokens = _spent(charges, user, period, now)
        for unit, spent in (("usd", usd), ("tokens", float(tokens))):
            soft, hard = getattr(limits, f"soft_{unit}"), getattr(limits, f"hard_{unit}")
            if soft is not None or hard is not None:
                found.append(Spending(period, unit, spent, soft, hard))
    return tuple(found)


def over_budget(policy: Policy, user: str, charges: Charges, reserve: Reserve, now: float) -> Optional[PolicyError]:
    """Why the request does not fit; None when it does."""
    for file, period, limits in limits_for(policy, user):
        usd, tokens = _spent(charges, user, period, now)
        for unit, spent, more in (("usd", usd, reserve.usd), ("tokens", tokens, reserve.tokens)):
            hard = getattr(limits, f"hard_{unit}")
            if hard is not None and more > 0 and spent + more > hard + 1e-9:
                return _refused(file, f"budget.{period}.hard_{unit}", period, unit, spent, more, hard)
    return None


def soft_warning(policy: Policy, user: str, charges: Charges, now: float) -> str:
    """One sentence about the first soft limit that is passed; empty when none is."""
    for one in spending(policy, user, charges, now):
        if one.soft is not None and one.spent >= one.soft:
            when = tr(dict(PERIODS)[one.period])
            spent, mark = amount(one.unit, one.spent), amount(one.unit, one.soft)
            if one.hard is None:
                return tr("You have used {spent} {when}, past the studio's mark of {mark}.", spent=spent, when=when,
                          mark=mark)
            return tr("You have used {spent} {when}, past the studio's mark of {mark}; at {hard} requests are refused.",
                      spent=spent, when=when, mark=mark, hard=amount(one.unit, one.hard))
    return ""


def amount(unit: str, value: float) -> str:
    """An amount for people: $1.20, 12,000 tokens."""
    if unit == "tokens":
        return tr("{value:,.0f} tokens", value=value)
    return f"${value:,.2f}" if value >= 0.1 or value == 0 else f"${value:.4f}"


def month_start(now: float) -> float:
    """When the present month began, by the local clock."""
    local = time.localtime(now)
    return time.mktime((local.tm_year, local.tm_mon, 1, 0, 0, 0, 0, 0, -1))


def _spent(charges: Charges, user: str, period: str, now: float) -> Tuple[float, int]:
    day = time.strftime("%Y-%m-%d", time.localtime(now))
    head = day if period == "day" else day[:7]
    found = [charge for (who, when), charge in charges.items() if who == user and when.startswith(head)]
    return sum(usd for usd, _ in found), sum(tokens for _, tokens in found)


def _most_tokens(message: Message) -> int:
    texts = [message.text, message.reasoning, *(one.text for one in message.attachments)]
    texts += [f"{call.name}{call.raw_arguments or call.arguments}" for call in message.tool_calls]
    texts += [str(one) for one in message.reasoning_opaque]
    files = sum(max(_IMAGE_TOKENS, len(one.data_base64) // _FILE_BYTES if one.kind != "image" else 0)
                for one in message.attachments if one.data_base64 is not None)
    return _MESSAGE_TOKENS + files + sum(len(text.encode("utf-8", "replace")) for text in texts)


def _refused(
    file: PolicyFile, rule: str, period: str, unit: str, spent: float, more: float, hard: float
) -> PolicyError:
    name = tuple(rule.split("."))
    whom = tr("Ask {contact}", contact=file.general.contact) if file.general.contact else tr(
        "Ask whoever keeps the policy")
    when = tr(dict(PERIODS)[period])
    until = tr("tomorrow") if period == "day" else tr("next month")
    return PolicyError(
        f"{file.place(*name)}: {rule} is {hard:g}, {spent:g} is used and this request could use {more:g}",
        user_text=tr("The studio's budget does not allow this request: {spent} of {hard} is used {when}, and it "
                     "could use {more} more (rule {rule}).", spent=amount(unit, spent), hard=amount(unit, hard),
                     when=when, more=amount(unit, more), rule=rule),
        next_step=tr("{whom}, wait until {until}, ask something shorter, or choose a model in the house.", whom=whom,
        until=until), rule=rule,
    )
