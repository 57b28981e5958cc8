"""Takes a process's memory away under answers: each ends, nothing crashes or is lost, and it goes on afterwards.

The limit is one on the address space of a child, so it needs no rights; NUKE_AI_PANEL_CAMPAIGN multiplies the rounds.
Where a control group may be made, a child in one of 300 MB takes memory until the system kills it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping

import pytest

from nuke_ai_panel import api
from nuke_ai_panel.store import Store
from tests.fakes.dialects import question_of
from tests.fakes.model_server import FakeModelServer

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("NUKE_AI_PANEL_CAMPAIGN", "1"))
STREAMS = 8
GROUP_BYTES = 300 << 20
FLOOD = ["x" * 20_000 + " "] * 100


def words_for(body: Mapping[str, Any]) -> List[str]:  # Any: a request body
    return FLOOD if question_of(body) == "flood" else ["fine"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc, and limits an address space")
@pytest.mark.parametrize("room_mb", [0])
def test_answers_end_and_the_next_is_written_when_memory_ran_out(
    room_mb: int, home: Path, model_server: FakeModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    model_server.words, model_server.tokens_per_s = words_for, 40.0
    for number in range(ROUNDS):
        own = home / str(number)
        own.mkdir()
        found = one_round(own, room_mb, model_server)
        with capsys.disabled():
            ended = ", ".join(sorted(set(found["ended"].values())))
            print(f"\n{STREAMS} answers with {room_mb} MB left: {ended}; the next one: {found['again']}")


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group with 300 MB, of either version."""
    for parent, limit in ((Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
                          (Path("/sys/fs/cgroup"), "memory.max")):
        made = parent / f"nuke-ai-panel-{os.getpid()}"
        try:
            made.mkdir()
            (made / limit).write_text(str(GROUP_BYTES))
        except OSError:
            with contextlib.suppress(OSError):
                made.rmdir()
            continue
        yield made
        made.rmdir()
        return
    pytest.skip("no control group for memory may be made here")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="control groups are Linux's")
def test_who_is_killed_for_its_memory_finds_everything_again(
    home: Path, group: Path, model_server: FakeModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_server.words, model_server.tokens_per_s = words_for, 40.0
    script = (f"import runpy, os, sys; open({str(group / 'cgroup.procs')!r}, 'w').write(str(os.getpid()));"
              f"sys.argv = ['low_memory', '{STREAMS}', 'until-killed'];"
              "runpy.run_module('tests.campaigns.low_memory', run_name='__main__')")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, text=True, capture_output=True, timeout=120, env={
            **os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src"))),
            "NUKE_AI_PANEL_HOME": str(home), "OPENAI_BASE_URL": model_server.base_url, "OPENAI_API_KEY": "sk-low",
        },
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    acknowledged = json.loads(done.stdout)["acknowledged"]
    assert len(acknowledged) == STREAMS
    monkeypatch.setenv("OPENAI_BASE_URL", model_server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-low")
    try:
        assert api.ask("again", provider="openai", model="fake-model").text == "fine"
        store = api.shared_app().store
        for id_, text in acknowledged.items():
            message = store.message(id_).result(30)
            assert message is not None and message.text.startswith(text)
            assert message.status == "interrupted"
    finally:
        api.close()


def one_round(home: Path, room_mb: int, model_server: FakeModelServer) -> Dict[str, Any]:
    (home / "settings.toml").write_text("[providers.openai]\nidle_timeout_s = 3\nretries = 0\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaigns.low_memory", str(STREAMS), str(room_mb)], cwd=ROOT, text=True,
        capture_output=True, timeout=120, env={
            **os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src"))),
            "NUKE_AI_PANEL_HOME": str(home), "OPENAI_BASE_URL": model_server.base_url, "OPENAI_API_KEY": "sk-low",
        },
    )
    assert done.returncode == 0, done.stderr
    found: Dict[str, Any] = json.loads(done.stdout)
    assert len(found["acknowledged"]) == STREAMS
    assert set(found["ended"].values()) <= {"complete", "failed", "interrupted"}  # nobody stopped one
    assert found["again"] == "complete"
    store = Store(home / "history.db")
    try:
        for id_, text in found["acknowledged"].items():
            message = store.message(id_).result(30)
            assert message is not None and message.text.startswith(text)
    finally:
        store.close()
    return found
