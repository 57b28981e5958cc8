"""How far a run is, on a terminal, in a pipe and for another program."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
from pathlib import Path
from typing import Any, List

import pytest

from nuke_ai_panel.batch.values import LaneState, Progress
from nuke_ai_panel.cli.batch_view import bar, line
from tests.fakes.batch_server import BatchServer
from tests.unit.cli_kit import PROGRAM, Cli, read_to_end

from .kit import TEMPLATE, write_rows

LANES = (LaneState("one", 3, 8), LaneState("two", 1, 4, paused_s=2.0))
BUSY = Progress(
    done=1234, failed=7, total=5000, rate=12.3, eta_s=321.0, input_tokens=123456, output_tokens=54321, cost_usd=1.2345,
    lanes=LANES,
)


@pytest.fixture
def place(tmp_path: Path) -> Any:
    with BatchServer() as server:
        (tmp_path / "t.j2").write_text(TEMPLATE)
        yield Cli(tmp_path), server, tmp_path


def command(folder: Path, server: BatchServer, *more: str, count: int = 40) -> List[str]:
    return ["batch", "run", str(write_rows(folder / "in.jsonl", count)), "--template", str(folder / "t.j2"),
            "--provider", "openai", "--model", "m", "--base-url", server.base_url, "--out", str(folder / "a.run"),
            *more]


def on_terminal(cli: Cli, columns: int, *arguments: str) -> str:
    """What a terminal of so many columns gets on standard error; standard output is a file."""
    import fcntl
    import termios

    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    running = subprocess.Popen([*PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=slave, env=cli.env())
    os.close(slave)
    shown = read_to_end(master)
    assert running.wait(30) == 0
    return shown


def test_program_that_reads_along_gets_json_alone(place: Any) -> None:
    cli, server, folder = place
    server.refuse = lambda prompt, times: (400, {"error": {"message": "no"}}, {}) if "sh0003" in prompt else None
    done = cli.run(*command(folder, server, "--progress", "json"))
    found = [json.loads(one) for one in done.stdout.splitlines()]
    assert done.returncode == 3 and len(found) >= 2 and all(isinstance(one, dict) for one in found)
    assert found[-2]["done"] == 39 and found[-2]["state"] == "finished"
    assert found[-1] == json.loads((folder / "a.run" / "report.json").read_text())


@pytest.mark.parametrize("how", ["bar", "auto", "plain"])
def test_without_a_terminal_the_bar_is_lines(place: Any, how: str) -> None:
    cli, server, folder = place
    done = cli.run(*command(folder, server, "--progress", how))
    assert "40 of 40 rows" in done.stderr and "#" not in done.stderr and "\r" not in done.stderr
    assert done.stdout.startswith("40 rows have an answer")


@pytest.mark.parametrize("columns", [40, 100, 160])
def test_terminal_shows_servers_and_cost_as_wide_as_it_is(place: Any, columns: int) -> None:
    cli, server, folder = place
    server.delay_s = 0.1
    shown = on_terminal(cli, columns, *command(
        folder, server, "--max-concurrency", "4", "--price-in", "1", "--price-out", "1", count=80))
    lines = [one.rstrip() for one in re.split(r"[\r\n]+", shown) if " of 80 rows" in one]
    assert lines and max(map(len, lines)) < columns
    assert any("at once" in one and "$" in one for one in lines) is (columns >= 100)
    assert any(one.startswith("[#") for one in lines) is (columns >= 100)


def test_bar_leaves_room_for_what_is_said() -> None:
    said = line(BUSY)
    assert "at once 3/8 1/4 resting" in said and "$1.2345" in said
    assert bar(BUSY, 100) == said and len(bar(BUSY, 120)) <= 120
    wide = bar(BUSY, 200)
    assert wide.endswith(said) and wide.index("]") == 25 and wide.count("#") == round(24 * 1241 / 5000)
    assert bar(Progress(done=3), 200) == line(Progress(done=3))
