"""The background event loop: one, shared, never blocking itself, and gone without a trace when it is shut down."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import os
import subprocess
import sys
import textwrap
import threading
import time
import traceback
import warnings
from pathlib import Path
from typing import Iterator, List

import pytest

from nuke_ai_panel.utils.event_loop_manager import (
    EventLoopManager,
    create_task,
    get_event_loop,
    get_event_loop_manager,
    run_coroutine,
    shutdown_event_loop,
)

from ..conftest import LogLines

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def fresh_loop() -> Iterator[None]:
    shutdown_event_loop()
    yield
    shutdown_event_loop()
    gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("nuke-ai")]


async def add(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


async def boom() -> None:
    raise KeyError("boom")


async def forever() -> None:
    await asyncio.sleep(3600)


def run_python(code: str, *flags: str, timeout_s: float = 20.0) -> subprocess.CompletedProcess[str]:
    """Runs `code` in a fresh interpreter that treats every warning as an error."""
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", *flags, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, timeout=timeout_s, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


# ---------------------------------------------------------------- use


def test_64_threads_that_race_get_one_loop_on_one_thread() -> None:
    start = threading.Barrier(64)
    loops: List[asyncio.AbstractEventLoop] = []

    def race() -> None:
        start.wait()
        loops.append(get_event_loop())

    threads = [threading.Thread(target=race) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(loop) for loop in loops}) == 1
    assert len([thread for thread in threading.enumerate() if thread.name == "nuke-ai-loop"]) == 1


def test_the_manager_is_one_object() -> None:
    assert EventLoopManager() is get_event_loop_manager() is EventLoopManager()


def test_the_threads_target_is_run_forever_itself_on_a_daemon_thread() -> None:
    loop = get_event_loop()
    thread = next(thread for thread in threading.enumerate() if thread.name == "nuke-ai-loop")
    assert thread.daemon
    assert thread._target == loop.run_forever  # type: ignore[attr-defined]  # no public way to see it


def test_results_of_many_coroutines_come_back_in_order() -> None:
    assert [run_coroutine(add(number, 1)) for number in range(200)] == list(range(1, 201))


def test_an_exception_reaches_the_caller_with_its_traceback(log_lines: LogLines) -> None:
    with pytest.raises(KeyError) as caught:
        run_coroutine(boom())
    assert "boom" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    gc.collect()
    assert not log_lines.lines


def test_a_timeout_cancels_the_coroutine() -> None:
    cancelled = threading.Event()

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(TimeoutError, match=r"0\.05 s"):
        run_coroutine(slow(), timeout=0.05)
    assert cancelled.wait(1)


def test_a_timeout_of_the_coroutines_own_is_handed_on_as_it_is() -> None:
    async def times_out() -> None:
        raise asyncio.TimeoutError("its own")

    with pytest.raises(asyncio.TimeoutError, match="its own"):
        run_coroutine(times_out(), timeout=5)


def test_waiting_on_the_loops_own_thread_is_refused_at_once() -> None:
    async def inside() -> str:
        coro = add(1, 1)
        try:
            run_coroutine(coro, timeout=5)
        except RuntimeError as error:
            coro.close()
            return str(error)
        return "not refused"

    assert "own thread" in run_coroutine(inside(), timeout=2)


def test_the_loops_thread_may_start_tasks_but_not_shut_down() -> None:
    async def inside() -> str:
        assert get_event_loop_manager().is_loop_thread()
        assert get_event_loop() is asyncio.get_running_loop()
        assert await asyncio.wrap_future(create_task(add(2, 3))) == 5
        try:
            shutdown_event_loop()
        except RuntimeError as error:
            return str(error)
        return "not refused"

    assert "own thread" in run_coroutine(inside(), timeout=2)
    assert not get_event_loop_manager().is_loop_thread()


def test_what_is_not_a_coroutine_is_refused() -> None:
    with pytest.raises(TypeError, match="int"):
        create_task(3)  # type: ignore[arg-type]  # the mistake under test


def test_cancelling_the_future_cancels_the_task() -> None:
    started, cancelled = threading.Event(), threading.Event()

    async def waits() -> None:
        started.set()
        try:
            await forever()
        finally:
            cancelled.set()

    future = create_task(waits())
    assert started.wait(1)
    assert future.cancel()
    assert cancelled.wait(1)


def test_a_future_cancelled_before_its_start_never_runs() -> None:
    ran: List[int] = []

    async def late() -> None:
        ran.append(1)

    blocking = threading.Event()
    get_event_loop().call_soon_threadsafe(blocking.wait, 5)
    future = create_task(late())
    assert future.cancel()
    blocking.set()
    run_coroutine(add(1, 1))
    assert ran == []
    assert concurrent.futures.wait([future], timeout=1).done


def test_the_process_wide_policy_is_left_alone() -> None:
    code = """
        import asyncio
        from nuke_ai_panel.utils.event_loop_manager import run_coroutine, shutdown_event_loop
        class Policy(asyncio.DefaultEventLoopPolicy):
            def new_event_loop(self): raise SystemExit("the host's policy was used")
        policy = Policy(); asyncio.set_event_loop_policy(policy)
        run_coroutine(asyncio.sleep(0)); shutdown_event_loop()
        assert asyncio.get_event_loop_policy() is policy
    """
    done = run_python(code)
    assert (done.returncode, done.stderr) == (0, "")


# ---------------------------------------------------------------- exceptions nobody reads


def test_a_dropped_tasks_exception_is_logged(log_lines: LogLines) -> None:
    create_task(boom())
    deadline = time.monotonic() + 3
    while not log_lines.lines and time.monotonic() < deadline:
        time.sleep(0.01)
    record = log_lines.take("boom failed and nobody read its result")
    assert record.levelname == "ERROR"
    assert record.exc_info is not None and record.exc_info[0] is KeyError


def test_an_exception_held_but_never_read_is_logged_once(log_lines: LogLines) -> None:
    future = create_task(boom())
    deadline = time.monotonic() + 4
    while not log_lines.lines and time.monotonic() < deadline:
        time.sleep(0.02)
    log_lines.take("boom failed and nobody read its result")
    del future
    gc.collect()
    assert not log_lines.lines


def test_an_exception_that_was_read_is_not_logged(log_lines: LogLines) -> None:
    assert isinstance(create_task(boom()).exception(2), KeyError)
    seen: List[BaseException] = []
    future = create_task(boom())
    future.add_done_callback(lambda done: seen.append(done.exception()))  # type: ignore[arg-type]  # it failed
    concurrent.futures.wait([future])
    del future
    shutdown_event_loop()
    gc.collect()
    assert len(seen) == 1
    assert not log_lines.lines


def test_an_exception_while_being_cancelled_is_logged(log_lines: LogLines) -> None:
    started = threading.Event()

    async def breaks_when_cancelled() -> None:
        started.set()
        try:
            await forever()
        except asyncio.CancelledError:
            raise ValueError("broke") from None

    future = create_task(breaks_when_cancelled())
    assert started.wait(1)
    future.cancel()
    shutdown_event_loop()
    record = log_lines.take("failed while it was being cancelled")
    assert record.exc_info is not None and record.exc_info[0] is ValueError


# ---------------------------------------------------------------- shutdown


def test_shutdown_is_idempotent_and_the_next_use_starts_a_fresh_loop() -> None:
    first = get_event_loop()
    shutdown_event_loop()
    shutdown_event_loop()
    assert first.is_closed()
    assert run_coroutine(add(2, 2)) == 4
    assert get_event_loop() is not first


def test_shutdown_closes_what_was_registered_before_it_cancels_tasks() -> None:
    order: List[str] = []
    started = threading.Event()

    async def works() -> None:
        started.set()
        try:
            await forever()
        finally:
            order.append("task cancelled")

    async def close() -> None:
        await asyncio.sleep(0.02)
        order.append("session closed")

    async def never_called() -> None:
        order.append("forgotten closer called")

    manager = get_event_loop_manager()
    manager.on_shutdown("session", close)
    manager.on_shutdown("other", never_called)
    manager.forget("other")
    manager.forget("unknown")
    create_task(works())
    assert started.wait(1)
    shutdown_event_loop()
    assert order == ["session closed", "task cancelled"]
    run_coroutine(add(1, 1))
    shutdown_event_loop()
    assert order == ["session closed", "task cancelled"]


def test_a_closer_may_use_the_loop_while_it_shuts_down() -> None:
    seen: List[int] = []

    async def close() -> None:
        get_event_loop_manager().forget("session")
        seen.append(await asyncio.wrap_future(create_task(add(1, 2))))

    get_event_loop_manager().on_shutdown("session", close)
    get_event_loop()
    shutdown_event_loop()
    assert seen == [3]


def test_closers_that_fail_or_hang_do_not_hold_up_the_shutdown(log_lines: LogLines) -> None:
    async def fails() -> None:
        raise OSError("cannot close")

    closed: List[int] = []

    async def works() -> None:
        closed.append(1)

    manager = get_event_loop_manager()
    manager.on_shutdown("hanging", forever)
    manager.on_shutdown("failing", fails)
    manager.on_shutdown("working", works)
    get_event_loop()
    before = time.monotonic()
    shutdown_event_loop()
    assert time.monotonic() - before < 2
    assert closed == [1]
    log_lines.take("closing failing failed")
    log_lines.take("closing hanging took longer")


def test_shutdown_under_load_ends_every_task_and_frees_every_waiter() -> None:
    futures = [create_task(forever()) for _ in range(500)]
    outcomes: List[str] = []

    def waits() -> None:
        try:
            run_coroutine(forever())
        except concurrent.futures.CancelledError:
            outcomes.append("cancelled")

    waiters = [threading.Thread(target=waits) for _ in range(8)]
    for waiter in waiters:
        waiter.start()
    time.sleep(0.1)
    before = time.monotonic()
    shutdown_event_loop()
    assert time.monotonic() - before < 1
    for waiter in waiters:
        waiter.join(1)
    assert outcomes == ["cancelled"] * 8
    assert all(future.cancelled() for future in futures)


def test_a_task_that_swallows_cancellation_is_reported_and_left(log_lines: LogLines) -> None:
    started = threading.Event()

    async def stubborn() -> None:
        started.set()
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                continue

    future = create_task(stubborn())
    assert started.wait(1)
    before = time.monotonic()
    shutdown_event_loop()
    assert time.monotonic() - before < 2
    assert future.cancelled()
    gc.collect()
    log_lines.take("swallowed its cancellation")
    assert not log_lines.lines


def test_a_task_that_needs_a_second_cancellation_ends_cleanly(log_lines: LogLines) -> None:
    ended = threading.Event()

    async def slow_to_end() -> None:
        try:
            await forever()
        except asyncio.CancelledError:
            try:
                await forever()
            finally:
                ended.set()

    create_task(slow_to_end())
    time.sleep(0.05)
    shutdown_event_loop()
    assert ended.is_set()
    assert not log_lines.lines


def test_a_blocked_loop_is_left_behind_with_its_stack_in_the_log(log_lines: LogLines) -> None:
    release = threading.Event()

    async def blocks_the_loop() -> None:
        release.wait(10)

    future = create_task(blocks_the_loop())
    blocked = next(thread for thread in threading.enumerate() if thread.name == "nuke-ai-loop")
    before = time.monotonic()
    shutdown_event_loop()
    assert time.monotonic() - before < 2.2
    assert future.cancelled()
    assert "blocks_the_loop" in log_lines.take("is left behind").getMessage()
    assert run_coroutine(add(1, 1), timeout=2) == 2
    release.set()
    blocked.join(2)
    assert not blocked.is_alive()
    log_lines.lines[:] = [record for record in log_lines.lines if record.name != "asyncio"]  # under -X dev: "took 2 s"


def test_async_generators_are_closed() -> None:
    closed: List[int] = []

    async def numbers():  # type: ignore[no-untyped-def]  # an async generator, local to this test
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
            closed.append(1)

    kept = numbers()

    async def takes_one() -> int:
        value: int = await kept.__anext__()
        return value

    assert run_coroutine(takes_one()) == 1
    shutdown_event_loop()
    assert closed == [1]


def test_use_and_shutdown_from_many_threads_at_once_lose_no_caller() -> None:
    stop = time.monotonic() + 1.0
    outcomes: List[str] = []

    def uses() -> None:
        while time.monotonic() < stop:
            try:
                assert run_coroutine(add(1, 1), timeout=5) == 2
                outcomes.append("answered")
            except concurrent.futures.CancelledError:
                outcomes.append("cancelled")

    def shuts_down() -> None:
        while time.monotonic() < stop:
            shutdown_event_loop()
            time.sleep(0.01)

    threads = [threading.Thread(target=uses) for _ in range(6)] + [threading.Thread(target=shuts_down) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert "answered" in outcomes


def test_a_loop_whose_thread_died_is_replaced_and_its_callers_are_freed(log_lines: LogLines) -> None:
    first = get_event_loop()
    waiting = create_task(forever())
    first.call_soon_threadsafe(first.stop)
    next(thread for thread in threading.enumerate() if thread.name == "nuke-ai-loop").join(2)
    assert run_coroutine(add(1, 1), timeout=2) == 2
    assert get_event_loop() is not first
    assert waiting.cancelled()
    log_lines.take("something stopped the event loop")


def test_a_waiting_caller_notices_that_the_loops_thread_died(log_lines: LogLines) -> None:
    loop = get_event_loop()
    threading.Timer(0.1, loop.call_soon_threadsafe, [loop.stop]).start()
    with pytest.raises(concurrent.futures.CancelledError):
        run_coroutine(forever(), timeout=10)
    log_lines.take("something stopped the event loop")


# ---------------------------------------------------------------- exit and fork


def test_a_program_that_forgets_to_shut_down_ends_at_once_without_noise() -> None:
    done = run_python("""
        import asyncio
        from nuke_ai_panel.utils.event_loop_manager import create_task, run_coroutine
        async def waits():
            try: await asyncio.sleep(3600)
            finally: print("finally")
        kept = create_task(waits()); run_coroutine(asyncio.sleep(0.05))
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "finally\n", "")


