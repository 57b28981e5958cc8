"""Scripts that ask in a Nuke of the tests with its interface: Nuke and the panel stay alive, nothing locks up."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator, List

import pytest

import nuke_ai_panel as ai
from nuke_ai_panel import api
from nuke_ai_panel.errors import HostError, StoppedError
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider
from nuke_ai_panel.reload import reload, running_answers, set_later
from nuke_ai_panel.utils import host_offers
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop
from nuke_ai_panel.utils.main_thread import the_main_thread
from nuke_ai_panel_qt import qt
from nuke_ai_panel_qt.core import main_loop, panel_widget
from nuke_ai_panel_qt.core.pane import content
from nuke_ai_panel_qt.qt import QtCore, QtWidgets
from tests.conftest import LogLines
from tests.fakes.nuke import Host

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = (16, 17) if qt.QtWidgets.__name__.startswith("PySide6") else (14, 15)
SCRIPTS = ScriptedProvider.scripts
BEAT_MS = 10
# Twice what an artist would notice, for a machine with other things to do.
LONGEST_GAP_S = 0.1


@pytest.fixture(params=VERSIONS)
def host(request: Any, nuke_double: Callable[..., Host], qtbot: Any, home: Path) -> Iterator[Host]:
    """A Nuke that has started with the product on its path, whose event loop serves its own queue."""
    (home / "settings.toml").write_text(
        'default_provider = "demo"\n[providers.demo]\nkind = "scripted"\ndefault_model = "echo"\n')
    kept = dict(SCRIPTS)
    SCRIPTS["words"] = [step for number in range(40) for step in (f"word{number} ", 0.02)]
    SCRIPTS["slow"] = ["half ", 120.0, "never"]
    forget_host()
    host = nuke_double(version=request.param)
    host.run_startup([ROOT.as_posix()])
    assert the_main_thread().is_hosted()
    pump = QtCore.QTimer()
    pump.timeout.connect(host.pump)
    pump.start(5)
    yield host
    pump.stop()
    if not host.has_quit:
        host.quit()
    ai.close()
    shutdown_event_loop()
    for what in (host_offers.MAIN_LOOP, host_offers.SCENE):
        host_offers.withdraw(what)
    SCRIPTS.clear()
    SCRIPTS.update(kept)
    forget_host()


def forget_host() -> None:
    """The door's modules know the Nuke that they were imported in."""
    for name in [name for name in sys.modules if name.startswith("nuke_ai_panel_qt.host.")]:
        del sys.modules[name]


def words_on(widget: QtWidgets.QWidget) -> List[str]:
    """What a pane says in place of its panel."""
    return [one.text() for one in widget.findChildren(QtWidgets.QLabel)] + [
        one.toPlainText() for one in widget.findChildren(QtWidgets.QPlainTextEdit)]


class Beats:
    """A timer on the main thread that notes the longest time between two of its beats."""

    def __init__(self) -> None:
        self.timer = QtCore.QTimer()
        self.timer.timeout.connect(self._beat)
        self.timer.start(BEAT_MS)
        self.last = time.monotonic()
        self.longest_s = 0.0
        self.count = 0

    def _beat(self) -> None:
        now = time.monotonic()
        self.longest_s, self.last = max(self.longest_s, now - self.last), now
        self.count += 1

    def end(self) -> None:
        self._beat()
        self.timer.stop()


def later(milliseconds: int, call: Callable[[], Any]) -> None:
    QtCore.QTimer.singleShot(milliseconds, call)


def once_half_is_said(call: Callable[[], Any]) -> None:
    """Calls it as soon as the slow answer has begun."""
    if any(handle.snapshot().text == "half " for handle in api.shared_app().turns()):
        call()
    else:
        later(20, lambda: once_half_is_said(call))


def calm(work: Callable[[], Any]) -> float:
    """The longest time that Qt stood still during `work`, in seconds; the best of some tries on a busy machine."""
    found = []
    for _ in range(4):
        beats = Beats()
        work()
        beats.end()
        assert beats.count >= 10
        found.append(beats.longest_s)
        if found[-1] < LONGEST_GAP_S:
            break
    return min(found)


def test_nuke_stays_alive_while_a_script_asks(host: Host) -> None:
    assert ai.ask("what is loaded once for ever is not the question").text

    def ask() -> None:
        assert ai.ask("q", model="words").text.split()[-1] == "word39"

    assert calm(ask) < LONGEST_GAP_S


def test_nuke_stays_alive_through_streams_and_callbacks(host: Host, qtbot: Any) -> None:
    ai.ask("warm up")
    said: List[str] = []
    done: List[Any] = []

    def stream() -> None:
        assert "".join(ai.stream("q", model="words")).split()[-1] == "word39"

    def start() -> None:
        said.clear()
        done.clear()
        ai.start("q", model="words", on_text=said.append, on_done=done.append)
        qtbot.waitUntil(lambda: bool(done), timeout=10_000)

    assert calm(stream) < LONGEST_GAP_S and calm(start) < LONGEST_GAP_S
    assert "".join(said) == done[0].text and len(said) > 1


