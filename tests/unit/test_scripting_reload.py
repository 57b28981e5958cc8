"""What scripts hold goes on after the code was changed under them."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from tests.fakes.model_server import FakeModelServer

from .reload_kit import Copy, Worker

RELOAD = "result = sys.modules['nuke_ai_panel'].troubleshooter.reload().__dict__"


@pytest.fixture
def worker(tmp_path: Path, home: Path, model_server: FakeModelServer) -> Iterator[Worker]:
    """A process whose default model is the server's."""
    made = Worker(Copy(tmp_path / "site"), {
        "NUKE_AI_PANEL_HOME": str(home), "OPENAI_BASE_URL": model_server.base_url, "OPENAI_API_KEY": "sk-reload",
        "NUKE_AI_PANEL_PROVIDER": "openai", "NUKE_AI_PANEL_MODEL": "fake-model",
    })
    yield made
    assert made.end() == ""


def test_names_answers_handles_and_chats_of_before_a_reload_work(worker: Worker, model_server: FakeModelServer) -> None:
    worker.do(
        "from nuke_ai_panel import ask, chat, start, stream\n"
        "answer, talk, told = ask('one'), chat(), []\n"
        "talk.ask('first')\n"
        "running = start('two', on_done=told.append)\n"
        "running.result(10)"
    )
    assert worker.do(RELOAD)["reloaded"] is True
    assert worker.do("result = [str(answer), answer.usage.output, running.text, str(running.result()), len(told),"
                     " running.done(), running.stop()]") == [
                         "Hello, artist.", 4, "Hello, artist.", "Hello, artist.", 1, True, None]
    assert worker.do("result = [str(ask('three')), ''.join(stream('four')), str(start('five').result(10)),"
                     " str(talk.ask('second')), str(answer.chat().ask('on'))]") == ["Hello, artist."] * 5
    assert worker.do("result = [one.text for one in talk.messages()]") == [
        "first", "Hello, artist.", "second", "Hello, artist."]
    assert worker.do("import nuke_ai_panel\n"
                     "result = [talk.ask('third').__class__ is nuke_ai_panel.Answer, "
                     "len(sys.modules['nuke_ai_panel.app'].open_apps())]") == [True, 1]
    assert model_server.connections == 1, "no second generation opened connections of its own"


def test_a_reload_waits_for_running_answers_and_their_readers(worker: Worker, model_server: FakeModelServer) -> None:
    worker.do("ai.ask('warm up')")
    model_server.hold(after=2)
    worker.do(
        "told, got, outcome = [], [], []\n"
        "running = ai.start('q', on_done=told.append)\n"
        "reader = threading.Thread(target=lambda: got.append(str(running.result())))\n"
        "reader.start()\n"
        "swap = threading.Thread(target=lambda: outcome.append(ai.troubleshooter.reload().reloaded))\n"
        "swap.start()\n"
        "while len(running.text) < 6:\n    time.sleep(0.01)\n"
        "time.sleep(0.2)\n"
        "assert not outcome"
    )
    model_server.release()
    worker.do("reader.join(20)\nswap.join(20)")
    assert worker.do("result = [outcome, got, str(running.result()), len(told)]") == [
        [True], ["Hello, artist."], "Hello, artist.", 1]


def test_a_reload_from_inside_a_question_is_refused_and_locks_nothing_up(worker: Worker) -> None:
    assert worker.do(
        "outcomes = []\n"
        "def on_done(answer):\n    outcomes.append(ai.troubleshooter.reload())\n"
        "ai.start('q', on_done=on_done).result(10)\n"
        "result = [outcomes[0].reloaded, outcomes[0].sentence]"
    ) == [False, "A question waits for its answer below this call."]
    assert worker.do(RELOAD)["reloaded"] is True
