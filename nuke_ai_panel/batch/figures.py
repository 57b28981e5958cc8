"""Times and counts as a line about a run says them. Pure."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """90 s as 1:30."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def short(count: int) -> str:
    """12,345 as 12.3k."""
    if count < 10_000:
        return f"{count:,}"
    return f"{count / 1e3:.1f}k" if count < 1_000_000 else f"{count / 1e6:.2f}M"
