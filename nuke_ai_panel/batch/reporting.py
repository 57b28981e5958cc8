"""The report of a run, from what its files hold: for a program (`report.json`) and for a supervisor (`report.md`).

Blocking; any thread. It counts lines and nothing that is remembered, so that it is right after any number of kills.
"""

from __future__ import annotations

import csv
import heapq
import io
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Dict, Iterator, List, Mapping, Optional, Tuple

from ..messages import Json
from ..words import tr
from .errors import BatchError
from .results import text_of
from .run_folder import RunFolder, lines_of, replace_file
from .values import (
    CAPPED,
    DEFECT,
    DONE,
    INTERRUPTED,
    INVALID,
    LOCKED,
    REFUSED,
    SOME_FAILED,
    TERMINATED,
)

REPORT, PAGE = "report.json", "report.md"
_EXAMPLES, _SLOWEST = 3, 10
_SAID = {
    DONE: "every row has an answer", DEFECT: "stopped by a defect or a full disk", INVALID: "nothing was sent",
    SOME_FAILED: "finished; some rows have no answer", REFUSED: "stopped: it could not go on",
    CAPPED: "stopped at a cap", LOCKED: "another process was writing", INTERRUPTED: "interrupted with Ctrl-C",
    TERMINATED: "ended from outside",
}


@dataclass(frozen=True)
class Report:
    """How a run ended. `rows` is None when the input was not read to its end; `code` is the exit code."""

    code: int
    message: str
    rows: Optional[int]
    answered: int
    failed: int
    rejected: int
    missing: int
    deduplicated: int
    changed: int
    torn_lines: int
    attempts: int
    retries: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    elapsed_s: float
    input_changed: bool
    folder: str
    errors: Mapping[str, Json] = field(default_factory=dict)
    slowest: Tuple[Mapping[str, Json], ...] = ()

    def as_json(self) -> Dict[str, Json]:
        """What `report.json` holds."""
        return asdict(self)


def make_report(
    folder: RunFolder, *, code: int, message: str, rows: Optional[int], rejected: int, changed: int = 0, torn: int = 0,
    elapsed_s: float = 0.0, input_changed: bool = False, missing: Optional[int] = None,
) -> Report:
    """Counts the lines of a run. `missing` is what is still to do, where lines of former rows may stand beside."""
    answered = deduplicated = attempts = retries = 0
    tokens = [0, 0]
    spent = 0.0
    slowest: List[Tuple[float, str]] = []
    for _, line in lines_of(folder.results):
        extra = line.get("x") or {}
        answered += 1
        deduplicated += bool(extra.get("dedup_of"))
        if extra.get("dedup_of"):
            continue
        attempts += extra.get("attempts") or 0
        retries += max(0, (extra.get("attempts") or 0) - 1)
        usage = extra.get("usage") or {}
        tokens[0] += usage.get("input") or 0
        tokens[1] += usage.get("output") or 0
        spent += extra.get("cost_usd") or 0.0
        took = (extra.get("total_ms") or 0.0, str(line.get("custom_id")))
        if len(slowest) < _SLOWEST:
            heapq.heappush(slowest, took)
        else:
            heapq.heappushpop(slowest, took)
    failed, classes = 0, {}  # type: Tuple[int, Dict[str, Json]]
    for _, line in lines_of(folder.errors):
        extra, error = line.get("x") or {}, line.get("error") or {}
        failed += 1
        attempts += extra.get("attempts") or 0
        retries += max(0, (extra.get("attempts") or 0) - 1)
        spent += extra.get("cost_usd") or 0.0
        known = classes.setdefault(str(error.get("code")), {"count": 0, "examples": []})
        known["count"] += 1
        if len(known["examples"]) < _EXAMPLES:
            known["examples"].append({"custom_id": line.get("custom_id"), "message": error.get("message")})
    if missing is None:
        missing = 0 if rows is None else max(0, rows - answered - failed)
    return Report(
        code, message or _SAID.get(code, ""), rows, answered, failed, rejected, missing, deduplicated, changed, torn,
        attempts, retries, tokens[0], tokens[1], round(spent, 9), round(elapsed_s, 3), input_changed,
        str(folder.path), classes, tuple({"custom_id": name, "total_ms": ms} for ms, name in sorted(slowest)[::-1]),
    )


def write_report(folder: RunFolder, report: Report, facts: Mapping[str, Json]) -> None:
    """Writes both forms. Raises BatchError."""
    folder.write(REPORT, report.as_json())
    folder.write_text(PAGE, report_page(report, facts))


