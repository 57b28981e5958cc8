"""The log file: capped, rotated, without keys, shared by processes, and gone from the loggers when it is closed."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

import nuke_ai_panel
from nuke_ai_panel import api, log_file
from nuke_ai_panel.log_file import LogFile, install_log, log_files, log_folder, remove_log
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop

log = logging.getLogger("nuke_ai_panel.test")


@pytest.fixture(autouse=True)
def own_log(home: Path) -> Iterator[None]:
    yield
    remove_log()


def written(home: Path) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in reversed(log_files(home)))


def test_line_is_kept_with_its_process_and_without_keys(home: Path) -> None:
    install_log(home)
    log.info("asked with Authorization: Bearer sk-abcdefghijklmnop\x1b[31m and went on")
    text = written(home)
    assert f" {os.getpid()} INFO nuke_ai_panel.test: asked with" in text
    assert "sk-abc" not in text
    assert "\x1b" not in text
    assert not [name for name in logging.root.manager.loggerDict if name == "nuke_ai_panel.nothing"]


def test_traceback_keeps_its_lines(home: Path, log_lines: logging.Handler) -> None:
    handler = LogFile(log_folder(home))
    try:
        raise ValueError("token=abcdefghijkl")
    except ValueError:
        record = log.makeRecord(log.name, logging.ERROR, "f", 1, "it failed", (), sys.exc_info())
    handler.emit(record)
    lines = written(home).splitlines()
    assert lines[0].endswith("it failed")
    assert lines[1].startswith("Traceback")
    assert "abcdefghijkl" not in written(home)


def test_file_is_rotated_and_old_ones_are_dropped(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file, "LIMIT_BYTES", 2000)
    install_log(home)
    for number in range(400):
        log.info("line %d %s", number, "x" * 40)
    files = log_files(home)
    assert len(files) == log_file.KEPT + 1
    assert all(path.stat().st_size <= 2200 for path in files)
    assert written(home).rstrip().split("line ")[-1].startswith("399 ")


def test_processes_that_rotate_at_once_lose_no_line(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import logging; from nuke_ai_panel import log_file as l\n"
        "l.LIMIT_BYTES, l.KEPT = 20_000, 40\n"
        "l.install_log(Path(sys.argv[1]))\n"
        "for n in range(300): logging.getLogger('nuke_ai_panel.x').info('%s-%d.', sys.argv[2], n)\n"
    )
    root = str(Path(nuke_ai_panel.__file__).parents[1])
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(home), name], env={**os.environ, "PYTHONPATH": root})
        for name in "abcd"
    ]
    assert [one.wait(60) for one in running] == [0] * 4
    text = "".join(path.read_text() for path in log_folder(home).glob("nuke-ai-panel.log*"))
    assert sum(f": {name}-{number}.\n" in text for name in "abcd" for number in range(300)) == 1200


def test_line_that_cannot_be_kept_stops_nothing(home: Path) -> None:
    (home / "logs").write_text("in the way", encoding="utf-8")
    install_log(home)
    log.info("said anyway")
    assert log_files(home) == []


def test_level_is_chosen_and_taken_back(home: Path) -> None:
    install_log(home, "debug")
    log.debug("a detail")
    install_log(home, "warning")
    log.info("not kept")
    assert "a detail" in written(home)
    assert "not kept" not in written(home)
    with pytest.raises(ValueError, match="choose one of debug, info, warning, error"):
        install_log(home, "loud")
    remove_log()
    assert logging.getLogger("nuke_ai_panel").level == logging.NOTSET
    install_log(home, "info")


def test_script_editor_has_the_log_until_it_is_closed(home: Path) -> None:
    api.shared_app()
    log.info("while it is open")
    api.close()
    log.info("afterwards")
    assert "while it is open" in written(home)
    assert "afterwards" not in written(home)
    shutdown_event_loop()
