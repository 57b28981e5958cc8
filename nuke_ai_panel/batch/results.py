"""The lines of a run: an OpenAI batch output line for each row, with what we know beside it in `x`. Pure."""

from __future__ import annotations

import time
from typing import Dict, FrozenSet, Optional, Tuple

from ..errors import NukeAIError
from ..messages import Json, Usage
from ..words import tr
from .errors import InvalidBatchError
from .values import Answer, Job

# How `retry --only` may name several kinds of errors at once.
CLASSES = {
    "rate": frozenset({"rate_limit"}), "timeout": frozenset({"timeout"}),
    "5xx": frozenset({"server_error", "overloaded"}), "network": frozenset({"network", "truncated"}),
}
# The kinds that a row's error may have of its own: what concerns all rows stops the run.
KINDS = frozenset({
    "rate_limit", "context_too_long", "content_filter", "unsupported_feature", "bad_request", "overloaded", "timeout",
    "server_error", "network", "protocol", "truncated", "schema",
})


def result_line(job: Job, answer: Answer, extra: Dict[str, Json]) -> Dict[str, Json]:
    """The line of a row that has its answer."""
    body: Dict[str, Json] = {
        "id": answer.response_id or "", "object": "chat.completion", "created": int(time.time()),
        "model": answer.reported_model or job.model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": answer.text},
                     "finish_reason": answer.finish}],
    }
    if answer.reasoning:
        body["choices"][0]["message"]["reasoning"] = answer.reasoning
    if answer.usage is not None:
        body["usage"] = {"prompt_tokens": answer.usage.input, "completion_tokens": answer.usage.output,
                         "total_tokens": answer.usage.total}
    response = {"status_code": 200, "request_id": answer.request_id or "", "body": body}
    return {"id": f"batch_req_{job.key[:24]}", "custom_id": job.custom_id, "response": response, "error": None,
            "x": extra}


def error_line(job: Job, error: NukeAIError, extra: Dict[str, Json]) -> Dict[str, Json]:
    """The line of a row that ended in an error."""
    info = error.info()
    said = {"code": info.kind, "message": info.message, "user_text": info.user_text, "next_step": info.next_step,
            "status": info.status}
    return {"id": f"batch_req_{job.key[:24]}", "custom_id": job.custom_id, "response": None, "error": said, "x": extra}


def extra_of(
    job: Job, *, attempts: int, cost_usd: Optional[float], host: str, answer: Optional[Answer] = None,
    usage: Optional[Usage] = None, conversation_id: Optional[str] = None,
) -> Dict[str, Json]:
    """The `x` of a line. `usage` is that of all attempts together."""
    extra: Dict[str, Json] = {
        "request_key": job.key, "attempts": attempts, "cost_usd": cost_usd, "host": host, "dedup_of": None,
        "at": round(time.time(), 3), "place": job.place,
    }
    if answer is not None:
        extra["first_token_ms"] = None if answer.first_token_s is None else round(answer.first_token_s * 1e3, 1)
        extra["total_ms"] = round(answer.total_s * 1e3, 1)
    if answer is not None or usage is not None:
        extra["usage"] = usage_of(usage)
    if conversation_id is not None:
        extra["conversation_id"] = conversation_id
    if job.page is not None:
        extra["page"] = job.page
    return extra


def sum_of(known: Optional[Usage], more: Optional[Usage]) -> Optional[Usage]:
    """Both together; what only one of them says counts as it is."""
    if known is None or more is None:
        return known if more is None else more
    values = {name: value if (own := getattr(known, name)) is None else own if value is None else own + value
              for name, value in vars(more).items()}
    return Usage(**{**values, "estimated": known.estimated or more.estimated})


def usage_of(usage: Optional[Usage]) -> Json:
    """The counters that are known."""
    return None if usage is None else {name: value for name, value in vars(usage).items() if value not in (None, False)}


def text_of(line: Json) -> str:
    """The answer's text in a result line of ours or of a service."""
    choices = ((line.get("response") or {}).get("body") or {}).get("choices") or [{}]
    content = (choices[0].get("message") or {}).get("content")
    return content if isinstance(content, str) else ""


def finish_of(line: Json) -> str:
    """Why the answer of a result line ended, as far as it says."""
    choices = ((line.get("response") or {}).get("body") or {}).get("choices") or [{}]
    return str(choices[0].get("finish_reason") or "")


def kinds_of(names: Tuple[str, ...], there: FrozenSet[str] = frozenset()) -> FrozenSet[str]:
    """The kinds of errors that names of classes stand for; a kind's own name stands for itself.

    Raises InvalidBatchError for a name that is neither, nor among those that are `there`.
    """
    strange = [name for name in names if name not in CLASSES and name not in KINDS | there]
    if strange:
        raise InvalidBatchError(
            tr("{names} is no class of errors.", names=', '.join(strange)),
            next_step=tr("Name some of {names}.", names=', '.join(sorted({*CLASSES, *KINDS, *there}))),
        )
    return frozenset().union(*(CLASSES.get(name, {name}) for name in names))
