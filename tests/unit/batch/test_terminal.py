"""Batches in `nuke -t`, by the scripts that docs/batch.md shows; and that every command of that page works."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, List

import pytest

from tests.fakes.batch_server import BatchServer
from tests.fakes.nuke_fixture import FULL
from tests.unit.cli_kit import ROOT, Cli

from .farm_kit import BIN

PAGE = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", PAGE, re.S)
# What Nuke takes off the end of its command line.
FRAME_RANGE = re.compile(r"\d+(-\d+(x\d+)?)?(,\d+(-\d+(x\d+)?)?)*\Z")
NK = "".join(f"Read {{\n inputs 0\n file /plates/Read{n}.exr\n name Read{n}\n}}\n" for n in (1, 2, 3))
START = f"""
import runpy, sys
from tests.fakes.nuke import Host
Host({FULL[16]}, terminal=True).install()
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def place(tmp_path: Path) -> Any:
    with BatchServer() as server:
        (tmp_path / "settings.toml").write_text(
            f'default_provider = "ollama"\ndefault_model = "m"\n[providers.ollama]\nbase_url = "{server.url}"\n')
        (tmp_path / "shot.nk").write_text(NK)
        yield Cli(tmp_path), server, tmp_path


def nuke_t(cli: Cli, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a script as `nuke -t script.py ARGUMENTS` does."""
    path = cli.home / "script.py"
    path.write_text(script, encoding="utf-8")
    kept = list(arguments)
    while kept and FRAME_RANGE.match(kept[-1]):
        kept.pop()
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", START, str(path), *kept], capture_output=True, text=True, timeout=60,
        cwd=str(cli.home), check=False, env=cli.env(PYTHONPATH=f"{ROOT}{os.pathsep}{ROOT / 'src'}"))


def script_of(mark: str) -> str:
    return str(next(text for kind, text in BLOCKS if kind == "python" and "import" in text and mark in text))


def test_rows_are_written_in_nuke_and_asked_outside(place: Any) -> None:
    cli, server, folder = place
    done = nuke_t(cli, script_of("file.write"), f"script={folder / 'shot.nk'}", f"out={folder / 'rows.jsonl'}",
                  "limit=2")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    assert len(rows) == 2 and {one["note"] for one in rows} < {f"/plates/Read{n}.exr" for n in (1, 2, 3)}
    assert server.bodies == []


def test_batch_runs_inside_a_terminal_session(place: Any) -> None:
    cli, server, folder = place
    done = nuke_t(cli, script_of("sys.exit(report.code)"), f"script={folder / 'shot.nk'}", f"out={folder / 'a.run'}",
                  "limit=2", "1-100x2", "10")
    assert (done.returncode, done.stderr) == (0, "")
    asked = sorted(body["messages"][-1]["content"] for body in server.bodies)
    assert len(asked) == 2 and all(re.match(r"What is /plates/Read\d.exr\?", one) for one in asked)
    assert json.loads((folder / "a.run" / "report.json").read_text())["answered"] == 2


def test_terminal_session_says_which_rows_failed_and_why(place: Any) -> None:
    cli, server, folder = place
    server.refuse = lambda prompt, times: (400, {"error": "no such picture"}, {}) if "Read2" in prompt else None
    done = nuke_t(cli, script_of("sys.exit(report.code)"), f"script={folder / 'shot.nk'}", f"out={folder / 'a.run'}")
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == "bad_request: 1 rows, such as Read2: no such picture\n"


def test_numbers_at_the_end_are_frame_ranges(place: Any) -> None:
    cli, _, _ = place
    script = "import sys, nuke\nprint(sys.argv[1:])\n"
    for end in (["10"], ["1-100"], ["1-100x2"], ["1,5"], ["1", "2"]):
        assert nuke_t(cli, script, "show=atlas", "limit=10", *end).stdout.strip() == "['show=atlas', 'limit=10']"


def commands() -> List[str]:
    found: List[str] = []
    for kind, text in BLOCKS:
        if not kind:
            found += [line for line in text.splitlines() if line.startswith(("nuke-ai-panel ", "openjd ", "deadline "))]
    return found


def test_every_command_of_the_page_works(place: Any) -> None:
    cli, server, folder = place
    texts = [text for kind, text in BLOCKS if kind == "text"]
    (folder / "shots.csv").write_text(texts[0])
    (folder / "task.j2").write_text(texts[1])
    (folder / "show" / "ai").mkdir(parents=True)
    (folder / "show" / "ai" / "rows.jsonl").write_text('{"shot": "Read1", "note": "n"}\n')
    has_farm = importlib.util.find_spec("openjd") is not None and importlib.util.find_spec("deadline") is not None
    ran = 0
    for command in commands():
        words = shlex.split(command.replace("$PWD", str(folder)).replace("/show/ai", str(folder / "show" / "ai")))
        if words[0] == "nuke-ai-panel":
            words[:1] = [sys.executable, "-m", "nuke_ai_panel"]
        elif has_farm:
            words[0] = str(BIN / words[0])
        else:
            continue
        done = subprocess.run(words, cwd=str(folder), env=cli.env(), capture_output=True, text=True, timeout=120,
                              check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        ran += 1
    assert ran >= 6 and len(server.bodies) >= 4
