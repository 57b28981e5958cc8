"""Reads what OpenRouter says about a key and its account. Pure; amounts are US dollars."""

from __future__ import annotations

import math
from typing import Dict, Optional, Tuple

from ..messages import Json
from .services import Account
from .usage_counts import count


def read_account(key: Json, credits: Json) -> Account:
    """The account in the answers to `GET /key` and `GET /credits`; the second may be None, as not every key may ask."""
    about, money = _data(key), _data(credits)
    bought, spent = _amount(money.get("total_credits")), _amount(money.get("total_usage"))
    label, reset = about.get("label"), about.get("limit_reset")
    return Account(
        label=label if isinstance(label, str) else "",
        limit_usd=_amount(about.get("limit")),
        limit_left_usd=_amount(about.get("limit_remaining"), may_be_negative=True),
        limit_reset=reset if isinstance(reset, str) and reset else None,
        used_usd=_amount(about.get("usage")),
        used_today_usd=_amount(about.get("usage_daily")),
        used_week_usd=_amount(about.get("usage_weekly")),
        used_month_usd=_amount(about.get("usage_monthly")),
        credit_bought_usd=bought,
        credit_left_usd=None if bought is None or spent is None else bought - spent,
        is_free_tier=about["is_free_tier"] if isinstance(about.get("is_free_tier"), bool) else None,
        free_requests=_free_requests(about.get("free_model_daily_requests")),
    )


def _free_requests(value: Json) -> Optional[Tuple[int, int]]:
    if not isinstance(value, dict):
        return None
    limit, used, left = (count(value.get(name)) for name in ("limit", "used", "remaining"))
    if limit is None:
        return None
    if used is None:
        used = limit - left if left is not None else 0
    return used, limit


def _data(body: Json) -> Dict[str, Json]:
    inner = body.get("data") if isinstance(body, dict) else None
    return inner if isinstance(inner, dict) else {}


def _amount(value: Json, *, may_be_negative: bool = False) -> Optional[float]:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value) if value >= 0 or may_be_negative else None
