"""Runs the six prompt files of the gallery on their samples and writes what came out to docs/gallery/, as it is.

    python docs/gallery_reports.py                                        the built-in model (models pull smollm2)
    python docs/gallery_reports.py --provider ollama --model qwen3:8b     another one
    python docs/gallery_reports.py --only check-scripts --out /tmp/pages

Every answer is the model's own, unread and uncorrected: the pages show what the smallest model does with the prompts.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from nuke_ai_panel.app import App  # noqa: E402 - the path comes first
from nuke_ai_panel.batch.calls import run  # noqa: E402
from nuke_ai_panel.batch.commands import plan_of  # noqa: E402
from nuke_ai_panel.batch.gallery import GALLERY, BatchPrompt, gallery_prompts  # noqa: E402
from nuke_ai_panel.batch.planning import Plan, check  # noqa: E402
from nuke_ai_panel.batch.reporting import Report  # noqa: E402
from nuke_ai_panel.batch.results import text_of  # noqa: E402
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop  # noqa: E402


def command_of(prompt: BatchPrompt, provider: str, model: str) -> Dict[str, Any]:  # Any: see batch.commands
    """The prompt file over its sample."""
    sample = prompt.sample
    assert sample is not None, f"{prompt.name} has no sample"
    return {"template": prompt.path, sample.kind: sample.path, "nodes": sample.nodes or None,
            "provider": provider, "model": model, "no_history": True}


def page(prompt: BatchPrompt, plan: Plan, report: Report) -> str:
    """The page of one run: what was asked of whom, the first request, and every answer."""
    survey = plan.survey
    assert survey is not None and prompt.sample is not None
    lines = [
        f"# {prompt.title}", "", prompt.description, "",
        f"Made by `python docs/gallery_reports.py`: `{prompt.name}.j2` over `{_inside(prompt.sample.path)}`, asked of "
        f"{plan.recipe.model} by {plan.recipe.provider}. The answers stand here as they came.", "",
        "| | |", "|---|---|", f"| rows | {report.rows} |", f"| answered | {report.answered} |",
        f"| failed | {report.failed} |", f"| requests | {report.attempts} |",
        f"| tokens | {report.input_tokens:,} in, {report.output_tokens:,} out |", "",
        "## The first request", "", "````text", survey.samples[0]["body"]["messages"][-1]["content"].strip(), "````",
        "", "## The answers",
    ]
    for line in sorted(_lines(Path(report.folder) / "results.jsonl"), key=lambda one: str(one["custom_id"])):
        lines += ["", f"### {_named(line)}", "", "````text", text_of(line).strip(), "````"]
    for line in _lines(Path(report.folder) / "errors.jsonl"):
        lines += ["", f"### {_named(line)}", "", f"No answer: {line['error']['user_text']}"]
    return "\n".join(lines) + "\n"


def _named(line: Dict[str, Any]) -> str:  # Any: a result line
    return _inside(str(line["custom_id"]))


def _inside(path: str) -> str:
    return path.replace(f"{GALLERY}/", "")


def _lines(path: Path) -> List[Dict[str, Any]]:  # Any: result lines
    return [json.loads(one) for one in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--provider", default="local")
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "gallery")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    app = App.open()
    code = 0
    try:
        for prompt in gallery_prompts():
            if given.only and prompt.name not in given.only:
                continue
            plan = plan_of(app, command_of(prompt, given.provider, given.model))
            check(plan)
            with tempfile.TemporaryDirectory() as folder:
                report = run(plan, out=Path(folder) / f"{prompt.name}.run", keep_history=False)
                (given.out / f"{prompt.name}.md").write_text(page(prompt, plan, report), encoding="utf-8")
            print(f"{prompt.name}: {report.answered} of {report.rows} rows, {report.elapsed_s:.0f} s")
            code = max(code, report.code)
    finally:
        app.close()
        shutdown_event_loop()
    return code


if __name__ == "__main__":
    sys.exit(main())
