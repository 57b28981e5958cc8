"""What `run.json` keeps of a command, made into a plan and options again: a run goes on by its directory alone.

The command line keeps its options under these names, and whoever starts a run otherwise, such as the panel, keeps them
the same way: either can go on with what the other began. Any thread.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

from ..app import App, ModelChoice
from ..messages import Json
from ..providers.base import Parameters
from ..words import tr
from .errors import InvalidBatchError
from .feed import Selection
from .options import options_of
from .planning import Plan, make_plan
from .rows import Source, drawn, source_of
from .script_rows import glob_source, nodes_source
from .values import Options
from .watch import Watch

# What names a file or folder, relative to the folder that the run was started in.
_PATHS = ("input", "template", "nk", "schema", "csv", "glob")
_OPTIONS = {
    "max_concurrency": "max_concurrency", "host": "hosts", "rpm": "rpm", "tpm": "tpm", "max_attempts": "max_attempts",
    "max_wait": "max_wait_s", "budget": "budget", "price_in": "price_in", "price_out": "price_out",
    "max_failures": "max_failures", "stop_after": "stop_after_s", "keep_requests": "keep_requests", "csv": "csv",
    "stream": "stream", "cache": "cache", "ordered": "ordered", "resume": "resume",
}


def plan_of(
    app: App, command: Mapping[str, Json], *, samples: int = 3, rows: object = None, first: int = 0,
    last: Optional[int] = None, watch: Optional[Watch] = None,
) -> Plan:
    """The plan of a command; `rows` are its rows where it names none, from `first` to `last`. Sends nothing.

    Raises InvalidBatchError, what `make_plan` raises, and StoppedError when the watch is stopped meanwhile.
    """
    given = _whole(command)
    found = source_of(rows) if rows is not None else _source(given, watch)
    source = drawn(watch.over(found) if watch is not None else found, shuffle=bool(given.get("shuffle")),
                   sample=given.get("sample"), seed=given.get("seed") or 0)
    return make_plan(
        app, source,
        template=Path(given["template"]) if given.get("template") else None,
        provider=given.get("provider"), model=given.get("model"), base_url=given.get("base_url"),
        system=given.get("system"), schema=_schema(given.get("schema")), variables=_variables(given.get("var") or ()),
        parameters=Parameters(temperature=given.get("temperature"), max_tokens=given.get("max_tokens")),
        roots=given.get("root") or (), id=given.get("id"), images=given.get("image") or (), page=given.get("out_file"),
        price_in=given.get("price_in"), price_out=given.get("price_out"), samples=samples, default=_default(given),
        selection=Selection(given.get("limit"), first, last, given.get("repeat") or 1),
    )


def options_of_command(command: Mapping[str, Json], *, retry_only: Optional[Tuple[str, ...]] = None) -> Options:
    """How a command is carried out. Raises InvalidBatchError."""
    given = _whole(command)
    values: Dict[str, Any] = {ours: given[name] for name, ours in _OPTIONS.items() if given.get(name) is not None}
    made = options_of(values, repeat=given.get("repeat") or 1)
    return replace(
        made, dedupe=made.dedupe and not given.get("no_dedupe"), keep_history=not given.get("no_history"),
        retry_only=retry_only,
    )


def _whole(command: Mapping[str, Json]) -> Dict[str, Any]:  # Any: values of many kinds
    base = Path(str(command.get("cwd") or "."))
    given = dict(command)
    for name in _PATHS:
        if given.get(name) not in (None, "-"):
            given[name] = str(base / os.path.expanduser(str(given[name])))
    given["root"] = [str(base / os.path.expanduser(str(one))) for one in given.get("root") or ()]
    return given


def _source(given: Mapping[str, Any], watch: Optional[Watch]) -> Source:  # Any: see _whole
    if given.get("glob"):
        return glob_source(given["glob"], watch)
    if given.get("nk"):
        return nodes_source(Path(given["nk"]), given.get("nodes") or "all")
    if not given.get("input") or given["input"] == "-":
        raise InvalidBatchError(
            "the rows came from standard input", user_text=tr("The rows of this run came from another program."),
            next_step=tr("Give them to it again with nuke-ai-panel batch resume."),
        )
    return source_of(given["input"], kind=given.get("format") or "")


def _default(given: Mapping[str, Any]) -> Optional[ModelChoice]:  # Any: see _whole
    """Whom the run began to ask, whoever is the default of the settings by now."""
    name = given.get("default_provider")
    return ModelChoice(name, given.get("default_model") or "") if name else None


def _schema(path: Optional[str]) -> Optional[Mapping[str, Json]]:
    if path is None:
        return None
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as exc:
        raise InvalidBatchError(
            tr("The schema {path} cannot be read: {reason}.", path=path, reason=exc), next_step=tr("Check the file.")
        ) from exc
    if not isinstance(found, dict):
        raise InvalidBatchError(tr("The schema {path} is no JSON object.", path=path), next_step=tr("Check the file."))
    return found


def _variables(pairs: Any) -> Dict[str, str]:  # Any: a list of NAME=VALUE
    found = {}
    for pair in map(str, pairs):
        name, mark, value = pair.partition("=")
        if not mark or not name.isidentifier():
            raise InvalidBatchError(
                tr("--var {pair} is not NAME=VALUE.", pair=pair), next_step=tr("Write --var show=atlas.")
            )
        found[name] = value
    return found