def test_a_worker_that_hangs_does_not_hold_up_the_exit() -> None:
    before = time.monotonic()
    done = run_python("""
        import time
        from nuke_ai_panel.utils.event_loop_manager import get_event_loop
        loop = get_event_loop()
        loop.call_soon_threadsafe(lambda: loop.run_in_executor(None, time.sleep, 30)); time.sleep(0.2)
    """)
    assert time.monotonic() - before < 6
    assert done.returncode == 0


def test_the_executor_works_at_exit_without_a_new_thread() -> None:
    done = run_python("""
        import atexit, asyncio, threading
        from nuke_ai_panel.utils.event_loop_manager import run_coroutine, create_task, shutdown_event_loop
        async def nothing(): pass
        def at_exit():
            before = threading.active_count()
            shutdown_event_loop()
            print("threads fell:", threading.active_count() < before)
        run_coroutine(nothing()); atexit.register(at_exit)
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "threads fell: True\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_gets_its_own_loop_and_the_parents_goes_on() -> None:
    parents_loop = get_event_loop()
    sleeping = create_task(asyncio.sleep(0.3, "parent"))
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 and later warn of every fork with threads
        child = os.fork()
    if child == 0:
        verdict = b"?"
        try:
            is_fresh = get_event_loop() is not parents_loop and not get_event_loop_manager().is_loop_thread()
            answer = run_coroutine(add(20, 22), timeout=5)
            shutdown_event_loop()
            verdict = b"ok" if is_fresh and answer == 42 and not parents_loop.is_closed() else b"wrong"
        finally:
            os.write(writing, verdict)
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b"ok"
    os.waitpid(child, 0)
    assert sleeping.result(2) == "parent"
    assert get_event_loop() is parents_loop
    assert run_coroutine(add(1, 1), timeout=2) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_that_never_uses_the_loop_ends_quietly() -> None:
    done = run_python("""
        import os, sys, time, warnings
        from nuke_ai_panel.utils.event_loop_manager import run_coroutine, shutdown_event_loop
        import asyncio
        run_coroutine(asyncio.sleep(0))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            shutdown_event_loop()
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        run_coroutine(asyncio.sleep(0), timeout=2)
        shutdown_event_loop()
    """)
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_it_loads_nothing_heavy() -> None:
    done = run_python("""
        import sys, nuke_ai_panel.utils.event_loop_manager, nuke_ai_panel
        print([name for name in ("asyncio", "aiohttp", "keyring", "sqlite3", "ssl") if name in sys.modules])
    """)
    assert done.stdout == "[]\n"
