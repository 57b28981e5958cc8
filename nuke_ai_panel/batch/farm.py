"""Writes a run as a job for a farm: its requests, and a folder as Open Job Description wants it. Blocking; any thread.

The requests are made once, where the job is written, so every worker asks the same, whatever is installed there and
however the input changes meanwhile. A worker needs the run directory and a Python with this package; it never needs
Nuke. Keys are in none of the files: a worker finds its own, as everywhere.
"""

from __future__ import annotations

import json
import re
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from ..messages import Json
from ..words import tr
from .errors import InvalidBatchError
from .planning import Plan, jobs_of
from .requests import made_line
from .run_folder import REJECTS, REQUESTS, RUN, SCHEMA, RunFolder, as_line, replace_file
from .shards import SHARDS
from .values import Reject

JOB_FOLDER, TEMPLATE, VALUES = "openjd", "template.json", "parameter_values.json"
KEY_ENVIRONMENT = "key-environment.json"
DRAIN_S = 15
# A farm counts what it has of this, and gives so many tasks at once.
LIMIT = "amount.llm_slots"
_LIMIT_NAME = re.compile(r"amount\.[A-Za-z_][A-Za-z0-9_]{0,63}(\.[A-Za-z_][A-Za-z0-9_]{0,63})*\Z")
_LONGEST_NAME = 120
_LOOKS_LIKE_HOLE = re.compile(r"[^\w .,()+-]")
# Prints the key for the session, which takes it out of every log.
_KEY_SCRIPT = (
    "import os, pathlib, sys; path, name = sys.argv[1:]; is_there = os.path.isfile(path) and os.access(path, os.R_OK); "
    "key = pathlib.Path(path).read_text('utf-8', 'replace').strip() if is_there else ''; "
    "key or sys.exit('The file ' + path + ' holds no key that can be read. Put the key for ' + name + ' there, "
    "on this worker, or give the job another KeyFile.'); "
    "print('openjd_redacted_env: ' + name + '=' + key)"
)


@dataclass(frozen=True)
class Farm:
    """How the farm cuts the rows. A task takes one of `limit`; after the first, its chunks last about `target_s`."""

    chunk_rows: int = 50
    target_s: int = 180
    limit: str = LIMIT
    python: Optional[str] = None
    name: Optional[str] = None


def write_job(plan: Plan, out: Path, farm: Farm, command: Mapping[str, Json]) -> Tuple[Path, int, int]:
    """Writes the run directory and its job folder; the folder, the number of rows, and of lines that are none.

    `command` is what run.json keeps for the workers. Raises InvalidBatchError, LockedRunError.
    """
    if farm.chunk_rows < 1 or farm.target_s < 0 or not _LIMIT_NAME.match(farm.limit):
        raise InvalidBatchError(
            tr(
                "{limit} with {chunk_rows} rows and {target_s} s is no way to cut a job",
                limit=farm.limit,
                chunk_rows=farm.chunk_rows,
                target_s=farm.target_s,
            ),
            next_step=tr("A chunk has at least one row, and the limit is called like {example}.", example=LIMIT),
        )
    folder = RunFolder(out)
    folder.lock()
    try:
        rows, rejected = _write_requests(plan, folder)
        known = folder.read()
        folder.write(RUN, {
            "schema": SCHEMA, "id": known.get("id") or str(uuid.uuid4()), "input": plan.source.title,
            "input_hash": plan.fingerprint, "template_hash": plan.template_hash, "provider": plan.recipe.provider,
            "model": plan.recipe.model, "rows": rows, "started": known.get("started") or time.time(),
            "finished": None, "counts": None, "command": dict(command),
        })
        job = out / JOB_FOLDER
        job.mkdir(exist_ok=True)
        _write(job / TEMPLATE, job_template(farm, rows))
        _write(job / VALUES, {"parameterValues": [
            {"name": name, "value": value} for name, value in job_values(farm, out, rows).items()]})
        key_env = plan.app.providers.settings(plan.choice.provider).key_env
        if key_env:
            _write(job / KEY_ENVIRONMENT, key_environment(key_env))
        return job, rows, rejected
    finally:
        folder.close()


