"""Developers' mode: a saved file is in service at once, hurried and half-written ones when the hand rests."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import List, Tuple

import pytest

from nuke_ai_panel import code_watch
from nuke_ai_panel.code_watch import CodeWatch, Saves, is_source

from .reload_kit import Copy, Worker

FILE = Path("nuke_ai_panel/api.py")


def reloads(saves: List[Tuple[float, Path]], *, broken_until: float = -1.0) -> List[float]:
    """When reloads happen, in whole ticks of 50 ms, for a list of (second, file)."""
    watched, happened, now = Saves(), [], 0.0
    while now < 12.0:
        watched.saw([path for at, path in saves if now - 0.05 < at <= now], now)
        if watched.due(now, compiles=lambda _, at=now: at > broken_until):  # type: ignore[misc]  # bound now
            happened.append(round(now, 2))
        now = round(now + 0.05, 2)
    return happened


def test_one_save_is_taken_up_at_once() -> None:
    assert reloads([(1.0, FILE)]) == [1.15]


def test_several_files_of_one_save_are_one_reload() -> None:
    assert len(reloads([(1.0, FILE), (1.05, Path("a.py")), (1.1, Path("b.py"))])) == 1


@pytest.mark.parametrize("apart_s", [0.1, 0.25, 0.5, 0.9])
def test_saves_on_every_key_are_one_reload_in_the_quiet_second_after_the_first(apart_s: float) -> None:
    saves = [(1.0 + number * apart_s, FILE) for number in range(8)]
    happened = reloads(saves)
    last = saves[-1][0]
    # The first save may be taken up before anybody can know that more will come.
    assert len([at for at in happened if at > 1.0 + apart_s]) == 1
    assert happened[-1] >= last + 1.0
    assert all(later - earlier >= 1.0 for earlier, later in zip(happened, happened[1:]))


def test_half_written_file_waits_for_its_other_half() -> None:
    assert reloads([(1.0, FILE), (1.4, FILE)], broken_until=1.4) == [2.4]


def test_file_that_stays_broken_is_reported_after_a_quiet_second() -> None:
    assert reloads([(1.0, FILE)], broken_until=99.0) == [2.0]


@pytest.mark.parametrize("name", [
    "nuke_ai_panel/__pycache__/api.cpython-311.pyc", "nuke_ai_panel/api.py~", "nuke_ai_panel/.api.py.swp",
    "nuke_ai_panel/.#api.py", "nuke_ai_panel/#api.py#", "nuke_ai_panel/4913", "nuke_ai_panel/api.py.tmp",
    "nuke_ai_panel/ui/icons/send.svg", "nuke_ai_panel/__pycache__/x.py",
])
def test_what_is_no_source_file_never_reloads(name: str) -> None:
    assert not is_source(Path(name))
    assert reloads([(1.0, Path(name))]) == []


@pytest.mark.parametrize("has_watchfiles", [True, False])
def test_saved_file_asks_for_a_reload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_watchfiles: bool
) -> None:
    if has_watchfiles:
        pytest.importorskip("watchfiles", reason="watchfiles has no release for this Python")
    else:
        monkeypatch.setattr(code_watch.importlib.util, "find_spec", lambda name: None)
        monkeypatch.setattr(code_watch, "LOOK_EVERY_S", 0.1)
    (tmp_path / "module.py").write_text("one = 1\n", encoding="utf-8")
    monkeypatch.setattr(code_watch, "source_folders", lambda: (tmp_path,))
    asked = threading.Event()
    watch = CodeWatch(asked.set)
    watch.start()
    time.sleep(0.3)  # it must have looked once before the save
    (tmp_path / "module.py").write_text("one = 2\n", encoding="utf-8")
    happened = asked.wait(10)
    watch.stop()
    assert happened
    assert not watch.is_running


def test_developers_mode_reloads_a_saved_file_and_watches_on(tmp_path: Path, home: Path) -> None:
    copy = Copy(tmp_path / "site")
    worker = Worker(copy, {"NUKE_AI_PANEL_HOME": str(home)})
    worker.do(
        "from nuke_ai_panel import code_watch\n"
        "code_watch.LOOK_EVERY_S = 0.2\n"
        "sys.modules['nuke_ai_panel.code_watch'].the_watch.start()"
    )
    wait = (
        "end = time.monotonic() + 30\n"
        "while getattr(sys.modules.get('nuke_ai_panel'), '__version__', '') != wanted and time.monotonic() < end:\n"
        "    time.sleep(0.05)\n"
        "time.sleep(1.5)  # the swap is over\n"
        "sys.modules['nuke_ai_panel.code_watch'].LOOK_EVERY_S = 0.2\n"
        "result = sys.modules['nuke_ai_panel'].__version__"
    )
    time.sleep(0.5)
    for before, after in (("0.1.0", "0.1.1"), ("0.1.1", "0.1.2")):
        copy.edit("nuke_ai_panel/__init__.py", f'"{before}"', f'"{after}"')
        assert worker.do(f"wanted = {after!r}\n{wait}") == after
    worker.do("sys.modules['nuke_ai_panel.code_watch'].the_watch.stop()")
    worker.end()


def _count_reloads(worker: Worker) -> int:
    return int(worker.do("result = sys.modules['_counted'].reloads"))


# Counts every reload, in whichever generation it happens: the log's line is written by each.
COUNT = """
import logging, types
counted = sys.modules.setdefault("_counted", types.ModuleType("_counted"))
counted.reloads = 0
class Count(logging.Handler):
    def emit(self, record):
        counted.reloads += record.getMessage().startswith("reloaded ")
