"""Turns what is stored into what is shown: messages, errors, attachments and facts as the transcript's values. Pure."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Callable, List, Mapping, Optional, Sequence, Tuple

from nuke_ai_panel.core.marks import is_summary
from nuke_ai_panel.core.model_facts import cost_words
from nuke_ai_panel.core.tokens import estimate
from nuke_ai_panel.core.turn_words import ending_text, warning_text
from nuke_ai_panel.messages import Attachment, ErrorInfo, Message, clean_text
from nuke_ai_panel.words import later, tr

from ..ui.values import Chip, ErrorCard, MessageItem

TitleOf = Callable[[str], str]  # a provider's name → its title

_ATTACHMENT_ICONS = {
    "file": "file", "paste": "text", "text": "text", "nodes": "node", "script": "script",
    "image": "image",
}
# What an artist can do about each kind besides trying again; *Copy details* is always there.
_SETTINGS_KINDS = frozenset(
    {"auth", "missing_key", "permission", "network", "tls", "bad_request", "protocol", "settings"}
)
_WORDS = {"policy": "forbidden by policy"}
_SWITCH_KINDS = frozenset({
    "policy", "model_not_found", "credits", "unsupported_feature", "overloaded", "rate_limit", "context_too_long",
    "content_filter", "permission", "server_error",
})
_WAITS = {
    "connecting": later("Connecting"), "loading": later("Loading the model"),
    "prompt": later("Reading the conversation"),
    "waiting": later("Waiting for the first word"), "pulling": later("Fetching the model"),
    "retrying": later("Trying again"),
    "queued": later("Waiting for another answer to end"),
}
SHOW_SECONDS_AFTER_S = 3
# What the notice says whose cause a larger window takes away.
NOT_SENT = later("did not fit the model's window")
# Ids under which a router chooses the model itself.
_CHOOSERS = ("openrouter/", "~")
MARK_CHARACTERS = 48
SHORTEST_S = 0.2  # a speed over less time than this says nothing


def items_of(
    path: Sequence[Message], *, titles: TitleOf, branches: Mapping[str, Tuple[int, int]], branch_enabled: bool = True
) -> Tuple[MessageItem, ...]:
    """The visible path as items; calls and their results are part of an answer, not rows of their own."""
    return tuple(
        item_of(message, titles=titles, branch=branches.get(message.id, (1, 1)), branch_enabled=branch_enabled)
        for message in path if message.role != "tool"
    )


def item_of(
    message: Message, *, titles: TitleOf, branch: Tuple[int, int] = (1, 1), branch_enabled: bool = True,
    wait: str = "", notices: Tuple[str, ...] = (), thinking_s: Optional[float] = None,
) -> MessageItem:
    """One message as an item; `thinking_s` while it streams, later the time to the first word stands for it."""
    if message.role == "system":
        words = mark_words(message)
        return MessageItem(
            message.id, "notice", text=words, time=_local_time(message.created_at), is_divider=True,
            notice_actions=((words, "show_mark"),) if message.text else (),
        )
    if thinking_s is None and message.reasoning and message.text:
        thinking_s = message.timings.first_token_s
    if message.role == "user":
        return MessageItem(
            message.id, "user", text=clean_text(message.text), status=message.status, branch=branch,
            branch_enabled=branch_enabled, chips=tuple(chip_of(one) for one in message.attachments),
            time=_local_time(message.created_at),
        )
    return MessageItem(
        message.id, "assistant", text=clean_text(message.text), thinking=clean_text(message.reasoning),
        thinking_s=thinking_s, status=message.status, label=label_of(message, titles), facts=facts_of(message),
        facts_detail=facts_detail_of(message), branch=branch, branch_enabled=branch_enabled,
        error=error_card(message.error, titles=titles) if message.error is not None else None,
        notices=tuple(dict.fromkeys((*notices, *_plain_warnings(message)))), wait=wait,
        time=_local_time(message.created_at),
        truncated=message.finish == "length" and message.status == "complete",
    )


def mark_words(mark: Message) -> str:
    """What a mark in the path means, in a line."""
    if is_summary(mark):
        return tr("From here on a summary is sent instead of the messages above; they stay here.")
    words = " ".join(clean_text(mark.text).split())
    if not words:
        return tr("No system prompt from here on")
    short = words if len(words) <= MARK_CHARACTERS else f"{words[:MARK_CHARACTERS - 1].rstrip()}…"
    return tr("System prompt from here on: “{short}”", short=short)


def mark_facts(mark: Message) -> str:
    """What stands over a mark's whole text."""
    when = _local_time(mark.created_at)
    if is_summary(mark):
        return " · ".join(part for part in (tr("Sent instead of the messages above"), mark.model or "", when) if part)
    return " · ".join(part for part in (tr("Sent with every question from here on"), when) if part)


def chip_of(attachment: Attachment) -> Chip:
    """An attachment as a chip."""
    return Chip(
        attachment.id, _ATTACHMENT_ICONS.get(attachment.kind, "file"), attachment.name,
        tokens=estimate(attachment.text) if attachment.text else None, detail=attachment.text,
    )


def label_of(message: Message, titles: TitleOf) -> str:
    """The model that wrote it, its provider, and who computed it behind a router."""
    title = titles(message.provider) if message.provider else ""
    if title and message.upstream and message.upstream != title:
        title = tr("{title} via {upstream}", title=title, upstream=message.upstream)
    model = message.model or ""
    if model.startswith(_CHOOSERS) and message.reported_model and message.reported_model != model:
        model = f"{model} → {message.reported_model}"
    return " · ".join(clean_text(part) for part in (model, title) if part)


