"""The report of a run, from what its files hold: for a program (`report.json`) and for a supervisor (`report.md`).

Blocking; any thread. It counts lines and nothing that is remembered, so that it is right after any number of kills.
"""

from __future__ import annotations

import csv
import heapq
import io
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ..messages import Json
from ..words import tr
from .compact_map import number_of
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
_LONGEST_PAGE = 400
_DEVICES = frozenset({"CON", "PRN", "AUX", "NUL", *(f"{name}{n}" for name in ("COM", "LPT") for n in range(1, 10))})
_SAID = {
    DONE: "every row has an answer", DEFECT: "stopped by a defect or a full disk", INVALID: "nothing was sent",
    SOME_FAILED: "finished; some rows have no answer", REFUSED: "stopped: it could not go on",
    CAPPED: "stopped at a cap", LOCKED: "another process was writing",
    INTERRUPTED: "cancelled, or interrupted with Ctrl-C", TERMINATED: "ended from outside",
}


@dataclass(frozen=True)
class Report:
    """How a run ended. `rows` is None when the input was not read to its end; `code` is the exit code.

    `cost_usd` is what is known to be spent; without `cost_known` nobody said what the model costs.
    """

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
    cost_known: bool
    elapsed_s: float
    input_changed: bool
    folder: str
    former: int = 0
    problems: Tuple[str, ...] = ()
    errors: Mapping[str, Json] = field(default_factory=dict)
    slowest: Tuple[Mapping[str, Json], ...] = ()

    def as_json(self) -> Dict[str, Json]:
        """What `report.json` holds."""
        return asdict(self)


@dataclass
class _Used:
    """What the requests of a run took, added up."""

    attempts: int = 0
    retries: int = 0
    input: int = 0
    output: int = 0
    cost_usd: float = 0.0
    is_priced: bool = False

    def add(self, extra: Mapping[str, Json]) -> None:
        """One line's."""
        attempts, usage, cost = extra.get("attempts") or 0, extra.get("usage") or {}, extra.get("cost_usd")
        self.attempts += attempts
        self.retries += max(0, attempts - 1)
        if not extra.get("cached"):
            self.input += usage.get("input") or 0
            self.output += usage.get("output") or 0
        self.cost_usd += cost or 0.0
        self.is_priced = self.is_priced or cost is not None


def make_report(
    folder: RunFolder, *, code: int, message: str, rows: Optional[int], rejected: int, changed: int = 0, torn: int = 0,
    elapsed_s: float = 0.0, input_changed: bool = False, missing: Optional[int] = None, former: int = 0,
) -> Report:
    """Counts the lines of a run. `missing` is what is still to do, where lines of former rows may stand beside.

    `former` counts rows that the input has no more.
    """
    answered = deduplicated = 0
    used = _Used()
    slowest: List[Tuple[float, str]] = []
    for _, line in lines_of(folder.results):
        extra = line.get("x") or {}
        answered += 1
        deduplicated += bool(extra.get("dedup_of"))
        if extra.get("dedup_of"):
            continue
        used.add(extra)
        took = (extra.get("total_ms") or 0.0, str(line.get("custom_id")))
        if len(slowest) < _SLOWEST:
            heapq.heappush(slowest, took)
        else:
            heapq.heappushpop(slowest, took)
    failed, classes = 0, {}  # type: Tuple[int, Dict[str, Json]]
    for _, line in lines_of(folder.errors):
        extra, error = line.get("x") or {}, line.get("error") or {}
        failed += 1
        used.add(extra)
        known = classes.setdefault(str(error.get("code")), {"count": 0, "examples": []})
        known["count"] += 1
        if len(known["examples"]) < _EXAMPLES:
            said = " ".join(part for part in (error.get("user_text"), error.get("next_step")) if part)
            words = error.get("message")
            known["examples"].append(
                {"custom_id": line.get("custom_id"), "message": words, "said": said or words})
    if missing is None:
        missing = 0 if rows is None else max(0, rows - answered - failed)
    return Report(
        code, message or _SAID.get(code, ""), rows, answered, failed, rejected, missing, deduplicated, changed, torn,
        used.attempts, used.retries, used.input, used.output, round(used.cost_usd, 9),
        used.is_priced or not used.attempts, round(elapsed_s, 3), input_changed,
        str(folder.path), former, (), classes,
        tuple({"custom_id": name, "total_ms": ms} for ms, name in sorted(slowest)[::-1]),
    )