logging.getLogger("nuke_ai_panel.reload").addHandler(Count())
logging.getLogger("nuke_ai_panel.reload").setLevel(logging.INFO)
from nuke_ai_panel import code_watch
sys.modules["nuke_ai_panel.code_watch"].the_watch.start()
time.sleep(0.6)
"""
SEEN = """
end = time.monotonic() + 30
while (getattr(sys.modules.get("nuke_ai_panel"), "__version__", "") != wanted
       or "nuke_ai_panel.code_watch" not in sys.modules) and time.monotonic() < end:
    time.sleep(0.02)
result = sys.modules["nuke_ai_panel"].__version__
"""


def test_editor_that_saves_on_every_key_costs_one_reload_and_one_when_the_hand_rests(
    tmp_path: Path, home: Path
) -> None:
    pytest.importorskip("watchfiles", reason="watchfiles has no release for this Python")
    copy = Copy(tmp_path / "site")
    worker = Worker(copy, {"NUKE_AI_PANEL_HOME": str(home)})
    worker.do(COUNT)
    path = copy.file("nuke_ai_panel/__init__.py")
    text = path.read_text(encoding="utf-8")
    for number in range(14):  # some of them fall into the first reload
        path.write_text(text.replace('"0.1.0"', f'"0.1.{number}"'), encoding="utf-8")
        time.sleep(0.25)
    assert worker.do(f"wanted = '0.1.13'\n{SEEN}") == "0.1.13"
    worker.do("time.sleep(1.5)")
    reloads = _count_reloads(worker)
    worker.do("sys.modules['nuke_ai_panel.code_watch'].the_watch.stop()")
    worker.end()
    assert reloads == 2


def test_save_in_the_middle_of_a_reload_is_not_missed(tmp_path: Path, home: Path) -> None:
    pytest.importorskip("watchfiles", reason="watchfiles has no release for this Python")
    copy = Copy(tmp_path / "site")
    worker = Worker(copy, {"NUKE_AI_PANEL_HOME": str(home)})
    worker.do(COUNT)
    # The new generation's first import saves a file that is in service already: the package's own.
    saved = "'\"0.1.7\"'"
    copy.edit("nuke_ai_panel/app.py", "\nfrom __future__ import annotations\n", (
        "\nfrom __future__ import annotations\nimport pathlib\n_own = pathlib.Path(__file__).with_name('__init__.py')\n"
        "_text = _own.read_text(encoding='utf-8')\n"
        f"if {saved} not in _text:\n"
        f"    _own.write_text(_text.replace('\"0.1.0\"', {saved}), encoding='utf-8')\n"
    ))
    seen = worker.do(f"wanted = '0.1.7'\n{SEEN}")
    worker.do("time.sleep(1.5)")
    reloads = _count_reloads(worker)
    worker.do("sys.modules['nuke_ai_panel.code_watch'].the_watch.stop()")
    worker.end()
    assert (seen, reloads) == ("0.1.7", 2)
