"""The main thread, its queue, and the end."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, List

import pytest

from tests.fakes.nuke import DeadlockError, Host, Options, WrongThreadError

from .rows import shows


def on_a_thread(call: Callable[[], Any]) -> List[Any]:
    """What `call` gave, or raised, on another thread."""
    seen: List[Any] = []

    def run() -> None:
        try:
            seen.append(call())
        except BaseException as error:  # noqa: BLE001  (the test looks at it)
            seen.append(error)

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    worker.join(10)
    return seen


@shows("B60")
def test_queue_is_served_in_order_when_pumped(host: Host) -> None:
    seen: List[int] = []
    for number in range(3):
        assert on_a_thread(lambda number=number: host.nuke.executeInMainThread(seen.append, number)) == [None]
    assert seen == []

    assert host.pump(2) == 2 and seen == [0, 1]
    host.faults.queue_latency = 1
    assert (host.pump(), host.pump(), seen) == (0, 1, [0, 1, 2])


@shows("B60")
def test_result_comes_back_when_the_main_thread_is_pumped(host: Host) -> None:
    host.result_patience_s = 20
    seen: List[Any] = []
    worker = threading.Thread(
        target=lambda: seen.append(host.nuke.executeInMainThreadWithResult(lambda a: [a], args=[1, 2])), daemon=True)
    worker.start()
    until = time.monotonic() + 10
    while not seen and time.monotonic() < until:
        host.pump()
        time.sleep(0.001)

    assert seen == [[[1, 2]]]


@shows("B60")
def test_terminal_pumps_nothing_so_a_waiting_thread_is_found_out(terminal: Host) -> None:
    terminal.result_patience_s = 0.05

    (error,) = on_a_thread(lambda: terminal.nuke.executeInMainThreadWithResult(list))

    assert isinstance(error, DeadlockError)


@pytest.mark.parametrize("touch", [
    lambda nuke, node: nuke.allNodes(), lambda nuke, node: node.name(), lambda nuke, node: node["size"],
    lambda nuke, node: nuke.Undo.begin("x"), lambda nuke, node: nuke.Undo("x").__enter__(),
    lambda nuke, node: repr(node),
    lambda nuke, node: nuke.nodes.Blur(), lambda nuke, node: len(node), lambda nuke, node: nuke.Undo().undo(),
    lambda nuke, node: nuke.root(), lambda nuke, node: nuke.createNode("Dot"), lambda nuke, node: nuke.menu("Nuke"),
])
def test_graph_is_touched_on_the_main_thread_only(host: Host, touch: Any) -> None:
    node = host.nuke.createNode("Blur")

    (error,) = on_a_thread(lambda: touch(host.nuke, node))

    assert isinstance(error, WrongThreadError) and isinstance(error, AssertionError)


def test_lenient_host_notes_the_wrong_thread() -> None:
    host = Host(options=Options(strict_threads=False))
    knob = host.nuke.createNode("Blur")["size"]

    assert on_a_thread(knob.value) == [0.0]
    assert on_a_thread(lambda: len(host.nuke.allNodes())) == [1]
    assert host.wrong_threads == ["nuke.allNodes"]


@shows("B61")
def test_quit_finds_threads_and_callbacks_that_are_left(host: Host) -> None:
    stop, order = threading.Event(), []
    worker = threading.Thread(target=stop.wait, name="left behind")
    worker.start()
    host.about_to_quit.append(lambda: order.append("about to quit"))
    try:
        with pytest.raises(AssertionError, match="left behind"):
            host.quit()
    finally:
        stop.set()
        worker.join()
    host.nuke.addOnCreate(print)
    with pytest.raises(AssertionError, match="OnCreate"):
        host.quit()
    host.nuke.removeOnCreate(print)
    host.quit()

    assert host.has_quit and order == ["about to quit"] * 3
    host.nuke.executeInMainThread(print)
    assert host.pump() == 0
