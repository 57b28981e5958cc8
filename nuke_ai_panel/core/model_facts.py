"""What is known about a model, an account or a price, in words: the same in the terminal and in the panel. Pure.

Nothing is guessed: what nobody says is a dash, and only what is known to cost nothing is free.
"""

from __future__ import annotations

import math
from typing import FrozenSet, List, Optional, Tuple

from ..messages import Message
from ..providers.base import ModelInfo
from ..providers.services import Account, LoadedModel

DASH = "–"


def price_words(model: Optional[ModelInfo]) -> str:
    """Dollars per million tokens in and out; "free" only where it is known, a dash where nobody says."""
    if model is None:
        return DASH
    if model.local:
        return "free"
    if model.price_input is None or model.price_output is None:
        return DASH
    each = f" + {money(model.price_request)} a request" if model.price_request else ""
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
        ("Model", model.id), ("Name", model.name if model.name != model.id else ""), ("Provider", model.provider),
        ("Reads", f"{model.context_tokens:,} tokens" if model.context_tokens else DASH),
        ("Window", f"{model.window_tokens:,} tokens unless more are needed" if model.window_tokens else ""),
        ("Answers", f"up to {model.max_output_tokens:,} tokens" if model.max_output_tokens else ""),
        ("Can", listed(model.capabilities)),
        ("Takes in", "" if model.input_modalities is None else listed(model.input_modalities)),
        ("Gives out", "" if model.output_modalities is None else listed(model.output_modalities)),
        ("Thinks", ", ".join(model.efforts)),
        ("Price", f"{price_words(model)}{_per_million(model)}"),
        ("Cached input", f"${plain_money(model.price_cache_read)} a million tokens" if model.price_cache_read else ""),
        ("Size", f"{model.size_bytes / 1e9:.1f} GB on disk" if model.size_bytes else ""),
        ("Parameters", model.parameter_size or ""),
        ("In memory", "yes" if model.loaded else ""),
        ("Takes", "" if model.parameters is None else listed(model.parameters)),
        ("Gone after", model.expires or ""), ("Unavailable", model.unavailable_reason or ""),
    ]
    return tuple((name, words) for name, words in rows if words)


def _per_million(model: ModelInfo) -> str:
    return " a million tokens in / out" if price_words(model).startswith("$") else ""


def account_lines(account: Account) -> Tuple[str, ...]:
    """What an account says about money and limits, a sentence each."""
    lines = []
    if account.credit_left_usd is not None:
        bought = account.credit_bought_usd
        lines.append(f"Credit: {money(account.credit_left_usd)} left" + (f" of {money(bought)}." if bought else "."))
    if account.limit_usd is not None:
        left = account.limit_left_usd if account.limit_left_usd is not None else account.limit_usd
        reset = f", renewed {account.limit_reset}" if account.limit_reset else ""
        lines.append(f"This key: {money(left)} left of its limit of {money(account.limit_usd)}{reset}.")
    elif account.used_usd is not None:
        lines.append("This key: no limit of its own.")
    used = [
        f"{money(amount)} {when}" for amount, when in (
            (account.used_today_usd, "today"), (account.used_week_usd, "this week"),
            (account.used_month_usd, "this month"), (account.used_usd, "altogether")) if amount is not None
    ]
    if used:
        lines.append(f"Spent: {', '.join(used)}.")
    if account.free_requests is not None:
        lines.append("Free models: {} of {} requests used today.".format(*account.free_requests))
    elif account.is_free_tier:
        lines.append("Free models: 50 requests a day until credit was bought once.")
    return tuple(lines) or ("The account says nothing about money.",)


def loaded_words(model: LoadedModel, *, now: float) -> str:
    """A model in memory: its size, where it lies, its window, and how long it stays."""
    size, vram = model.size_bytes, model.vram_bytes
    facts = [f"{size / 1e9:.1f} GB" if size else ""]
    if size and vram is not None:
        share = round(100 * min(vram, size) / size)
        facts.append({100: "all on the GPU", 0: "all on the processor"}.get(share, f"{share}% on the GPU"))
    if model.context_tokens:
        facts.append(f"window of {model.context_tokens:,} tokens")
    facts.append(f"for {_span(model.expires_at - now)}" if model.expires_at is not None else "until it is unloaded")
    return " · ".join(fact for fact in facts if fact)


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{max(0, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
