"""What lies in run directories, for whoever looks at runs: which there are, and the rows that ended. Blocking."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Tuple

from ..messages import Json
from .errors import InvalidBatchError
from .gallery import read_prompt
from .results import finish_of, text_of
from .run_folder import RUN, RunFolder, lines_of
from .values import DONE, SOME_FAILED

SUFFIX = ".run"


@dataclass(frozen=True)
class RunFacts:
    """One run directory. `rows` is None while nobody knows, `code` until it has ended.

    `problem` says why it cannot be read.
    """

    folder: str
    title: str
    model: str = ""
    provider: str = ""
    rows: Optional[int] = None
    answered: int = 0
    failed: int = 0
    rejected: int = 0
    code: Optional[int] = None
    started: float = 0.0
    is_running: bool = False
    is_whole: bool = False
    command: Optional[Mapping[str, Json]] = None
    problem: str = ""


@dataclass(frozen=True)
class Ended:
    """A row that has its end, as its line tells it; `error` is empty for an answer, `finish` says why that ended."""

    custom_id: str
    text: str
    error: str = ""
    kind: str = ""
    attempts: int = 1
    cost_usd: Optional[float] = None
    dedup_of: Optional[str] = None
    finish: str = ""


def run_facts(folder: Path) -> RunFacts:
    """What one run directory tells."""
    run = RunFolder(folder)
    try:
        facts = run.read()
    except InvalidBatchError as error:
        return RunFacts(str(folder), folder.stem, problem=error.user_text)
    counts = facts.get("counts") or {}
    command = facts.get("command") if isinstance(facts.get("command"), dict) else None
    template = str((command or {}).get("template") or "")
    title = read_prompt(Path(str((command or {}).get("cwd") or ".")) / template).title if template else folder.stem
    return RunFacts(
        str(folder), title, str(facts.get("model") or ""),
        str(facts.get("provider") or ""), facts.get("rows"), counts.get("answered") or 0, counts.get("failed") or 0,
        counts.get("rejected") or 0, counts.get("code"), facts.get("started") or 0.0, run.is_locked(),
        counts.get("code") in (DONE, SOME_FAILED), command,
    )


def runs_in(folder: Path, most: int) -> Tuple[RunFacts, ...]:
    """The newest runs in a folder, the newest first."""
    try:
        found = [one for one in folder.iterdir() if one.suffix == SUFFIX and (one / RUN).is_file()]
    except OSError:  # nobody has run anything yet
        return ()
    newest = sorted(found, key=_changed, reverse=True)[:most]
    return tuple(sorted(map(run_facts, newest), key=lambda one: -one.started))


def ended_rows(folder: Path, most: int) -> Tuple[Ended, ...]:
    """The first rows that ended; of a row that was asked again its last end."""
    found: Dict[str, Ended] = {}
    for _, line in chain(lines_of(folder / "errors.jsonl"), lines_of(folder / "results.jsonl")):
        if not line:
            continue
        one = _ended(line)
        if one.custom_id in found or len(found) < most:
            found[one.custom_id] = one
    return tuple(found.values())


def whole_text(folder: Path, custom_id: str) -> str:
    """A row's answer in full, or all that is known of why it has none; empty for a row without an end."""
    found = ""
    for _, line in chain(lines_of(folder / "errors.jsonl"), lines_of(folder / "results.jsonl")):
        if line.get("custom_id") == custom_id:
            error = line.get("error") or {}
            said = (error.get(name) for name in ("user_text", "next_step", "message"))
            found = text_of(line) or "\n\n".join(dict.fromkeys(str(one) for one in said if one))
    return found


def _ended(line: Mapping[str, Json]) -> Ended:
    extra, error = line.get("x") or {}, line.get("error") or {}
    words: List[str] = [str(error[name]) for name in ("user_text", "next_step") if error.get(name)]
    return Ended(
        str(line.get("custom_id")), text_of(line), " ".join(words) or str(error.get("message") or ""),
        str(error.get("code") or ""), extra.get("attempts") or 1, extra.get("cost_usd"), extra.get("dedup_of"),
        finish_of(line),
    )


def _changed(path: Path) -> float:
    try:
        return (path / RUN).stat().st_mtime
    except OSError:
        return 0.0