def test_work_for_the_main_thread_is_done_meanwhile(host: Host) -> None:
    """Ours and Nuke's own, from threads that wait for it."""
    import nuke

    made: List[str] = []

    def elsewhere() -> None:
        made.append(the_main_thread().submit(lambda: nuke.nodes.Blur(name="Ours").name()).result(5))
        made.append(nuke.executeInMainThreadWithResult(lambda: nuke.nodes.Blur(name="Nukes").name()))
        made.append(str(ai.nodes("Ours", "Nukes")).count("Blur "))

    worker = threading.Thread(target=elsewhere)
    later(50, worker.start)
    ai.ask("q", model="words")
    worker.join(5)
    assert made == ["Ours", "Nukes", 2] and host.wrong_threads == [] and host.said == []


def test_a_script_may_start_from_a_thread_first(host: Host, qtbot: Any) -> None:
    """What carries callbacks to the main thread is then made elsewhere."""
    where: List[threading.Thread] = []
    worker = threading.Thread(target=lambda: ai.start("q", on_done=lambda _: where.append(threading.current_thread())))
    worker.start()
    qtbot.waitUntil(lambda: bool(where), timeout=5000)
    worker.join()
    assert where == [threading.main_thread()]


def test_threads_may_ask_while_the_main_thread_only_turns_its_loop(host: Host, qtbot: Any) -> None:
    import nuke

    nuke.nodes.Blur(name="Blur1")
    found: List[str] = []
    workers = [
        threading.Thread(target=lambda: found.append(str(ai.ask("q", context=ai.nodes("Blur1"), model="words"))))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    qtbot.waitUntil(lambda: len(found) == 4, timeout=10_000)
    for worker in workers:
        worker.join()
    assert host.wrong_threads == []


def test_esc_stops_the_answer_and_keeps_what_arrived(host: Host, qtbot: Any) -> None:
    window = QtWidgets.QPlainTextEdit()
    window.show()
    qtbot.waitExposed(window).__enter__()
    window.activateWindow()
    window.setFocus()
    qtbot.waitUntil(window.hasFocus)
    later(0, lambda: once_half_is_said(lambda: qtbot.keyClick(window, QtCore.Qt.Key.Key_Escape)))
    began = time.monotonic()
    with pytest.raises(StoppedError) as caught:
        ai.ask("q", model="slow")
    assert time.monotonic() - began < 3 and "Esc" in caught.value.user_text and caught.value.text == "half "
    assert api.shared_app().turns() == ()
    # and Esc is free again
    qtbot.keyClick(window, QtCore.Qt.Key.Key_Escape)
    assert str(ai.ask("again")) == "again"
    window.close()


def test_esc_in_the_panel_closes_what_is_open_there_before_it_stops_the_script(host: Host, qtbot: Any) -> None:
    view = host.desk.open("AI Panel")
    host.about_to_quit.append(lambda: panel_widget.shared_session().close())
    widget = content(view.widget)
    assert widget is not None and widget.panel is not None, words_on(view.widget)
    panel = widget.panel
    view.widget.activateWindow()
    qtbot.waitUntil(view.widget.isVisible)
    ai.ask("warm up")
    seen: List[bool] = []

    def press() -> None:
        seen.append(panel.find_bar.isVisible())
        qtbot.keyClick(panel.composer.prompt, QtCore.Qt.Key.Key_Escape)

    panel.open_find()
    later(0, lambda: once_half_is_said(lambda: (press(), later(50, press))))
    with pytest.raises(StoppedError):
        ai.ask("q", model="slow", timeout_s=20)
    assert seen == [True, False]


def test_a_question_from_a_click_during_a_question_is_answered_first(host: Host) -> None:
    order: List[str] = []
    later(50, lambda: order.append(str(ai.ask("inner"))))
    ai.ask("q", model="words")
    order.append("outer")
    assert order == ["inner", "outer"]


def test_a_button_pressed_again_and_again_is_refused_in_the_end(host: Host) -> None:
    refused: List[str] = []
    pressed: List[int] = []

    def press() -> None:
        pressed.append(1)
        if len(pressed) < 12:
            later(5, press)
        try:
            ai.ask("q", model="slow", timeout_s=0.6)
        except ai.NukeAIError as error:
            refused.append(error.user_text)

    press()
    assert len(pressed) == len(refused) == 12
    assert sum("wait for each other" in one for one in refused) == 4


def test_nukes_callbacks_and_buttons_may_ask(host: Host) -> None:
    import nuke

    said: List[str] = []

    def changed() -> None:
        if nuke.thisKnob().name() == "size":
            said.append(str(ai.ask(f"{nuke.thisNode().name()} changed")))

    blur = nuke.nodes.Blur(name="Blur1")
    blur["size"].setFlag(nuke.KNOB_CHANGED_ALWAYS)
    nuke.addKnobChanged(changed, nodeClass="Blur")
    blur["size"].setValue(12)
    nuke.removeKnobChanged(changed, nodeClass="Blur")
    # A PyScript button runs its text in __main__.
    namespace: dict[str, Any] = {"said": said}
    exec("import nuke_ai_panel as ai\nsaid.append(str(ai.ask('pressed')))", namespace)
    assert said == ["Blur1 changed", "pressed"]


def test_a_failing_callback_is_logged_once_and_nuke_goes_on(host: Host, qtbot: Any, log_lines: LogLines) -> None:
    done: List[Any] = []
    ai.start("q", model="words", on_text=lambda text: 1 / 0, on_done=done.append)
    qtbot.waitUntil(lambda: bool(done), timeout=10_000)
    log_lines.take("a callback of start() failed")


def test_nodes_are_what_is_selected(host: Host) -> None:
    import nuke

    with pytest.raises(HostError, match="Select nodes first"):
        ai.nodes()
    plate = nuke.nodes.Read(name="Plate", file="/show/plate.%04d.exr")
    blur = nuke.nodes.Blur(name="Blur1", size=42, inputs=[plate])
    blur["selected"].setValue(True)
    found = ai.nodes()
    assert "size 42" in str(found) and "inputs Plate" in str(found) and "plate.%04d" not in str(found)
    assert found.kind == "nodes" and found.tokens > 0
    assert "/show/plate" in str(ai.script()) and "Blur1" in str(ai.script())
    answer = ai.ask("explain", context=[ai.nodes("Plate", "Blur1"), ai.script()])
    assert "size 42" in answer.text


def test_quitting_ends_the_wait(host: Host, qtbot: Any) -> None:
    raised: List[BaseException] = []

    def ask() -> None:
        later(100, QtCore.QCoreApplication.quit)
        try:
            ai.ask("q", model="slow")
        except StoppedError as error:
            raised.append(error)

    later(0, ask)
    # Ends this test should nothing else do so; stopped with it, for it would end a later test's wait.
    fuse = QtCore.QTimer()
    fuse.setSingleShot(True)
    fuse.timeout.connect(QtCore.QCoreApplication.quit)
    fuse.start(20_000)
    began = time.monotonic()
    qt.exec_app(QtCore.QCoreApplication.instance())
    fuse.stop()
    assert time.monotonic() - began < 10 and len(raised) == 1 and "closing" in raised[0].user_text


def test_code_is_not_swapped_under_a_script_that_waits(host: Host) -> None:
    outcomes: List[Any] = []
    asked: List[str] = []
    set_later(asked.append)  # what a panel's event loop would do then, under the tests that follow
    later(50, lambda: outcomes.append((running_answers(), reload(when="stop"))))
    with pytest.raises(StoppedError):
        ai.ask("q", model="slow")
    ((count, outcome),) = outcomes
    assert count == 1 and not outcome.reloaded and running_answers() == 0
    assert asked == ["finished"] and "when it is finished" in outcome.sentence


def test_the_loop_leaves_nothing_in_qt(host: Host) -> None:
    ai.ask("q")
    loop = main_loop.host_loop()
    assert loop is not None and loop.is_alive()
    main_loop.freeze()
    QtCore.QCoreApplication.sendPostedEvents(None, qt.flag_value(QtCore.QEvent.Type.DeferredDelete))
    assert not loop.is_alive()
    loop.wake()
    assert str(ai.ask("again")) == "again" and main_loop.host_loop() is not loop


def test_the_panel_answers_while_a_script_asks(host: Host, qtbot: Any) -> None:
    view = host.desk.open("AI Panel")
    assert not view.is_blank, host.panel_errors
    host.about_to_quit.append(lambda: panel_widget.shared_session().close())
    ai.ask("warm up")
    widget = content(view.widget)
    assert widget is not None and widget.manager is not None, words_on(view.widget)
    manager = widget.manager
    store = api.shared_app().store
    answered: List[bool] = []

    def look() -> None:
        kept = store.conversations(kinds=("chat",)).result(30)
        if kept and not any(one.conversation_id == kept[0].id for one in api.shared_app().turns()):
            answered.append(True)
            running.stop()
        else:
            later(50, look)

    running = ai.start("q", model="slow")
    later(50, lambda: manager.send("from the panel"))
    later(100, look)
    with pytest.raises(StoppedError):
        running.result(60)
    assert answered == [True], "the script's wait ended before the panel had its answer"
    (chat,) = store.conversations(kinds=("chat",)).result(30)
    assert [one.status for one in store.path(chat.id).result(30)] == ["complete", "complete"]
    view.close_tab()