def report_page(report: Report, facts: Mapping[str, Json]) -> str:
    """The report in Markdown."""
    rows = "unknown" if report.rows is None else f"{report.rows:,}"
    lines = [
        f"# {Path(report.folder).name}", "", f"**{_SAID.get(report.code, 'ended')}** (exit code {report.code}). "
        f"{report.message if report.message != _SAID.get(report.code) else ''}".rstrip(), "",
        "| | |", "|---|---|",
        f"| asked | {facts.get('model')} by {facts.get('provider')} |", f"| input | {facts.get('input')} |",
        f"| finished | {time.strftime('%Y-%m-%d %H:%M')} after {report.elapsed_s:.1f} s |",
        f"| rows | {rows} |", f"| answered | {report.answered:,} ({report.deduplicated:,} by the answer to an equal "
        f"row) |", f"| failed | {report.failed:,} |", f"| no rows | {report.rejected:,} lines of the input |",
        f"| still to do | {report.missing:,} |",
        f"| requests | {report.attempts:,}, {report.retries:,} of them again |",
        f"| tokens | {report.input_tokens:,} in, {report.output_tokens:,} out |",
        f"| cost | ${report.cost_usd:,.4f} |",
    ]
    if report.torn_lines:
        lines.append(f"| repaired | {report.torn_lines} line that a kill tore |")
    if report.changed:
        lines.append(f"| changed | {report.changed:,} rows were asked anew, because their request changed |")
    if report.input_changed:
        lines += ["", "The input changed while it was read. Run the same command again."]
    if report.rejected:
        lines += ["", "Lines of the input that are no rows are in `rejects.jsonl`, with their numbers."]
    if report.errors:
        lines += ["", "## Errors", "", "| class | rows | for example |", "|---|---|---|"]
        for kind, one in sorted(report.errors.items(), key=lambda pair: -pair[1]["count"]):
            first = one["examples"][0]
            lines.append(f"| {kind} | {one['count']:,} | {_cell(first['custom_id'])}: {_cell(first['message'])} |")
        lines += ["", "`nuke-ai-panel batch retry` asks these rows again."]
    if report.slowest:
        lines += ["", "## Slowest rows", "", "| row | seconds |", "|---|---|"]
        lines += [f"| {_cell(one['custom_id'])} | {one['total_ms'] / 1e3:.2f} |" for one in report.slowest]
    return "\n".join(lines) + "\n"


def write_pages(folder: RunFolder) -> int:
    """One Markdown file for each row that names one, in `pages/`; how many. Raises BatchError for an escape."""
    written = 0
    root = folder.path / "pages"
    for _, line in lines_of(folder.results):
        name = (line.get("x") or {}).get("page")
        if not name:
            continue
        path = page_path(root, str(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, [text_of(line).encode("utf-8", "replace") + b"\n"])
        written += 1
    return written


def page_path(root: Path, name: str) -> Path:
    """Where a page goes; always inside `root`. Raises BatchError."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or name.startswith("/") or ".." in parts or ":" in name or "\0" in name or len(name) > 400:
        raise BatchError(
            f"the page {name!r} leaves its folder",
            user_text=tr("The page {name} would lie outside of {root}.", name=repr(name), root=root),
            next_step=tr("Use a column without slashes and dots in --out-file."),
        )
    return root.joinpath(*parts)


def write_csv(folder: RunFolder, path: Path) -> int:
    """All rows as CSV: id, text, error, tokens, cost; how many. Raises BatchError."""
    count = 0

    def pieces() -> Iterator[bytes]:
        nonlocal count
        out = io.StringIO(newline="")
        sheet = csv.writer(out)
        sheet.writerow(("custom_id", "text", "error", "input_tokens", "output_tokens", "cost_usd"))
        for file in (folder.results, folder.errors):
            for _, line in lines_of(file):
                extra, error = line.get("x") or {}, line.get("error") or {}
                usage = extra.get("usage") or {}
                sheet.writerow((line.get("custom_id"), text_of(line), error.get("message") or "", usage.get("input"),
                                usage.get("output"), extra.get("cost_usd")))
                count += 1
                yield out.getvalue().encode("utf-8", "replace")
                out.seek(0)
                out.truncate()
        yield out.getvalue().encode("utf-8", "replace")

    replace_file(path, pieces())
    return count


def _cell(text: Json) -> str:
    return " ".join(str(text).replace("|", "\\|").split())[:160]
