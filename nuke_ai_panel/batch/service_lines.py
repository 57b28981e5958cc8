"""A line of a batch service's results, made into the end of a row: its answer, its error, or what is wrong with it."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Dict, Iterator, Mapping, Optional, Tuple

from ..messages import Json, Usage
from ..words import tr
from .errors import InvalidBatchError
from .json_shape import bare_json, objection
from .results import extra_of
from .values import Job


class UnusableLineError(ValueError):
    """The line is neither an answer nor an error; its text says why."""


def service_lines(path: Path) -> Iterator[Tuple[int, Dict[str, Json]]]:
    """Every line with its number, the last one also without its end; one that is no JSON object is empty. Blocking.

    Raises InvalidBatchError.
    """
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                raw = raw[len(codecs.BOM_UTF8):] if raw.startswith(codecs.BOM_UTF8) else raw
                if raw.strip():
                    yield number, _object(raw)
    except OSError as exc:
        raise InvalidBatchError(
            tr("{path} cannot be read: {reason}.", path=path, reason=exc.strerror or exc),
            next_step=tr("Check the path of the results."),
        ) from exc


def end_of(line: Mapping[str, Json], job: Job) -> Dict[str, Json]:
    """The line of a run directory for it. Pure. Raises UnusableLineError."""
    given, error = line.get("response"), line.get("error")
    if not isinstance(given, (dict, type(None))):
        raise UnusableLineError(tr("its response is no object"))
    if given is None and error is None:
        raise UnusableLineError(tr("it has neither a response nor an error"))
    response: Mapping[str, Json] = given or {}
    body, status = response.get("body"), response.get("status_code")
    made: Dict[str, Json] = {"id": str(line.get("id") or f"batch_req_{job.key[:24]}"), "custom_id": job.custom_id}
    if error is not None or status != 200:
        return {**made, "response": None, "error": _said(error, body, status), "x": _extra(job, body)}
    if not isinstance(body, dict):
        raise UnusableLineError(tr("the body of its response is no object"))
    choice = _choice(body)
    found = (choice.get("message") or {}).get("content")
    text = found if isinstance(found, str) else ""
    wrong = _objection(choice, text, job)
    if wrong is not None:
        return {**made, "response": None, "error": {**wrong, "status": 200}, "x": _extra(job, body)}
    if job.schema is not None:
        choice = {**choice, "message": {**choice["message"], "content": bare_json(text)}}
    whole = {**response, "body": {**body, "choices": [choice, *body["choices"][1:]]}}
    return {**made, "response": whole, "error": None, "x": _extra(job, body)}


def _object(raw: bytes) -> Dict[str, Json]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _choice(body: Mapping[str, Json]) -> Mapping[str, Json]:
    """The first choice; empty when there is none. Raises UnusableLineError."""
    choices = body.get("choices")
    if not isinstance(choices, (list, type(None))):
        raise UnusableLineError(tr("its choices are no list"))
    first = choices[0] if choices else {}
    if not isinstance(first, dict) or not isinstance(first.get("message"), (dict, type(None))):
        raise UnusableLineError(tr("its first choice is no object"))
    return first


def _objection(choice: Mapping[str, Json], text: str, job: Job) -> Optional[Dict[str, Json]]:
    if choice.get("finish_reason") == "content_filter":
        return {"code": "content_filter", "message": "the answer was withheld"}
    if not text:
        return {"code": "protocol", "message": "the answer has no text"}
    wrong = objection(text, job.schema) if job.schema is not None else None
    return None if wrong is None else {"code": "schema", "message": wrong}


def _said(error: Json, body: Json, status: Json) -> Dict[str, Json]:
    inner = body.get("error") if isinstance(body, dict) else None
    found = next((one for one in (error, inner) if one), None)
    if not isinstance(found, dict):
        found = {"message": found}
    return {"code": str(found.get("code") or "service"), "message": str(found.get("message") or "no answer"),
            "status": status}


def _extra(job: Job, body: Json) -> Dict[str, Json]:
    said = body.get("usage") if isinstance(body, dict) else None
    usage = Usage(_count(said.get("prompt_tokens")), _count(said.get("completion_tokens")),
                  _count(said.get("total_tokens"))) if isinstance(said, dict) else None
    return extra_of(job, attempts=1, cost_usd=None, host="import", usage=usage)


def _count(value: Json) -> Optional[int]:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