def ended(report: Report, code: int, message: str, problems: Sequence[str] = ()) -> Report:
    """The same counts with how it ended."""
    return replace(report, code=code, message=message or _SAID.get(code, ""), problems=tuple(problems))


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
        f"| cost | {cost_words(report)} |",
    ]
    if report.torn_lines:
        lines.append(f"| repaired | {report.torn_lines} damaged lines, such as a kill leaves |")
    if report.changed:
        lines.append(f"| changed | {report.changed:,} rows were asked anew, because their request changed |")
    if report.former:
        lines.append(f"| former | {report.former:,} rows that the input has no more are in `former.jsonl` |")
    if report.input_changed:
        lines += ["", "The input changed while it was read. Run the same command again."]
    if report.rejected:
        lines += ["", "Lines of the input that are no rows are in `rejects.jsonl`, with their numbers."]
    if report.errors:
        lines += ["", "## Errors", "", "| class | rows | for example |", "|---|---|---|"]
        for kind, one in sorted(report.errors.items(), key=lambda pair: -pair[1]["count"]):
            first = one["examples"][0]
            lines.append(f"| {kind} | {one['count']:,} | {_cell(first['custom_id'])}: {_cell(first['said'])} |")
        lines += ["", "`nuke-ai-panel batch retry`, or “Ask the failed again” in the panel, asks these rows again."]
    if report.problems:
        lines += ["", "## Not written", "", *(f"- {_cell(one)}" for one in report.problems)]
    if report.slowest:
        lines += ["", "## Slowest rows", "", "| row | seconds |", "|---|---|"]
        lines += [f"| {_cell(one['custom_id'])} | {one['total_ms'] / 1e3:.2f} |" for one in report.slowest]
    return "\n".join(lines) + "\n"


def cost_words(report: Report) -> str:
    """What was spent, for people."""
    return f"${report.cost_usd:,.4f}" if report.cost_known else "not known: nobody says what the model costs"


def write_pages(folder: RunFolder, names: Optional[Mapping[int, str]] = None) -> List[str]:
    """One Markdown file for each row that names one, in `pages/`; what could not be written, in sentences.

    `names` has the pages of rows by `number_of` their ids, and counts more than what their lines say. Rows with the
    same page get numbers behind it.
    """
    problems: List[str] = []
    root = folder.path / "pages"
    taken: Set[str] = set()
    for _, line in lines_of(folder.results):
        name = (names or {}).get(number_of(str(line.get("custom_id")))) or (line.get("x") or {}).get("page")
        if not name:
            continue
        try:
            path = _free(page_path(root, str(name)), taken)
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, [text_of(line).encode("utf-8", "replace") + b"\n"])
        except BatchError as error:
            problems.append(error.user_text)
        except OSError as exc:
            problems.append(tr("The page {name} cannot be written: {reason}.", name=name, reason=exc.strerror or exc))
    return problems


def page_path(root: Path, name: str) -> Path:
    """Where a page goes; always inside `root`, and a name that every system takes. Raises BatchError."""
    parts = name.replace("\\", "/").split("/")
    if not all(_is_name(part) for part in parts) or len(name) > _LONGEST_PAGE:
        raise BatchError(
            f"the page {name!r} is no name for a file",
            user_text=tr("The page {name} is no file inside of {root}.", name=repr(name[:80]), root=root),
            next_step=tr("Name pages by a column with plain names: no empty parts, no .. and none of : * ? \" < > |"),
        )
    return root.joinpath(*parts)


def _is_name(part: str) -> bool:
    """Whether Windows, macOS and Linux take it as the name of a file."""
    return (
        part not in ("", ".", "..") and len(part.encode("utf-8", "replace")) <= 240 and part[-1] not in ". "
        and part.partition(".")[0].strip().upper() not in _DEVICES
        and not any(char in '<>:"|?*' or ord(char) < 32 for char in part)
    )


def _free(path: Path, taken: Set[str]) -> Path:
    """The path, with a number where another row has it."""
    made, number = path, 1
    while str(made).casefold() in taken:
        number += 1
        made = path.with_name(f"{path.stem}-{number}{path.suffix}")
    taken.add(str(made).casefold())
    return made


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
