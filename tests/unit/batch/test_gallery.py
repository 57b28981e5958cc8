"""The gallery: every prompt file runs over its sample, on the scripted provider here and one on the built-in model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest

from nuke_ai_panel.app import App
from nuke_ai_panel.batch.calls import run
from nuke_ai_panel.batch.commands import options_of_command, plan_of
from nuke_ai_panel.batch.errors import InvalidBatchError
from nuke_ai_panel.batch.gallery import BatchPrompt, batch_prompts, copy_gallery, gallery_prompts
from nuke_ai_panel.batch.past_runs import ended_rows, run_facts, runs_in, whole_text
from nuke_ai_panel.batch.planning import check
from nuke_ai_panel.batch.script_facts import changes_text, reads_text
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop
from tests.contract.local_model import install_model, model_file
from tests.unit.cli_kit import Cli

NAMES = ("check-scripts", "compare-versions", "describe-scripts", "explain-nodes", "notes-to-tasks", "readme-pages")
ROWS = {"check-scripts": 5, "compare-versions": 2, "describe-scripts": 5, "explain-nodes": 7, "notes-to-tasks": 4,
        "readme-pages": 2}
TASKS = '{"tasks": [{"task": "Paint out the rig", "department": "paint"}]}'


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    monkeypatch.setitem(ScriptedProvider.scripts, "tasks", lambda request: (TASKS,))
    opened = App.open(overrides={"providers.demo.kind": "scripted"})
    yield opened
    opened.close()
    shutdown_event_loop()


def command_of(prompt: BatchPrompt, **more: Any) -> Dict[str, Any]:  # Any: see batch.commands
    assert prompt.sample is not None
    return {"template": prompt.path, prompt.sample.kind: prompt.sample.path, "nodes": prompt.sample.nodes or None,
            "provider": "demo", "model": "echo", **more}


def prompt_named(name: str) -> BatchPrompt:
    return next(one for one in gallery_prompts() if one.name == name)


def test_there_are_six_and_each_tells_what_it_is_for() -> None:
    found = gallery_prompts()
    assert tuple(one.name for one in found) == NAMES
    assert all(one.title and one.description and one.sample and not one.problem for one in found)


@pytest.mark.parametrize("name", NAMES)
def test_every_prompt_runs_over_its_sample(name: str, app: App, tmp_path: Path) -> None:
    made = command_of(prompt_named(name), model="tasks" if name == "notes-to-tasks" else "echo")
    plan = plan_of(app, made)
    check(plan)
    assert plan.rows == ROWS[name]
    report = run(plan, out=tmp_path / "a.run", keep_history=False)
    assert (report.code, report.answered) == (0, ROWS[name])


def test_what_a_prompt_asks_holds_the_facts(app: App) -> None:
    def asked(name: str) -> str:
        plan = plan_of(app, command_of(prompt_named(name)), samples=20)
        assert plan.survey is not None
        return "\n\n".join(one["body"]["messages"][-1]["content"] for one in plan.survey.samples)

    checked = asked("check-scripts")
    assert "WRONG NAME: sh20_final2" in checked and "MISSING 2 of 4 frames, the first is 1003" in checked
    assert "sh0010_comp_v002 was checked. These are the findings:\n\n- The name is right" in checked
    assert "~ KeyHair (Keylight): screenGain was 1.3, now 1.05" in asked("compare-versions")
    assert "MergeFG is a Merge2 node" in asked("explain-nodes")


def test_the_built_in_model_answers_two_rows(home: Path, tmp_path: Path) -> None:
    install_model(home, model_file())
    app = App.open()
    try:
        made = command_of(prompt_named("explain-nodes"), provider="local", model="smollm2", limit=2, max_tokens=24)
        report = run(plan_of(app, made), out=tmp_path / "a.run", keep_history=False)
        assert (report.code, report.answered) == (0, 2), report
    finally:
        app.close()
        shutdown_event_loop()


def test_the_studios_prompts_stand_beside_and_ones_own_count_first(tmp_path: Path) -> None:
    studio, home = tmp_path / "studio", tmp_path / "home"
    for folder, title in ((studio / "batch", "Theirs"), (home / "prompts" / "batch", "Mine")):
        folder.mkdir(parents=True)
        (folder / "check-scripts.j2").write_text(f"---\ntitle: {title}\n---\nx\n", encoding="utf-8")
    (studio / "batch" / "empty.md").write_text("---\ntitle: Nothing\n---\n\n", encoding="utf-8")
    found = {one.name: one for one in batch_prompts(home, {"NUKE_AI_PANEL_PROMPTS": str(studio)})}
    assert found["check-scripts"].title == "Mine" and found["check-scripts"].source == "own"
    assert found["empty"].source == "studio" and "no words" in found["empty"].problem
    assert len(found) == 7


def test_a_copy_can_be_changed_and_is_never_written_over(tmp_path: Path) -> None:
    paths = copy_gallery(tmp_path / "mine")
    assert len(paths) == 6 and (tmp_path / "mine" / "sample" / "notes.csv").is_file()
    with pytest.raises(InvalidBatchError, match="already"):
        copy_gallery(tmp_path / "mine")


def test_the_command_line_lists_the_gallery(home: Path) -> None:
    done = Cli(home).run("batch", "gallery", "--json")
    assert done.returncode == 0
    assert [one["title"] for one in json.loads(done.stdout)["prompts"]][-1] == "Read-me for every template"
    told = Cli(home).run("batch", "gallery").stdout
    assert told.count("nuke-ai-panel batch run ") == 6


def test_a_run_directory_tells_who_looks_what_it_holds(app: App, tmp_path: Path) -> None:
    made = command_of(prompt_named("explain-nodes"), budget=None, max_concurrency=3)
    assert options_of_command({**made, "no_dedupe": True}).max_concurrency == 3
    assert not options_of_command({**made, "no_dedupe": True}).dedupe
    run(plan_of(app, made), out=tmp_path / "one.run", keep_history=False)
    (facts,) = runs_in(tmp_path, 10)
    assert (facts.rows, facts.answered, facts.failed, facts.is_running, facts.is_whole) == (7, 7, 0, False, True)
    rows = ended_rows(tmp_path / "one.run", 3)
    assert len(rows) == 3 and all(one.text and not one.error for one in rows)
    assert whole_text(tmp_path / "one.run", rows[0].custom_id) == rows[0].text
    (tmp_path / "one.run" / "run.json").write_text("{", encoding="utf-8")
    assert run_facts(tmp_path / "one.run").problem


def test_reads_are_looked_up_on_disk(tmp_path: Path) -> None:
    for frame in (1, 2, 4):
        (tmp_path / f"a.{frame:04d}.exr").touch()
    (tmp_path / "still.png").touch()
    script = "\n".join(
        f"Read {{\n inputs 0\n file {path}\n first 1\n last 4\n name R{at}\n}}" for at, path in enumerate((
            "a.%04d.exr", "a.####.exr", "b.%04d.exr", "still.png", str(tmp_path / "still.png"), '"\\[getenv X]/a.exr"',
        ))
    )
    told = reads_text(script + "\nRead {\n inputs 0\n name Empty\n}\n", str(tmp_path)).splitlines()
    assert "MISSING 1 of 4 frames, the first is 3" in told[0] and "MISSING 1 of 4" in told[1]
    assert "MISSING: no frame on disk" in told[2]
    assert "(on disk)" in told[3] and "(on disk)" in told[4]
    assert "not checked" in told[5] and "no file is set" in told[6]
    assert reads_text("Blur {\n inputs 0\n}\n", "") == "No node reads a file."


def test_changes_are_told_in_lines() -> None:
    old = "Grade {\n inputs 0\n white 1.2\n name G\n xpos 3\n}\nBlur {\n size 3\n name B\n}\n"
    assert changes_text(old, old.replace("xpos 3", "xpos 99")) == "Nothing changed but where the nodes lie."
    told = changes_text(old, "Grade {\n inputs 0\n white 1.4\n name G\n}\nDefocus {\n name D\n}\n")
    assert "+ D (Defocus) is new" in told and "- B (Blur) is gone" in told
    assert "~ G (Grade): white was 1.2, now 1.4" in told
