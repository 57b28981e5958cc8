"""What is known about a model, an account or a price, in words: the same in the terminal and in the panel. Pure.

Nothing is guessed: what nobody says is a dash, and only what is known to cost nothing is free.
"""

from __future__ import annotations

import math
from typing import FrozenSet, List, Optional, Tuple

from ..messages import Message
from ..providers.base import ModelInfo
from ..providers.services import Account, LoadedModel
from ..words import tr

DASH = "–"


def price_words(model: Optional[ModelInfo]) -> str:
    """Dollars per million tokens in and out; "free" only where it is known, a dash where nobody says."""
    if model is None:
        return DASH
    if model.local:
        return "free"
    if model.price_input is None or model.price_output is None:
        return DASH
    each = tr(" + {money} a request", money=money(model.price_request)) if model.price_request else ""
    if not (model.price_input or model.price_output or each):
        return "free"
    return f"${plain_money(model.price_input)} / ${plain_money(model.price_output)}{each}"


def cost_words(message: Message, *, is_free: bool = False) -> str:
    """What an answer cost as its provider said; "free" for a model that is known to be, a dash when nobody said."""
    cost = message.usage.cost_usd if message.usage is not None else None
    if cost is None:
        return "free" if is_free else DASH
    return money(cost) if cost else "free"


def money(dollars: float) -> str:
    """An amount with as many digits as it needs: $12.34, $0.0042, $0.000017."""
    if dollars < 0:
        return f"-{money(-dollars)}"
    if dollars >= 1 or dollars == 0:
        return f"${dollars:,.2f}"
    digits = min(8, max(2, 1 - math.floor(math.log10(dollars))))
    return f"${dollars:.{digits}f}"


def plain_money(dollars: float) -> str:
    """A price per million tokens, short."""
    text = f"{dollars:.2f}" if dollars >= 0.1 else f"{dollars:.3f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def model_facts(model: ModelInfo) -> Tuple[Tuple[str, str], ...]:
    """Everything that is known about a model, as (name, words)."""
    def listed(values: Optional[FrozenSet[str]]) -> str:
        return DASH if values is None else ", ".join(sorted(values)) or "none"

    rows: List[Tuple[str, str]] = [
        (tr("Model"), model.id), (tr("Name"), model.name if model.name != model.id else ""),
        (tr("Provider"), model.provider),
        (tr("Reads"), tr("{count:,} tokens", count=model.context_tokens) if model.context_tokens
        else DASH),
        (tr("Window"), tr("{count:,} tokens unless more are needed", count=model.window_tokens)
        if model.window_tokens else ""),
        (tr("Answers"), tr("up to {count:,} tokens", count=model.max_output_tokens)
        if model.max_output_tokens else ""),
        (tr("Can"), listed(model.capabilities)),
        (tr("Takes in"), "" if model.input_modalities is None else listed(model.input_modalities)),
        (tr("Gives out"), "" if model.output_modalities is None else listed(model.output_modalities)),
        (tr("Thinks"), ", ".join(model.efforts)),
        (tr("Price"), f"{price_words(model)}{_per_million(model)}"),
        (tr("Cached input"), tr("${plain_money} a million tokens", plain_money=plain_money(model.price_cache_read))
        if model.price_cache_read else ""),
        (tr("Size"), tr("{size_bytes:.1f} GB on disk", size_bytes=model.size_bytes / 1e9) if model.size_bytes else ""),
        (tr("Parameters"), model.parameter_size or ""),
        (tr("In memory"), tr("yes") if model.loaded else ""),
        (tr("Takes"), "" if model.parameters is None else listed(model.parameters)),
        (tr("Gone after"), model.expires or ""), (tr("Unavailable"), model.unavailable_reason or ""),
    ]
    return tuple((name, words) for name, words in rows if words)


def _per_million(model: ModelInfo) -> str:
    return tr(" a million tokens in / out") if price_words(model).startswith("$") else ""


def account_lines(account: Account) -> Tuple[str, ...]:
    """What an account says about money and limits, a sentence each."""
    lines = []
    if account.credit_left_usd is not None:
        bought = account.credit_bought_usd
        credit = money(account.credit_left_usd)
        lines.append(tr("Credit: {left} left of {bought}.", left=credit, bought=money(bought)) if bought
                     else tr("Credit: {left} left.", left=credit))
    if account.limit_usd is not None:
        left = account.limit_left_usd if account.limit_left_usd is not None else account.limit_usd
        reset = tr(", renewed {limit_reset}", limit_reset=account.limit_reset) if account.limit_reset else ""
        lines.append(tr("This key: {money} left of its limit of {money2}{reset}.", money=money(left),
            money2=money(account.limit_usd), reset=reset))
    elif account.used_usd is not None:
        lines.append(tr("This key: no limit of its own."))
    used = [
        f"{money(amount)} {when}" for amount, when in (
            (account.used_today_usd, tr("today")), (account.used_week_usd, tr("this week")),
            (account.used_month_usd, tr("this month")), (account.used_usd, tr("altogether"))) if amount is not None
    ]
    if used:
        lines.append(tr("Spent: {names}.", names=', '.join(used)))
    if account.free_requests is not None:
        lines.append("Free models: {} of {} requests used today.".format(*account.free_requests))
    elif account.is_free_tier:
        lines.append(tr("Free models: 50 requests a day until credit was bought once."))
    return tuple(lines) or (tr("The account says nothing about money."),)


def loaded_words(model: LoadedModel, *, now: float) -> str:
    """A model in memory: its size, where it lies, its window, and how long it stays."""
    size, vram = model.size_bytes, model.vram_bytes
    facts = [tr("{size:.1f} GB", size=size / 1e9) if size else ""]
    if size and vram is not None:
        share = round(100 * min(vram, size) / size)
        whole = {100: tr("all on the GPU"), 0: tr("all on the processor")}
        facts.append(whole.get(share) or tr("{share}% on the GPU", share=share))
    if model.context_tokens:
        facts.append(tr("window of {count:,} tokens", count=model.context_tokens))
    facts.append(tr("for {span}", span=_span(model.expires_at - now)) if model.expires_at is not None
        else tr("until it is unloaded"))
    return " · ".join(fact for fact in facts if fact)


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{max(0, round(seconds))} s"
    return tr("{minutes} min", minutes=round(seconds / 60)) if seconds < 5400 else \
        tr("{hours:.1f} h", hours=seconds / 3600)