def facts_of(message: Message) -> str:
    """Tokens, speed and what was paid, in a few characters; `~` marks what is our own guess."""
    usage, parts = message.usage, []
    if usage is not None and usage.output is not None:
        mark = "~" if usage.estimated else ""
        parts.append(tr("{mark}{output:,} tok", mark=mark, output=usage.output))
        seconds = _seconds_of_text(message)
        if seconds >= SHORTEST_S and usage.output > 1:
            parts.append(f"{mark}{usage.output / seconds:.0f}/s")
    if usage is not None and usage.cost_usd is not None:
        parts.append(cost_words(message))
    return " · ".join(parts)


def facts_detail_of(message: Message, *, is_free: bool = False) -> str:
    """Everything that is known about how an answer came to be, a line each; `is_free` says that nobody is paid."""
    usage, times, lines = message.usage, message.timings, []
    if usage is not None:
        for name, count in (
            (tr("Input"), usage.input), (tr("from cache"), usage.cache_read), (tr("into cache"), usage.cache_write),
            (tr("Output"), usage.output), (tr("Reasoning"), usage.reasoning),
        ):
            if count is not None:
                lines.append(tr("{name}: about {count:,} tokens", name=name, count=count) if usage.estimated else
                             tr("{name}: {count:,} tokens", name=name, count=count))
    if message.status == "complete":
        lines.append(tr("Cost: {cost}", cost=cost_words(message, is_free=is_free)))
    if message.upstream:
        lines.append(tr("Answered by: {name}", name=clean_text(message.upstream)))
    if message.reported_model and message.reported_model != message.model:
        lines.append(tr("Model: {name}", name=clean_text(message.reported_model)))
    if message.window_tokens is not None:
        lines.append(tr("Window: {tokens:,} tokens", tokens=message.window_tokens))
    if times.first_token_s is not None:
        lines.append(tr("First word after {seconds:.2f} s", seconds=times.first_token_s))
    if times.total_s is not None:
        lines.append(tr("Took {seconds:.1f} s", seconds=times.total_s))
    if message.finish is not None:
        lines.append(tr("Ended by: {reason}", reason=message.raw_finish or message.finish))
    if message.created_at:
        lines.append(time.strftime("%d %B %Y %H:%M", time.localtime(message.created_at)))
    return "\n".join(lines)


def error_card(error: ErrorInfo, *, titles: TitleOf) -> ErrorCard:
    """A failure as a card; the details are what *Copy details* copies, redacted where the error was made."""
    facts = [titles(error.provider) if error.provider else "", error.model or ""]
    facts.append(f"HTTP {error.status}" if error.status else tr(_WORDS.get(error.kind, ""))
                 or tr(error.kind.replace("_", " ")))
    actions = ["retry"]
    if error.kind in _SETTINGS_KINDS:
        actions.append("open_settings")
    if error.kind in _SWITCH_KINDS:
        actions.append("switch_model")
    actions.append("copy_details")
    details = json.dumps({key: value for key, value in asdict(error).items() if value not in (None, "")}, indent=1)
    return ErrorCard(
        sentence=clean_text(error.user_text or error.message), next_step=clean_text(error.next_step),
        facts=" · ".join(part for part in facts if part), details=clean_text(details), actions=tuple(actions),
    )


def wait_text(phase: str, *, detail: str = "", elapsed_s: float = 0.0, done: Optional[int] = None,
              total: Optional[int] = None, retry_in_s: Optional[float] = None) -> str:
    """Why nothing is visible yet and for how long, as a sentence."""
    words = tr(_WAITS[phase]) if phase in _WAITS else phase.capitalize() or tr("Working")
    if phase == "retrying":
        left = max(0, round((retry_in_s or 0.0) - elapsed_s))
        why = f": {detail}" if detail else ""
        return tr("{words} in {left} s{why}", words=words, left=left, why=why) if left else f"{words}{why}"
    if phase == "unreachable":
        left = max(0, round((retry_in_s or 0.0) - elapsed_s))
        if left:
            return tr("Waiting for {detail} …, trying again in {left} s", detail=detail, left=left)
        return tr("Waiting for {detail} …, trying again now", detail=detail)
    if phase == "queued" and retry_in_s is not None:
        left = max(0, round(retry_in_s - elapsed_s))
        return tr("{detail}: {left} s", detail=detail, left=left) if left else f"{words} …"
    if done is not None and total:
        words += f" {min(100, round(100 * done / total))}%"
    elif detail and phase not in ("connecting", "waiting"):
        words += f" ({detail})"
    words += " …"
    if elapsed_s < SHOW_SECONDS_AFTER_S:
        return words
    return tr("{words} {seconds} s", words=words, seconds=round(elapsed_s))


def _plain_warnings(message: Message) -> List[str]:
    return [text for text in (*map(warning_text, message.warnings), ending_text(message)) if text]


def _seconds_of_text(message: Message) -> float:
    times = message.timings
    return (times.total_s or 0.0) - (times.first_token_s or 0.0)


def _local_time(seconds: float) -> str:
    if not seconds:
        return ""
    then, now = time.localtime(seconds), time.localtime()
    return time.strftime("%H:%M" if then[:3] == now[:3] else "%d %b %H:%M", then)
