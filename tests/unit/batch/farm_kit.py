"""A farm for tests: a run directory that is written as a job, and what works at it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest

from tests.fakes.batch_server import BatchServer
from tests.unit.cli_kit import Cli

from .kit import TEMPLATE, write_rows

BIN = Path(sys.prefix, "Scripts" if os.name == "nt" else "bin")


class Farm:
    """A run directory written as a job, and what works at it. Any: what JSON holds."""

    def __init__(self, folder: Path, server: BatchServer) -> None:
        self.folder, self.server, self.cli = folder, server, Cli(folder)
        self.out = folder / "q.run"
        self.template = folder / "t.j2"
        self.template.write_text(TEMPLATE)

    def write(self, count: int = 200, *more: str, rows: str = "") -> subprocess.CompletedProcess[str]:
        source = self.folder / "in.jsonl"
        if rows:
            source.write_text(rows)
        else:
            write_rows(source, count)
        return self.cli.run(
            "batch", "farm", str(source), "--template", str(self.template), "--provider", "openai", "--model", "m",
            "--base-url", self.server.base_url, "--out", str(self.out), "--chunk-seconds", "0", *more)

    def chunk(self, rows: str, *more: str) -> int:
        return self.cli.run("batch", "run-chunk", "--out", str(self.out), "--rows", rows, *more).returncode

    def merge(self) -> int:
        return self.cli.run("batch", "merge", str(self.out)).returncode

    def answers(self) -> Dict[str, Any]:
        lines = [json.loads(line) for line in (self.out / "results.jsonl").read_text().splitlines()]
        assert len({line["custom_id"] for line in lines}) == len(lines)
        return {line["custom_id"]: (line["x"]["request_key"], line["response"]["body"]["choices"]) for line in lines}

    def openjd(self, *arguments: str, key: str = "") -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(BIN / "openjd"), *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**self.cli.env(), **({"OPENAI_API_KEY": key} if key else {})}, start_new_session=True)

    @property
    def job(self) -> Path:
        return self.out / "openjd" / "template.json"


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    with BatchServer() as server:
        yield Farm(tmp_path, server)
