"""Takes a batch to a provider's own batch service and its results back: the files, not the upload. Blocking.

`openai` files are split at 50,000 lines and 200 MB; `openrouter` is one JSON object of at most 5,000 requests with the
endpoint and the model in front; `vllm` is what `vllm run-batch` reads, in one file.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple

from ..messages import Json
from ..words import tr
from .compact_map import number_of
from .errors import InvalidBatchError
from .planning import Plan, jobs_of
from .requests import URL, line_of
from .run_folder import RunFolder, as_line, lines_of, replace_file

MOST_LINES, MOST_BYTES, MOST_INLINE = 50_000, 200_000_000, 5_000
FORMS = ("openai", "openrouter", "vllm")


def export(plan: Plan, folder: Path, form: str) -> List[Path]:
    """Writes every request of the plan; the files. Raises InvalidBatchError."""
    folder.mkdir(parents=True, exist_ok=True)
    if form == "openrouter":
        return list(_inline(plan, folder))
    if form not in FORMS:
        raise InvalidBatchError(
            tr("{form} is no form to export to", form=form), next_step=tr("Use one of {names}.", names=", ".join(FORMS))
        )
    lines, most = (MOST_LINES, MOST_BYTES) if form == "openai" else (0, 0)
    return list(_split(plan, folder, lines, most))


def import_results(plan: Plan, out: Path, files: List[Path]) -> Tuple[int, int, List[str]]:
    """Adds what a service answered to the run directory; how many answers and errors, and what was left aside.

    Joined by custom_id, in whatever order; a row that has its answer keeps it.
    """
    keys: Dict[str, str] = {job.custom_id: job.key for job in jobs_of(plan)}
    folder = RunFolder(out)
    folder.lock()
    try:
        past = folder.scan()
        counts, strange = [0, 0], []
        for file in files:
            if not file.is_file():
                raise InvalidBatchError(
                    tr("{file} is not a file.", file=file), next_step=tr("Check the path of the results.")
                )
            with folder.results.open("ab") as results, folder.errors.open("ab") as errors:
                for _, line in lines_of(file):
                    name = str(line.get("custom_id"))
                    key = keys.get(name)
                    if key is None:
                        strange.append(name)
                        continue
                    if past.answered.get(number_of(name)) is not None:
                        continue
                    response = line.get("response") or {}
                    is_answer = line.get("error") is None and response.get("status_code") == 200
                    extra = {"request_key": key, "attempts": 1, "host": "import", "dedup_of": None, "cost_usd": None,
                             "usage": _usage(response)}
                    error = None if is_answer else _error(line)
                    whole = {**line, "x": extra, "error": error, "response": response if is_answer else None}
                    (results if is_answer else errors).write(as_line(whole))
                    past.answered.put(number_of(name), 1)
                    counts[0 if is_answer else 1] += 1
        if not folder.exists():
            folder.write("run.json", {"schema": 1, "id": str(uuid.uuid4()), **plan.as_json(), "samples": None})
        return counts[0], counts[1], strange
    finally:
        folder.close()


def _split(plan: Plan, folder: Path, most_lines: int, most_bytes: int) -> Iterator[Path]:
    pieces: List[bytes] = []
    size = number = 0
    for job in jobs_of(plan):
        line = as_line(line_of(job))
        if pieces and most_lines and (len(pieces) >= most_lines or size + len(line) > most_bytes):
            number += 1
            yield _written(folder / f"requests-{number:03d}.jsonl", pieces)
            pieces, size = [], 0
        pieces.append(line)
        size += len(line)
    if pieces:
        yield _written(folder / f"requests-{number + 1:03d}.jsonl", pieces)


def _inline(plan: Plan, folder: Path) -> Iterator[Path]:
    group: List[Json] = []
    number = 0
    for job in jobs_of(plan):
        body = line_of(job)["body"]
        body.pop("model")
        group.append({"custom_id": job.custom_id, "body": body})
        if len(group) == MOST_INLINE:
            number += 1
            yield _inline_file(plan, folder, number, group)
            group = []
    if group:
        yield _inline_file(plan, folder, number + 1, group)


def _inline_file(plan: Plan, folder: Path, number: int, group: List[Json]) -> Path:
    whole = {"endpoint": URL, "model": plan.recipe.model, "requests": group}
    return _written(folder / f"requests-{number:03d}.json", [json.dumps(whole, ensure_ascii=False).encode("utf-8")])


def _written(path: Path, pieces: List[bytes]) -> Path:
    replace_file(path, pieces)
    return path


def _usage(response: Json) -> Json:
    usage = (response.get("body") or {}).get("usage") if isinstance(response.get("body"), dict) else None
    if not isinstance(usage, dict):
        return None
    return {"input": usage.get("prompt_tokens"), "output": usage.get("completion_tokens"),
            "total": usage.get("total_tokens")}


def _error(line: Dict[str, Json]) -> Dict[str, Json]:
    said: Optional[Json] = line.get("error")
    body = (line.get("response") or {}).get("body")
    inner = body.get("error") if isinstance(body, dict) else None
    found = said if isinstance(said, dict) else inner if isinstance(inner, dict) else {}
    return {"code": str(found.get("code") or "service"), "message": str(found.get("message") or "no answer")}
