"""Work for the main thread is done by whoever waits there, and comes back through a future."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import List

import pytest

from nuke_ai_panel.utils.main_thread import PumpedMainThread


def test_who_waits_serves() -> None:
    main, ended = PumpedMainThread(), Future()  # type: ignore[var-annotated]  # a future of nothing
    names: List[str] = []

    def elsewhere() -> None:
        names.append(main.submit(lambda: threading.current_thread().name).result(5))
        ended.set_result(None)

    worker = threading.Thread(target=elsewhere)
    worker.start()
    assert main.serve(ended, timeout_s=5)
    worker.join()
    assert names == [threading.current_thread().name]


def test_an_error_comes_back_to_who_submitted() -> None:
    main = PumpedMainThread()
    failing: Future[None] = main.submit(lambda: [][0])
    assert main.serve(failing, timeout_s=1)
    with pytest.raises(IndexError):
        failing.result(0)


def test_cancelled_work_is_not_done() -> None:
    main, done = PumpedMainThread(), []
    taken_back = main.submit(lambda: done.append(1))
    assert taken_back.cancel()
    last = main.submit(lambda: done.append(2))
    assert main.serve(last, timeout_s=1) and done == [2]


def test_serving_ends_with_the_time() -> None:
    assert not PumpedMainThread().serve(Future(), timeout_s=0.02)


def test_only_its_own_thread_serves() -> None:
    main, caught = PumpedMainThread(), []

    def elsewhere() -> None:
        with pytest.raises(RuntimeError):
            main.serve(Future(), timeout_s=0)
        caught.append(main.is_current())

    worker = threading.Thread(target=elsewhere)
    worker.start()
    worker.join()
    assert caught == [False] and main.is_current()