def job_template(farm: Farm, rows: int) -> Dict[str, Json]:
    """The job: the rows in chunks, each with one of the farm's slots for the provider, then the merge."""
    def step(name: str, *arguments: str, **more: Any) -> Dict[str, Json]:  # Any: parts of a step
        run = {"command": "{{Param.Python}}", "args": ["-m", "nuke_ai_panel", "batch", *arguments],
               "cancelation": {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": DRAIN_S}}
        return {"name": name, **more, "script": {"actions": {"onRun": run}}}

    chunks = {"defaultTaskCount": "{{Param.ChunkRows}}", "targetRuntimeSeconds": "{{Param.TargetSeconds}}",
              "rangeConstraint": "CONTIGUOUS"}
    return {
        "specificationVersion": "jobtemplate-2023-09", "extensions": ["TASK_CHUNKING"],
        "name": _LOOKS_LIKE_HOLE.sub("_", farm.name or "prompts")[:_LONGEST_NAME],
        "description": f"{rows:,} requests to a language model, asked in chunks by plain Python, then joined.",
        "parameterDefinitions": [
            {"name": "RunDir", "type": "PATH", "objectType": "DIRECTORY", "dataFlow": "INOUT",
             "description": "The run directory; every worker can write to it."},
            {"name": "Rows", "type": "STRING", "default": f"0-{rows - 1}", "description": "Which rows, from 0."},
            {"name": "ChunkRows", "type": "INT", "default": farm.chunk_rows, "minValue": 1,
             "description": "How many rows the first chunks have."},
            {"name": "TargetSeconds", "type": "INT", "default": farm.target_s, "minValue": 0,
             "description": "How long a chunk should last; 0 keeps to ChunkRows."},
            {"name": "Python", "type": "STRING", "default": _python(farm),
             "description": "A Python with nuke_ai_panel, on the worker."},
        ],
        "steps": [
            step("Prompts", "run-chunk", "--out", "{{Param.RunDir}}", "--rows", "{{Task.Param.Row}}", "--progress",
                 "openjd", hostRequirements={"amounts": [{"name": farm.limit, "min": 1}]},
                 parameterSpace={"taskParameterDefinitions": [
                     {"name": "Row", "type": "CHUNK[INT]", "range": "{{Param.Rows}}", "chunks": chunks}]}),
            step("Merge", "merge", "{{Param.RunDir}}", dependencies=[{"dependsOn": "Prompts"}]),
        ],
    }


def job_values(farm: Farm, out: Path, rows: int) -> Dict[str, Json]:
    """The values of the job's parameters."""
    return {
        "RunDir": str(out), "Rows": f"0-{rows - 1}", "ChunkRows": farm.chunk_rows, "TargetSeconds": farm.target_s,
        "Python": _python(farm),
    }


def key_environment(key_env: str) -> Dict[str, Json]:
    """An environment that reads a key from a file on the worker and keeps it out of the logs."""
    return {
        "specificationVersion": "environment-2023-09", "extensions": ["REDACTED_ENV_VARS"],
        "parameterDefinitions": [
            {"name": "KeyFile", "type": "STRING", "description": "A file on the worker that holds the key alone.",
             "default": f"/etc/nuke-ai-panel/{key_env}"},
            {"name": "KeyPython", "type": "STRING", "default": "python3"},
        ],
        "environment": {"name": "ProviderKey", "script": {"actions": {"onEnter": {
            "command": "{{Param.KeyPython}}", "args": ["-c", _KEY_SCRIPT, "{{Param.KeyFile}}", key_env]}}}},
    }


def _write_requests(plan: Plan, folder: RunFolder) -> Tuple[int, int]:
    """Freezes what is asked, and behind it what is no row; how many. What is answered already must be as before."""
    count = 0
    rejects: List[Reject] = []

    def lines() -> Iterator[bytes]:
        nonlocal count
        for job in jobs_of(plan, rejects.append):
            count += 1
            yield as_line(made_line(job))
        for one in rejects:
            yield as_line({"reject": vars(one)})

    made, path = folder.path / f"{REQUESTS}.new", folder.path / REQUESTS
    replace_file(made, lines())
    is_begun = (folder.path / SHARDS).exists() or folder.results.exists()
    if is_begun and not (path.exists() and path.read_bytes() == made.read_bytes()):
        made.unlink()
        raise InvalidBatchError(
            f"{folder.path} holds answers to other requests",
            user_text=tr("{path} holds answers to other requests.", path=folder.path),
            next_step=tr("Choose another directory for the run."),
        )
    made.replace(path)
    folder.write_lines(REJECTS, map(vars, rejects))
    if not count:
        raise InvalidBatchError("there is no row", user_text=tr("There is no row to ask about."),
                                next_step=tr("Check the input."))
    return count, len(rejects)


def _write(path: Path, data: Json) -> None:
    replace_file(path, [json.dumps(data, ensure_ascii=False, indent=2).encode("utf-8") + b"\n"])


def _python(farm: Farm) -> str:
    """The interpreter of a worker: the one that runs now, unless that is Nuke, whose licence a worker must not take."""
    if farm.python:
        return farm.python
    return sys.executable if Path(sys.executable or "").name.lower().startswith("python") else "python3"
